/* refcount_rereads - takes its reference off the count, and then reads the count to see whether it was the last.
 *
 * bug:       two steps for one: of two last drops at once both find none left, and both end the object
 * finds:     shared | births | history | refcount_*
 * rule:      oracle | ?san/heap-use-after-free | asan/double-free | tsan/data-race | ?san/segv | ?san/bus | crash
 *            | hang
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define DROP rereading_drop
#endif
#include "refcount_core.h"

#ifndef TWIN
static void rereading_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    atomic_fetch_sub_explicit(&object->count, 1, memory_order_acq_rel);
    if (atomic_load_explicit(&object->count, memory_order_acquire) == 0) core_end(rc, me, object);
}
#endif

MK_REFCOUNT(refcount_rereads, CORE);
