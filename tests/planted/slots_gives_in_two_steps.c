/* slots_gives_in_two_steps - looks whether the handle is live, and then writes that it is not.
 *
 * bug:       of two threads that give one handle at once, both do: its slot is free twice
 * finds:     slots_two_givers | slots_*
 * rule:      oracle
 * scenario:  slots_two_givers | both gave it
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define TAKE_BACK take_back_in_two_steps
#endif
#include "slots_slab.h"

#ifndef TWIN
static bool take_back_in_two_steps(struct mk_slots *slots, uint32_t index, uint32_t generation) {
    if (atomic_load_explicit(&slots->generation[index], memory_order_relaxed) != generation) return false;
    if (generation & 2) sched_yield(); /* others have their turn in between */
    atomic_store_explicit(&slots->generation[index], generation + 1, memory_order_relaxed);
    return true;
}
#endif

MK_SLOTS(slots_gives_in_two_steps, SLAB, .take = slab_take, .give = slab_give);
