/* strategy_parts.h - what strategies share: random numbers, and the choices other than that of a thread.
 *
 * A strategy's chooser begins with a struct mk_drawn, so that one function makes the choice of values for all.
 */
#ifndef MK_MODEL_STRATEGY_PARTS_H
#define MK_MODEL_STRATEGY_PARTS_H

#include "strategy.h"
#include "../rng.h"

#define MK_DRAWN_NEVER 0u
#define MK_DRAWN_PERCENT(P) ((uint32_t)((P) * 42949672.96)) /* as a part of 2^32 */

/* What is drawn for a schedule, whatever the strategy. Probabilities are parts of 2^32. */
struct mk_drawn {
    struct mk_chooser chooser;
    struct mk_rng rng;
    uint32_t stale, spurious, wake;
    uint32_t freeze_thread, freeze_step; /* who is stopped from that step on; thread 0: not drawn yet */
    const struct mk_estimate *estimate;
};

/* Prepares the part that is common. `thread`: the strategy's own. */
void mk_drawn_begin(struct mk_drawn *drawn, uint64_t seed, const struct mk_estimate *estimate,
                    uint32_t (*thread)(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual));

/* Returns how many of the 16 lowest bits are set. */
MK_RT_INLINE uint32_t mk_bits(uint32_t mask) {
    mask -= mask >> 1 & 0x5555;
    mask = (mask & 0x3333) + (mask >> 2 & 0x3333);
    mask = (mask + (mask >> 4)) & 0x0f0f;
    return (mask + (mask >> 8)) & 0x1f;
}

/* Returns the number of one of the bits in `mask` (not 0), each as likely; by 32 random bits. */
MK_RT_INLINE uint32_t mk_pick(uint32_t mask, uint32_t random) {
    uint32_t skip = (uint32_t)((uint64_t)random * mk_bits(mask) >> 32);
    while (skip--) mask &= mask - 1;
    return (uint32_t)__builtin_ctz(mask);
}

/* One of each family: strategy_pct.c, strategy_pos.c, strategy_surw.c. */
void mk_pct2_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate);
void mk_pct3_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate);
void mk_pct4_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate);
void mk_pos_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate);
void mk_surw_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate);

/* Room for the chooser of any strategy. */
#define MK_CHOOSER_BYTES 384
#define MK_CHOOSER_FITS(STRUCT) _Static_assert(sizeof(struct STRUCT) <= MK_CHOOSER_BYTES, "no room for the chooser")

#endif
