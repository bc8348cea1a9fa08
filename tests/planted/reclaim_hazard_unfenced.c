/* reclaim_hazard_unfenced - protect publishes the node by a release store: the look at the link may come before it.
 *
 * bug:       the order of a store and a later load is missing: a node is freed that was published too late
 * finds:     shared | births | history | reclaim_*
 * rule:      oracle
 * flavours:  model
 * pressure:  any
 * single:    passes
 * only:      model: the store leaves the buffer of the CPU long before anything could be freed, and
 *            ThreadSanitizer sees accesses one after another
 */
#ifndef TWIN
#define PROTECT protect_by_store
#endif
#include "reclaim_hazards.h"

#ifndef TWIN
static mk_link protect_by_store(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                MK_ATOMIC(mk_link) * source) {
    mk_link link = atomic_load_explicit(source, memory_order_acquire);
    for (;;) {
        atomic_store_explicit(&smr->record[me->id].word[slot], link & ~MK_LINK_FLAGS, memory_order_release);
        mk_link now = atomic_load_explicit(source, memory_order_acquire);
        if (now == link) return link;
        link = now;
    }
}
#endif

MK_RECLAIM(reclaim_hazard_unfenced, HAZARDS);
