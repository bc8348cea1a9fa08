/* reclaim_adopts_twice - takes the orphans over without their lock.
 *
 * bug:       double free: two threads take over the same garbage
 * finds:     shared | births | history | reclaim_*
 * rule:      tsan/data-race | ?san/heap-use-after-free | asan/double-free | ?san/segv | ?san/bus | crash | hang
 *            | oracle
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define ADOPT adopt_unlocked
#endif
#include "reclaim_intervals.h"

#ifndef TWIN
static void adopt_unlocked(struct mk_reclaim *smr, struct record *my) {
    my->waiting = join(smr->orphans, my->waiting);
    smr->orphans = NULL;
}
#endif

MK_RECLAIM(reclaim_adopts_twice, INTERVALS);
