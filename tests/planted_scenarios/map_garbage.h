/* map_garbage.h - a map that reports garbage of which it has none, as one with a faulty reclaimer would. */
#ifndef MAP_GARBAGE_H
#define MAP_GARBAGE_H

#include "../planted_conformance/map_base.h"

enum { HELD, WAITING, PEAK };

static size_t garbage_stats(struct mk_map *map, struct mk_stat *out, size_t room) {
    pthread_mutex_lock(&map->lock);
    const struct mk_stat stats[] = {{"unreclaimed", map->room[WAITING]}, {"peak_unreclaimed", map->room[PEAK]}};
    pthread_mutex_unlock(&map->lock);
    memcpy(out, stats, (room < 2 ? room : 2) * sizeof *stats);
    return 2;
}

static void change_held(struct mk_map *map, uint64_t by) {
    pthread_mutex_lock(&map->lock);
    map->room[HELD] += by;
    pthread_mutex_unlock(&map->lock);
}

static void garbage_hold(struct mk_map *map, struct mk_thread *me) {
    (void)me;
    change_held(map, 1);
}

static void garbage_unhold(struct mk_map *map, struct mk_thread *me) {
    (void)me;
    change_held(map, (uint64_t)-1);
}

#define GARBAGE BASE, .create = base_create, .count = base_count, .stats = garbage_stats, .hold = garbage_hold, \
                      .unhold = garbage_unhold, .get = base_get, .remove = base_remove

#endif
