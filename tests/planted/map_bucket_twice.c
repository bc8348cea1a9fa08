/* map_bucket_twice - whoever finds a bucket that is not in the list yet puts it there, and nobody claims it first.
 *
 * bug:       put into the list by two threads: what came behind it between the two is cut off
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      oracle | hang | tsan/data-race
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define PREPARE prepare_unclaimed
#endif
#include "map_split.h"

#ifndef TWIN
static struct item *prepare_unclaimed(struct mk_map *map, uint64_t index) {
    struct bucket *bucket = bucket_at(map, index);
    if (is_ready(bucket)) return &bucket->item;
    struct item *parent = PREPARE(map, parent_of(index)), *behind;
    MK_ATOMIC(struct item *) *link;
    bucket->item.order = reverse(index);
    do {
        find(parent, bucket->item.order - 1, UINT64_MAX, &link, &behind);
        if (behind == &bucket->item) break; /* somebody else was faster */
        atomic_store_explicit(&bucket->item.next, behind, memory_order_relaxed);
    } while (!atomic_compare_exchange_strong_explicit(link, &behind, &bucket->item, memory_order_seq_cst,
                                                      memory_order_relaxed));
    atomic_store_explicit(&bucket->state, READY, memory_order_release);
    return &bucket->item;
}
#endif

MK_MAP(map_bucket_twice, SPLIT);
