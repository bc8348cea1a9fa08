/* list_retires_on_mark - a node is retired by whoever marks it, whether it is out of the list or not.
 *
 * bug:       retired while still linked: the unlinking failed and is not made up for
 * finds:     shared | owned | stable | births | history | list_*
 * rule:      ?san/heap-use-after-free | tsan/data-race | ?san/segv | ?san/bus | crash | hang | oracle
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define DROP drop_on_mark
#endif
#include "list_lockfree.h"

#ifndef TWIN
/* One attempt to unlink. Where the link before has changed (its node is marked, too), the node stays linked. */
static void drop_on_mark(struct mk_list *list, struct mk_thread *me, const struct place *place) {
    mk_link expected = (mk_link)place->node;
    atomic_compare_exchange_strong_explicit(place->from, &expected, place->next, memory_order_acq_rel,
                                            memory_order_relaxed);
    mk_retire(list->smr, me, place->node, &list->how);
}
#endif

MK_LIST(list_retires_on_mark, LOCKFREE);
