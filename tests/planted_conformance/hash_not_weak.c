/* hash_not_weak - declares itself weak, and is not.
 *
 * case: spread
 * says: declares itself weak
 */
#include "../../impl/hash.h"

static uint64_t good(uint64_t key, uint64_t seed) {
    return mk_mix64(key ^ seed);
}

MK_HASH(hash_not_weak, .summary = "planted", .caps = MK_WEAK, .hash = good);
