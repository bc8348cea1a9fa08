/* alloc_rewinds_forgets - forgets the blocks of the parent that came since the mark.
 *
 * bug:       what a scope took from the parent is never given back, nor used again
 * finds:     scopes | no_memory
 * rule:      oracle
 * flavours:  release debug asan
 * pressure:  any
 * single:    fails
 */
#include "alloc_scopes.h"

static void region_rewind(struct mk_alloc *alloc, struct mk_thread *me, struct mk_mark mark) {
    (void)me;
#ifndef TWIN
    while ((uintptr_t)alloc->region.blocks != mark.word[0]) alloc->region.blocks = alloc->region.blocks->older;
#endif
    mk_region_rewind(&alloc->region, alloc->parent, mark);
}

MK_ALLOC(alloc_rewinds_forgets, SCOPES);
