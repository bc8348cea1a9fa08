/* slots_overlap - takes the first slot of the list by a load and a store.
 *
 * bug:       one slot for two: the list is not changed by CAS
 * finds:     threads | handover | births | shared | history | slots_*
 * rule:      oracle | tsan/data-race | hang
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define POP pop_by_store
#endif
#include "slots_slab.h"

#ifndef TWIN
static uint32_t pop_by_store(struct mk_slots *slots) {
    uint64_t list = atomic_load_explicit(&slots->list, memory_order_acquire);
    if ((uint32_t)list == NONE) return NONE;
    uint32_t next = atomic_load_explicit(&slots->next[(uint32_t)list], memory_order_relaxed);
    if (list >> 32 & 1) sched_yield(); /* others have their turn in between */
    atomic_store_explicit(&slots->list, list_of(list, next), memory_order_release);
    return (uint32_t)list;
}
#endif

MK_SLOTS(slots_overlap, SLAB, .take = slab_take, .give = slab_give);
