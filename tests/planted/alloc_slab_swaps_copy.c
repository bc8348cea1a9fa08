/* alloc_slab_swaps_copy - the previous magazine is loaded, and stays what the previous one has in it, too.
 *
 * bug:       after the swap, its blocks are handed out twice
 * finds:     blocks | orders | reset | reuse | no_memory | batch | constructed | threads | handover | births |
 *            footprint | alloc_*
 * rule:      oracle | tsan/data-race
 * flavours:  release debug asan tsan
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define SWAP swap_copy
#endif
#include "alloc_slab.h"

#ifndef TWIN
static void swap_copy(struct thread_magazines *mine) {
    *mine->loaded = *mine->previous;
}
#endif

MK_ALLOC(alloc_slab_swaps_copy, SLAB);
