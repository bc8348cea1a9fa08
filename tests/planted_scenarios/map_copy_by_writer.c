/* map_copy_by_writer - has two copies, and each writer writes another one first: readers of one and of the other
 * see two puts of one key in opposite orders.
 *
 * scenario: map_observers_agree
 * says: map_observers_agree
 */
#include "../planted_conformance/map_base.h"

#define COPY(key, n) ((key) ^ ((n) ? (uint64_t)0x5555555500000000 : 0))

static bool copy_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    return base_get(map, me, COPY(key, me->id & 1), value);
}

static enum mk_status copy_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                               mk_value *previous) {
    mk_value ignored;
    enum mk_status status = base_put(map, me, COPY(key, me->id & 1), value, previous);
    sched_yield();
    base_put(map, me, COPY(key, 1 - (me->id & 1)), value, &ignored);
    return status;
}

static enum mk_status copy_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_value ignored;
    base_remove(map, me, COPY(key, 1), &ignored);
    return base_remove(map, me, COPY(key, 0), value);
}

MK_MAP(map_copy_by_writer, BASE, .create = base_create, .count = base_count, .get = copy_get, .put = copy_put,
       .remove = copy_remove);
