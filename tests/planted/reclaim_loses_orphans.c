/* reclaim_loses_orphans - a thread that leaves while others are at the orphans does not wait for them, and its
 * garbage is nobody's.
 *
 * bug:       garbage of threads that have gone is neither adopted nor freed
 * finds:     shared | births | history | reclaim_*
 * rule:      oracle
 * flavours:  release debug model
 * pressure:  any
 * single:    passes
 * only:      release, debug: in a sanitizer's build there are too few trials in time
 */
#ifndef TWIN
#define BEQUEATH bequeath_unless_busy
#endif
#include "reclaim_intervals.h"

#ifndef TWIN
static void bequeath_unless_busy(struct mk_reclaim *smr, struct record *my) {
    if (pthread_mutex_trylock(&smr->lock) == 0) {
        smr->orphans = join(my->waiting, smr->orphans);
        pthread_mutex_unlock(&smr->lock);
    }
    my->waiting = NULL;
}
#endif

MK_RECLAIM(reclaim_loses_orphans, INTERVALS);
