/* map_bucket_orphan - a bucket is put behind the one it splits off from, whether or not that is in the list itself.
 *
 * bug:       hangs on a bucket that nobody has put into the list, and with it all its keys
 * finds:     model | growth | batch | shared | owned | stable | births | history | map_* | no_memory | held
 * rule:      oracle | hang | crash | ?san/?* | lsan/leak
 * flavours:  release debug asan tsan model
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define PREPARE prepare_orphan
#endif
#include "map_split.h"

#ifndef TWIN
static struct item *prepare_orphan(struct mk_map *map, uint64_t index) {
    struct bucket *bucket = bucket_at(map, index);
    int expected = UNTOUCHED;
    if (is_ready(bucket)) return &bucket->item;
    struct item *parent = &bucket_at(map, parent_of(index))->item;
    if (!atomic_compare_exchange_strong_explicit(&bucket->state, &expected, CLAIMED, memory_order_relaxed,
                                                 memory_order_relaxed)) {
        return parent;
    }
    bucket->item.order = reverse(index);
    put_in(parent, &bucket->item);
    atomic_store_explicit(&bucket->state, READY, memory_order_release);
    return &bucket->item;
}
#endif

MK_MAP(map_bucket_orphan, SPLIT);
