/* reclaim_hazard_unchecked - protect publishes the node, and does not look whether it is linked still.
 *
 * bug:       a node is freed between the load of its link and its publication
 * finds:     shared | births | history | reclaim_*
 * rule:      oracle | ?san/heap-use-after-free | tsan/data-race
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define PROTECT protect_unchecked
#endif
#include "reclaim_hazards.h"

#ifndef TWIN
static mk_link protect_unchecked(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                 MK_ATOMIC(mk_link) * source) {
    mk_link link = atomic_load_explicit(source, memory_order_seq_cst);
    atomic_exchange_explicit(&smr->record[me->id].word[slot], link & ~MK_LINK_FLAGS, memory_order_acq_rel);
    return link;
}
#endif

MK_RECLAIM(reclaim_hazard_unchecked, HAZARDS);
