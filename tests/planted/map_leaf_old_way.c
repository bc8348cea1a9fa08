/* map_leaf_old_way - does not look again whether the directory is as it was when it named the leaf.
 *
 * bug:       goes to a leaf that has been split since, and misses what lies in the upper half, or puts it there
 *            twice
 * finds:     stable | shared | owned | scan_beside | history | births | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define STILL_THE_WAY takes_it_for_granted
#endif
#include "map_tree.h"

#ifndef TWIN
static bool takes_it_for_granted(struct mk_map *map, const struct way *way) {
    (void)map, (void)way;
    return true;
}
#endif

MK_MAP(map_leaf_old_way, TREE);
