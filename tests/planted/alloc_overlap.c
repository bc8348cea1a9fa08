/* alloc_overlap - takes the first block of the free list by a load and a store.
 *
 * bug:       one block for two: the list is not changed by CAS
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      oracle | tsan/data-race
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define POP pop_by_store
#endif
#include "alloc_pool.h"

#ifndef TWIN
static uint32_t pop_by_store(struct mk_alloc *alloc) {
    uint64_t list = atomic_load_explicit(&alloc->free, memory_order_acquire);
    if ((uint32_t)list == NONE) return NONE;
    uint32_t next = atomic_load_explicit(next_of(alloc, (uint32_t)list), memory_order_relaxed);
    atomic_store_explicit(&alloc->free, list_of(list, next), memory_order_release);
    return (uint32_t)list;
}
#endif

MK_ALLOC(alloc_overlap, POOL);
