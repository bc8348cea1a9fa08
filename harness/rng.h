/* rng.h - random numbers for streams: xoshiro256** (Blackman and Vigna 2018), seeded by splitmix64.
 *
 * Seeds are derived, never shared: one 64-bit seed of the run and the place where the numbers are
 * used give one seed each, so that any stream can be made again alone, in any order, on any thread.
 */
#ifndef MK_RNG_H
#define MK_RNG_H

#include "../impl/mk.h"

struct mk_rng {
    uint64_t s[4];
};

/* Stands for "all of them" where a seed is shared by all processes, rounds or threads. */
#define MK_SEED_ALL UINT32_MAX

/* Returns the seed for one place: h = mix(seed), then h = mix(h ^ part) for process, round and
 * thread in this order, mix being mk_mix64. Each part is an index or MK_SEED_ALL. */
static inline uint64_t mk_seed(uint64_t seed, uint32_t process, uint32_t round, uint32_t thread) {
    uint64_t h = mk_mix64(seed);
    h = mk_mix64(h ^ process);
    h = mk_mix64(h ^ round);
    return mk_mix64(h ^ thread);
}

/* Starts the sequence that belongs to `seed`; every seed is as good as any other. */
static inline void mk_rng_seed(struct mk_rng *rng, uint64_t seed) {
    for (unsigned i = 0; i < 4; i++) rng->s[i] = mk_mix64(seed + i * 0x9e3779b97f4a7c15u);
}

/* Returns 64 random bits. */
static inline uint64_t mk_rng_next(struct mk_rng *rng) {
    uint64_t *s = rng->s;
    uint64_t x = s[1] * 5, carry = s[1] << 17;
    uint64_t result = (x << 7 | x >> 57) * 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= carry;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

/* Returns a number below n (> 0). No number is more than n / 2^64 likelier than another: nothing a
 * run could show, and it saves a rejection loop. */
static inline uint64_t mk_rng_below(struct mk_rng *rng, uint64_t n) {
    return (uint64_t)((unsigned __int128)mk_rng_next(rng) * n >> 64);
}

/* Returns a number in [0, 1), a multiple of 2^-53. */
static inline double mk_rng_unit(struct mk_rng *rng) {
    return (double)(mk_rng_next(rng) >> 11) * 0x1p-53;
}

#endif
