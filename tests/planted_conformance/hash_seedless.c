/* hash_seedless - has no use for the seed.
 *
 * case: pure
 * says: under two seeds
 */
#include "../../impl/hash.h"

static uint64_t seedless(uint64_t key, uint64_t seed) {
    (void)seed;
    return mk_mix64(key);
}

MK_HASH(hash_seedless, .summary = "planted", .caps = 0, .hash = seedless);
