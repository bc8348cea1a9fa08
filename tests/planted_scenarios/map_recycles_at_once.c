/* map_recycles_at_once - the node that a put replaces serves the next put, although a reader may be at it.
 *
 * scenario: map_late_reader
 * says: another value
 * flavours: release debug
 */
#include "../planted_conformance/map_base.h"

static enum mk_status recycling_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                    mk_value *previous) {
    enum mk_status status = MK_HIT;
    pthread_mutex_lock(&map->lock);
    struct node **link = base_find(map, key), *old = *link, *fresh = map->kept;
    if (!old) {
        status = base_add(map, me, key, value);
    } else if (!fresh && !(fresh = mk_mem_alloc(map->mem, me, sizeof *fresh, 8))) {
        status = MK_NO_MEMORY;
    } else {
        *previous = old->value;
        *fresh = (struct node){old->next, key, *value};
        *link = fresh;
        old->next = NULL;
        map->kept = old;
    }
    pthread_mutex_unlock(&map->lock);
    return status;
}

static bool late_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    pthread_mutex_lock(&map->lock);
    volatile struct node *node = *base_find(map, key);
    pthread_mutex_unlock(&map->lock);
    sched_yield();
    if (node) *value = node->value;
    return node != NULL;
}

MK_MAP(map_recycles_at_once, BASE, .create = base_create, .count = base_count, .get = late_get,
       .put = recycling_put, .remove = base_remove);
