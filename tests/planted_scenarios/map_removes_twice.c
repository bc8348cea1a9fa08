/* map_removes_twice - answers a removal from a look that came before it.
 *
 * scenario: map_remove_remove
 * says: both took it
 */
#include "../planted_conformance/map_base.h"

static enum mk_status racy_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_value ignored;
    if (!base_get(map, me, key, value)) return MK_MISS;
    sched_yield();
    base_remove(map, me, key, &ignored);
    return MK_HIT;
}

MK_MAP(map_removes_twice, BASE, .create = base_create, .count = base_count, .get = base_get, .put = base_put,
       .remove = racy_remove);
