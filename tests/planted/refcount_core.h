/* refcount_core.h - what the refcount_*.c beside it share: a count, a weak count, and the state of a whole scheme.
 *
 * What they break they define before it is included: DROP and UPGRADE, COUNT_MASK (bits that a count has).
 */
#ifndef REFCOUNT_CORE_H
#define REFCOUNT_CORE_H

#ifndef MK_REFCOUNT_HEADER
#define MK_REFCOUNT_HEADER       \
    MK_ATOMIC(uint64_t) count;   \
    MK_ATOMIC(uint64_t) weak;
#endif
#include "../../impl/refcount.h"

#ifndef STATE
#define STATE
#endif

struct mk_refcount {
    struct mk_objects *objects;
    struct mk_mem *mem;
    STATE
};

__attribute__((unused)) static int core_create(struct mk_refcount **out, struct mk_objects *objects,
                                               struct mk_mem *mem, const struct mk_config *cfg,
                                               struct mk_err *err) {
    struct mk_refcount *rc = mk_mem_zalloc(mem, NULL, sizeof *rc, _Alignof(struct mk_refcount));
    (void)cfg;
    if (!rc) return mk_fail(err, "no memory for %zu bytes", sizeof *rc);
    rc->objects = objects;
    rc->mem = mem;
    *out = rc;
    return 0;
}

__attribute__((unused)) static void core_destroy(struct mk_refcount *rc) {
    mk_mem_free(rc->mem, NULL, rc, sizeof *rc, _Alignof(struct mk_refcount));
}

#ifndef REFCOUNT_OWN_COUNT

#ifndef COUNT_MASK
#define COUNT_MASK UINT64_MAX
#endif
#ifndef DROP
#define DROP core_drop
#endif
#ifndef UPGRADE
#define UPGRADE core_upgrade
#endif
static void DROP(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object);
static bool UPGRADE(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object);

static bool core_begin(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    atomic_store_explicit(&object->count, 1, memory_order_relaxed);
    atomic_store_explicit(&object->weak, 1, memory_order_relaxed);
    return true;
}

static bool core_clone(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    atomic_fetch_add_explicit(&object->count, 1, memory_order_relaxed);
    return true;
}

static void core_weak_clone(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    atomic_fetch_add_explicit(&object->weak, 1, memory_order_relaxed);
}

static void core_weak_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    if (atomic_fetch_sub_explicit(&object->weak, 1, memory_order_acq_rel) == 1) {
        mk_object_free(rc->objects, me, object);
    }
}

__attribute__((unused)) static bool core_upgrade(struct mk_refcount *rc, struct mk_thread *me,
                                                 struct mk_object *object) {
    uint64_t count = atomic_load_explicit(&object->count, memory_order_relaxed);
    (void)rc, (void)me;
    while (count && !atomic_compare_exchange_weak_explicit(&object->count, &count, count + 1, memory_order_relaxed,
                                                           memory_order_relaxed)) {
    }
    return count != 0;
}

/* Of whoever dropped the last reference. */
static void core_end(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    mk_object_end(rc->objects, me, object);
    core_weak_drop(rc, me, object);
}

__attribute__((unused)) static void core_drop(struct mk_refcount *rc, struct mk_thread *me,
                                              struct mk_object *object) {
    uint64_t left = atomic_fetch_sub_explicit(&object->count, 1, memory_order_acq_rel) - 1;
    if ((left & COUNT_MASK) == 0) core_end(rc, me, object);
}

#define CORE                                                                                                     \
    .summary = "planted", .progress = {.clone = MK_WAIT_FREE, .drop = MK_WAIT_FREE}, .create = core_create,      \
    .destroy = core_destroy, .begin = core_begin, .clone = core_clone, .drop = DROP,                             \
    .downgrade = core_weak_clone, .upgrade = UPGRADE, .weak_clone = core_weak_clone, .weak_drop = core_weak_drop

#endif
#endif
