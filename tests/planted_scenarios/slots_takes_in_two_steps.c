/* slots_takes_in_two_steps - looks which slot comes first, and then takes it off the list, whoever has
 * done so meanwhile.
 *
 * scenario: slots_last_slot
 * says: slots_last_slot ends in
 * flavours: release debug asan
 */
#define MAGAZINE_SLOTS 0
#define POP pop_in_two_steps
#include "../planted/slots_slab.h"

static uint32_t pop_in_two_steps(struct mk_slots *slots) {
    uint64_t list = atomic_load_explicit(&slots->list, memory_order_acquire);
    if ((uint32_t)list == NONE) return NONE;
    uint32_t next = atomic_load_explicit(&slots->next[(uint32_t)list], memory_order_relaxed);
    sched_yield(); /* others have their turn in between */
    atomic_store_explicit(&slots->list, list_of(list, next), memory_order_release);
    return (uint32_t)list;
}

MK_SLOTS(slots_takes_in_two_steps, SLAB, .take = slab_take, .give = slab_give);
