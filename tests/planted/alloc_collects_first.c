/* alloc_collects_first - the owner takes all that others have freed of its page, and keeps the first block of it.
 *
 * bug:       the tail of the list is dropped: its blocks are never used again
 * finds:     handover | births | footprint | alloc_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define COLLECT collect_first
#endif
#include "alloc_pages.h"

#ifndef TWIN
static void collect_first(struct page *page) {
    page->free = atomic_exchange_explicit(&page->remote, NONE, memory_order_acquire);
    if (page->free != NONE) page->next[page->free] = NONE;
}
#endif

MK_ALLOC(alloc_collects_first, PAGES);
