/* map_lost_count - counts its keys by a load and a store.
 *
 * bug:       the count loses keys: it is no read-modify-write
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      oracle
 * says:      count
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define COUNT count_by_store
#endif
#include "map_striped.h"

#ifndef TWIN
static void count_by_store(struct mk_map *map, int by) {
    uint64_t count = atomic_load_explicit(&map->count, memory_order_relaxed);
    atomic_store_explicit(&map->count, count + (uint64_t)by, memory_order_relaxed);
}
#endif

MK_MAP(map_lost_count, STRIPED);
