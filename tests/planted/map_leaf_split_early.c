/* map_leaf_split_early - lets readers into the lower half of a split leaf before the upper one can be found.
 *
 * bug:       keys that are always there are missed: the halves are published one after the other
 * finds:     stable | shared | owned | scan_beside | history | births | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define SPLIT split_leaf_first
#endif
#include "map_tree.h"

#ifndef TWIN
/* The directory is locked all the same, so that no two splits meet. */
static bool split_leaf_first(struct mk_map *map, const struct way *way, struct leaf *right) {
    uint64_t directory = begin(&map->version);
    if (directory != way->directory || !lock(&way->leaf->version, way->version)) return false;
    halve(way->leaf, right);
    UNLOCK(&way->leaf->version, way->version);
    while (!lock(&map->version, directory)) directory = begin(&map->version);
    enter_leaf(map, not_above(map->low, load(&map->leaves), load(&right->key[0])), load(&map->leaves), right);
    UNLOCK(&map->version, directory);
    return true;
}
#endif

MK_MAP(map_leaf_split_early, TREE);
