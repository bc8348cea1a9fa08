/* map_oom_changes - a put that replaces by removing and adding leaves the key absent where memory is refused.
 *
 * case: no_memory
 * says: answers miss
 */
#include "map_base.h"

static enum mk_status hasty_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                mk_value *previous) {
    enum mk_status removed = base_remove(map, me, key, previous);
    mk_value ignored;
    enum mk_status status = base_put(map, me, key, value, &ignored);
    return status == MK_MISS ? removed : status;
}

MK_MAP(map_oom_changes, BASE, .create = base_create, .count = base_count, .get = base_get, .put = hasty_put,
       .remove = base_remove);
