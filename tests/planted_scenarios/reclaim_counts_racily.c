/* reclaim_counts_racily - counts what is retired in two steps: of two retirements at once one is not counted.
 *
 * scenario: reclaim_two_retirers
 * says: miscounted
 */
#include "../planted_conformance/reclaim_base.h"

static uint64_t read_count(struct mk_reclaim *smr) {
    pthread_mutex_lock(&smr->lock);
    uint64_t now = smr->retired;
    pthread_mutex_unlock(&smr->lock);
    return now;
}

static void racy_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node, const struct mk_retire *how) {
    uint64_t now = read_count(smr);
    if (now % 16 == 0) sched_yield();
    base_retire(smr, me, node, how);
    pthread_mutex_lock(&smr->lock);
    smr->retired = now + 1;
    pthread_mutex_unlock(&smr->lock);
}

MK_RECLAIM(reclaim_counts_racily, BASE, .thread_exit = base_thread_exit, .leave = base_leave,
           .reserve = base_reserve, .retire = racy_retire, .flush = base_flush, .stats = base_stats);
