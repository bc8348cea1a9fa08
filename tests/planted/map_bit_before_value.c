/* map_bit_before_value - sets the bit of a new key, and then stores its value.
 *
 * bug:       published too early: a reader that finds the bit gets the value of a key that is gone, or nobody's
 * finds:     shared | history | owned | map_*
 * rule:      oracle
 * flavours:  model
 * pressure:  any
 * single:    passes
 * only:      model: natively the bit and the value are one instruction apart, and a reader has to be between them
 */
#ifndef TWIN
#define ADD add_bit_first
#endif
#include "map_bits.h"

#ifndef TWIN
static void add_bit_first(struct mk_map *map, uint64_t key, uint64_t value) {
    set_there(map, key);
    atomic_store_explicit(&map->value[key], value, memory_order_seq_cst);
}
#endif

MK_MAP(map_bit_before_value, BITS);
