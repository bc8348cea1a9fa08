/* map_links_before_bit - a bucket's first node is linked before the bit says that there is one.
 *
 * bug:       found by who has read the bit of an earlier node, and then missed by others
 * finds:     history | map_* | shared | owned
 * rule:      oracle
 * flavours:  model
 * pressure:  any
 * single:    passes
 * only:      it takes a reader that stands between the bit and the node while another key leaves the bucket, this one
 *            comes, and a second reader looks before the bit is set: a moment of a few instructions
 */
#ifndef TWIN
#define LINK_TO link_then_tell
#endif
#include "map_two_homes.h"

#ifndef TWIN
static void link_then_tell(struct mk_map *map, struct node *node, unsigned home) {
    atomic_store_explicit(&node->next, link_in(&map->head[home]), memory_order_relaxed);
    atomic_store_explicit(&map->head[home], (mk_link)node, memory_order_seq_cst);
    atomic_fetch_or_explicit(&map->used[home / 64], (uint64_t)1 << home % 64, memory_order_acq_rel);
}
#endif

MK_MAP(map_links_before_bit, TWO_HOMES);
