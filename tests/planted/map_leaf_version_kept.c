/* map_leaf_version_kept - unlocks what it has changed with the version from before.
 *
 * bug:       readers do not see that a leaf has changed under them, nor do writers
 * finds:     stable | shared | owned | scan_beside | history | births | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define UNLOCK unlock_as_before
#endif
#include "map_tree.h"

#ifndef TWIN
static void unlock_as_before(MK_ATOMIC(uint64_t) *version, uint64_t was) {
    store(version, was);
}
#endif

MK_MAP(map_leaf_version_kept, TREE);
