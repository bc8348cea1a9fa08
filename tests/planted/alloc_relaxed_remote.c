/* alloc_relaxed_remote - blocks go onto the list of another thread's page by a relaxed CAS.
 *
 * bug:       release is missing: the owner of the page races with who has freed the block
 * finds:     handover | births | footprint | alloc_*
 * rule:      tsan/data-race
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 * only:      tsan: on x86 every access has the order that is missing here, whatever the source says
 */
#ifndef TWIN
#define PUT_REMOTE put_relaxed
#endif
#include "alloc_pages.h"

#ifndef TWIN
static void put_relaxed(struct page *page, uint32_t first, uint32_t last) {
    uint32_t head = atomic_load_explicit(&page->remote, memory_order_relaxed);
    do {
        page->next[last] = head;
    } while (!atomic_compare_exchange_weak_explicit(&page->remote, &head, first, memory_order_relaxed,
                                                    memory_order_relaxed));
}
#endif

MK_ALLOC(alloc_relaxed_remote, PAGES);
