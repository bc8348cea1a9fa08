/* alloc_lost_free - puts a block onto the free list by a store.
 *
 * bug:       a free is lost: of two threads that free at once, one
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      oracle | tsan/data-race
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define PUSH push_by_store
#endif
#include "alloc_pool.h"

#ifndef TWIN
static void push_by_store(struct mk_alloc *alloc, uint32_t index) {
    uint64_t list = atomic_load_explicit(&alloc->free, memory_order_acquire);
    atomic_store_explicit(next_of(alloc, index), (uint32_t)list, memory_order_relaxed);
    atomic_store_explicit(&alloc->free, list_of(list, index), memory_order_release);
}
#endif

MK_ALLOC(alloc_lost_free, POOL);
