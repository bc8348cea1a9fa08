/* map_no_still_links - a reader goes from a removed node to the one behind it without looking whether that is
 * linked still.
 *
 * bug:       walks on from an unlinked node, whose successor may be freed
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      ?san/heap-use-after-free | tsan/data-race | ?san/segv | ?san/bus | crash | hang | oracle
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#define RECLAIMER "reclaim_hazards.h"
#ifndef TWIN
#define LOOKUP lookup_past_marks
#endif
#include "map_lockfree.h"

#ifndef TWIN
static const struct node *lookup_past_marks(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    unsigned slot = 0;
    mk_link link = mk_protect(map->smr, me, slot, head_of(map, key)), next;
    for (; node_of(link); link = next) {
        slot ^= 1;
        next = mk_protect(map->smr, me, slot, &node_of(link)->next);
        if (!(next & MARK) && node_of(link)->key == key) return node_of(link);
    }
    return NULL;
}
#endif

MK_MAP(map_no_still_links, LOCKFREE);
