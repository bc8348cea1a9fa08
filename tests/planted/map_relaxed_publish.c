/* map_relaxed_publish - links a new node by a relaxed CAS.
 *
 * bug:       published without release: a reader may see the link and not the key
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      tsan/data-race
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 * only:      tsan: on x86 every access has the order that is missing here, whatever the source says
 */
#ifndef TWIN
#define INSERT insert_relaxed
#endif
#include "map_lockfree.h"

#ifndef TWIN
static bool insert_relaxed(struct mk_map *map, struct node *fresh, const struct place *place) {
    mk_link expected = 0;
    (void)map;
    return atomic_compare_exchange_strong_explicit(place->from, &expected, (mk_link)fresh, memory_order_relaxed,
                                                   memory_order_relaxed);
}
#endif

MK_MAP(map_relaxed_publish, LOCKFREE);
