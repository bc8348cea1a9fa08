/* program_stage.c - see program.h: an instance with its memory, made and taken down inside of a schedule. */
#include "program.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "../registry.h"
#include "libc.h"

#define STATS_MAX 64

struct mk_stage mk_stage;

void mk_stage_fail(char *detail, char *picture, const char *format, ...) {
    struct mk_failure failure = {.kind = MK_FAIL_ORACLE, .thread = mk_rt.now->number, .detail = detail,
                                 .picture = picture};
    va_list args;
    va_start(args, format);
    vsnprintf(failure.what, sizeof failure.what, format, args);
    va_end(args);
    mk_rt_fail_with(&failure);
}

/* ---- making ---------------------------------------------------------------------------------- */

/* A wrapper may refuse what its parent would have given. */
static bool has_wrapper(const struct mk_conform_unit *unit) {
    bool has = unit->composition.impl->caps & MK_WRAPPER;
    for (size_t i = 0; i < unit->composition.memory_n; i++) {
        has = has || unit->composition.memory[i].impl->caps & MK_WRAPPER;
    }
    return has;
}

/* Threads, as an instance finds them that has just been made. */
static void set_threads(const struct mk_stage_plan *plan) {
    for (uint32_t id = 0; id <= plan->threads; id++) {
        mk_stage.in[id] = false;
        mk_stage.me[id] = (struct mk_thread){.id = id};
        if (!plan->slots) continue;
        memset(mk_stage.slot[id], 0, sizeof mk_stage.slot[id]);
        mk_stage.blocks[id] = (struct mk_blocks){.slot = mk_stage.slot[id], .slots = plan->slots};
        mk_stage.me[id].blocks = &mk_stage.blocks[id];
    }
}

static int open_memory(const struct mk_stage_plan *plan, struct mk_err *err) {
    const struct mk_composition *composition = &plan->unit->composition;
    struct mk_memory_config config = {0};
    config.chain = composition->memory;
    config.chain_n = composition->memory_n;
    config.fallback = mk_registry_default("alloc");
    config.threads_max = plan->threads + 1;
    config.seed = plan->seed;
    if (composition->impl->caps & MK_WRAPPER) {
        config.object_bytes = plan->object_bytes;
        config.object_align = plan->object_align;
        if (config.object_bytes) {
            mk_alloc_asks(composition->impl, composition->params, &config.object_bytes, &config.object_align);
        }
    }
    mk_stage.memory = mk_memory_open(&config, err);
    if (!mk_stage.memory) return -1;
    for (uint32_t id = 0; id <= plan->threads; id++) {
        if (!mk_memory_thread_enter(mk_stage.memory, &mk_stage.me[id], err)) continue;
        while (id-- > 0) mk_memory_thread_exit(mk_stage.memory, &mk_stage.me[id]);
        return -1;
    }
    return 0;
}

static int create(const struct mk_stage_plan *plan, struct mk_err *err) {
    struct mk_config cfg = {0};
    cfg.capacity = plan->capacity;
    cfg.seed = plan->seed;
    cfg.params = plan->unit->composition.params;
    cfg.threads_max = plan->threads + 1;
    cfg.value_bytes = mk_stage.impl->value_bytes;
    cfg.object_bytes = plan->object_bytes;
    cfg.object_align = plan->object_align;
    cfg.construct = plan->construct;
    void *self = NULL;
    if (mk_stage.impl->create(&self, mk_memory_mem(mk_stage.memory), &cfg, err)) return -1;
    mk_stage.self = self;
    return 0;
}

static void close_memory(void) {
    struct mk_memory *memory = mk_stage.memory;
    for (uint32_t id = 0; id <= mk_stage.plan->threads; id++) mk_memory_thread_exit(memory, &mk_stage.me[id]);
    mk_stage.memory = NULL;
    mk_memory_close(memory);
}

