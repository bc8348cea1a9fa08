/* reclaim_never - frees nothing before it is flushed, and does not say so.
 *
 * case: bounded
 * says: after four times as many
 */
#include "reclaim_base.h"

static void idle_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    pthread_mutex_lock(&smr->lock);
    smr->inside[me->id] = 0;
    pthread_mutex_unlock(&smr->lock);
}

MK_RECLAIM(reclaim_never, BASE, .thread_exit = base_thread_exit, .leave = idle_leave, .reserve = base_reserve,
           .retire = base_retire, .flush = base_flush, .stats = base_stats);
