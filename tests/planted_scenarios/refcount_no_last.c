/* refcount_no_last - reads the count, and then takes its reference off: of two last drops at once neither is the
 * last.
 *
 * scenario: refcount_last_drops
 * says: never ends
 */
#define DROP unaware_drop
#include "../planted/refcount_core.h"

static void unaware_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    uint64_t found = atomic_load_explicit(&object->count, memory_order_acquire);
    if (mk_own_of(rc->objects, me)->object != object) sched_yield();
    atomic_fetch_sub_explicit(&object->count, 1, memory_order_acq_rel);
    if (found == 1) core_end(rc, me, object);
}

MK_REFCOUNT(refcount_no_last, CORE);
