/* map_loses_in_growth - a table that grows beyond 4096 buckets leaves a node behind.
 *
 * case: growth
 * says: answers miss
 */
#include "map_base.h"

static enum mk_status losing_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                 mk_value *previous) {
    if (map->buckets == 4096 && map->count == 4096 && !*base_find(map, key)) base_grow(map, me, 1);
    return base_put(map, me, key, value, previous);
}

MK_MAP(map_loses_in_growth, BASE, .create = base_create, .count = base_count, .get = base_get, .put = losing_put,
       .remove = base_remove);
