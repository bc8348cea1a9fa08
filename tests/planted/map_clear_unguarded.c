/* map_clear_unguarded - the bit that says that a bucket is in use is cleared after the unlock.
 *
 * bug:       an insert becomes invisible: its bit is cleared by who emptied the bucket before
 * finds:     owned | shared | stable | births | history | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define UNLOCK_BOTH unlock_and_clear
#endif
#include "map_two_homes.h"

#ifndef TWIN
static void unlock_and_clear(struct mk_map *map, struct homes homes) {
    bool empty_a = !link_in(&map->head[homes.a]), empty_b = !link_in(&map->head[homes.b]);
    pthread_mutex_unlock(&map->lock[homes.a]);
    pthread_mutex_unlock(&map->lock[homes.b]);
    if (empty_a) {
        atomic_fetch_and_explicit(&map->used[homes.a / 64], ~((uint64_t)1 << homes.a % 64), memory_order_acq_rel);
    }
    if (empty_b) {
        atomic_fetch_and_explicit(&map->used[homes.b / 64], ~((uint64_t)1 << homes.b % 64), memory_order_acq_rel);
    }
}
#endif

MK_MAP(map_clear_unguarded, TWO_HOMES);
