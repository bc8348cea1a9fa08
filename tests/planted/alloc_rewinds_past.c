/* alloc_rewinds_past - goes back to where a block of the parent begins, not to the mark.
 *
 * bug:       a rewind takes blocks of before the mark with it, and gives them out again
 * finds:     scopes | no_memory
 * rule:      oracle | asan/use-after-poison
 * flavours:  release debug asan
 * pressure:  any
 * single:    fails
 */
#define REWIND too_far
#include "alloc_regions.h"

static void REWIND(struct mk_region *region, struct mk_mem *parent, struct mk_mark mark) {
#ifndef TWIN
    if (mark.word[0]) mark.word[1] = (uintptr_t)((struct mk_region_block *)mark.word[0] + 1);
#endif
    mk_region_rewind(region, parent, mark);
}

MK_ALLOC(alloc_rewinds_past, REGIONS);
