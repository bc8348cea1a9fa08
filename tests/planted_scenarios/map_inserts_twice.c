/* map_inserts_twice - inserts if absent in two steps, each under the lock, but not both under one.
 *
 * scenario: map_insert_once
 * says: both won
 */
#include "../planted_conformance/map_base.h"

static enum mk_status racy_insert(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                  mk_value *present) {
    mk_value ignored;
    if (base_get(map, me, key, present)) return MK_HIT;
    sched_yield();
    base_put(map, me, key, value, &ignored);
    return MK_MISS;
}

MK_MAP(map_inserts_twice, BASE, .create = base_create, .count = base_count, .get = base_get, .put = base_put,
       .remove = base_remove, .insert_if_absent = racy_insert);
