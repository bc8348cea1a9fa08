/* hash_even - gives even numbers only.
 *
 * case: spread
 * says: low 8 bits
 */
#include "../../impl/hash.h"

static uint64_t even(uint64_t key, uint64_t seed) {
    return mk_mix64(mk_mix64(key) ^ seed) << 1;
}

MK_HASH(hash_even, .summary = "planted", .caps = 0, .hash = even);
