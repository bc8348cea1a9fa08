/* map_count_off - counts a replacement as a new key.
 *
 * case: model
 * says: counts
 */
#include "map_base.h"

static enum mk_status counting_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                   mk_value *previous) {
    enum mk_status status = base_put(map, me, key, value, previous);
    __atomic_fetch_add(&map->room[0], status == MK_HIT, __ATOMIC_RELAXED);
    return status;
}

static uint64_t wrong_count(struct mk_map *map) {
    return map->count + map->room[0];
}

MK_MAP(map_count_off, BASE, .create = base_create, .count = wrong_count, .get = base_get, .put = counting_put,
       .remove = base_remove);
