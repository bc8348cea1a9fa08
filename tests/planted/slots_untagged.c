/* slots_untagged - the list of free slots has no tag: a slot that was taken and came back looks as if nothing had
 * happened.
 *
 * bug:       ABA: the list goes on with a slot that is live
 * finds:     threads | handover | births | shared | history | slots_*
 * rule:      oracle | tsan/data-race
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define POP pop_untagged
#define PUSH push_untagged
#endif
#include "slots_slab.h"

#ifndef TWIN
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
        if (next % 4 == 0) sched_yield(); /* others have their turn in between */
        if (atomic_compare_exchange_weak_explicit(&slots->list, &list, next, memory_order_acquire,
                                                  memory_order_acquire)) {
            return (uint32_t)list;
        }
    }
    return NONE;
}
#endif

MK_SLOTS(slots_untagged, SLAB, .take = slab_take, .give = slab_give);
