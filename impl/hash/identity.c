/* hash/identity - the key itself: for keys that are random already.
 *
 * Source:     std::hash of libstdc++ and libc++ for integers, and many kernels.
 * Picture:    key -> key
 * Parts:      none.
 * Progress:   wait-free; pure.
 * Ordering:   none; no shared state.
 * Memory:     none.
 * Limits:     weak, and says so (MK_WEAK): the bits of the hash are no better than the key's, and the seed changes
 *             nothing. Dense keys share their high bits, strided ones their low bits: maps stay right, but their
 *             operations take time linear in the keys that meet. Random keys, such as digests or tokens, are good.
 */
#include "../hash.h"

static inline uint64_t identity_hash(uint64_t key, uint64_t seed) {
    (void)seed;
    return key;
}

MK_HASH(identity, .summary = "the key itself, for keys that are random already", .caps = MK_WEAK,
        .hash = identity_hash);
