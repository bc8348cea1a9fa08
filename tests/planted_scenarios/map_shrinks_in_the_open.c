/* map_shrinks_in_the_open - lets readers in while the smaller table is not yet full.
 *
 * scenario: map_readers_across_shrinks
 * says: missed
 */
#include "../planted_conformance/map_base.h"

static enum mk_status open_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    enum mk_status status = base_remove(map, me, key, value);
    pthread_mutex_lock(&map->lock);
    if (status == MK_HIT && map->count % 32 == 0) { /* often, so that it is seen soon */
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
    return status;
}

MK_MAP(map_shrinks_in_the_open, BASE, .create = base_create, .count = base_count, .get = base_get, .put = base_put,
       .remove = open_remove);
