/* reclaim_sound - the twin of all planted reclaimers: nothing is wrong with it.
 *
 * case: none
 */
#include "reclaim_base.h"

MK_RECLAIM(reclaim_sound, BASE, .thread_exit = base_thread_exit, .leave = base_leave, .reserve = base_reserve,
           .retire = base_retire, .flush = base_flush, .stats = base_stats);
