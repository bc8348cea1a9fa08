/* slots/slab_index - a fixed slab, a stack of free indices and one mutex around both: the baseline.
 *
 * Source:     the textbook's; after the A4 listing's idea, with 4 bytes an index in place of 8, records that are
 *             written and read outside of the lock, and generations, so that a double give is refused.
 * Picture:    lock | free: how many indices are on the stack | fresh: slots from here on were never taken
 *             stack       [ 7 | 2 | 5 .. ]       last given back, first taken
 *             generation  [ 1 | 0 | 2 | 3 .. ]   by index: odd = live
 *             record      [ r | r | r | r .. ]   by index, never moved
 * Parts:      none.
 * Progress:   take and give blocking; at wait-free.
 * Ordering:   takes and gives are in the order of the lock, which orders what one holder did to a record before
 *             what the next one does. at reads a generation outside of it: of one word, so whoever was told of a
 *             take or a give finds it.
 * Memory:     (value + 8 B) * capacity + 192 B. What was never taken is never touched.
 * Limits:     one thread at a time.
 * values:     8 64 256 1024
 */
#include "../slots.h"

#include <pthread.h>

struct mk_slots {
    mk_slot *record;
    MK_ATOMIC(uint32_t) *generation;
    uint32_t *stack;
    struct mk_mem *mem;
    uint32_t capacity, salt;
    pthread_mutex_t lock MK_ALIGNED(2 * MK_CACHE_LINE);
    uint32_t free, fresh;
};

static void index_free_arrays(struct mk_slots *slots) {
    size_t n = slots->capacity;
    if (slots->record) mk_mem_free(slots->mem, NULL, slots->record, n * sizeof(mk_slot), MK_CACHE_LINE);
    if (slots->generation) mk_mem_free(slots->mem, NULL, slots->generation, n * 4, MK_CACHE_LINE);
    if (slots->stack) mk_mem_free(slots->mem, NULL, slots->stack, n * 4, MK_CACHE_LINE);
}

static void index_destroy(struct mk_slots *slots) {
    struct mk_mem *mem = slots->mem;
    index_free_arrays(slots);
    pthread_mutex_destroy(&slots->lock);
    mk_mem_free(mem, NULL, slots, sizeof *slots, _Alignof(struct mk_slots));
}

static int index_create(struct mk_slots **out, struct mk_mem *mem, const struct mk_config *cfg,
                        struct mk_err *err) {
    size_t n = cfg->capacity;
    if (mk_slots_fit(cfg, n, err)) return -1;
    struct mk_slots *slots = mk_mem_zalloc(mem, NULL, sizeof *slots, _Alignof(struct mk_slots));
    if (!slots) return mk_fail(err, "no memory for the slots");
    slots->mem = mem;
    slots->capacity = (uint32_t)n;
    slots->salt = mk_slots_salt(slots, cfg->seed);
    slots->record = mk_mem_alloc(mem, NULL, n * sizeof(mk_slot), MK_CACHE_LINE);
    slots->generation = mk_mem_zalloc(mem, NULL, n * 4, MK_CACHE_LINE);
    slots->stack = mk_mem_alloc(mem, NULL, n * 4, MK_CACHE_LINE);
    if (!slots->record || !slots->generation || !slots->stack) {
        index_free_arrays(slots);
        mk_mem_free(mem, NULL, slots, sizeof *slots, _Alignof(struct mk_slots));
        return mk_fail(err, "no memory for %zu slots of %zu bytes", n, sizeof(mk_slot));
    }
    pthread_mutex_init(&slots->lock, NULL);
    *out = slots;
    return 0;
}

/* LIN take hit, miss: inside the lock. */
static inline enum mk_status index_take(struct mk_slots *slots, struct mk_thread *me, uint64_t *handle) {
    (void)me;
    pthread_mutex_lock(&slots->lock);
    if (MK_UNLIKELY(!slots->free && slots->fresh == slots->capacity)) {
        pthread_mutex_unlock(&slots->lock);
        return MK_MISS;
    }
    uint32_t index = slots->free ? slots->stack[--slots->free] : slots->fresh++;
    /* (1) relaxed-load: of a free slot, whose generation the lock's owner alone changes */
    uint32_t generation = atomic_load_explicit(&slots->generation[index], memory_order_relaxed) + 1;
    /* (2) relaxed-store: says that it is live, to those who have the handle and were told so */
    atomic_store_explicit(&slots->generation[index], generation, memory_order_relaxed);
    pthread_mutex_unlock(&slots->lock);
    *handle = mk_handle(index, generation + slots->salt);
    return MK_HIT;
}

/* LIN at hit, miss: (3), the load of the generation. */
MK_TIMED mk_slot *index_at(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    uint32_t index = mk_handle_index(handle), wanted = mk_handle_generation(handle) - slots->salt;
    (void)me;
    if (MK_UNLIKELY(index >= slots->capacity || !(wanted & 1))) return NULL;
    /* (3) relaxed-load: one word; what its holder did to the record is ordered by who handed the handle over */
    bool live = atomic_load_explicit(&slots->generation[index], memory_order_relaxed) == wanted;
    return MK_LIKELY(live) ? &slots->record[index] : NULL;
}

/* LIN give hit, miss: inside the lock. A miss is a refusal. */
static inline enum mk_status index_give(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    uint32_t index = mk_handle_index(handle), wanted = mk_handle_generation(handle) - slots->salt;
    (void)me;
    if (MK_UNLIKELY(index >= slots->capacity || !(wanted & 1))) return MK_REFUSED;
    pthread_mutex_lock(&slots->lock);
    /* (4) relaxed-load: changed inside the lock alone */
    bool live = atomic_load_explicit(&slots->generation[index], memory_order_relaxed) == wanted;
    if (MK_LIKELY(live)) {
        /* (5) relaxed-store: as (2), that it is free */
        atomic_store_explicit(&slots->generation[index], wanted + 1, memory_order_relaxed);
        slots->stack[slots->free++] = index;
    }
    pthread_mutex_unlock(&slots->lock);
    return MK_LIKELY(live) ? MK_HIT : MK_REFUSED;
}

static uint64_t index_count(struct mk_slots *slots) {
    uint64_t live = 0;
    for (uint32_t i = 0; i < slots->fresh; i++) {
        /* (6) relaxed-load: at quiescence */
        live += atomic_load_explicit(&slots->generation[i], memory_order_relaxed) & 1;
    }
    return live;
}

MK_SLOTS(slab_index, .summary = "a slab and a stack of free indices behind one mutex", .caps = MK_CONCURRENT,
         .progress = {.take = MK_BLOCKING, .give = MK_BLOCKING, .at = MK_WAIT_FREE}, .create = index_create,
         .destroy = index_destroy, .count = index_count, .take = index_take, .at = index_at, .give = index_give);
