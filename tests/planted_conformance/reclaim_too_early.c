/* reclaim_too_early - frees what is retired when its own section ends: readers find it spoiled.
 *
 * case: shared
 * says: cell
 * flavours: release debug
 */
#define SLOW_READERS
#include "reclaim_base.h"

static void blind_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    pthread_mutex_lock(&smr->lock);
    smr->inside[me->id] = 0;
    struct waiting *all = base_older(smr, UINT64_MAX);
    pthread_mutex_unlock(&smr->lock);
    base_free(smr, me, all);
}

MK_RECLAIM(reclaim_too_early, BASE, .thread_exit = base_thread_exit, .leave = blind_leave, .reserve = base_reserve,
           .retire = base_retire, .flush = base_flush, .stats = base_stats);
