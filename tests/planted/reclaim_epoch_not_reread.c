/* reclaim_epoch_not_reread - protect does not look at the epoch again: a section has the one of its beginning.
 *
 * bug:       a node younger than the section is not held
 * finds:     shared | births | history | reclaim_*
 * rule:      oracle | ?san/heap-use-after-free | tsan/data-race
 * flavours:  debug tsan model
 * pressure:  points
 * single:    passes
 * only:      debug, tsan: it takes a wait between two instructions, and the points where threads are made to
 *            wait
 */
#ifndef TWIN
#define PROTECT protect_as_begun
#endif
#include "reclaim_intervals.h"

#ifndef TWIN
static mk_link protect_as_begun(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                MK_ATOMIC(mk_link) * source) {
    (void)smr, (void)me, (void)slot;
    return atomic_load_explicit(source, memory_order_seq_cst);
}
#endif

MK_RECLAIM(reclaim_epoch_not_reread, INTERVALS);
