/* alloc_counts_together - all threads count in one lane, by load and store.
 *
 * bug:       a count is lost: of two threads that count at once, one
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define LANE lane_of_all
#endif
#include "alloc_counting.h"

#ifndef TWIN
static uint32_t lane_of_all(const struct mk_alloc *alloc, const struct mk_thread *me) {
    (void)alloc, (void)me;
    return 0;
}
#endif

MK_ALLOC(alloc_counts_together, COUNTING);
