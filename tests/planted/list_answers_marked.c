/* list_answers_marked - a lookup trusts the node of its key without looking whether that is marked.
 *
 * bug:       finds a key that has been removed
 * finds:     owned | shared | stable | births | history | list_*
 * rule:      oracle
 * scenario:  list_adjacent_removes | answered
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#define DROP drop_once
#ifndef TWIN
#define LOOKUP lookup_marked
#endif
#include "list_lockfree.h"

/* Removed nodes that are linked still are left to the next writer: lookups know them by their marks. */
static void drop_once(struct mk_list *list, struct mk_thread *me, const struct place *place) {
    UNLINK(list, me, place, place->next);
}

#ifndef TWIN
static bool lookup_marked(struct mk_list *list, struct mk_thread *me, uint64_t key) {
restart:;
    MK_ATOMIC(mk_link) *from = &list->head;
    mk_link first = mk_protect(list->smr, me, 0, from), next;
    for (mk_link link = first; node_of(link); link = next) {
        struct node *node = node_of(link);
        if (node->key >= key) return node->key == key;
        next = mk_protect(list->smr, me, 0, &node->next);
        if (!(next & MARK)) {
            from = &node->next;
            first = next;
        } else if (atomic_load_explicit(from, memory_order_seq_cst) != first) {
            goto restart;
        }
    }
    return false;
}
#endif

MK_LIST(list_answers_marked, LOCKFREE);
