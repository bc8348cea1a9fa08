/* keys.c - key distributions. Zipf by rejection-inversion (Hormann and Derflinger, "Rejection-inversion
 * to generate variates from monotone discrete distributions", 1996): exact for every theta, without
 * the zeta sum that other generators compute first. */
#include "keys.h"

#include <inttypes.h>
#include <math.h>

const struct mk_choice_name mk_distribution_names[MK_DISTRIBUTIONS] = {
    [MK_UNIFORM] = {"uniform", "every key alike"},
    [MK_ZIPFIAN] = {"zipfian", "the r-th most wanted key in proportion to 1/r^theta, scattered over all keys"},
    [MK_LATEST] = {"latest", "zipfian by age: the newest key is the most wanted"},
    [MK_HOTSPOT] = {"hotspot", "hot_ops_frac of the draws go to hot_keys_frac of the keys"},
    [MK_SEQUENTIAL] = {"sequential", "one key after the other, each thread from its own start"},
};

const struct mk_choice_name mk_key_form_names[MK_KEY_FORMS] = {
    [MK_KEYS_SCRAMBLED] = {"scrambled", "keys spread over 60 bits by a seeded bijection"},
    [MK_KEYS_SEQUENTIAL] = {"sequential", "keys 0, 1, 2, ..."},
    [MK_KEYS_STRIDED] = {"strided", "keys 0, stride, 2 * stride, ..."},
};

/* ---- permutations ------------------------------------------------------------------------- */

/* Returns the inverse of an odd number modulo 2^64, by Newton's iteration: 3 bits, 6, 12, ... */
static uint64_t odd_inverse(uint64_t odd) {
    uint64_t inverse = odd;
    for (unsigned i = 0; i < 5; i++) inverse *= 2 - odd * inverse;
    return inverse;
}

void mk_perm_init(struct mk_perm *perm, uint64_t count, struct mk_rng *rng) {
    unsigned bits = count > 1 ? 64 - (unsigned)__builtin_clzll(count - 1) : 0;
    perm->count = count;
    perm->mask = ((uint64_t)1 << bits) - 1;
    perm->shift = (bits + 1) / 2;
    perm->rounds = bits < 48 ? MK_PERM_ROUNDS : MK_PERM_ROUNDS / 2;
    for (unsigned r = 0; r < MK_PERM_ROUNDS; r++) {
        perm->mul[r] = mk_rng_next(rng) | 1;
        perm->add[r] = mk_rng_next(rng);
        perm->inverse[r] = odd_inverse(perm->mul[r]);
    }
}

/* ---- Zipf --------------------------------------------------------------------------------- */

/* Returns the integral of t^-theta from 1 to x. */
static double hat_area(const struct mk_zipf *zipf, double x) {
    double q = zipf->one_minus_theta, log_x = log(x);
    return q == 0 ? log_x : expm1(q * log_x) / q;
}

/* Returns the x at which hat_area is `area`. One pow, and exp for theta 1: faster than log1p and exp
 * together, and as exact as the ids need. */
static double hat_area_inverse(const struct mk_zipf *zipf, double area) {
    double q = zipf->one_minus_theta;
    return q == 0 ? exp(area) : pow(1 + q * area, zipf->exponent);
}

/* Returns the area from which on candidates for rank k are accepted. */
static double accepted_area(const struct mk_zipf *zipf, double k) {
    return hat_area(zipf, k + 0.5) - pow(k, -zipf->theta);
}

void mk_zipf_init(struct mk_zipf *zipf, uint64_t count, double theta) {
    double q = fabs(1 - theta) < 1e-8 ? 0 : 1 - theta;
    zipf->count = (double)count;
    zipf->theta = theta;
    zipf->one_minus_theta = q;
    zipf->exponent = q == 0 ? 0 : 1 / q;
    zipf->first = accepted_area(zipf, 1);
    zipf->last = hat_area(zipf, zipf->count + 0.5);
    zipf->margin[0] = 0;
    for (unsigned k = 1; k <= MK_ZIPF_MARGINS; k++) {
        zipf->margin[k] = k - hat_area_inverse(zipf, accepted_area(zipf, k));
    }
}

/* The margin grows with the rank, so that the last of the table is safe for all above; what it
 * leaves open there, one draw in thousands, is computed. */
