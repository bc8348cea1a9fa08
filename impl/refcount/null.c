/* refcount/null - a plain counter, for one thread alone: what atomic counts cost, by leaving them out.
 *
 * Source:     none.
 * Picture:    object -> | count 8 | payload |
 * Parts:      none.
 * values:     8 64
 * Progress:   wait-free, as far as the allocator is.
 * Ordering:   none.
 * Memory:     8 B + payload an object.
 * Limits:     one thread. The counter is volatile, so that a pair keeps a body. Never ranked.
 */
#define MK_REFCOUNT_HEADER volatile uint64_t count;
#include "../refcount.h"

struct mk_refcount {
    struct mk_objects *objects;
    struct mk_mem *mem;
};

static int null_create(struct mk_refcount **out, struct mk_objects *objects, struct mk_mem *mem,
                       const struct mk_config *cfg, struct mk_err *err) {
    struct mk_refcount *rc = mk_mem_alloc(mem, NULL, sizeof *rc, _Alignof(struct mk_refcount));
    (void)cfg;
    if (!rc) return mk_fail(err, "no memory for %zu bytes", sizeof *rc);
    *rc = (struct mk_refcount){objects, mem};
    *out = rc;
    return 0;
}

static void null_destroy(struct mk_refcount *rc) {
    mk_mem_free(rc->mem, NULL, rc, sizeof *rc, _Alignof(struct mk_refcount));
}

static inline bool null_begin(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    object->count = 1;
    return true;
}

/* LIN clone: the addition. */
static inline bool null_clone(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    object->count = object->count + 1;
    return true;
}

/* LIN drop: the subtraction. */
static inline void null_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    uint64_t left = object->count - 1;
    object->count = left;
    if (left == 0) mk_object_destroy(rc->objects, me, object);
}

MK_REFCOUNT(null, .summary = "a plain counter, for one thread: what atomic counts cost", .caps = MK_FLOOR,
            .progress = {.clone = MK_WAIT_FREE, .drop = MK_WAIT_FREE}, .create = null_create,
            .destroy = null_destroy, .begin = null_begin, .clone = null_clone, .drop = null_drop);
