/* slots/slab_lockfree - a fixed slab whose free slots are a list by index, behind one word with a tag.
 *
 * Source:     R. K. Treiber, Systems Programming: Coping with Parallelism, IBM RJ 5118, 1986, with indices and the
 *             tag in one word in place of a double-width CAS; differs: slots go onto the list only once they have
 *             been given back, those never taken are counted off.
 * Picture:    head   | tag: 32 | first index: 32 |      one line
 *             fresh  | slots from here on were never taken
 *             state  [ generation, next | generation, next | .. ]   by index: generation odd = live
 *             record [ r | r | r .. ]                               by index, never moved
 * Parts:      none.
 * Progress:   take and give lock-free; at wait-free.
 * Ordering:   A. Every change of head gives it a tag that it has not had for 2^32 changes: a pop whose CAS finds
 *                the head it has read took next from the list as it still is. What it read of a slot that others have
 *                taken meanwhile goes nowhere.
 *             B. All changes of head are read-modify-writes, so that every head carries on what the pushes before
 *                it released: whoever reads it has acquired all that was done to the slots on it.
 *             C. A generation becomes odd by the slot's one owner, and even by a CAS that succeeds once for each
 *                handle: of two givers one goes on to push.
 * Memory:     (value + 8 B) * capacity + 256 B. What was never taken is never touched.
 * Limits:     one word that all threads change; links are read from lines that others have just written. A thread
 *             that stands between the load of head and the CAS for exactly a multiple of 2^32 changes is fooled.
 * values:     8 64 256 1024
 */
#include "../slots.h"

#define FREE_NONE UINT32_MAX

struct free_state {
    MK_ATOMIC(uint32_t) generation;
    MK_ATOMIC(uint32_t) next; /* on the list: index, or FREE_NONE */
};

struct mk_slots {
    struct free_state *state;
    mk_slot *record;
    struct mk_mem *mem;
    uint32_t capacity, salt;
    MK_ATOMIC(uint64_t) head MK_ALIGNED(2 * MK_CACHE_LINE);
    MK_ATOMIC(uint32_t) fresh;
};

static void free_free_arrays(struct mk_slots *slots) {
    size_t n = slots->capacity;
    if (slots->record) mk_mem_free(slots->mem, NULL, slots->record, n * sizeof(mk_slot), MK_CACHE_LINE);
    if (slots->state) mk_mem_free(slots->mem, NULL, slots->state, n * sizeof *slots->state, MK_CACHE_LINE);
}

static void free_destroy(struct mk_slots *slots) {
    struct mk_mem *mem = slots->mem;
    free_free_arrays(slots);
    mk_mem_free(mem, NULL, slots, sizeof *slots, _Alignof(struct mk_slots));
}

static int free_create(struct mk_slots **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    size_t n = cfg->capacity;
    if (mk_slots_fit(cfg, n, err)) return -1;
    struct mk_slots *slots = mk_mem_zalloc(mem, NULL, sizeof *slots, _Alignof(struct mk_slots));
    if (!slots) return mk_fail(err, "no memory for the slots");
    slots->mem = mem;
    slots->capacity = (uint32_t)n;
    slots->salt = mk_slots_salt(slots, cfg->seed);
    atomic_init(&slots->head, FREE_NONE);
    slots->record = mk_mem_alloc(mem, NULL, n * sizeof(mk_slot), MK_CACHE_LINE);
    slots->state = mk_mem_zalloc(mem, NULL, n * sizeof *slots->state, MK_CACHE_LINE);
    if (!slots->record || !slots->state) {
        free_free_arrays(slots);
        mk_mem_free(mem, NULL, slots, sizeof *slots, _Alignof(struct mk_slots));
        return mk_fail(err, "no memory for %zu slots of %zu bytes", n, sizeof(mk_slot));
    }
    *out = slots;
    return 0;
}

/* The head that names another first slot. */
static inline uint64_t free_head(uint64_t before, uint32_t first) {
    return ((before >> 32) + 1) << 32 | first;
}

/* Returns a slot of the list, or FREE_NONE. */
static inline uint32_t free_pop(struct mk_slots *slots) {
    for (;;) {
        /* (1) acquire-load synchronizes-with the release-CAS (6): next, the generation, and the record */
        uint64_t head = atomic_load_explicit(&slots->head, memory_order_acquire);
        uint32_t index = (uint32_t)head;
        if (MK_UNLIKELY(index == FREE_NONE)) return FREE_NONE;
        /* (2) relaxed-load: ordered by (1); where others have taken the slot meanwhile, not used */
        uint32_t next = atomic_load_explicit(&slots->state[index].next, memory_order_relaxed);
        /* (3) relaxed-CAS: what it finds (1) has acquired, points A and B. On failure we begin anew */
        if (MK_LIKELY(atomic_compare_exchange_weak_explicit(&slots->head, &head, free_head(head, next),
                                                            memory_order_relaxed, memory_order_relaxed))) {
            return index;
        }
    }
}

