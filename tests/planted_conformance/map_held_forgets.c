/* map_held_forgets - what is put while a reader stands inside is forgotten when it leaves.
 *
 * case: held
 * says: answers miss
 */
#include "map_base.h"

enum { HELD, KEY };

static void note_hold(struct mk_map *map, struct mk_thread *me) {
    (void)me;
    map->room[HELD] = true;
}

static void forget(struct mk_map *map, struct mk_thread *me) {
    mk_value ignored;
    map->room[HELD] = false;
    base_remove(map, me, map->room[KEY], &ignored);
}

static enum mk_status noting_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                 mk_value *previous) {
    if (map->room[HELD]) map->room[KEY] = key;
    return base_put(map, me, key, value, previous);
}

MK_MAP(map_held_forgets, BASE, .create = base_create, .count = base_count, .hold = note_hold, .unhold = forget,
       .get = base_get, .put = noting_put, .remove = base_remove);
