/* map_frees_at_once - frees an unlinked node at once, without the reclaimer.
 *
 * bug:       freed under a reader
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      ?san/heap-use-after-free | tsan/data-race | ?san/segv | ?san/bus | crash | hang | oracle
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define UNLINK unlink_and_free
#endif
#include "map_lockfree.h"

#ifndef TWIN
static bool unlink_and_free(struct mk_map *map, struct mk_thread *me, const struct place *place,
                            mk_link successor) {
    mk_link expected = (mk_link)place->node;
    if (!atomic_compare_exchange_strong_explicit(place->from, &expected, successor, memory_order_acq_rel,
                                                 memory_order_relaxed)) {
        return false;
    }
    mk_mem_cache_free(&map->nodes, me, place->node);
    return true;
}
#endif

MK_MAP(map_frees_at_once, LOCKFREE);
