/* hash/constant - the same hash for every key: the worst an adversary can do to a table.
 *
 * Source:     none.
 * Picture:    key -> 42
 * Parts:      none.
 * Progress:   wait-free; pure.
 * Ordering:   none; no shared state.
 * Memory:     none.
 * Limits:     for tests: every key collides with every other, so operations take time linear in the keys.
 */
#include "../hash.h"

static inline uint64_t constant_hash(uint64_t key, uint64_t seed) {
    (void)key, (void)seed;
    return 42;
}

MK_HASH(constant, .summary = "42 for every key: all of them collide", .caps = MK_TEST_ONLY, .hash = constant_hash);
