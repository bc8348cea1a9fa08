/* hash/sip13 - SipHash-1-3 of the key's eight bytes: slower, and no collisions without the seed.
 *
 * Source:     Aumasson & Bernstein, SipHash: a fast short-input PRF, INDOCRYPT 2012, with one compression
 *             and three finalisation rounds (what Rust's and Python's hash tables use).
 * Picture:    seed -> k0, k1 -> v0..v3; in: key; round; out: key; in: 8 << 56; round; out; 3 rounds;
 *             v0 ^ v1 ^ v2 ^ v3
 * Parts:      none.
 * Progress:   wait-free; pure.
 * Ordering:   none; no shared state.
 * Memory:     none.
 * Limits:     the 128-bit key is made of a 64-bit seed, and is as secret as that. The key's bytes are
 *             those of a little-endian machine on every machine.
 */
#include "../hash.h"

#define SIP13_SPREAD 0x9e3779b97f4a7c15u

static inline uint64_t sip13_rotate(uint64_t word, unsigned bits) {
    return word << bits | word >> (64 - bits);
}

static inline void sip13_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = sip13_rotate(v[1], 13) ^ v[0];
    v[3] = sip13_rotate(v[3], 16) ^ v[2];
    v[0] = sip13_rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = sip13_rotate(v[3], 21) ^ v[0];
    v[1] = sip13_rotate(v[1], 17) ^ v[2];
    v[2] = sip13_rotate(v[2], 32);
}

static inline void sip13_take(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip13_round(v);
    v[0] ^= word;
}

/* Returns SipHash-1-3, under the 128-bit key k0 k1, of the eight bytes of `word`. */
static inline uint64_t sip13_of(uint64_t k0, uint64_t k1, uint64_t word) {
    /* the initial state spells "somepseudorandomlygeneratedbytes" */
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                     k1 ^ 0x7465646279746573u};
    sip13_take(v, word);
    sip13_take(v, (uint64_t)8 << 56); /* the last block: no bytes left over, and the length */
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) sip13_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline uint64_t sip13_hash(uint64_t key, uint64_t seed) {
    return sip13_of(seed, seed * SIP13_SPREAD + SIP13_SPREAD, key);
}

MK_HASH(sip13, .summary = "SipHash-1-3: no collisions for those who do not know the seed", .caps = 0,
        .hash = sip13_hash);
