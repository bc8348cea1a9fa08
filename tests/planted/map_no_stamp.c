/* map_no_stamp - a reader that finds the key in neither bucket does not look whether keys have moved meanwhile.
 *
 * bug:       missed while it moves: from the bucket that is yet to be looked at into the one that has been
 * finds:     stable | owned | births | shared | history | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define LOOKUP lookup_once
#endif
#include "map_two_homes.h"

#ifndef TWIN
static const struct node *lookup_once(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    struct homes homes = homes_of(key);
    const struct node *node = look_into(map, me, homes.a, key);
    return node ? node : look_into(map, me, homes.b, key);
}
#endif

MK_MAP(map_no_stamp, TWO_HOMES);
