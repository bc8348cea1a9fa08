/* list_ignores_mark - a writer that has the lock looks whether the link still names its neighbour, but not whether
 * the node that the link is in has been removed.
 *
 * bug:       what is inserted behind a node that has just been unlinked is lost
 * finds:     shared | owned | stable | births | history | list_*
 * rule:      oracle | hang
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define IS_LINKED names
#endif
#include "list_locks.h"

#ifndef TWIN
static bool names(struct node *before, struct node *node) {
    return atomic_load_explicit(&before->next, memory_order_relaxed) == node;
}
#endif

MK_LIST(list_ignores_mark, LOCKS);
