/* map_tower_from_gone - walks on from a tower that has been removed under it.
 *
 * bug:       what has come behind the tower's predecessor since is passed by, and what it names may be freed
 * finds:     owned | stable | shared | births | history | map_*
 * rule:      ?san/heap-use-after-free | tsan/data-race | ?san/segv | ?san/bus | crash | hang | oracle
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define IS_GONE never_gone
#endif
#include "map_skips.h"

#ifndef TWIN
static bool never_gone(mk_link link) {
    (void)link;
    return false;
}
#endif

MK_MAP(map_tower_from_gone, SKIPS);
