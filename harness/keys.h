/* keys.h - which keys a workload touches: key distributions, and the way from ids to keys.
 *
 * Distributions draw ids: 0 .. count-1 (plus offset) are the keys that prefill may insert, higher
 * ids are fresh ones. The form says which 60-bit key an id stands for. Both ways are computed, so
 * that no table disturbs the caches and a key can be traced back to its id.
 *
 * Whatever meets in one instance - prefill, all threads, all groups - uses one seed and one form,
 * or the same id would be two keys. A mk_keys is constant once made: any thread may use it.
 * Ids are reproducible from the seed; where a distribution needs logarithms, with the same libm.
 */
#ifndef MK_KEYS_H
#define MK_KEYS_H

#include "../impl/mk.h"
#include "rng.h"

#define MK_KEY_BITS 60
#define MK_KEYS_COUNT_MAX ((uint64_t)1 << 36) /* of count and of offset */
#define MK_KEYS_FRESH_MAX ((uint64_t)1 << 39) /* of fresh_from: as many fresh ids may follow */
#define MK_KEYS_STRIDE_MAX ((uint64_t)1 << 20)
#define MK_KEYS_THETA_MAX 16.0

/* ---- permutations ------------------------------------------------------------------------- */

/* A seeded permutation of [0, count) without a table: rounds of multiply, add and xor-shift over
 * the next power of two, repeated while the result lies outside (cycle walking). Narrow words need
 * more rounds until no pattern is left: see test_keys.c. */
#define MK_PERM_ROUNDS 6
struct mk_perm {
    uint64_t count, mask;
    unsigned shift, rounds;
    uint64_t mul[MK_PERM_ROUNDS], add[MK_PERM_ROUNDS], inverse[MK_PERM_ROUNDS];
};

/* Makes *perm a permutation of [0, count), 1 <= count <= 2^60, chosen by the next numbers of rng. */
void mk_perm_init(struct mk_perm *perm, uint64_t count, struct mk_rng *rng);

/* Returns where i (< perm->count) goes. */
static inline uint64_t mk_perm_at(const struct mk_perm *perm, uint64_t i) {
    do {
        for (unsigned r = 0; r < perm->rounds; r++) {
            i = (i * perm->mul[r] + perm->add[r]) & perm->mask;
            i ^= i >> perm->shift;
        }
    } while (MK_UNLIKELY(i >= perm->count));
    return i;
}

/* Returns what goes to i (< perm->count). */
static inline uint64_t mk_perm_from(const struct mk_perm *perm, uint64_t i) {
    do {
        for (unsigned r = perm->rounds; r-- > 0;) {
            i ^= i >> perm->shift; /* its own inverse: twice the shift is at least the width */
            i = ((i - perm->add[r]) * perm->inverse[r]) & perm->mask;
        }
    } while (MK_UNLIKELY(i >= perm->count));
    return i;
}

/* Returns where part `part` of `parts` (> 0) begins when n things are split evenly, in order;
 * mk_split(n, parts, parts) is n. */
static inline uint64_t mk_split(uint64_t n, uint32_t part, uint32_t parts) {
    uint64_t rest = n % parts;
    return n / parts * part + (part < rest ? part : rest);
}

/* ---- distributions ------------------------------------------------------------------------ */

enum mk_distribution {
    MK_UNIFORM,
    MK_ZIPFIAN,   /* the key of rank r with a probability proportional to 1/r^theta; ranks are scattered */
    MK_LATEST,    /* the same over age: rank 1 is the newest key */
    MK_HOTSPOT,   /* hot_ops_frac of the draws from hot_keys_frac of the keys, uniform inside and outside */
    MK_SEQUENTIAL /* one after the other, thread t of T starting at t/T of the keys, and round again */
};

enum mk_key_form {
    MK_KEYS_SCRAMBLED,  /* a seeded bijection of [0, 2^60) */
    MK_KEYS_SEQUENTIAL, /* key = id */
    MK_KEYS_STRIDED     /* key = id * stride */
};

/* What a workload file calls them. */
struct mk_choice_name {
    const char *name;
    const char *help;
};
#define MK_DISTRIBUTIONS (MK_SEQUENTIAL + 1)
#define MK_KEY_FORMS (MK_KEYS_STRIDED + 1)
extern const struct mk_choice_name mk_distribution_names[MK_DISTRIBUTIONS];
extern const struct mk_choice_name mk_key_form_names[MK_KEY_FORMS];

