/* map_size_before_segment - the map says that it has twice as many buckets, and only then where they are.
 *
 * bug:       a walk begins at a bucket that does not exist yet
 * finds:     map_equal_hashes_finish | map_* | shared | owned | stable | births | history
 * rule:      ?san/segv | crash | ?san/?*
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define PUBLISH publish_size_first
#endif
#include "map_split.h"

#ifndef TWIN
static bool publish_size_first(struct mk_map *map, MK_ATOMIC(struct bucket *) *segment, struct bucket *fresh,
                               uint64_t size) {
    if (!atomic_compare_exchange_strong_explicit(&map->size, &size, size * 2, memory_order_release,
                                                 memory_order_relaxed)) {
        return false;
    }
    atomic_store_explicit(segment, fresh, memory_order_release);
    return true;
}
#endif

MK_MAP(map_size_before_segment, SPLIT);
