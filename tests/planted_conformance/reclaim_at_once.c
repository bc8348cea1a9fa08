/* reclaim_at_once - frees what is retired when its own section ends, whoever else is inside.
 *
 * case: held
 * says: so some that it could reach
 */
#include "reclaim_base.h"

static void blind_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    pthread_mutex_lock(&smr->lock);
    smr->inside[me->id] = 0;
    struct waiting *all = base_older(smr, UINT64_MAX);
    pthread_mutex_unlock(&smr->lock);
    base_free(smr, me, all);
}

MK_RECLAIM(reclaim_at_once, BASE, .thread_exit = base_thread_exit, .leave = blind_leave, .reserve = base_reserve,
           .retire = base_retire, .flush = base_flush, .stats = base_stats);
