/* alloc_rewinds_forgets - forgets the blocks of the parent that came since the mark.
 *
 * bug:       what a scope took from the parent is never given back, nor used again
 * finds:     scopes | no_memory
 * rule:      oracle | lsan/leak
 * flavours:  release debug asan
 * pressure:  any
 * single:    fails
 */
#define REWIND and_forget
#include "alloc_regions.h"

static void REWIND(struct mk_region *region, struct mk_mem *parent, struct mk_mark mark) {
#ifndef TWIN
    while ((uintptr_t)region->blocks != mark.word[0]) region->blocks = region->blocks->older;
#endif
    mk_region_rewind(region, parent, mark);
}

MK_ALLOC(alloc_rewinds_forgets, REGIONS);
