/* map_retire_on_mark - a node is retired by whoever marks it, whether it is out of the chain or not.
 *
 * bug:       retired while still linked: the unlinking failed and is not made up for
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      ?san/heap-use-after-free | tsan/data-race | ?san/segv | ?san/bus | crash | hang | oracle
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define DROP drop_on_mark
#endif
#include "map_lockfree.h"

#ifndef TWIN
/* One attempt to unlink. Where the link before has changed (its node is marked, too), the node stays linked. */
static void drop_on_mark(struct mk_map *map, struct mk_thread *me, const struct place *place, mk_link successor) {
    mk_link expected = (mk_link)place->node;
    atomic_compare_exchange_strong_explicit(place->from, &expected, successor, memory_order_acq_rel,
                                            memory_order_relaxed);
    mk_retire(map->smr, me, place->node, &map->how);
}
#endif

MK_MAP(map_retire_on_mark, LOCKFREE);
