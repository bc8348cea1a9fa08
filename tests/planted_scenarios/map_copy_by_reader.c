/* map_copy_by_reader - has two copies; a reader keeps to one of them, and which is written first depends on the
 * key.
 *
 * scenario: map_independent_writes
 * says: opposite orders
 */
#include "map_replicas.h"

static unsigned replica_of(struct mk_map *map, struct mk_thread *me) {
    (void)map;
    return me->id & 1;
}

static unsigned written_first(uint64_t key) {
    return (unsigned)(key & 1);
}

MK_MAP(map_copy_by_reader, REPLICAS);
