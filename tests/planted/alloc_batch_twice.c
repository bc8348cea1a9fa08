/* alloc_batch_twice - a full batch is handed over and kept, to be handed over again with what comes next.
 *
 * bug:       a block that another thread has freed is put on its page's list twice, and given out twice
 * finds:     handover | births | footprint | alloc_*
 * rule:      oracle | tsan/data-race
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define HAND_OVER hand_over_and_keep
#endif
#include "alloc_pages.h"

#ifndef TWIN
static void hand_over_and_keep(struct batch *batch) {
    if (batch->n) PUT_REMOTE(batch->page, batch->first, batch->last);
    if (batch->n != BATCH_BLOCKS) batch->n = 0;
}
#endif

MK_ALLOC(alloc_batch_twice, PAGES);
