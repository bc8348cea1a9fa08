/* refcount_queue_counts - an owner that drops its last reference to an object in its queue counts one for the
 * queue, which nobody gives back.
 *
 * scenario: refcount_passed_around
 * says: never ends
 */
#define DROP_LAST counting_drop_last
#include "../planted/refcount_owned.h"

static void counting_drop_last(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    atomic_store_explicit(&object->biased, 0, memory_order_relaxed);
    int32_t found = atomic_fetch_or_explicit(&object->shared, MERGED, memory_order_acq_rel);
    if (found & QUEUED) {
        atomic_fetch_add_explicit(&object->shared, ONE, memory_order_relaxed);
    } else if (found == 0) {
        mk_object_destroy(rc->objects, me, object);
    }
}

MK_REFCOUNT(refcount_queue_counts, OWNED);
