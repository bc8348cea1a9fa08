/* refcount_merges_twice - an owner that drops its last reference ends the object if no other is left, although it
 * waits in the owner's queue.
 *
 * bug:       use after free: what is taken out of the queue later has ended
 * finds:     refcount_passed_around | shared | births | history | owners | model | refcount_*
 * rule:      oracle | ?san/heap-use-after-free | asan/double-free | tsan/data-race | ?san/segv | ?san/bus | crash
 *            | hang
 * flavours:  release debug tsan asan model
 * pressure:  any
 */
#ifndef TWIN
#define DROP_LAST hasty_drop_last
#endif
#include "refcount_owned.h"

#ifndef TWIN
static void hasty_drop_last(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    atomic_store_explicit(&object->biased, 0, memory_order_relaxed);
    int32_t found = atomic_fetch_or_explicit(&object->shared, MERGED, memory_order_acq_rel);
    if (found / ONE == 0) mk_object_destroy(rc->objects, me, object);
}
#endif

MK_REFCOUNT(refcount_merges_twice, OWNED);
