/* hash/splitmix - the finaliser of splitmix64: an addition, then two multiplications among three shifts.
 *
 * Source:     Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014; differs: the key,
 *             changed by the seed, stands in the place of the generator's state.
 * Picture:    key ^ seed -> + golden -> (shift 30, xor, multiply) -> (shift 27, xor, multiply) -> shift 31, xor
 * Parts:      none.
 * Progress:   wait-free; pure.
 * Ordering:   none; no shared state.
 * Memory:     none.
 * Limits:     not for keys chosen by an adversary: every step can be taken back. No two keys have the same hash, so
 *             the bits that a table takes collide as those of random numbers do, and all 64 never.
 */
#include "../hash.h"

static inline uint64_t splitmix_hash(uint64_t key, uint64_t seed) {
    return mk_mix64(key ^ seed);
}

MK_HASH(splitmix, .summary = "the finaliser of splitmix64: no two hashes alike, not against adversaries", .caps = 0,
        .hash = splitmix_hash);
