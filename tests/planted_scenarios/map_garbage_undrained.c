/* map_garbage_undrained - frees nothing until it is told to flush.
 *
 * scenario: map_garbage_beside_idle_thread
 * says: grows
 */
#include "map_garbage.h"

static enum mk_status hoarding_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                   mk_value *previous) {
    enum mk_status status = base_put(map, me, key, value, previous);
    pthread_mutex_lock(&map->lock);
    map->room[PEAK] += status == MK_HIT;
    pthread_mutex_unlock(&map->lock);
    return status;
}

MK_MAP(map_garbage_undrained, GARBAGE, .put = hoarding_put);
