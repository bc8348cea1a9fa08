/* map_replicas.h - a map kept twice, one copy written after the other: who reads one may be ahead of who reads the
 * other. The file that includes this says which copy a reader takes, and in which order a key is written.
 */
#ifndef MAP_REPLICAS_H
#define MAP_REPLICAS_H

#include "../planted_conformance/map_base.h"

/* The second copy has its keys changed in the upper half. */
#define COPY(key, n) ((key) ^ ((n) ? (uint64_t)0x5555555500000000 : 0))

static unsigned replica_of(struct mk_map *map, struct mk_thread *me); /* that a reader takes */
static unsigned written_first(uint64_t key);

static bool replica_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    return base_get(map, me, COPY(key, replica_of(map, me)), value);
}

static enum mk_status replica_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                  mk_value *previous) {
    mk_value ignored;
    unsigned first = written_first(key);
    enum mk_status status = base_put(map, me, COPY(key, first), value, previous);
    sched_yield();
    base_put(map, me, COPY(key, 1 - first), value, &ignored);
    return status;
}

static enum mk_status replica_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_value ignored;
    base_remove(map, me, COPY(key, 1), &ignored);
    return base_remove(map, me, COPY(key, 0), value);
}

static uint64_t replica_count(struct mk_map *map) {
    return map->count / 2;
}

#define REPLICAS                                                                                               \
    BASE, .create = base_create, .count = replica_count, .get = replica_get, .put = replica_put,               \
                  .remove = replica_remove

#endif
