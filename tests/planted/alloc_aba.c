/* alloc_aba - the free list has no tag: a block that was taken and came back looks as if nothing had happened.
 *
 * bug:       ABA: the list goes on with a block that is live
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      oracle | tsan/data-race
 * flavours:  debug tsan model
 * pressure:  points
 * single:    passes
 * only:      debug, tsan: it takes a wait between two instructions, and the points where threads are made to
 *            wait
 */
#ifndef TWIN
#define POP pop_untagged
#define PUSH push_untagged
#endif
#include "alloc_pool.h"

#ifndef TWIN
static void push_untagged(struct mk_alloc *alloc, uint32_t index) {
    uint64_t list = atomic_load_explicit(&alloc->free, memory_order_relaxed);
    do {
        atomic_store_explicit(next_of(alloc, index), (uint32_t)list, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&alloc->free, &list, index, memory_order_release,
                                                    memory_order_relaxed));
}

static uint32_t pop_untagged(struct mk_alloc *alloc) {
    uint64_t list = atomic_load_explicit(&alloc->free, memory_order_acquire);
    while ((uint32_t)list != NONE) {
        uint32_t next = atomic_load_explicit(next_of(alloc, (uint32_t)list), memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&alloc->free, &list, next, memory_order_acquire,
                                                  memory_order_acquire)) {
            return (uint32_t)list;
        }
    }
    return NONE;
}
#endif

MK_ALLOC(alloc_aba, POOL);