struct mk_keys_config {
    uint64_t count;      /* keys drawn from; > 0 */
    uint64_t offset;     /* id of the first of them */
    uint64_t fresh_from; /* first id that is never prefilled; 0 = offset + count. Groups that share an
                          * instance, and phases that follow one another, need one that is free */
    enum mk_distribution distribution;
    double theta;         /* zipfian, latest: in (0, MK_KEYS_THETA_MAX], 1 and more included */
    double hot_keys_frac; /* hotspot: in (0, 1] */
    double hot_ops_frac;  /* hotspot: in [0, 1] */
    enum mk_key_form form;
    uint64_t stride; /* strided: in [1, MK_KEYS_STRIDE_MAX] */
};

/* Ranks 0 .. count-1, rank r with a probability proportional to (r + 1)^-theta. */
#define MK_ZIPF_MARGINS 256
struct mk_zipf {
    double count, theta, one_minus_theta, exponent;
    double first, last;                 /* area under the hat at both ends */
    double margin[MK_ZIPF_MARGINS + 1]; /* by rank from 1: how far below it a candidate is accepted */
};

struct mk_keys {
    struct mk_keys_config cfg; /* fresh_from and stride filled in */
    struct mk_perm map;        /* scrambled: id to key */
    struct mk_perm rank;       /* zipfian: rank to id, where the form does not scatter ids anyway */
    struct mk_perm prefill;    /* which ids prefill takes, and in which order */
    struct mk_zipf zipf;
    uint64_t hot_count;
};

/* How far one thread has come. */
struct mk_keys_cursor {
    uint32_t thread, threads;
    uint64_t fresh_count; /* fresh ids it has taken */
    uint64_t next;        /* sequential: what comes next */
};

/* Returns 0, or -1 with err set if cfg is out of range. `seed` chooses the bijection, the
 * scattering of ranks and what is prefilled. */
int mk_keys_init(struct mk_keys *keys, const struct mk_keys_config *cfg, uint64_t seed, struct mk_err *err);

/* Puts the cursor of thread `thread` (< threads, threads > 0) to the beginning. */
void mk_keys_begin(const struct mk_keys *keys, struct mk_keys_cursor *at, uint32_t thread, uint32_t threads);

/* Returns the next id by the distribution.
 *
 * Latest ranks the fresh keys of this thread, newest first, and behind them the `count` ids
 * downwards; the oldest drop out. Other threads' fresh keys do not count: whether one is already
 * there depends on the clock, and a stream that guesses turns hits into misses for whoever is slow. */
uint64_t mk_keys_draw(const struct mk_keys *keys, struct mk_keys_cursor *at, struct mk_rng *rng);

/* Returns how many different keys `draws` draws meet in the mean, all threads together; NaN where no
 * formula is at hand (latest). Zipfian is summed over bands of ranks, within 1 %. */
double mk_keys_expected_distinct(const struct mk_keys *keys, uint64_t draws);

/* Returns the next fresh id of this thread: fresh_from + thread, then every threads-th. */
static inline uint64_t mk_keys_fresh(const struct mk_keys *keys, struct mk_keys_cursor *at) {
    return keys->cfg.fresh_from + at->thread + at->fresh_count++ * at->threads;
}

/* Returns the key (< 2^60) of an id. */
static inline uint64_t mk_keys_key(const struct mk_keys *keys, uint64_t id) {
    if (keys->cfg.form == MK_KEYS_SCRAMBLED) return mk_perm_at(&keys->map, id);
    return id * keys->cfg.stride;
}

/* Returns the id of a key that mk_keys_key has made. */
static inline uint64_t mk_keys_id(const struct mk_keys *keys, uint64_t key) {
    if (keys->cfg.form == MK_KEYS_SCRAMBLED) return mk_perm_from(&keys->map, key);
    return key / keys->cfg.stride;
}

/* Sets up a Zipf distribution over `count` (> 0) ranks. A theta within 1e-8 of 1 is taken for 1. */
void mk_zipf_init(struct mk_zipf *zipf, uint64_t count, double theta);

/* Returns a rank, 0 the likeliest. */
uint64_t mk_zipf_draw(const struct mk_zipf *zipf, struct mk_rng *rng);

#endif
