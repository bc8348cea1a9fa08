/* map_grows_in_the_open - lets readers in while the new table is not yet full.
 *
 * scenario: map_readers_across_resizes
 * says: missed
 */
#include "../planted_conformance/map_base.h"

static enum mk_status open_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                               mk_value *previous) {
    pthread_mutex_lock(&map->lock);
    if (map->count == map->buckets && !*base_find(map, key)) {
        struct node **bucket = map->bucket, *none[1] = {NULL};
        uint64_t buckets = map->buckets;
        map->bucket = none;
        map->buckets = 1;
        pthread_mutex_unlock(&map->lock);
        sched_yield();
        pthread_mutex_lock(&map->lock);
        map->bucket = bucket;
        map->buckets = buckets;
    }
    pthread_mutex_unlock(&map->lock);
    return base_put(map, me, key, value, previous);
}

MK_MAP(map_grows_in_the_open, BASE, .create = base_create, .count = base_count, .get = base_get, .put = open_put,
       .remove = base_remove);
