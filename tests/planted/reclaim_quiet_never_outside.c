/* reclaim_quiet_never_outside - a thread that leaves takes note of the epoch, and does not say that it is outside.
 *
 * bug:       garbage without bound: a registered thread that is idle holds all that comes
 * finds:     bounded
 * rule:      oracle
 * says:      has read and is idle since
 * flavours:  release debug
 * pressure:  any
 * single:    fails
 * only:      release, debug: what waits is looked through again and again, which takes too long in a sanitizer's
 *             build
 */
#ifndef TWIN
#define LEAVE leave_inside
#endif
#include "reclaim_quiet.h"

#ifndef TWIN
static void leave_inside(struct mk_reclaim *smr, struct mk_thread *me) {
    say_inside(&smr->record[me->id], atomic_load_explicit(&smr->epoch, memory_order_acquire));
}
#endif

MK_RECLAIM(reclaim_quiet_never_outside, QUIET);