static inline void free_push(struct mk_slots *slots, uint32_t index) {
    /* (4) relaxed-load: a guess, which (6) confirms */
    uint64_t head = atomic_load_explicit(&slots->head, memory_order_relaxed);
    do {
        /* (5) relaxed-store: published by (6) */
        atomic_store_explicit(&slots->state[index].next, (uint32_t)head, memory_order_relaxed);
        /* (6) release-CAS synchronizes-with the acquire-load (1): next, the generation, and all that was done to
         * the record. On failure relaxed: we link anew */
    } while (MK_UNLIKELY(!atomic_compare_exchange_weak_explicit(
        &slots->head, &head, free_head(head, index), memory_order_release, memory_order_relaxed)));
}

/* Returns a slot that was never taken, or FREE_NONE. */
static MK_NOINLINE uint32_t free_carve(struct mk_slots *slots) {
    /* (7) relaxed-load: a counter; of slots beyond it nobody has anything */
    uint32_t fresh = atomic_load_explicit(&slots->fresh, memory_order_relaxed);
    while (fresh < slots->capacity) {
        /* (8) relaxed-CAS: each number once; on failure another try */
        if (atomic_compare_exchange_weak_explicit(&slots->fresh, &fresh, fresh + 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            return fresh;
        }
    }
    return FREE_NONE;
}

/* LIN take hit: (3) or (8), whichever got the slot. LIN take miss: (1), which found the list empty once none were
 * left to carve. */
static inline enum mk_status free_take(struct mk_slots *slots, struct mk_thread *me, uint64_t *handle) {
    uint32_t index = free_pop(slots);
    (void)me;
    if (MK_UNLIKELY(index == FREE_NONE)) {
        index = free_carve(slots);
        if (MK_UNLIKELY(index == FREE_NONE)) index = free_pop(slots); /* given back before the last were carved */
        if (MK_UNLIKELY(index == FREE_NONE)) return MK_MISS;
    }
    /* (9) relaxed-load: of a slot that is ours */
    uint32_t generation = atomic_load_explicit(&slots->state[index].generation, memory_order_relaxed) + 1;
    /* (10) relaxed-store: says that it is live, to those who have the handle and were told so. A CAS (12) of
     * somebody with an old handle finds no generation of that handle, before or after */
    atomic_store_explicit(&slots->state[index].generation, generation, memory_order_relaxed);
    *handle = mk_handle(index, generation + slots->salt);
    return MK_HIT;
}

/* LIN at hit, miss: (11), the load of the generation. */
MK_TIMED mk_slot *free_at(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    uint32_t index = mk_handle_index(handle), wanted = mk_handle_generation(handle) - slots->salt;
    (void)me;
    if (MK_UNLIKELY(index >= slots->capacity || !(wanted & 1))) return NULL;
    /* (11) relaxed-load: one word; what its holder did to the record is ordered by who handed the handle over */
    bool live = atomic_load_explicit(&slots->state[index].generation, memory_order_relaxed) == wanted;
    return MK_LIKELY(live) ? &slots->record[index] : NULL;
}

/* LIN give hit, miss: (12), the CAS of the generation. A miss is a refusal. */
static inline enum mk_status free_give(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    uint32_t index = mk_handle_index(handle), wanted = mk_handle_generation(handle) - slots->salt;
    (void)me;
    if (MK_UNLIKELY(index >= slots->capacity || !(wanted & 1))) return MK_REFUSED;
    /* (12) relaxed-CAS: decides who gives, point C; what was done to the record is released by (6) */
    if (MK_UNLIKELY(!atomic_compare_exchange_strong_explicit(&slots->state[index].generation, &wanted, wanted + 1,
                                                             memory_order_relaxed, memory_order_relaxed))) {
        return MK_REFUSED;
    }
    free_push(slots, index);
    return MK_HIT;
}

static uint64_t free_count(struct mk_slots *slots) {
    uint64_t live = 0;
    /* (13) relaxed-load: at quiescence */
    uint32_t fresh = atomic_load_explicit(&slots->fresh, memory_order_relaxed);
    for (uint32_t i = 0; i < fresh; i++) {
        /* (14) relaxed-load: at quiescence */
        live += atomic_load_explicit(&slots->state[i].generation, memory_order_relaxed) & 1;
    }
    return live;
}

MK_SLOTS(slab_lockfree, .summary = "a slab and a lock-free list of free slots, by index and tag",
         .caps = MK_CONCURRENT | MK_DEFAULT,
         .progress = {.take = MK_LOCK_FREE, .give = MK_LOCK_FREE, .at = MK_WAIT_FREE}, .create = free_create,
         .destroy = free_destroy, .count = free_count, .take = free_take, .at = free_at, .give = free_give);
