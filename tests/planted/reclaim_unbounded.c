/* reclaim_unbounded - does not look at births: what was retired since a section began stays, however young it is.
 *
 * bug:       garbage without bound: one reader that stays inside holds all that comes
 * finds:     bounded
 * rule:      oracle
 * says:      with a reader that stays inside
 * flavours:  release debug tsan
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define HOLDS holds_since
#endif
#include "reclaim_intervals.h"

#ifndef TWIN
static bool holds_since(uint64_t word, const struct stay *stay) {
    return stay->retired >= word >> 32;
}
#endif

MK_RECLAIM(reclaim_unbounded, INTERVALS, .caps = MK_BOUNDED);
