/* map_answers_removed - remembers the key looked up last, and goes on answering it when it has been removed.
 *
 * case: model
 * says: the key was absent
 */
#include "map_base.h"

enum { KEY, TAG, KNOWN };

static bool stale_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    if (base_get(map, me, key, value)) {
        map->room[KEY] = key;
        map->room[TAG] = value->word[0];
        map->room[KNOWN] = true;
        return true;
    }
    if (!map->room[KNOWN] || map->room[KEY] != key) return false;
    mk_value_fill(value, map->room[TAG]);
    return true;
}

MK_MAP(map_answers_removed, BASE, .create = base_create, .count = base_count, .get = stale_get, .put = base_put,
       .remove = base_remove);
