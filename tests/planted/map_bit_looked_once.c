/* map_bit_looked_once - a reader that has found the bit takes the value that is there then, without another look.
 *
 * bug:       answers what is not yet published: between the two the key goes, and comes again
 * finds:     history | shared | map_*
 * rule:      oracle
 * flavours:  model
 * pressure:  any
 * single:    passes
 * only:      model: natively a key has to go and come again between two loads of a reader that follow each other
 */
#ifndef TWIN
#define GET get_once
#endif
#include "map_bits.h"

#ifndef TWIN
static bool get_once(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    if (key >= KEYS || !is_there(map, key)) return false;
    value->word[0] = value_of(map, key);
    return true;
}
#endif

MK_MAP(map_bit_looked_once, BITS);
