/* map_lost_update - forgets the second of two replacements of one key in a row.
 *
 * case: model
 * says: answers hit, value
 */
#include "map_base.h"

enum { LAST_KEY, TIMES };

static enum mk_status lossy_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                mk_value *previous) {
    map->room[TIMES] = map->room[LAST_KEY] == key ? map->room[TIMES] + 1 : 0;
    map->room[LAST_KEY] = key;
    if (map->room[TIMES] == 2 && base_get(map, me, key, previous)) return MK_HIT;
    return base_put(map, me, key, value, previous);
}

MK_MAP(map_lost_update, BASE, .create = base_create, .count = base_count, .get = base_get, .put = lossy_put,
       .remove = base_remove);
