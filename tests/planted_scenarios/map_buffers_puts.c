/* map_buffers_puts - a put is kept by its thread, and done when the thread does something else and has the answer.
 *
 * scenario: map_store_buffering map_crossing_changes map_changes_far_apart
 * says: neither
 */
#include "../planted_conformance/map_base.h"

static struct {
    uint64_t key;
    mk_value value;
    bool full;
} MK_ALIGNED(64) buffer[64]; /* by thread */

static void drain(struct mk_map *map, struct mk_thread *me) {
    mk_value ignored;
    if (!buffer[me->id].full) return;
    buffer[me->id].full = false;
    base_put(map, me, buffer[me->id].key, &buffer[me->id].value, &ignored);
}

static enum mk_status late_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                               mk_value *previous) {
    drain(map, me);
    if (base_get(map, me, key, previous)) return base_put(map, me, key, value, previous);
    buffer[me->id].key = key;
    buffer[me->id].value = *value;
    buffer[me->id].full = true;
    return MK_MISS;
}

static bool early_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    bool found = base_get(map, me, key, value);
    drain(map, me);
    return found;
}

static enum mk_status remove_late(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    drain(map, me);
    return base_remove(map, me, key, value);
}

static void drain_all(struct mk_map *map, struct mk_thread *me) {
    drain(map, me);
}

MK_MAP(map_buffers_puts, BASE, .create = base_create, .thread_exit = drain_all, .count = base_count,
       .get = early_get, .put = late_put, .remove = remove_late);
