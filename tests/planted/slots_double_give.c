/* slots_double_give - does not look whether a handle that is given back is live: the slot alone counts.
 *
 * bug:       a double give is accepted
 * finds:     handles | slots_* | threads | handover | births
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define TAKE_BACK take_back_anything
#endif
#include "slots_slab.h"

#ifndef TWIN
static bool take_back_anything(struct mk_slots *slots, uint32_t index, uint32_t generation) {
    uint32_t now = atomic_load_explicit(&slots->generation[index], memory_order_relaxed);
    (void)generation;
    atomic_store_explicit(&slots->generation[index], (now | 1) + 1, memory_order_relaxed);
    return true;
}
#endif

MK_SLOTS(slots_double_give, SLAB, .take = slab_take, .give = slab_give);
