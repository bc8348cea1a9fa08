/* slots_own_only - only the thread that has taken a slot may give it back.
 *
 * scenario: slots_handed_over
 * says: give was refused
 */
#include "../planted/slots_slab.h"

static enum mk_status take_own(struct mk_slots *slots, struct mk_thread *me, uint64_t *handle) {
    enum mk_status status = slab_take(slots, me, handle);
    if (status == MK_HIT) slots->spare[mk_handle_index(*handle)] = me->id;
    return status;
}

static enum mk_status give_own(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    bool live = slab_at(slots, me, handle) != NULL;
    if (live && slots->spare[mk_handle_index(handle)] != me->id) return MK_REFUSED;
    return slab_give(slots, me, handle);
}

MK_SLOTS(slots_own_only, SLAB, .take = take_own, .give = give_own);
