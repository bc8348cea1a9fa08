/* map_abba - locks the two buckets of a key in the order of the key, not of the buckets.
 *
 * bug:       deadlock: two threads hold what the other waits for
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      hang | tsan/lock-order-inversion*
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define LOCK_BOTH lock_in_turn
#endif
#include "map_two_homes.h"

#ifndef TWIN
static void lock_in_turn(struct mk_map *map, struct homes homes) {
    pthread_mutex_lock(&map->lock[homes.a]);
    pthread_mutex_lock(&map->lock[homes.b]);
}
#endif

MK_MAP(map_abba, TWO_HOMES);
