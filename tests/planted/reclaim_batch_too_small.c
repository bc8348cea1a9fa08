/* reclaim_batch_too_small - hands a batch out although it has fewer nodes than there are threads inside.
 *
 * bug:       a thread that may hold a node gets no link, and the node is freed without it
 * finds:     shared | births | history | reclaim_*
 * rule:      oracle | ?san/heap-use-after-free | tsan/data-race
 * flavours:  debug tsan model
 * pressure:  points
 * single:    passes
 * only:      debug, tsan: it takes a wait inside a section, and the points where threads are made to wait
 */
#ifndef TWIN
#define ENOUGH two_will_do
#endif
#include "reclaim_batches.h"

#ifndef TWIN
static bool two_will_do(uint32_t nodes, uint32_t threads) {
    (void)threads;
    return nodes >= 2;
}
#endif

MK_RECLAIM(reclaim_batch_too_small, BATCHES);
