/* hash/null - the key itself: what hashing costs a table, by leaving it out.
 *
 * Source:     none; the identity hash of libstdc++ and many kernels.
 * Picture:    key ^ seed -> hash
 * Parts:      none.
 * Progress:   wait-free; pure.
 * Ordering:   none; no shared state.
 * Memory:     none.
 * Limits:     the bits of a hash are no better than the key's: dense keys share their high bits, strided
 *             keys their low ones, and tables built on those degrade. A floor, never ranked.
 */
#include "../hash.h"

static inline uint64_t null_hash(uint64_t key, uint64_t seed) {
    return key ^ seed;
}

MK_HASH(null, .summary = "the key itself: what hashing costs", .caps = MK_FLOOR, .hash = null_hash);
