/* map_tower_store_for_cas - links a new node at level 0 by a store where it takes a CAS.
 *
 * bug:       an insert is lost: two threads link behind the same node
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define INSERT insert_by_store
#endif
#include "map_skips.h"

#ifndef TWIN
static bool insert_by_store(struct node *fresh, const struct place *place) {
    if (atomic_load_explicit(place->from, memory_order_relaxed) != (mk_link)place->node) return false;
    atomic_store_explicit(place->from, (mk_link)fresh, memory_order_seq_cst);
    return true;
}
#endif

MK_MAP(map_tower_store_for_cas, SKIPS);
