/* map_unlocks_early - get finds the node under the lock, and reads its value after the unlock.
 *
 * bug:       unlocked too early: the node is freed before its value is read
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      ?san/heap-use-after-free | tsan/data-race | ?san/segv | ?san/bus | crash | hang | oracle
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define GET get_and_unlock
#endif
#include "map_striped.h"

#ifndef TWIN
static bool get_and_unlock(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct stripe *stripe = stripe_of(map, key);
    (void)me;
    LOCK(stripe);
    const struct node *node = *link_of(table_of(map), key);
    UNLOCK(stripe);
    if (!node) return false;
    *value = node->value;
    return true;
}
#endif

MK_MAP(map_unlocks_early, STRIPED);
