/* map_bit_removed_unlocked - remove reads the value and clears the bit, without the lock that writers have.
 *
 * bug:       a put is lost: its value takes the place of the one that remove has read, and goes with the bit
 * finds:     shared | history | owned | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define REMOVE remove_unlocked
#endif
#include "map_bits.h"

#ifndef TWIN
static enum mk_status remove_unlocked(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    if (key >= KEYS) return MK_REFUSED;
    if (!is_there(map, key)) return MK_MISS;
    value->word[0] = value_of(map, key);
    return clear_there(map, key) ? MK_HIT : MK_MISS;
}
#endif

MK_MAP(map_bit_removed_unlocked, BITS);
