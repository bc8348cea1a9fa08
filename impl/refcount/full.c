/* refcount/full - two counts: references, which keep the object, and weak ones, which keep its memory.
 *
 * Source:     Rust's std::sync::Arc. Differs: the last drop acquires by a load, not by a fence; a weak count is
 *             never locked, since nothing here asks whether a reference is the only one; no limit is checked (see
 *             Limits).
 * Picture:    object -> | strong 8 | weak 8 | payload |     all strong references together hold one weak reference
 * Parts:      none.
 * values:     8 64
 * Progress:   clone, drop and those of weak references wait-free, as far as the allocator is; upgrade lock-free;
 *             cells are locked.
 * Ordering:   drops release, the last one acquires: whatever anybody did with the object happens before its end; so
 *             do weak drops, for the end of its memory. Clones and upgrades order nothing: who does that holds a
 *             reference of one sort or the other, and got it after the object was made.
 * Memory:     16 B + payload an object, until the last weak reference is gone.
 * Limits:     a weak reference keeps all of the object's memory. 2^64 references would wrap; nobody can hold so
 *             many.
 */
#define MK_REFCOUNT_HEADER     \
    MK_ATOMIC(uint64_t) strong; \
    MK_ATOMIC(uint64_t) weak;
#include "../refcount.h"

struct mk_refcount {
    struct mk_objects *objects;
    struct mk_mem *mem;
};

static int full_create(struct mk_refcount **out, struct mk_objects *objects, struct mk_mem *mem,
                       const struct mk_config *cfg, struct mk_err *err) {
    struct mk_refcount *rc = mk_mem_alloc(mem, NULL, sizeof *rc, _Alignof(struct mk_refcount));
    (void)cfg;
    if (!rc) return mk_fail(err, "no memory for %zu bytes", sizeof *rc);
    *rc = (struct mk_refcount){objects, mem};
    *out = rc;
    return 0;
}

static void full_destroy(struct mk_refcount *rc) {
    mk_mem_free(rc->mem, NULL, rc, sizeof *rc, _Alignof(struct mk_refcount));
}

static inline bool full_begin(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    /* (1) relaxed-store: nobody else has the object yet */
    atomic_store_explicit(&object->strong, 1, memory_order_relaxed);
    /* (2) relaxed-store: as (1) */
    atomic_store_explicit(&object->weak, 1, memory_order_relaxed);
    return true;
}

/* LIN clone: the addition (3). */
static inline bool full_clone(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    /* (3) relaxed: the caller holds a reference, so the object stays, whatever else is counted */
    atomic_fetch_add_explicit(&object->strong, 1, memory_order_relaxed);
    return true;
}

/* LIN weak_drop: the subtraction (4). */
static inline void full_weak_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    /* (4) release-subtraction synchronizes-with the acquire-load (5): what the caller did with the memory */
    if (atomic_fetch_sub_explicit(&object->weak, 1, memory_order_release) != 1) return;
    /* (5) acquire-load synchronizes-with the release-subtraction (4): of all earlier ones, the one behind the
     * object's end among them */
    (void)atomic_load_explicit(&object->weak, memory_order_acquire);
    mk_object_free(rc->objects, me, object);
}

/* Out of line: the end stays out of the operation. */
static MK_NOINLINE void full_end(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    mk_object_end(rc->objects, me, object);
    full_weak_drop(rc, me, object);
}

/* LIN drop: the subtraction (6). */
static inline void full_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    /* (6) release-subtraction synchronizes-with the acquire-load (7): all that the caller did with the object */
    if (MK_LIKELY(atomic_fetch_sub_explicit(&object->strong, 1, memory_order_release) != 1)) return;
    /* (7) acquire-load synchronizes-with the release-subtraction (6): of all earlier drops. It reads our own, which
     * goes on with their release sequences; upgrades (10) do not leave 0 any more */
    (void)atomic_load_explicit(&object->strong, memory_order_acquire);
    full_end(rc, me, object);
}

/* LIN downgrade: the addition (8). */
static inline void full_downgrade(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    /* (8) relaxed: the caller holds a reference of either sort, so the memory stays */
    atomic_fetch_add_explicit(&object->weak, 1, memory_order_relaxed);
}

/* LIN upgrade hit: the CAS (10). LIN upgrade miss: the load (9), or that of a CAS that failed. */
static inline bool full_upgrade(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    /* (9) relaxed-load: a guess, which (10) confirms; 0 is final */
    uint64_t count = atomic_load_explicit(&object->strong, memory_order_relaxed);
    /* (10) relaxed-CAS: the weak reference was made out of one to an object that was there, so its payload was seen
     * then; between two drops this goes on with the release sequence. On failure relaxed: tried again */
    while (count && !atomic_compare_exchange_weak_explicit(&object->strong, &count, count + 1, memory_order_relaxed,
                                                           memory_order_relaxed)) {
    }
    return count != 0;
}

MK_REFCOUNT(full, .summary = "a count and a weak count, 16 bytes, as in Rust's Arc", .caps = 0,
            .progress = {.clone = MK_WAIT_FREE, .drop = MK_WAIT_FREE}, .create = full_create,
            .destroy = full_destroy, .begin = full_begin, .clone = full_clone, .drop = full_drop,
            .downgrade = full_downgrade, .upgrade = full_upgrade, .weak_clone = full_downgrade,
            .weak_drop = full_weak_drop);
