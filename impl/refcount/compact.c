/* refcount/compact - one 8-byte atomic count, and no weak references: the least that can count for all threads.
 *
 * Source:     the compact Arc of many write-ups: Rust's Arc without its weak count (refcount/full has both).
 *             Differs: the last drop acquires by a load of the count, not by a fence.
 * Picture:    object -> | count 8 | payload |
 * Parts:      none.
 * values:     8 64
 * Progress:   wait-free, as far as the allocator is; cells are locked.
 * Ordering:   drops release, the last one acquires: whatever anybody did with the object happens before its end.
 *             Clones order nothing: who clones holds a reference.
 * Memory:     8 B + payload an object. An allocator that rounds to 16 B often gives the bytes that it saves back:
 *             with 8 B of payload an object takes what one of refcount/full takes, with 64 B it takes 16 B less.
 * Limits:     no weak references. One word that all threads write: pairs of two threads on one object wait for each
 *             other's cache line. 2^64 references would wrap; nobody can hold so many.
 */
#define MK_REFCOUNT_HEADER MK_ATOMIC(uint64_t) count;
#include "../refcount.h"

struct mk_refcount {
    struct mk_objects *objects;
    struct mk_mem *mem;
};

static int compact_create(struct mk_refcount **out, struct mk_objects *objects, struct mk_mem *mem,
                          const struct mk_config *cfg, struct mk_err *err) {
    struct mk_refcount *rc = mk_mem_alloc(mem, NULL, sizeof *rc, _Alignof(struct mk_refcount));
    (void)cfg;
    if (!rc) return mk_fail(err, "no memory for %zu bytes", sizeof *rc);
    *rc = (struct mk_refcount){objects, mem};
    *out = rc;
    return 0;
}

static void compact_destroy(struct mk_refcount *rc) {
    mk_mem_free(rc->mem, NULL, rc, sizeof *rc, _Alignof(struct mk_refcount));
}

static inline bool compact_begin(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    /* (1) relaxed-store: nobody else has the object yet */
    atomic_store_explicit(&object->count, 1, memory_order_relaxed);
    return true;
}

/* LIN clone: the addition (2). */
static inline bool compact_clone(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    /* (2) relaxed: the caller holds a reference, so the object stays, whatever else is counted */
    atomic_fetch_add_explicit(&object->count, 1, memory_order_relaxed);
    return true;
}

/* LIN drop: the subtraction (3). */
static inline void compact_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    /* (3) release-subtraction synchronizes-with the acquire-load (4): all that the caller did with the object */
    if (MK_LIKELY(atomic_fetch_sub_explicit(&object->count, 1, memory_order_release) != 1)) return;
    /* (4) acquire-load synchronizes-with the release-subtraction (3): of all earlier drops. It reads our own, which
     * goes on with their release sequences */
    (void)atomic_load_explicit(&object->count, memory_order_acquire);
    mk_object_destroy(rc->objects, me, object);
}

MK_REFCOUNT(compact, .summary = "one 8-byte atomic count", .caps = MK_DEFAULT,
            .progress = {.clone = MK_WAIT_FREE, .drop = MK_WAIT_FREE}, .create = compact_create,
            .destroy = compact_destroy, .begin = compact_begin, .clone = compact_clone, .drop = compact_drop);
