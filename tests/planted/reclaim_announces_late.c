/* reclaim_announces_late - a section is announced when the first link has been read, not before.
 *
 * bug:       a node is freed between the load of its link and the announcement
 * finds:     shared | births | history | reclaim_*
 * rule:      oracle | ?san/heap-use-after-free | tsan/data-race
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define ENTER enter_silently
#define PROTECT protect_and_announce
#endif
#include "reclaim_intervals.h"

#ifndef TWIN
static void enter_silently(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
}

static mk_link protect_and_announce(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                    MK_ATOMIC(mk_link) * source) {
    mk_link link = atomic_load_explicit(source, memory_order_seq_cst);
    (void)slot;
    base_enter(smr, me);
    return link;
}
#endif

MK_RECLAIM(reclaim_announces_late, INTERVALS);
