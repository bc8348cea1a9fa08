/* map_scan_skips_changed - a scan goes on behind a leaf that changes under it.
 *
 * bug:       a scan passes by keys that are there all along
 * finds:     scan_beside | map_scan_beside_changes
 * rule:      oracle
 * scenario:  map_scan_beside_changes | missed
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define CHANGED_UNDER_SCAN goes_on_behind
#endif
#include "map_tree.h"

#ifndef TWIN
static uint64_t goes_on_behind(struct mk_map *map, const struct way *way, uint64_t low) {
    uint64_t next = behind(map, way);
    return next > low ? next : low;
}
#endif

MK_MAP(map_scan_skips_changed, TREE);