uint64_t mk_zipf_draw(const struct mk_zipf *zipf, struct mk_rng *rng) {
    double area, x;
    int64_t k, near;
    do {
        area = zipf->last + mk_rng_unit(rng) * (zipf->first - zipf->last);
        x = hat_area_inverse(zipf, area);
        /* at its ends the area is not exact: x may be inf, NaN, or a little below rank 1 */
        k = x < zipf->count ? (int64_t)(x + 0.5) : (int64_t)zipf->count;
        k += k == 0; /* an addition: as a branch it would be mispredicted */
        near = k < MK_ZIPF_MARGINS ? k : MK_ZIPF_MARGINS;
    } while (MK_UNLIKELY((double)k - x > zipf->margin[near]) && area < accepted_area(zipf, (double)k));
    return (uint64_t)k - 1;
}

/* ---- keys --------------------------------------------------------------------------------- */

static bool is_ranked(const struct mk_keys_config *cfg) {
    return cfg->distribution == MK_ZIPFIAN || cfg->distribution == MK_LATEST;
}

static int check_config(const struct mk_keys_config *cfg, struct mk_err *err) {
    if (cfg->count == 0 || cfg->count > MK_KEYS_COUNT_MAX) {
        return mk_fail(err, "keys.count is %" PRIu64 ": give 1 to 2^36", cfg->count);
    }
    if (cfg->offset > MK_KEYS_COUNT_MAX) {
        return mk_fail(err, "keys.offset is %" PRIu64 ": give at most 2^36", cfg->offset);
    }
    if (cfg->fresh_from > MK_KEYS_FRESH_MAX) {
        return mk_fail(err, "fresh keys from %" PRIu64 ": give at most 2^39", cfg->fresh_from);
    }
    if (cfg->fresh_from && cfg->fresh_from < cfg->offset + cfg->count) {
        return mk_fail(err, "fresh keys from %" PRIu64 " would be among the %" PRIu64 " keys from %" PRIu64,
                       cfg->fresh_from, cfg->count, cfg->offset);
    }
    if ((unsigned)cfg->distribution >= MK_DISTRIBUTIONS || (unsigned)cfg->form >= MK_KEY_FORMS) {
        return mk_fail(err, "unknown key distribution %d or form %d", (int)cfg->distribution, (int)cfg->form);
    }
    if (is_ranked(cfg) && !(cfg->theta > 0 && cfg->theta <= MK_KEYS_THETA_MAX)) {
        return mk_fail(err, "keys.theta is %g: give more than 0 and at most %g", cfg->theta, MK_KEYS_THETA_MAX);
    }
    if (cfg->distribution == MK_HOTSPOT && !(cfg->hot_keys_frac > 0 && cfg->hot_keys_frac <= 1)) {
        return mk_fail(err, "keys.hot_keys_frac is %g: give more than 0 and at most 1", cfg->hot_keys_frac);
    }
    if (cfg->distribution == MK_HOTSPOT && !(cfg->hot_ops_frac >= 0 && cfg->hot_ops_frac <= 1)) {
        return mk_fail(err, "keys.hot_ops_frac is %g: give 0 to 1", cfg->hot_ops_frac);
    }
    if (cfg->form == MK_KEYS_STRIDED && (cfg->stride == 0 || cfg->stride > MK_KEYS_STRIDE_MAX)) {
        return mk_fail(err, "keys.stride is %" PRIu64 ": give 1 to 2^20", cfg->stride);
    }
    return 0;
}

int mk_keys_init(struct mk_keys *keys, const struct mk_keys_config *cfg, uint64_t seed, struct mk_err *err) {
    struct mk_rng rng;
    if (check_config(cfg, err)) return -1;
    keys->cfg = *cfg;
    if (!cfg->fresh_from) keys->cfg.fresh_from = cfg->offset + cfg->count;
    if (cfg->form != MK_KEYS_STRIDED) keys->cfg.stride = 1;
    mk_rng_seed(&rng, seed);
    mk_perm_init(&keys->map, (uint64_t)1 << MK_KEY_BITS, &rng); /* first: the same for every count */
    mk_perm_init(&keys->rank, cfg->count, &rng);
    mk_perm_init(&keys->prefill, cfg->count, &rng);
    if (is_ranked(cfg)) mk_zipf_init(&keys->zipf, cfg->count, cfg->theta);
    if (cfg->distribution == MK_HOTSPOT) {
        keys->hot_count = (uint64_t)llround(cfg->hot_keys_frac * (double)cfg->count);
        if (keys->hot_count == 0) keys->hot_count = 1;
    }
    return 0;
}

