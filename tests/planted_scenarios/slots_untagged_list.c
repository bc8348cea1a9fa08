/* slots_untagged_list - a list of free slots without a tag, and no magazines: a slot that was taken and came back
 * looks as if nothing had happened.
 *
 * scenario: slots_take_beside_gives
 * says: slots_take_beside_gives ends in
 * flavours: release debug asan
 */
#define MAGAZINE_SLOTS 0
#define POP pop_untagged
#define PUSH push_untagged
#include "../planted/slots_slab.h"

static void push_untagged(struct mk_slots *slots, uint32_t index) {
    uint64_t list = atomic_load_explicit(&slots->list, memory_order_relaxed);
    do {
        atomic_store_explicit(&slots->next[index], (uint32_t)list, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&slots->list, &list, index, memory_order_release,
                                                    memory_order_relaxed));
}

static uint32_t pop_untagged(struct mk_slots *slots) {
    uint64_t list = atomic_load_explicit(&slots->list, memory_order_acquire);
    while ((uint32_t)list != NONE) {
        uint32_t next = atomic_load_explicit(&slots->next[(uint32_t)list], memory_order_relaxed);
        sched_yield(); /* others have their turn in between */
        if (atomic_compare_exchange_weak_explicit(&slots->list, &list, next, memory_order_acquire,
                                                  memory_order_acquire)) {
            return (uint32_t)list;
        }
    }
    return NONE;
}

MK_SLOTS(slots_untagged_list, SLAB, .take = slab_take, .give = slab_give);
