/* hash/fold - two widening multiplications, the halves of each product folded into one word.
 *
 * Source:     the folded multiply of foldhash (Orson Peters, 2024) and, before it, of wyhash and aHash;
 *             differs: one 8-byte key only, and a factor made of the seed by a multiplication.
 * Picture:    (key ^ mask) * factor = [ high | low ] -> high ^ low, and once more
 * Parts:      none.
 * Progress:   wait-free; pure.
 * Ordering:   none; no shared state.
 * Memory:     none.
 * Limits:     not for keys chosen by an adversary: whoever knows the seed makes collisions at will. One
 *             fold would do for scattered keys, but leaves keys in equal steps in equal steps: for some
 *             seeds they then fall into a few heaps, up to nine to a bucket meant for one.
 */
#include "../hash.h"

/* Words of splitmix64; all that is asked of them is mixed bits. */
#define FOLD_MASK 0x94d049bb133111ebu
#define FOLD_FACTOR 0xbf58476d1ce4e5b9u
#define FOLD_SPREAD 0x9e3779b97f4a7c15u

static inline uint64_t fold_multiply(uint64_t word, uint64_t factor) {
    unsigned __int128 product = (unsigned __int128)word * factor;
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static inline uint64_t fold_hash(uint64_t key, uint64_t seed) {
    /* odd, and with bits all over it for any small seed; does not wait for the key */
    uint64_t factor = (FOLD_FACTOR + seed * FOLD_SPREAD) | 1;
    return fold_multiply(fold_multiply(key ^ seed ^ FOLD_MASK, factor), FOLD_SPREAD);
}

MK_HASH(fold, .summary = "folded multiplications: fast, good in all bits, not against adversaries",
        .caps = MK_DEFAULT, .hash = fold_hash);
