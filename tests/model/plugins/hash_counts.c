/* hash/hash_counts - a hash that is not the same twice: it counts its calls in variables of every sort. What it says
 * first in a schedule shows whether they were set back. */
#include "../../../impl/hash.h"

static uint64_t begun_at = 1000;      /* initialised */
static uint64_t calls[4096];          /* zero, and larger than a page */
static uint64_t *place = &calls[300]; /* initialised by the loader */
static _Thread_local uint64_t own = 10;
static _Thread_local uint64_t own_zero;

static uint64_t hash_counts_hash(uint64_t key, uint64_t seed) {
    (void)seed;
    begun_at++;
    calls[key]++;
    ++*place;
    place++;
    own++;
    own_zero++;
    return begun_at + calls[0] + calls[4095] + place[-1] + own + own_zero;
}

MK_HASH(hash_counts, .summary = "counts its calls", .hash = hash_counts_hash);
