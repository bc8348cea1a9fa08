/* map_update_in_two_steps - updates by a get and a put.
 *
 * scenario: map_updates_add_up
 * says: lost
 */
#include "../planted_conformance/map_base.h"

static enum mk_status racy_update(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_update_fn *change,
                                  void *arg) {
    mk_value value, ignored;
    if (!base_get(map, me, key, &value)) return MK_MISS;
    change(&value, arg);
    sched_yield();
    return base_put(map, me, key, &value, &ignored);
}

MK_MAP(map_update_in_two_steps, BASE, .create = base_create, .count = base_count, .get = base_get, .put = base_put,
       .remove = base_remove, .update = racy_update);
