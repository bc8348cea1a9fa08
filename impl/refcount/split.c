/* refcount/split - a count in the object, and another beside the pointer to it, so that a reference can be taken
 * out of a shared cell in one step.
 *
 * Source:     the external and internal counts of Williams: C++ Concurrency in Action, 2012, in the form of Folly's
 *             AtomicSharedPtr: a cell pays for references beforehand. Differs: what a load has used up is paid
 *             again by whoever loads, before it returns.
 * Picture:    cell -> | object 48 | used 16 |      object -> | count 8 | payload |
 *             count = references held + SPLIT_PREPAID - used, of each cell that holds the object
 * Parts:      none.
 * values:     8 64
 * Progress:   clone and drop wait-free, as far as the allocator is; load and exchange lock-free, without a lock:
 *             load is one addition, but for one in SPLIT_REFILL, which pays again.
 * Ordering:   as refcount/compact: drops release, the last one acquires. An exchange of a cell publishes the
 *             object, a load of it acquires. What is paid for is in the count before anybody can use it: exchange
 *             and refill release it.
 * Memory:     8 B + payload an object; a cell has 8 B.
 * Limits:     addresses must lie below 2^48. More than 2^16 references out of one cell are no limit: what was used
 *             is paid again at the half of that, so `used` cannot overflow with fewer than 2^15 threads, all of
 *             them between their addition and their refill; more are refused. No weak references.
 * Kept:       (6) C11 would else let the addition (5) come after the drops of those who have used what it paid for.
 *             The model flavour carries out each addition at once, and cannot show it.
 */
#define MK_REFCOUNT_HEADER MK_ATOMIC(uint64_t) count;
#include "../refcount.h"

#define SPLIT_USED_BITS 16
#define SPLIT_USED ((1u << SPLIT_USED_BITS) - 1)
#define SPLIT_PREPAID ((uint64_t)1 << SPLIT_USED_BITS) /* references that a cell has: one is its own */
#define SPLIT_REFILL MK_TUNE(1u << (SPLIT_USED_BITS - 1), 2) /* of those used, at which they are paid again */
#define SPLIT_THREADS_MAX (1u << (SPLIT_USED_BITS - 1))

struct mk_refcount {
    struct mk_objects *objects;
    struct mk_mem *mem;
};

static int split_create(struct mk_refcount **out, struct mk_objects *objects, struct mk_mem *mem,
                        const struct mk_config *cfg, struct mk_err *err) {
    if (cfg->threads_max >= SPLIT_THREADS_MAX) {
        return mk_fail(err, "%u threads: it takes %u at most", cfg->threads_max, SPLIT_THREADS_MAX - 1);
    }
    struct mk_refcount *rc = mk_mem_alloc(mem, NULL, sizeof *rc, _Alignof(struct mk_refcount));
    if (!rc) return mk_fail(err, "no memory for %zu bytes", sizeof *rc);
    *rc = (struct mk_refcount){objects, mem};
    *out = rc;
    return 0;
}

static void split_destroy(struct mk_refcount *rc) {
    mk_mem_free(rc->mem, NULL, rc, sizeof *rc, _Alignof(struct mk_refcount));
}

static inline bool split_begin(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    /* (1) relaxed-store: nobody else has the object yet */
    atomic_store_explicit(&object->count, 1, memory_order_relaxed);
    return (uint64_t)(uintptr_t)object >> (64 - SPLIT_USED_BITS) == 0;
}

/* LIN clone: the addition (2). */
static inline bool split_clone(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    /* (2) relaxed: the caller holds a reference, so the object stays, whatever else is counted */
    atomic_fetch_add_explicit(&object->count, 1, memory_order_relaxed);
    return true;
}

/* LIN drop: the subtraction (3). */
static inline void split_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    /* (3) release-subtraction synchronizes-with the acquire-load (4): all that the caller did with the object */
    if (MK_LIKELY(atomic_fetch_sub_explicit(&object->count, 1, memory_order_release) != 1)) return;
    /* (4) acquire-load synchronizes-with the release-subtraction (3): of all earlier drops. It reads our own, which
     * goes on with their release sequences */
    (void)atomic_load_explicit(&object->count, memory_order_acquire);
    mk_object_destroy(rc->objects, me, object);
}

