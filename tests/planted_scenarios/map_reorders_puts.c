/* map_reorders_puts - of two insertions in a row by one thread the second is done first.
 *
 * scenario: map_message_passing
 * says: flag without data
 */
#include "../planted_conformance/map_base.h"

static struct {
    uint64_t key;
    mk_value value;
    bool full;
} MK_ALIGNED(64) buffer[64]; /* by thread */

static enum mk_status late_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                               mk_value *previous) {
    mk_value ignored;
    if (!buffer[me->id].full) {
        buffer[me->id].key = key;
        buffer[me->id].value = *value;
        buffer[me->id].full = true;
        return MK_MISS;
    }
    enum mk_status status = base_put(map, me, key, value, previous);
    sched_yield();
    base_put(map, me, buffer[me->id].key, &buffer[me->id].value, &ignored);
    buffer[me->id].full = false;
    return status;
}

MK_MAP(map_reorders_puts, BASE, .create = base_create, .count = base_count, .get = base_get, .put = late_put,
       .remove = base_remove);
