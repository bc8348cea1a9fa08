/* map_reads_either_copy - has two copies, written one after the other, and reads now this one, now that one.
 *
 * scenario: map_no_going_back
 * says: new, old
 */
#include "map_replicas.h"

static unsigned replica_of(struct mk_map *map, struct mk_thread *me) {
    return (unsigned)(map->room[me->id % 8]++ & 1);
}

static unsigned written_first(uint64_t key) {
    (void)key;
    return 0;
}

MK_MAP(map_reads_either_copy, REPLICAS);
