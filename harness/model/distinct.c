/* distinct.c - how many different values there were, in little room: HyperLogLog (Flajolet, Fusy, Gandouet,
 * Meunier, AofA 2007) with the estimator of Ertl (arXiv 1702.01284, 2017), which has no bias at small numbers and
 * needs no tables. */
#include "explore_parts.h"
#include "../../impl/mk.h"

#include <math.h>

#define REGISTERS (1u << MK_DISTINCT_BITS)
#define RANKS (64u - MK_DISTINCT_BITS + 1)

void mk_distinct_add(struct mk_distinct *distinct, uint64_t hash) {
    uint64_t mixed = mk_mix64(hash), rest = mixed << MK_DISTINCT_BITS;
    uint8_t rank = (uint8_t)(rest ? (unsigned)__builtin_clzll(rest) + 1 : RANKS);
    uint8_t *at = &distinct->rank[mixed >> (64 - MK_DISTINCT_BITS)];
    if (rank > *at) *at = rank;
}

/* Both sums are Ertl's: what registers still at zero, and those at the end, stand for. */
static double sigma(double x) {
    double y = 1, z = x, before;
    if (x == 1) return INFINITY;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}

static double tau(double x) {
    double y = 1, z = 1 - x, before;
    if (x == 0 || x == 1) return 0;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
}

uint64_t mk_distinct_count(const struct mk_distinct *distinct) {
    const double m = REGISTERS, ln2 = 0.69314718055994530942;
    uint32_t count[RANKS + 1] = {0};
    for (uint32_t i = 0; i < REGISTERS; i++) count[distinct->rank[i]]++;
    double z = m * tau(1 - count[RANKS] / m);
    for (uint32_t k = RANKS - 1; k >= 1; k--) z = 0.5 * (z + count[k]);
    z += m * sigma(count[0] / m);
    return isinf(z) ? 0 : (uint64_t)(m * m / (2 * ln2 * z) + 0.5);
}
