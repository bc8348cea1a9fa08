/* alloc_shares_quarantine - all threads keep what they free in one place, which has no lock.
 *
 * bug:       two threads put into or take out of the quarantine at once: a block is lost, or freed twice
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      tsan/data-race | oracle | ?san/heap-use-after-free | ?san/segv | crash | hang
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define LANE lane_of_all
#endif
#include "alloc_guarding.h"

#ifndef TWIN
static struct lane *lane_of_all(struct mk_alloc *alloc, const struct mk_thread *me) {
    (void)me;
    return alloc->lane;
}
#endif

MK_ALLOC(alloc_shares_quarantine, GUARDING);
