/* alloc_relaxed_free - a block goes onto the free list by a relaxed CAS.
 *
 * bug:       release is missing: the new owner of a block races with the old one
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      tsan/data-race
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 * only:      tsan: on x86 every access has the order that is missing here, whatever the source says
 */
#ifndef TWIN
#define PUSH push_relaxed
#endif
#include "alloc_pool.h"

#ifndef TWIN
static void push_relaxed(struct mk_alloc *alloc, uint32_t index) {
    uint64_t list = atomic_load_explicit(&alloc->free, memory_order_relaxed);
    do {
        atomic_store_explicit(next_of(alloc, index), (uint32_t)list, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&alloc->free, &list, list_of(list, index), memory_order_relaxed,
                                                    memory_order_relaxed));
}
#endif

MK_ALLOC(alloc_relaxed_free, POOL);
