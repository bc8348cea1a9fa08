/* map_wrong_size - gives a node back as if it were smaller.
 *
 * case: model
 * says: is freed as one of
 */
#include "map_base.h"

static enum mk_status careless_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct node **link = base_find(map, key), *node = *link;
    if (!node) return MK_MISS;
    *value = node->value;
    *link = node->next;
    map->count--;
    mk_mem_free(map->mem, me, node, sizeof *node - sizeof node->value, 8);
    return MK_HIT;
}

MK_MAP(map_wrong_size, BASE, .create = base_create, .count = base_count, .get = base_get, .put = base_put,
       .remove = careless_remove);
