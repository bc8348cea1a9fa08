/* map_lost_update - update reads the value under the lock, and writes what it has made of it under the lock, but
 * not under one.
 *
 * bug:       an update is lost: two threads read the same value
 * finds:     shared | history | map_updates_add_up
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define UPDATE update_in_two
#endif
#include "map_striped.h"

#ifndef TWIN
static enum mk_status update_in_two(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_update_fn *change,
                                    void *arg) {
    mk_value value;
    if (!GET(map, me, key, &value)) return MK_MISS;
    change(&value, arg);
    LOCK(stripe_of(map, key));
    struct node *node = *link_of(table_of(map), key);
    if (node) node->value = value;
    UNLOCK(stripe_of(map, key));
    return node ? MK_HIT : MK_MISS;
}
#endif

MK_MAP(map_lost_update, STRIPED);
