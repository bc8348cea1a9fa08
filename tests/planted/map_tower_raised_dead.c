/* map_tower_raised_dead - retires a tower that is out of level 0, though it is being linked at the levels above.
 *
 * bug:       a tower is freed while it is linked at an upper level, or about to be
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      ?san/heap-use-after-free | lsan/leak | tsan/data-race | ?san/segv | ?san/bus | crash | hang | oracle
 * flavours:  release debug model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define UNLINKED retire_at_bottom
#endif
#include "map_skips.h"

#ifndef TWIN
static void retire_at_bottom(struct mk_map *map, struct mk_thread *me, struct node *node, unsigned level) {
    if (level == 0) drop(map, me, node, atomic_load_explicit(&node->references, memory_order_relaxed));
}
#endif

MK_MAP(map_tower_raised_dead, SKIPS);
