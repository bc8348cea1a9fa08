/* map_finishes_later - a put that finds the table full is over before the new one is: its thread's next operation
 * puts in the keys that were there.
 *
 * scenario: map_reader_between_puts
 * says: missed
 */
#include "../planted_conformance/map_base.h"

#define FULL 48

static struct node *none[1]; /* the new table, as long as nothing is in it */

static void finish(struct mk_map *map) {
    pthread_mutex_lock(&map->lock);
    if (map->room[0]) {
        map->buckets = map->room[0];
        map->bucket = (struct node **)(uintptr_t)map->room[1];
        map->room[0] = 0;
    }
    pthread_mutex_unlock(&map->lock);
}

static enum mk_status hasty_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                mk_value *previous) {
    finish(map);
    enum mk_status status = base_put(map, me, key, value, previous);
    pthread_mutex_lock(&map->lock);
    if (status == MK_MISS && map->count == FULL + 1) {
        map->room[0] = map->buckets;
        map->room[1] = (uintptr_t)map->bucket;
        map->buckets = 1;
        map->bucket = none;
    }
    pthread_mutex_unlock(&map->lock);
    return status;
}

static enum mk_status remove_after_all(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    finish(map);
    return base_remove(map, me, key, value);
}

MK_MAP(map_finishes_later, BASE, .create = base_create, .count = base_count, .get = base_get, .put = hasty_put,
       .remove = remove_after_all);
