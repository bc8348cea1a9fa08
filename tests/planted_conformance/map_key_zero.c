/* map_key_zero - takes key 0 for a free place.
 *
 * case: model
 * says: get of 0x0
 */
#include "map_base.h"

static bool blind_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    return key && base_get(map, me, key, value);
}

MK_MAP(map_key_zero, BASE, .create = base_create, .count = base_count, .get = blind_get, .put = base_put,
       .remove = base_remove);
