/* map_drops_neighbour - finds a key's place in its chain under one lock, and takes out what is at that place under
 * another: by then it may be a neighbour.
 *
 * case: owned
 * says: answers
 */
#include "map_base.h"

static enum mk_status dropping_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    unsigned place = 0;
    pthread_mutex_lock(&map->lock);
    struct node *node = map->bucket[mk_mix64(key) & (map->buckets - 1)];
    for (; node && node->key != key; node = node->next) place++;
    if (node) *value = node->value;
    pthread_mutex_unlock(&map->lock);
    if (!node) return MK_MISS;
    sched_yield();
    pthread_mutex_lock(&map->lock);
    struct node **link = &map->bucket[mk_mix64(key) & (map->buckets - 1)];
    while (*link && place--) link = &(*link)->next;
    node = *link;
    if (node) {
        *link = node->next;
        map->count--;
    }
    pthread_mutex_unlock(&map->lock);
    if (node) mk_mem_free(map->mem, me, node, sizeof *node, 8);
    return MK_HIT;
}

MK_MAP(map_drops_neighbour, BASE, .create = base_create, .count = base_count, .get = base_get, .put = base_put,
       .remove = dropping_remove);
