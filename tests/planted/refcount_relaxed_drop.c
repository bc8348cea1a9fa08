/* refcount_relaxed_drop - drops by a relaxed subtraction.
 *
 * bug:       too weak an order: what others read does not happen before the object's end
 * finds:     shared | births | history | refcount_*
 * rule:      tsan/data-race | oracle
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define DROP relaxed_drop
#endif
#include "refcount_core.h"

#ifndef TWIN
static void relaxed_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    if (atomic_fetch_sub_explicit(&object->count, 1, memory_order_relaxed) == 1) core_end(rc, me, object);
}
#endif

MK_REFCOUNT(refcount_relaxed_drop, CORE);