void mk_keys_begin(const struct mk_keys *keys, struct mk_keys_cursor *at, uint32_t thread, uint32_t threads) {
    at->thread = thread;
    at->threads = threads;
    at->fresh_count = 0;
    at->next = mk_split(keys->cfg.count, thread, threads) % keys->cfg.count;
}

static uint64_t draw_zipfian(const struct mk_keys *keys, struct mk_rng *rng) {
    uint64_t rank = mk_zipf_draw(&keys->zipf, rng);
    return keys->cfg.form == MK_KEYS_SCRAMBLED ? rank : mk_perm_at(&keys->rank, rank);
}

static uint64_t draw_latest(const struct mk_keys *keys, const struct mk_keys_cursor *at, struct mk_rng *rng) {
    uint64_t age = mk_zipf_draw(&keys->zipf, rng);
    if (age < at->fresh_count) {
        return keys->cfg.fresh_from + at->thread + (at->fresh_count - 1 - age) * at->threads;
    }
    return keys->cfg.offset + keys->cfg.count - 1 - (age - at->fresh_count);
}

static uint64_t draw_hotspot(const struct mk_keys *keys, struct mk_rng *rng) {
    uint64_t cold_count = keys->cfg.count - keys->hot_count;
    if (cold_count == 0 || mk_rng_unit(rng) < keys->cfg.hot_ops_frac) return mk_rng_below(rng, keys->hot_count);
    return keys->hot_count + mk_rng_below(rng, cold_count);
}

static uint64_t draw_sequential(const struct mk_keys *keys, struct mk_keys_cursor *at) {
    uint64_t id = at->next++;
    if (at->next == keys->cfg.count) at->next = 0;
    return id;
}

uint64_t mk_keys_draw(const struct mk_keys *keys, struct mk_keys_cursor *at, struct mk_rng *rng) {
    uint64_t offset = keys->cfg.offset;
    switch (keys->cfg.distribution) {
    case MK_ZIPFIAN: return offset + draw_zipfian(keys, rng);
    case MK_LATEST: return draw_latest(keys, at, rng);
    case MK_HOTSPOT: return offset + draw_hotspot(keys, rng);
    case MK_SEQUENTIAL: return offset + draw_sequential(keys, at);
    default: return offset + mk_rng_below(rng, keys->cfg.count);
    }
}

/* ---- expectations ------------------------------------------------------------------------- */

/* Of n equally likely keys, those that `draws` draws meet. */
static double distinct_of(double n, double draws) {
    return n < 1 ? 0 : n < 2 ? (draws > 0) : n * -expm1(draws * log1p(-1 / n));
}

static double distinct_zipfian(const struct mk_keys *keys, double draws) {
    double n = (double)keys->cfg.count, theta = keys->cfg.theta, weight = 0, distinct = 0;
    /* Bands of ranks that grow by a hundredth: within one, all ranks count as its middle. */
    for (int pass = 0; pass < 2; pass++) {
        for (double from = 1; from <= n;) {
            double to = fmin(fmax(from + 1, floor(from * 1.01)), n + 1), ranks = to - from;
            double share = pow((from + to - 1) / 2, -theta);
            if (pass == 0) {
                weight += ranks * share;
            } else {
                distinct += ranks * -expm1(draws * log1p(-fmin(share / weight, 1 - 1e-12)));
            }
            from = to;
        }
    }
    return distinct;
}

double mk_keys_expected_distinct(const struct mk_keys *keys, uint64_t draws) {
    double n = (double)keys->cfg.count, d = (double)draws;
    switch (keys->cfg.distribution) {
    case MK_UNIFORM: return distinct_of(n, d);
    case MK_ZIPFIAN: return distinct_zipfian(keys, d);
    case MK_HOTSPOT: {
        double hot = (double)keys->hot_count, hot_draws = d * keys->cfg.hot_ops_frac;
        return hot >= n ? distinct_of(n, d) : distinct_of(hot, hot_draws) + distinct_of(n - hot, d - hot_draws);
    }
    case MK_SEQUENTIAL: return fmin(n, d);
    default: return NAN;
    }
}
