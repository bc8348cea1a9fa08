/* map_move_clears_first - a key that moves is taken out of its old bucket before it is put into the new one.
 *
 * bug:       in neither place for a moment: readers miss a key that is always there
 * finds:     stable | owned | births | shared | history | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define MOVE move_clearing_first
#endif
#include "map_two_homes.h"

#ifndef TWIN
static void move_clearing_first(struct mk_map *map, struct mk_thread *me, struct node *copy, unsigned to,
                                MK_ATOMIC(mk_link) *link) {
    unlink_at(map, me, link);
    LINK_TO(map, copy, to);
    atomic_fetch_add_explicit(&map->moves, 1, memory_order_acq_rel);
}
#endif

MK_MAP(map_move_clears_first, TWO_HOMES);
