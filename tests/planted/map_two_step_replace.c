/* map_two_step_replace - replaces a value by removing the key and adding it again.
 *
 * bug:       lost for a moment: readers miss a key that is always there
 * finds:     stable | history | shared | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define REPLACE replace_in_two_steps
#endif
#include "map_lockfree.h"

#ifndef TWIN
/* Marks the old node, as remove does; the new one goes to the end of the chain, or in the place of what others have
 * put there meanwhile. */
static bool replace_in_two_steps(struct mk_map *map, struct mk_thread *me, struct node *fresh,
                                 const struct place *place, mk_value *previous) {
    mk_link expected = place->next;
    struct place end;
    mk_value ignored;
    if (!atomic_compare_exchange_strong_explicit(&place->node->next, &expected, place->next | MARK,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        return false;
    }
    READ_VALUE(place->node, previous);
    DROP(map, me, place, place->next);
    atomic_store_explicit(&fresh->next, 0, memory_order_relaxed);
    while (find(map, me, fresh->key, &end) ? !base_replace(map, me, fresh, &end, &ignored)
                                           : !INSERT(map, fresh, &end)) {
        atomic_store_explicit(&fresh->next, 0, memory_order_relaxed);
    }
    return true;
}
#endif

MK_MAP(map_two_step_replace, LOCKFREE);
