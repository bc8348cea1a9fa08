/* alloc_adopts_page_alone - who takes over the page of a thread that has left begins its list of remote frees anew.
 *
 * bug:       what others have freed of that page since is nobody's
 * finds:     handover | births | footprint | alloc_*
 * rule:      oracle
 * scenario:  alloc_threads_leave | alloc_threads_leave ends in
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define ADOPT adopt_anew
#endif
#include "alloc_pages.h"

#ifndef TWIN
static void adopt_anew(struct page *page) {
    atomic_exchange_explicit(&page->remote, NONE, memory_order_acquire);
}
#endif

MK_ALLOC(alloc_adopts_page_alone, PAGES);
