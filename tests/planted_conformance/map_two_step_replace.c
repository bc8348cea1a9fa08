/* map_two_step_replace - replaces a key by removing and adding it: in between it is not there.
 *
 * case: stable
 * says: which is always there
 */
#include "map_base.h"

static enum mk_status two_step_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                   mk_value *previous) {
    enum mk_status status = base_remove(map, me, key, previous);
    mk_value ignored;
    sched_yield();
    base_put(map, me, key, value, &ignored);
    return status;
}

MK_MAP(map_two_step_replace, BASE, .create = base_create, .count = base_count, .get = base_get, .put = two_step_put,
       .remove = base_remove);
