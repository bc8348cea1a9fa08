/* slots_slab.h - sound slots, of which slots_*.c beside it break one thing each: a fixed slab, a shared list of
 * free slots without locks (Treiber 1986, by index, with a tag against reuse), and a small magazine of free ones for
 * each thread. Generations say what is live, so that wrong handles are refused.
 */
#ifndef SLOTS_SLAB_H
#define SLOTS_SLAB_H

#include <sched.h>

#include "../../impl/slots.h"

#ifndef MAGAZINE_SLOTS
#define MAGAZINE_SLOTS 1 /* of each thread */
#endif
#define NONE UINT32_MAX

/* Of one thread. */
struct magazine {
    uint32_t n, index[MAGAZINE_SLOTS + 1];
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_slots {
    struct mk_mem *mem;
    uint32_t slots, salt, threads_max;
    MK_ATOMIC(uint64_t) list; /* tag << 32 | index of the first, or NONE */
    MK_ATOMIC(uint32_t) *next, *generation;
    uint32_t *spare; /* by index: for what the breakage needs */
    mk_slot *record;
    struct magazine *magazine; /* by id */
};

/* What the files beside it break. */
#ifndef PUSH
#define PUSH base_push
#endif
#ifndef POP
#define POP base_pop
#endif
#ifndef TAKE_BACK
#define TAKE_BACK base_take_back
#endif
#ifndef MAGAZINE
#define MAGAZINE base_magazine
#endif
#ifndef THREAD_EXIT
#define THREAD_EXIT base_thread_exit
#endif
static void PUSH(struct mk_slots *slots, uint32_t index);
static uint32_t POP(struct mk_slots *slots);
static bool TAKE_BACK(struct mk_slots *slots, uint32_t index, uint32_t generation);
static struct magazine *MAGAZINE(struct mk_slots *slots, const struct mk_thread *me);

/* ---- the shared list ------------------------------------------------------------------------- */

/* The list with another first slot: its tag tells it from every one before. */
static uint64_t list_of(uint64_t before, uint32_t first) {
    return ((before >> 32) + 1) << 32 | first;
}

__attribute__((unused)) static void base_push(struct mk_slots *slots, uint32_t index) {
    uint64_t list = atomic_load_explicit(&slots->list, memory_order_relaxed);
    do {
        atomic_store_explicit(&slots->next[index], (uint32_t)list, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&slots->list, &list, list_of(list, index), memory_order_release,
                                                    memory_order_relaxed));
}

/* Returns a free slot, or NONE. */
__attribute__((unused)) static uint32_t base_pop(struct mk_slots *slots) {
    uint64_t list = atomic_load_explicit(&slots->list, memory_order_acquire);
    while ((uint32_t)list != NONE) {
        uint32_t next = atomic_load_explicit(&slots->next[(uint32_t)list], memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&slots->list, &list, list_of(list, next), memory_order_acquire,
                                                  memory_order_acquire)) {
            return (uint32_t)list;
        }
    }
    return NONE;
}

/* ---- operations ------------------------------------------------------------------------------ */

__attribute__((unused)) static struct magazine *base_magazine(struct mk_slots *slots, const struct mk_thread *me) {
    return &slots->magazine[me->id];
}

/* Returns whether the slot was live with that generation. */
__attribute__((unused)) static bool base_take_back(struct mk_slots *slots, uint32_t index, uint32_t generation) {
    return atomic_compare_exchange_strong_explicit(&slots->generation[index], &generation, generation + 1,
                                                   memory_order_relaxed, memory_order_relaxed);
}

static enum mk_status slab_take(struct mk_slots *slots, struct mk_thread *me, uint64_t *handle) {
    struct magazine *magazine = MAGAZINE(slots, me);
    uint32_t index = magazine->n ? magazine->index[--magazine->n] : POP(slots);
    if (index == NONE) return MK_MISS;
    uint32_t generation = atomic_load_explicit(&slots->generation[index], memory_order_relaxed) + 1;
    atomic_store_explicit(&slots->generation[index], generation, memory_order_relaxed);
    *handle = mk_handle(index, generation + slots->salt);
    return MK_HIT;
}

