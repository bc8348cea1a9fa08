/* map_seq_unchecked - a reader that has found an even version copies the value, and does not look at it again.
 *
 * bug:       torn: a writer came while the value was copied
 * finds:     stable | shared | history | owned | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 * set:       value_bytes=64
 */
#define MK_VALUE_BYTES 64
#ifndef TWIN
#define UNDISTURBED not_looked
#endif
#include "map_seqlock.h"

#ifndef TWIN
static bool not_looked(struct group *group, uint64_t version) {
    (void)group, (void)version;
    return true;
}
#endif

MK_MAP(map_seq_unchecked, SEQLOCK);
