/* map_home_not_again - a reader does not look at its home again after it has read.
 *
 * bug:       answers the value of a key that has come into the slot meanwhile, or misses one that has moved
 * finds:     shared | history | owned | stable | births | map_*
 * rule:      oracle
 * flavours:  model
 * pressure:  any
 * single:    passes
 * only:      model: natively a slot has to change hands between two loads of a reader that follow each other
 */
#ifndef TWIN
#define HOME_STAYS never_mind
#endif
#include "map_groups.h"

#ifndef TWIN
static bool never_mind(const struct bucket *home, uint64_t meta) {
    (void)home, (void)meta;
    return true;
}
#endif

MK_MAP(map_home_not_again, GROUPS_MAP);
