/* map_leaves_in_growth - a table that has grown beyond 2048 buckets leaves nodes behind.
 *
 * scenario: map_walk_after_resizes
 * says: missed
 */
#include "../planted_conformance/map_base.h"

static enum mk_status losing_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                 mk_value *previous) {
    pthread_mutex_lock(&map->lock);
    uint64_t lost = map->buckets == 2048 && map->count == 2048 ? 200 : 0;
    if (lost) base_grow(map, me, lost);
    pthread_mutex_unlock(&map->lock);
    return base_put(map, me, key, value, previous);
}

MK_MAP(map_leaves_in_growth, BASE, .create = base_create, .count = base_count, .get = base_get, .put = losing_put,
       .remove = base_remove);
