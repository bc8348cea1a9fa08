/* reclaim_quiet_midway - takes protect for a quiescent state, when a link has been read already.
 *
 * bug:       announced too early: a node is freed that the section has a link to
 * finds:     shared | births | history | reclaim_*
 * rule:      oracle | ?san/heap-use-after-free | tsan/data-race
 * flavours:  tsan model
 * pressure:  points
 * single:    passes
 * only:      tsan: it takes a wait between two instructions and another one before the section ends, and a race
 *            that shows without the node being seen spoiled
 */
#ifndef TWIN
#define PROTECT protect_quietly
#endif
#include "reclaim_quiet.h"

#ifndef TWIN
static mk_link protect_quietly(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                               MK_ATOMIC(mk_link) * source) {
    mk_link link = atomic_load_explicit(source, memory_order_seq_cst);
    (void)slot;
    say_inside(&smr->record[me->id], atomic_load_explicit(&smr->epoch, memory_order_acquire));
    return link;
}
#endif

MK_RECLAIM(reclaim_quiet_midway, QUIET);
