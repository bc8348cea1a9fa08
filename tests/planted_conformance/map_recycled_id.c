/* map_recycled_id - counts by thread, and starts anew when an id is used again.
 *
 * case: births
 * says: counts
 */
#include "map_base.h"

static int forgetful_enter(struct mk_map *map, struct mk_thread *me) {
    map->room[me->id % 8] = 0;
    return 0;
}

static enum mk_status counting_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                   mk_value *previous) {
    enum mk_status status = base_put(map, me, key, value, previous);
    map->room[me->id % 8] += status == MK_MISS;
    return status;
}

static enum mk_status counting_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    enum mk_status status = base_remove(map, me, key, value);
    map->room[me->id % 8] -= status == MK_HIT;
    return status;
}

static uint64_t sum(struct mk_map *map) {
    uint64_t count = 0;
    for (int i = 0; i < 8; i++) count += map->room[i];
    return count;
}

MK_MAP(map_recycled_id, BASE, .create = base_create, .thread_enter = forgetful_enter, .count = sum, .get = base_get,
       .put = counting_put, .remove = counting_remove);
