/* map_torn - copies a value of 64 bytes in two halves, each under the lock, but not both under one.
 *
 * case: stable
 * says: half of one value
 */
#define MK_VALUE_BYTES 64
#include "map_base.h"

static bool halving_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_value first, second;
    bool found = base_get(map, me, key, &first);
    sched_yield();
    found = base_get(map, me, key, &second) && found;
    if (!found) return false;
    memcpy(value, &first, sizeof first / 2);
    memcpy((char *)value + sizeof first / 2, (char *)&second + sizeof first / 2, sizeof first / 2);
    return true;
}

MK_MAP(map_torn, BASE, .create = base_create, .count = base_count, .get = halving_get, .put = base_put,
       .remove = base_remove);
