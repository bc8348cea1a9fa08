/* map_links_twice - looks for the key under the lock, and links a new node under it, but not both under one: a key
 * may be there twice.
 *
 * scenario: map_put_put
 * says: both inserted
 */
#include "../planted_conformance/map_base.h"

static enum mk_status racy_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                               mk_value *previous) {
    if (base_get(map, me, key, previous)) return base_put(map, me, key, value, previous);
    sched_yield();
    pthread_mutex_lock(&map->lock);
    struct node *node = mk_mem_alloc(map->mem, me, sizeof *node, 8);
    struct node **head = &map->bucket[mk_mix64(key) & (map->buckets - 1)];
    if (node) {
        *node = (struct node){*head, key, *value};
        *head = node;
        map->count++;
    }
    pthread_mutex_unlock(&map->lock);
    return node ? MK_MISS : MK_NO_MEMORY;
}

MK_MAP(map_links_twice, BASE, .create = base_create, .count = base_count, .get = base_get, .put = racy_put,
       .remove = base_remove);
