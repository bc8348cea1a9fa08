/* reclaim_drain_skipped - looks at what waits when a section begins in a new epoch, and takes up an epoch when it
 * ends the one before.
 *
 * bug:       garbage without bound: the thread that ends the epochs finds itself in the newest, and never looks
 * finds:     bounded | births
 * rule:      oracle
 * flavours:  release debug tsan
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define ENTER enter_and_drain
#define RETIRE retire_and_go_on
#endif
#include "reclaim_intervals.h"

#ifndef TWIN
static void enter_and_drain(struct mk_reclaim *smr, struct mk_thread *me) {
    struct record *my = &smr->record[me->id];
    uint64_t epoch = atomic_load_explicit(&smr->epoch, memory_order_acquire);
    announce(my, epoch, epoch);
    if (my->spare == epoch) return; /* nothing new */
    my->spare = epoch;
    look(smr, me, my);
}

static void retire_and_go_on(struct mk_reclaim *smr, struct mk_thread *me, void *node,
                             const struct mk_retire *how) {
    struct record *my = &smr->record[me->id];
    wait_on(smr, my, node, how);
    if (++my->since < PERIOD) return;
    my->since = 0;
    my->spare = atomic_fetch_add_explicit(&smr->epoch, 1, memory_order_acq_rel) + 1;
}
#endif

MK_RECLAIM(reclaim_drain_skipped, INTERVALS);
