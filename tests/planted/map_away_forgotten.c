/* map_away_forgotten - whoever takes a key out of a bucket beside its home notes that the home has none there.
 *
 * bug:       another one of that home is still there, and is not found
 * finds:     model | growth | held | batch | owned | stable | births | shared | history | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define HAS_GUEST had_but_one
#endif
#include "map_groups.h"

#ifndef TWIN
static bool had_but_one(const struct home *home, const struct bucket *bucket) {
    (void)home, (void)bucket;
    return false;
}
#endif

MK_MAP(map_away_forgotten, GROUPS_MAP);
