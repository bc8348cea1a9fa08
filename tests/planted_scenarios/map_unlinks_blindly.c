/* map_unlinks_blindly - unlinks a node by what its link said before: what was inserted behind it since is lost.
 *
 * scenario: map_insert_beside_removes
 * says: invisible
 */
#include "../planted_conformance/map_base.h"

static enum mk_status blind_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    pthread_mutex_lock(&map->lock);
    struct node *node = *base_find(map, key), *next = node ? node->next : NULL;
    pthread_mutex_unlock(&map->lock);
    if (!node) return MK_MISS;
    sched_yield();
    pthread_mutex_lock(&map->lock);
    struct node **link = base_find(map, key);
    node = *link;
    if (node) {
        struct node *lost = node->next;
        *value = node->value;
        *link = next;
        map->count--;
        if (lost != next) { /* so that no memory is lost with it */
            lost->next = map->kept;
            map->kept = lost;
        }
    }
    pthread_mutex_unlock(&map->lock);
    if (!node) return MK_MISS;
    mk_mem_free(map->mem, me, node, sizeof *node, 8);
    return MK_HIT;
}

MK_MAP(map_unlinks_blindly, BASE, .create = base_create, .count = base_count, .get = base_get, .put = base_put,
       .remove = blind_remove);
