/* map_remove_gives_up - a removal that finds the value changed since it looked answers that the key was absent.
 *
 * scenario: map_put_beside_remove
 * says: remove found nothing
 */
#include "../planted_conformance/map_base.h"

static enum mk_status faint_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_value now;
    if (!base_get(map, me, key, value)) return MK_MISS;
    sched_yield();
    if (!base_get(map, me, key, &now) || now.word[0] != value->word[0]) return MK_MISS;
    return base_remove(map, me, key, value);
}

MK_MAP(map_remove_gives_up, BASE, .create = base_create, .count = base_count, .get = base_get, .put = base_put,
       .remove = faint_remove);
