/* map_oom_keeps_lock - a put that finds no memory returns with the lock.
 *
 * bug:       the lock is kept on the way out when memory is refused
 * finds:     no_memory | shared | owned | stable | births | history | map_*
 * rule:      hang
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define PUT put_and_keep
#endif
#include "map_striped.h"

#ifndef TWIN
static enum mk_status put_and_keep(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                   mk_value *previous) {
    struct stripe *stripe = stripe_of(map, key);
    LOCK(stripe);
    struct node **link = link_of(table_of(map), key), *node = *link;
    if (node) {
        *previous = node->value;
        node->value = *value;
        UNLOCK(stripe);
        return MK_HIT;
    }
    node = mk_mem_cache_alloc(&map->nodes, me);
    if (!node) return MK_NO_MEMORY;
    *node = (struct node){NULL, key, *value};
    *link = node;
    uint64_t buckets = table_of(map)->mask + 1;
    UNLOCK(stripe);
    COUNT(map, 1);
    if (is_small(map, buckets)) GROW(map, me);
    return MK_MISS;
}
#endif

MK_MAP(map_oom_keeps_lock, STRIPED);
