/* map_shape_not_again - a reader that finds nothing says so without another look at the shape.
 *
 * bug:       misses a key that is always there: it has moved to a new bucket meanwhile
 * finds:     stable | owned | births | shared | history | map_*
 * rule:      oracle
 * flavours:  model
 * pressure:  any
 * single:    passes
 * only:      model: natively the key has to move between two loads of a reader; seconds do not always show it
 */
#ifndef TWIN
#define SHAPE_STAYS whatever_the_shape
#endif
#include "map_groups.h"

#ifndef TWIN
static bool whatever_the_shape(struct mk_map *map, uint64_t shape, bool hit) {
    return !hit || load(&map->shape) == shape;
}
#endif

MK_MAP(map_shape_not_again, GROUPS_MAP);
