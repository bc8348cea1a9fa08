/* list_goes_on - a lookup walks on from marked nodes without looking whether they are linked still.
 *
 * bug:       walks on to a node that has been retired, and freed, since
 * finds:     shared | owned | stable | births | history | list_*
 * rule:      ?san/heap-use-after-free | tsan/data-race | ?san/segv | ?san/bus | crash | hang | oracle
 * flavours:  asan tsan model
 * pressure:  any
 * single:    passes
 */
#define RECLAIMER "reclaim_hazards.h"
#ifndef TWIN
#define LOOKUP lookup_unchecked
#endif
#include "list_lockfree.h"

#ifndef TWIN
static bool lookup_unchecked(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    unsigned slot = 0;
    mk_link next;
    for (mk_link link = mk_protect(list->smr, me, slot, &list->head); node_of(link); link = next, slot = !slot) {
        struct node *node = node_of(link);
        if (node->key > key) break;
        next = mk_protect(list->smr, me, !slot, &node->next);
        if (node->key == key && !(next & MARK)) return true;
    }
    return false;
}
#endif

MK_LIST(list_goes_on, LOCKFREE);
