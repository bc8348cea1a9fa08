/* map_tag_of_nobody - tags begin at 1, so that a free slot is taken for a match above a true one.
 *
 * bug:       a key that has gone is found where it was
 * finds:     model | growth | held | batch | owned | stable | births | shared | history | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define TAG tag_from_one
#endif
#include "map_groups.h"

#ifndef TWIN
static uint64_t tag_from_one(uint64_t hash) {
    return (hash >> 16 & 2) | 1; /* not 0, which is for what is free */
}
#endif

MK_MAP(map_tag_of_nobody, GROUPS_MAP);
