/* instance.c - see instance.h. */
#include "instance.h"

#include <stdlib.h>

#include "../impl/alloc.h"
#include "ops.h"
#include "registry.h"
#include "resident.h"

static int compose_one(struct mk_instance *instance, const struct mk_instance_config *config, struct mk_err *err) {
    struct mk_composition *list = NULL;
    size_t n = 0;
    int failed = mk_compose(config->identity, (uint32_t)config->point->workload.value_bytes, &list, &n, err);
    if (!failed && n != 1) failed = mk_fail(err, "%s is %zu compositions, not one", config->identity, n);
    if (!failed && list[0].reason) failed = mk_fail(err, "%s %s", config->identity, list[0].reason);
    if (!failed) {
        instance->composition = list[0];
        instance->impl = list[0].impl;
        list[0].identity = list[0].reason = NULL; /* taken over */
    }
    mk_compositions_free(list, n);
    return failed;
}

static int open_self(struct mk_instance *instance, uint32_t i, const struct mk_instance_config *config,
                     struct mk_err *err) {
    const struct mk_workload *w = &config->point->workload;
    struct mk_memory_config memory = {0};
    struct mk_config cfg = {0};
    memory.chain = instance->composition.memory;
    memory.chain_n = instance->composition.memory_n;
    memory.fallback = mk_registry_default("alloc");
    memory.threads_max = config->threads;
    memory.seed = config->seed;
    memory.counted = config->counted;
    cfg.object_bytes = w->blocks.sizes_n ? w->blocks.sizes[0].bytes : w->blocks.max_bytes;
    cfg.object_align = mk_block_align(cfg.object_bytes);
    if (instance->impl->caps & MK_WRAPPER) {
        memory.object_bytes = cfg.object_bytes;
        memory.object_align = cfg.object_align;
        mk_alloc_asks(instance->impl, instance->composition.params, &memory.object_bytes, &memory.object_align);
    }
    instance->memory[i] = mk_memory_open(&memory, err);
    if (!instance->memory[i]) return -1;
    /* What grows is not told how large it will be: growing is part of what it does. */
    bool told = !(instance->impl->caps & MK_GROWS) || instance->impl->kind->dense_keys;
    cfg.capacity = mk_kind_has_blocks(instance->impl->kind) ? w->blocks.live : told ? w->keys.count : 0;
    cfg.seed = config->seed;
    cfg.params = instance->composition.params;
    cfg.threads_max = config->threads;
    cfg.value_bytes = (uint32_t)w->value_bytes;
    cfg.construct = mk_plan_does(config->point, "object") ? mk_object_construct : NULL;
    return instance->impl->create(&instance->self[i], mk_memory_mem(instance->memory[i]), &cfg, err);
}

/* Their pages are there before the structure is, whose memory they are no part of. */
static void touch_slots(const struct mk_blocks *blocks) {
    for (uint32_t s = 0; s < blocks->slots; s++) *(void *volatile *)&blocks->slot[s].at = NULL;
}

/* Slots for every script of the point: the live ones and those of hand-over. */
static void open_blocks(struct mk_instance *instance, const struct mk_workload *w) {
    instance->blocks = mk_need(instance->threads, sizeof *instance->blocks);
    for (uint32_t t = 0; t < instance->threads; t++) {
        instance->blocks[t].slots = (uint32_t)(w->blocks.live + 2 * (w->blocks.batch ? w->blocks.batch : 1));
        instance->blocks[t].slot = mk_need(instance->blocks[t].slots, sizeof *instance->blocks[t].slot);
        touch_slots(&instance->blocks[t]);
        instance->me[t].blocks = &instance->blocks[t];
    }
}

int mk_instance_open(struct mk_instance *instance, const struct mk_instance_config *config, struct mk_err *err) {
    memset(instance, 0, sizeof *instance);
    if (compose_one(instance, config, err)) return -1;
    instance->threads = config->threads;
    instance->selves = config->point->workload.instance == MK_INSTANCE_PER_THREAD ? config->threads : 1;
    instance->self = mk_need(instance->selves, sizeof *instance->self);
    instance->memory = mk_need(instance->selves, sizeof *instance->memory);
    instance->me = mk_need(config->threads, sizeof *instance->me);
    for (uint32_t t = 0; t < config->threads; t++) instance->me[t].id = t;
    if (mk_kind_has_blocks(instance->impl->kind)) open_blocks(instance, &config->point->workload);
    instance->rss_before = config->counted ? mk_resident_bytes() : UINT64_MAX;
    for (uint32_t i = 0; i < instance->selves; i++) {
        struct mk_err why = {{0}};
        if (open_self(instance, i, config, &why)) {
            mk_fail(err, "%s: %s", config->identity, why.text);
            mk_instance_close(instance);
            return -1;
        }
    }
    return 0;
}

