/* map_bucket_not_linked - a bucket is said to be ready before it is in the list.
 *
 * bug:       what is put behind such a bucket is missed by whoever comes from another one
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      oracle | hang | tsan/data-race
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define PREPARE prepare_early
#endif
#include "map_split.h"

#ifndef TWIN
static struct item *prepare_early(struct mk_map *map, uint64_t index) {
    struct bucket *bucket = bucket_at(map, index);
    int expected = UNTOUCHED;
    if (is_ready(bucket)) return &bucket->item;
    struct item *parent = PREPARE(map, parent_of(index)), *behind;
    MK_ATOMIC(struct item *) *link;
    if (!atomic_compare_exchange_strong_explicit(&bucket->state, &expected, CLAIMED, memory_order_relaxed,
                                                 memory_order_relaxed)) {
        return parent;
    }
    bucket->item.order = reverse(index);
    find(parent, bucket->item.order, 0, &link, &behind);
    atomic_store_explicit(&bucket->item.next, behind, memory_order_relaxed);
    atomic_store_explicit(&bucket->state, READY, memory_order_release);
    if (!atomic_compare_exchange_strong_explicit(link, &behind, &bucket->item, memory_order_seq_cst,
                                                 memory_order_relaxed)) {
        put_in(parent, &bucket->item);
    }
    return &bucket->item;
}
#endif

MK_MAP(map_bucket_not_linked, SPLIT);
