/* hash_weak - multiplies once: high bits of the key change high bits of the hash alone.
 *
 * case: avalanche
 * says: of the key flips
 */
#include "../../impl/hash.h"

static uint64_t weak(uint64_t key, uint64_t seed) {
    return (key ^ seed) * 0x9e3779b97f4a7c15u;
}

MK_HASH(hash_weak, .summary = "planted", .caps = 0, .hash = weak);