static void drop_rings(struct mk_instance *instance) {
    for (size_t i = 0; i < instance->rings_n; i++) free(instance->rings[i]);
    free(instance->rings);
    instance->rings = NULL;
    instance->rings_n = 0;
    for (uint32_t t = 0; instance->blocks && t < instance->threads; t++) {
        instance->blocks[t].give = instance->blocks[t].take = NULL;
    }
}

uint64_t mk_instance_destroy(struct mk_instance *instance, uint32_t i) {
    uint64_t strays = mk_guard_strays(instance->impl, instance->self[i]);
    instance->impl->destroy(instance->self[i]);
    instance->self[i] = NULL;
    return strays + mk_memory_strays(instance->memory[i]);
}

uint64_t mk_instance_close(struct mk_instance *instance) {
    uint64_t strays = 0;
    for (uint32_t i = 0; i < instance->selves; i++) {
        if (instance->self[i]) strays += mk_instance_destroy(instance, i);
        if (instance->memory[i]) mk_memory_close(instance->memory[i]);
    }
    drop_rings(instance);
    for (uint32_t t = 0; instance->blocks && t < instance->threads; t++) free(instance->blocks[t].slot);
    free(instance->blocks);
    free(instance->self);
    free(instance->memory);
    free(instance->me);
    free(instance->composition.identity);
    memset(instance, 0, sizeof *instance);
    return strays;
}

int mk_instance_enter(struct mk_instance *instance, uint32_t thread, struct mk_err *err) {
    uint32_t i = instance->selves == 1 ? 0 : thread;
    struct mk_thread *me = &instance->me[thread];
    if (mk_memory_thread_enter(instance->memory[i], me, err)) return -1;
    if (instance->impl->thread_enter(instance->self[i], me)) {
        mk_memory_thread_exit(instance->memory[i], me);
        return mk_fail(err, "%s has no place for thread %u", instance->composition.identity, thread);
    }
    return 0;
}

void mk_instance_leave(struct mk_instance *instance, uint32_t thread) {
    uint32_t i = instance->selves == 1 ? 0 : thread;
    instance->impl->thread_exit(instance->self[i], &instance->me[thread]);
    mk_memory_thread_exit(instance->memory[i], &instance->me[thread]);
}

uint64_t mk_instance_count(const struct mk_instance *instance) {
    uint64_t sum = 0;
    if (!instance->impl->count) return UINT64_MAX;
    for (uint32_t i = 0; i < instance->selves; i++) sum += instance->impl->count(instance->self[i]);
    return sum;
}

/* ---- hand-over of blocks ------------------------------------------------------------------- */

int mk_instance_pair(struct mk_instance *instance, const bool *gives, const bool *takes, struct mk_err *err) {
    uint32_t givers = 0, takers = 0, same = 0;
    if (!instance->blocks) return 0;
    for (uint32_t t = 0; t < instance->threads; t++) {
        givers += gives[t];
        takers += takes[t];
        same += gives[t] && takes[t];
    }
    drop_rings(instance);
    if (givers != takers) {
        return mk_fail(err, "%u threads give blocks and %u take them: a ring joins one of each, so the numbers must be "
                            "equal", givers, takers);
    }
    if (!givers) return 0;
    instance->rings = mk_need(givers, sizeof *instance->rings);
    uint32_t *taker = mk_need(givers, sizeof *taker), j = 0;
    for (uint32_t t = 0; t < instance->threads; t++) {
        if (takes[t]) taker[j++] = t;
    }
    j = 0;
    for (uint32_t t = 0; t < instance->threads; t++) {
        if (!gives[t]) continue;
        struct mk_ring *ring = aligned_alloc(MK_CACHE_LINE, sizeof *ring);
        if (!ring) {
            free(taker);
            return mk_fail(err, "no memory for a ring of %zu bytes", sizeof *ring);
        }
        memset(ring, 0, sizeof *ring);
        instance->rings[instance->rings_n++] = ring;
        instance->blocks[t].give = ring;
        instance->blocks[taker[(j + (same == givers)) % givers]].take = ring;
        j++;
    }
    free(taker);
    return 0;
}

void mk_instance_close_rings(struct mk_instance *instance) {
    for (size_t i = 0; i < instance->rings_n; i++) {
        atomic_store_explicit(&instance->rings[i]->closed, 1, memory_order_relaxed);
    }
}

uint64_t mk_instance_drain_ring(struct mk_instance *instance, uint32_t thread) {
    struct mk_blocks *blocks = instance->blocks ? &instance->blocks[thread] : NULL;
    struct mk_block block;
    struct mk_tally ignored = {{0}, 0, 0};
    uint64_t n = 0, word = MK_PACK_BLOCK(MK_ALLOC_FREE, 0, 0);
    while (blocks && blocks->take && mk_ring_get(blocks->take, &block, false)) {
        /* through slot 0, empty by now, so that the free is the one that a batch makes */
        blocks->slot[0] = block;
        instance->impl->batch(mk_instance_self(instance, thread), &instance->me[thread], &word, 1, &ignored);
        n++;
    }
    return n;
}
