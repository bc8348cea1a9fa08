/* map_retries_in_place - who cannot unlink a node tries again at the same place, for ever.
 *
 * bug:       livelock: the link before belongs to a node that is gone, too, and never changes again
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      hang
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define DROP drop_in_place
#endif
#include "map_lockfree.h"

#ifndef TWIN
static void drop_in_place(struct mk_map *map, struct mk_thread *me, const struct place *place, mk_link successor) {
    unsigned spins = 0;
    while (!UNLINK(map, me, place, successor)) mk_backoff(&spins);
}
#endif

MK_MAP(map_retries_in_place, LOCKFREE);
