/* alloc_shares_region - every second thread bumps the same pointer.
 *
 * bug:       what is to be a thread's own is not: two take from one chunk without a lock, and get one block
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      tsan/data-race | oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#define REGION_OF shared_region_of
#include "alloc_regions.h"

static struct mk_region *REGION_OF(struct mk_alloc *alloc, const struct mk_thread *me) {
#ifdef TWIN
    return &alloc->of[me->id].region;
#else
    return &alloc->of[me->id / 2].region;
#endif
}

MK_ALLOC(alloc_shares_region, REGIONS);
