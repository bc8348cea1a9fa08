/* list_unlinks_unmarked - a removal unlinks the node by one CAS on the link before it, without marking it first.
 *
 * bug:       what is inserted behind a node that is being unlinked is lost, and so is its own removal beside that
 *            of the node before
 * finds:     shared | owned | stable | births | history | list_*
 * rule:      oracle | ?san/heap-use-after-free | tsan/data-race | ?san/segv | ?san/bus | crash | hang
 * scenario:  list_insert_behind_remove | invisible
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define TAKE take_unmarked
#endif
#include "list_lockfree.h"

#ifndef TWIN
static bool take_unmarked(struct mk_list *list, struct mk_thread *me, uint64_t key, struct place *place) {
    (void)key;
    return UNLINK(list, me, place, place->next);
}
#endif

MK_LIST(list_unlinks_unmarked, LOCKFREE);