static mk_slot *slab_at(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    uint32_t index = mk_handle_index(handle), wanted = mk_handle_generation(handle) - slots->salt;
    (void)me;
    if (index >= slots->slots || !(wanted & 1)) return NULL;
    bool live = atomic_load_explicit(&slots->generation[index], memory_order_relaxed) == wanted;
    return live ? &slots->record[index] : NULL;
}

__attribute__((unused)) static enum mk_status slab_give(struct mk_slots *slots, struct mk_thread *me,
                                                        uint64_t handle) {
    uint32_t index = mk_handle_index(handle), wanted = mk_handle_generation(handle) - slots->salt;
    if (index >= slots->slots || !(wanted & 1) || !TAKE_BACK(slots, index, wanted)) return MK_REFUSED;
    struct magazine *magazine = MAGAZINE(slots, me);
    if (magazine->n + 1 <= MAGAZINE_SLOTS) { /* there may be none */
        magazine->index[magazine->n++] = index;
    } else {
        PUSH(slots, index);
    }
    return MK_HIT;
}

/* What is in its magazine goes to the list. */
__attribute__((unused)) static void base_thread_exit(struct mk_slots *slots, struct mk_thread *me) {
    struct magazine *magazine = MAGAZINE(slots, me);
    while (magazine->n) PUSH(slots, magazine->index[--magazine->n]);
}

/* ---- life ------------------------------------------------------------------------------------ */

static uint64_t slab_count(struct mk_slots *slots) {
    uint64_t live = 0;
    for (uint32_t i = 0; i < slots->slots; i++) {
        live += atomic_load_explicit(&slots->generation[i], memory_order_relaxed) & 1;
    }
    return live;
}

static void slab_destroy(struct mk_slots *slots) {
    struct mk_mem *mem = slots->mem;
    size_t n = slots->slots;
    if (slots->record) mk_mem_free(mem, NULL, slots->record, n * sizeof(mk_slot), 8);
    if (slots->next) mk_mem_free(mem, NULL, slots->next, n * 4, 8);
    if (slots->generation) mk_mem_free(mem, NULL, slots->generation, n * 4, 8);
    if (slots->spare) mk_mem_free(mem, NULL, slots->spare, n * 4, 8);
    if (slots->magazine) {
        mk_mem_free(mem, NULL, slots->magazine, slots->threads_max * sizeof(struct magazine), MK_CACHE_LINE);
    }
    mk_mem_free(mem, NULL, slots, sizeof *slots, 8);
}

/* More slots than were asked for, by what lies in the magazines of others. */
static int slab_create(struct mk_slots **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    uint64_t n = cfg->capacity + (cfg->threads_max - 1) * (uint64_t)MAGAZINE_SLOTS;
    if (mk_slots_fit(cfg, n, err)) return -1;
    struct mk_slots *slots = mk_mem_zalloc(mem, NULL, sizeof *slots, 8);
    if (!slots) return mk_fail(err, "no memory for the slots");
    slots->mem = mem;
    slots->slots = (uint32_t)n;
    slots->threads_max = cfg->threads_max;
    slots->salt = mk_slots_salt(slots, cfg->seed);
    slots->record = mk_mem_alloc(mem, NULL, n * sizeof(mk_slot), 8);
    slots->next = mk_mem_zalloc(mem, NULL, n * 4, 8);
    slots->generation = mk_mem_zalloc(mem, NULL, n * 4, 8);
    slots->spare = mk_mem_zalloc(mem, NULL, n * 4, 8);
    slots->magazine = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof(struct magazine), MK_CACHE_LINE);
    if (!slots->record || !slots->next || !slots->generation || !slots->spare || !slots->magazine) {
        slab_destroy(slots);
        return mk_fail(err, "no memory for %llu slots", (unsigned long long)n);
    }
    atomic_init(&slots->list, NONE);
    for (uint32_t i = slots->slots; i; i--) base_push(slots, i - 1);
    *out = slots;
    return 0;
}

#define SLAB                                                                                        \
    .summary = "planted", .caps = MK_CONCURRENT, .create = slab_create, .destroy = slab_destroy,    \
    .thread_exit = THREAD_EXIT, .count = slab_count, .at = slab_at

#endif
