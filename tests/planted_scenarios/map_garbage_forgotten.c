/* map_garbage_forgotten - what is replaced while a reader stands inside is never freed.
 *
 * scenario: map_garbage_behind_reader
 * says: garbage stays
 */
#include "map_garbage.h"

static enum mk_status forgetting_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                     mk_value *previous) {
    enum mk_status status = base_put(map, me, key, value, previous);
    pthread_mutex_lock(&map->lock);
    map->room[WAITING] += status == MK_HIT && map->room[HELD];
    pthread_mutex_unlock(&map->lock);
    return status;
}

MK_MAP(map_garbage_forgotten, GARBAGE, .put = forgetting_put);
