/* reclaim_orphans - what a thread leaves retired when it exits is nobody's.
 *
 * case: births
 * says: nodes
 */
#include "reclaim_base.h"

static void careless_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    pthread_mutex_lock(&smr->lock);
    for (struct waiting **link = &smr->waiting, *at; (at = *link);) {
        if (at->owner != me->id) {
            link = &at->next;
            continue;
        }
        *link = at->next;
        at->next = smr->lost;
        smr->lost = at;
    }
    pthread_mutex_unlock(&smr->lock);
}

/* Looks at what waits only every hundredth time, so that threads do leave something. */
static void lazy_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    pthread_mutex_lock(&smr->lock);
    bool pays = smr->clock % 100 == 0;
    smr->inside[me->id] = 0;
    pthread_mutex_unlock(&smr->lock);
    if (pays) base_leave(smr, me);
}

MK_RECLAIM(reclaim_orphans, BASE, .thread_exit = careless_exit, .leave = lazy_leave, .reserve = base_reserve,
           .retire = base_retire, .flush = base_flush, .stats = base_stats);
