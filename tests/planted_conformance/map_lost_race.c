/* map_lost_race - reads the previous value under the lock, and writes the new one under it, but not both under one:
 * of two replacements at once, one is lost.
 *
 * case: shared
 * says: key
 */
#include "map_base.h"

static enum mk_status racy_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                               mk_value *previous) {
    mk_value ignored;
    bool found = base_get(map, me, key, previous);
    if (found) sched_yield();
    enum mk_status status = base_put(map, me, key, value, &ignored);
    return found && status == MK_HIT ? MK_HIT : status;
}

MK_MAP(map_lost_race, BASE, .create = base_create, .count = base_count, .get = base_get, .put = racy_put,
       .remove = base_remove);
