/* map_short_chains - has room for 32 keys in a chain, and drops one for the 33rd.
 *
 * scenario: map_equal_hashes_finish
 * says: lost
 */
#include "../planted_conformance/map_base.h"

static enum mk_status dropping_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                   mk_value *previous) {
    uint64_t length = 0, first = 0;
    mk_value ignored;
    pthread_mutex_lock(&map->lock);
    for (struct node *node = map->bucket[mk_mix64(key) & (map->buckets - 1)]; node; node = node->next) {
        if (!length++) first = node->key;
    }
    pthread_mutex_unlock(&map->lock);
    if (length > 32) base_remove(map, me, first, &ignored);
    return base_put(map, me, key, value, previous);
}

MK_MAP(map_short_chains, BASE, .create = base_create, .count = base_count, .get = base_get, .put = dropping_put,
       .remove = base_remove);
