/* reclaim_last_seen - a thread that has retired nothing in a section stays announced when it leaves: once it has read,
 * it holds everything back while it is idle.
 *
 * case: bounded
 * says: is idle since
 */
#include "reclaim_base.h"

/* Looks at what waits only when nobody else is announced. */
static void forgetful_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    bool alone = true;
    pthread_mutex_lock(&smr->lock);
    for (uint32_t i = 0; i < THREADS_MAX; i++) alone = alone && (i == me->id || !smr->inside[i]);
    bool changed = smr->clock != smr->inside[me->id];
    if (changed) smr->inside[me->id] = 0;
    pthread_mutex_unlock(&smr->lock);
    if (changed && alone) base_leave(smr, me);
}

MK_RECLAIM(reclaim_last_seen, BASE, .thread_exit = base_thread_exit, .leave = forgetful_leave,
           .reserve = base_reserve, .retire = base_retire, .flush = base_flush, .stats = base_stats);
