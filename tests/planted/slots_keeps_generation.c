/* slots_keeps_generation - a slot that is given back gets the generation it had before it was taken.
 *
 * bug:       a handle that was given back is good again once its slot has been taken anew
 * finds:     handles | slots_stale_handle | slots_* | threads | handover | births | history | shared
 * rule:      oracle
 * scenario:  slots_stale_handle | slots_stale_handle ends in
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define TAKE_BACK take_back_and_forget
#endif
#include "slots_slab.h"

#ifndef TWIN
static bool take_back_and_forget(struct mk_slots *slots, uint32_t index, uint32_t generation) {
    return atomic_compare_exchange_strong_explicit(&slots->generation[index], &generation, generation - 1,
                                                   memory_order_relaxed, memory_order_relaxed);
}
#endif

MK_SLOTS(slots_keeps_generation, SLAB, .take = slab_take, .give = slab_give);
