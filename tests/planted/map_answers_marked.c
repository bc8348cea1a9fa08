/* map_answers_marked - a reader answers from the node of its key without looking whether that is marked.
 *
 * bug:       answers a value that has been removed
 * finds:     owned | shared | stable | births | history | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#define DROP drop_once
#ifndef TWIN
#define LOOKUP lookup_marked
#endif
#include "map_lockfree.h"

/* Removed nodes that are linked still are left to the next writer: readers know them by their marks. */
static void drop_once(struct mk_map *map, struct mk_thread *me, const struct place *place, mk_link successor) {
    UNLINK(map, me, place, successor);
}

#ifndef TWIN
static const struct node *lookup_marked(struct mk_map *map, struct mk_thread *me, uint64_t key) {
restart:;
    MK_ATOMIC(mk_link) *from = head_of(map, key);
    mk_link first = mk_protect(map->smr, me, 0, from), next;
    for (mk_link link = first; node_of(link); link = next) {
        struct node *node = node_of(link);
        if (node->key == key) return node;
        next = mk_protect(map->smr, me, 0, &node->next);
        if (!(next & MARK)) {
            from = &node->next;
            first = next;
        } else if (atomic_load_explicit(from, memory_order_seq_cst) != first) {
            goto restart;
        }
    }
    return NULL;
}
#endif

MK_MAP(map_answers_marked, LOCKFREE);
