/* reclaim_miscounts - reports one node less than was retired.
 *
 * case: model
 * says: nodes were retired
 */
#include "reclaim_base.h"

static size_t wrong_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    return mk_reclaim_report(smr->retired - (smr->retired > 0), smr->freed, smr->peak, 0, out, room);
}

MK_RECLAIM(reclaim_miscounts, BASE, .thread_exit = base_thread_exit, .leave = base_leave, .reserve = base_reserve,
           .retire = base_retire, .flush = base_flush, .stats = wrong_stats);
