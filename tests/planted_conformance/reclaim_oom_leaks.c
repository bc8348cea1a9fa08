/* reclaim_oom_leaks - promises room that it cannot have, and then drops the node.
 *
 * case: no_memory
 * says: never given back
 */
#include "reclaim_base.h"

static bool promise(struct mk_reclaim *smr, struct mk_thread *me, unsigned n) {
    base_reserve(smr, me, n);
    return true;
}

static void dropping_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node, const struct mk_retire *how) {
    if (smr->spare[me->id]) base_retire(smr, me, node, how);
}

MK_RECLAIM(reclaim_oom_leaks, BASE, .thread_exit = base_thread_exit, .leave = base_leave, .reserve = promise,
           .retire = dropping_retire, .flush = base_flush, .stats = base_stats);