static void expect_nothing_kept(const char *when) {
    size_t live = mk_heap_live(), bytes;
    if (live == mk_stage.live) return;
    uintptr_t oldest = mk_stage.live ? 0 : mk_heap_oldest(&bytes); /* else it may be of before */
    mk_rt_fail(MK_FAIL_LEAK, oldest, "%s %zu block%s of memory %s not been given back", when, live - mk_stage.live,
               live - mk_stage.live == 1 ? "" : "s", live - mk_stage.live == 1 ? "has" : "have");
}

bool mk_stage_open(const struct mk_stage_plan *plan) {
    struct mk_err err = {{0}};
    uint32_t refuse_one_in = mk_rt.refuse_one_in;
    if (mk_stage.memory) mk_memory_abandon(mk_stage.memory);
    mk_stage.memory = NULL;
    mk_stage.self = NULL;
    mk_stage.plan = plan;
    mk_stage.impl = plan->unit->composition.impl;
    mk_stage.refusals = refuse_one_in || has_wrapper(plan->unit);
    mk_stage.live = mk_heap_live();
    set_threads(plan);
    if (!plan->refused_early) mk_rt.refuse_one_in = 0;
    bool refused = mk_rt.refuse_one_in || has_wrapper(plan->unit);
    int failed = open_memory(plan, &err);
    if (failed && mk_stage.memory) { /* no place for a thread */
        mk_memory_close(mk_stage.memory);
        mk_stage.memory = NULL;
    }
    if (!failed && create(plan, &err)) {
        failed = -1;
        close_memory();
    }
    mk_rt.refuse_one_in = refuse_one_in;
    if (!failed) return true;
    if (!refused) mk_stage_fail(NULL, NULL, "create fails although no memory was refused: %s", err.text);
    if (!err.text[0]) mk_stage_fail(NULL, NULL, "create fails and does not say why");
    expect_nothing_kept("after a create that failed");
    return false;
}

/* ---- threads --------------------------------------------------------------------------------- */

struct mk_thread *mk_stage_enter(uint32_t id) {
    struct mk_thread *me = &mk_stage.me[id];
    if (mk_stage.impl->thread_enter(mk_stage.self, me) == 0) {
        mk_stage.in[id] = true;
        return me;
    }
    if (!mk_stage.refusals) {
        mk_stage_fail(NULL, NULL, "has no place for thread %u of %u", id, mk_stage.plan->threads + 1);
    }
    return NULL;
}

void mk_stage_leave(uint32_t id) {
    mk_stage.in[id] = false;
    mk_stage.impl->thread_exit(mk_stage.self, &mk_stage.me[id]);
}

/* ---- the end --------------------------------------------------------------------------------- */

void mk_stage_calm(void) {
    mk_rt.refuse_one_in = 0;
}

void mk_stage_flush(struct mk_thread *me) {
    struct mk_stat stats[STATS_MAX];
    const struct mk_impl *impl = mk_stage.impl;
    impl->flush(mk_stage.self, me);
    mk_memory_flush(mk_stage.memory, me);
    if (!impl->stats) return;
    size_t n = impl->stats(mk_stage.self, stats, STATS_MAX);
    if (mk_stage.plan->unit->caps & MK_NEVER_FREES) return;
    for (size_t i = 0; i < n && i < STATS_MAX; i++) {
        if (strcmp(stats[i].name, "unreclaimed") != 0 || !stats[i].value) continue;
        mk_stage_fail(NULL, NULL, "%" PRIu64 " retired nodes are still there after a flush at quiescence",
                      stats[i].value);
    }
}

void mk_stage_close(void) {
    for (uint32_t id = 0; id <= mk_stage.plan->threads; id++) {
        if (mk_stage.in[id]) mk_stage_leave(id);
    }
    mk_stage.impl->destroy(mk_stage.self);
    mk_stage.self = NULL;
    close_memory();
    expect_nothing_kept("when the instance has been destroyed,");
}