/* ---- cells ------------------------------------------------------------------------------------ */

static inline uint64_t split_word(const struct mk_object *object) {
    return (uint64_t)(uintptr_t)object << SPLIT_USED_BITS;
}

static inline struct mk_object *split_object(uint64_t word) {
    return (struct mk_object *)(uintptr_t)(word >> SPLIT_USED_BITS);
}

/* Pays again for what was used, as long as it is much. The caller holds a reference to the object that `word`
 * names, so that no other one can have its address. */
static MK_NOINLINE void split_refill(mk_cell *cell, uint64_t word) {
    struct mk_object *object = split_object(word);
    while (split_object(word) == object && (word & SPLIT_USED) >= SPLIT_REFILL) {
        uint64_t used = word & SPLIT_USED;
        /* (5) relaxed: released by (6) */
        atomic_fetch_add_explicit(&object->count, used, memory_order_relaxed);
        /* (6) release-CAS synchronizes-with the acquire-addition (9) and the acq_rel-exchange (11): that it is paid
         * for. On failure relaxed: others have loaded, paid, or exchanged the object */
        if (atomic_compare_exchange_weak_explicit(cell, &word, split_word(object), memory_order_release,
                                                  memory_order_relaxed)) {
            return;
        }
        /* (7) relaxed: takes back what was paid; it cannot be the last, as the caller holds one more */
        atomic_fetch_sub_explicit(&object->count, used, memory_order_relaxed);
    }
}

/* LIN load hit: the addition (9). LIN load miss: the load (8), or the addition, after an exchange in between. */
static inline struct mk_object *split_load(struct mk_refcount *rc, struct mk_thread *me, mk_cell *cell) {
    (void)rc, (void)me;
    /* (8) relaxed-load: nothing is used of a cell that is empty */
    if (!split_object(atomic_load_explicit(cell, memory_order_relaxed))) return NULL;
    /* (9) acquire-addition synchronizes-with the acq_rel-exchange (11) and the release-CAS (6): the object, and
     * that a reference to it is paid for, or paid again */
    uint64_t word = atomic_fetch_add_explicit(cell, 1, memory_order_acquire) + 1;
    if (MK_UNLIKELY((word & SPLIT_USED) >= SPLIT_REFILL) && split_object(word)) split_refill(cell, word);
    return split_object(word);
}

/* LIN exchange hit, miss: the exchange (11). */
static inline struct mk_object *split_exchange(struct mk_refcount *rc, struct mk_thread *me, mk_cell *cell,
                                               struct mk_object *object) {
    (void)rc, (void)me;
    /* (10) relaxed: released by (11) */
    if (object) atomic_fetch_add_explicit(&object->count, SPLIT_PREPAID - 1, memory_order_relaxed);
    /* (11) acq_rel-exchange synchronizes-with the acquire-addition (9), the release-CAS (6) and itself (11):
     * publishes the object and what is paid for, acquires the one that was there and what was paid again */
    uint64_t word = atomic_exchange_explicit(cell, split_word(object), memory_order_acq_rel);
    struct mk_object *old = split_object(word);
    if (!old) return NULL;
    uint64_t unused = SPLIT_PREPAID - (word & SPLIT_USED) - 1;
    /* (12) relaxed: what nobody used; it cannot be the last, as one that was paid for is the caller's now */
    atomic_fetch_sub_explicit(&old->count, unused, memory_order_relaxed);
    return old;
}

MK_REFCOUNT(split, .summary = "a second count beside the pointer: cells without a lock", .caps = 0,
            .progress = {.clone = MK_WAIT_FREE, .drop = MK_WAIT_FREE, .cell = MK_LOCK_FREE}, .create = split_create,
            .destroy = split_destroy, .begin = split_begin, .clone = split_clone, .drop = split_drop,
            .load = split_load, .exchange = split_exchange);
