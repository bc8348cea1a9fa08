/* slots_relaxed_push - a slot goes onto the list by a relaxed CAS.
 *
 * bug:       release is missing: the new owner of a slot races with the old one
 * finds:     threads | handover | births | shared | slots_*
 * rule:      tsan/data-race
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 * only:      tsan: on x86 every access has the order that is missing here, whatever the source says
 */
#ifndef TWIN
#define PUSH push_relaxed
#endif
#include "slots_slab.h"

#ifndef TWIN
static void push_relaxed(struct mk_slots *slots, uint32_t index) {
    uint64_t list = atomic_load_explicit(&slots->list, memory_order_relaxed);
    do {
        atomic_store_explicit(&slots->next[index], (uint32_t)list, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&slots->list, &list, list_of(list, index), memory_order_relaxed,
                                                    memory_order_relaxed));
}
#endif

MK_SLOTS(slots_relaxed_push, SLAB, .take = slab_take, .give = slab_give);
