/* reclaim_batch_counts_late - counts a link when it has been given, and lets who leaves count down from there.
 *
 * bug:       refs comes to 0 while links are still given: a batch is freed under others, or never
 * finds:     shared | births | history | reclaim_*
 * rule:      oracle | ?san/heap-use-after-free | tsan/data-race | asan/double-free | ?san/segv | ?san/bus | crash
 *            | hang
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define HAND_OUT hand_out_and_count
#endif
#include "reclaim_batches.h"

#ifndef TWIN
static void hand_out_and_count(struct mk_reclaim *smr, struct mk_thread *me, struct stay *batch, const uint32_t *id,
                               uint32_t n) {
    struct stay *link = batch->more;
    uint32_t given = 0;
    atomic_store_explicit(&batch->refs, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < n; i++) {
        struct stay *more = link->more;
        if (!give(&smr->record[id[i]], link)) continue;
        atomic_fetch_add_explicit(&batch->refs, 1, memory_order_acq_rel);
        given++;
        link = more;
    }
    if (!given) free_batch(smr, me, batch);
}
#endif

MK_RECLAIM(reclaim_batch_counts_late, BATCHES);
