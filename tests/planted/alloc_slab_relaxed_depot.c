/* alloc_slab_relaxed_depot - a full magazine comes out of the depot by a relaxed exchange.
 *
 * bug:       acquire is missing: who takes the magazine races with who has filled it, and used its blocks
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      tsan/data-race
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 * only:      tsan: on x86 every access has the order that is missing here, whatever the source says
 */
#ifndef TWIN
#define TAKE_FULL take_full_relaxed
#endif
#include "alloc_slab.h"

#ifndef TWIN
static struct magazine *take_full_relaxed(struct mk_alloc *alloc) {
    return atomic_exchange_explicit(&alloc->full, NULL, memory_order_relaxed);
}
#endif

MK_ALLOC(alloc_slab_relaxed_depot, SLAB);
