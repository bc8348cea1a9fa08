/* test_stats.c - summaries against worked examples, against slow ways to the same figure, and
 * intervals against the coverage they claim. */
#include "test.h"

#include "../harness/rng.h"
#include "../harness/stats.h"

#include <math.h>

#define CHECK_NEAR(GOT, WANT, WITHIN)                                                              \
    do {                                                                                           \
        double near_got = (GOT), near_want = (WANT);                                               \
        if (!(fabs(near_got - near_want) <= (WITHIN)))                                             \
            mk_test_fail(__FILE__, __LINE__, "%s is %.17g, not %.17g", #GOT, near_got, near_want); \
    } while (0)

TEST(sorting_sorts) {
    double values[] = {3, -1, 2, INFINITY, -0.5, 2};
    const double want[] = {-1, -0.5, 2, 2, 3, INFINITY};
    mk_stats_sort(values, 6);
    for (unsigned i = 0; i < 6; i++) CHECK(values[i] == want[i]);
    mk_stats_sort(NULL, 0);
}

TEST(quantiles_are_of_type_7) {
    const double four[] = {1, 2, 3, 4}, one[] = {7};
    CHECK_NEAR(mk_stats_quantile(four, 4, 0), 1, 0);
    CHECK_NEAR(mk_stats_quantile(four, 4, 0.25), 1.75, 1e-15);
    CHECK_NEAR(mk_stats_quantile(four, 4, 0.5), 2.5, 1e-15);
    CHECK_NEAR(mk_stats_quantile(four, 4, 0.9), 3.7, 1e-12);
    CHECK_NEAR(mk_stats_quantile(four, 4, 1), 4, 0);
    CHECK_NEAR(mk_stats_quantile(one, 1, 0.3), 7, 0);
    CHECK(isnan(mk_stats_quantile(four, 0, 0.5)));
}

TEST(median_is_the_middle) {
    const double values[] = {1, 2, 4, 8};
    CHECK_NEAR(mk_stats_median(values, 1), 1, 0);
    CHECK_NEAR(mk_stats_median(values, 2), 1.5, 0);
    CHECK_NEAR(mk_stats_median(values, 3), 2, 0);
    CHECK_NEAR(mk_stats_median(values, 4), 3, 0);
    CHECK(isnan(mk_stats_median(values, 0)));
}

TEST(mad_is_the_median_of_sorted_deviations) {
    struct mk_rng rng;
    mk_rng_seed(&rng, 1);
    for (size_t n = 1; n < 40; n++) {
        double values[40], deviations[40];
        for (size_t i = 0; i < n; i++) values[i] = floor(mk_rng_unit(&rng) * 30); /* with ties */
        mk_stats_sort(values, n);
        double median = mk_stats_median(values, n);
        for (size_t i = 0; i < n; i++) deviations[i] = fabs(values[i] - median);
        mk_stats_sort(deviations, n);
        CHECK_NEAR(mk_stats_mad(values, n), mk_stats_median(deviations, n), 1e-12);
    }
    CHECK(isnan(mk_stats_mad(NULL, 0)));
}

TEST(robust_sd_is_the_sd_of_normal_samples_and_ignores_wild_ones) {
    enum { N = 20001 };
    static double values[N];
    struct mk_rng rng;
    mk_rng_seed(&rng, 1);
    for (unsigned i = 0; i < N; i++) {
        double u = 1 - mk_rng_unit(&rng), v = mk_rng_unit(&rng);
        values[i] = i % 100 == 0 ? 1e9 : 5 + 3 * sqrt(-2 * log(u)) * cos(2 * M_PI * v);
    }
    mk_stats_sort(values, N);
    CHECK_NEAR(mk_stats_robust_sd(values, N), 3, 0.12);
}

TEST(geometric_mean) {
    const double values[] = {1, 10, 100}, zero[] = {1, 0};
    CHECK_NEAR(mk_stats_geomean(values, 3), 10, 1e-12);
    CHECK(isnan(mk_stats_geomean(zero, 2)));
    CHECK(isnan(mk_stats_geomean(values, 0)));
}

TEST(coins) {
    CHECK_NEAR(mk_stats_coin_cdf(6, 0), 1.0 / 64, 1e-15);
    CHECK_NEAR(mk_stats_coin_cdf(4, 1), 5.0 / 16, 1e-15);
    CHECK_NEAR(mk_stats_coin_cdf(100, 39), 0.017600100108852, 1e-12);
    CHECK_NEAR(mk_stats_coin_cdf(5, 5), 1, 0);
    /* symmetric: half, and half of the middle */
    CHECK_NEAR(mk_stats_coin_cdf(1001, 500), 0.5, 1e-12);
    CHECK_NEAR(mk_stats_coin_cdf(1000000, 499999), 0.5 - 0.5 * 7.978843614e-4, 1e-9);
    CHECK_NEAR(mk_stats_coin_cdf(1000000, 499020), 0.5 * erfc(979.5 / 500 / M_SQRT2), 1e-6);
    CHECK_NEAR(mk_stats_coin_cdf(1000000, 10), 0, 0);
}

/* Interval of the median of 1 .. n: the ranks themselves. */
static struct mk_interval ranks(size_t n, double confidence) {
    double values[200];
    for (size_t i = 0; i < n; i++) values[i] = (double)(i + 1);
    return mk_stats_median_interval(values, n, confidence);
}

TEST(median_intervals_are_those_of_the_tables) {
    const struct {
        size_t n;
        double lower, upper, coverage;
    } want[] = {
        {1, 1, 1, 0},
        {2, 1, 2, 0.5},
        {5, 1, 5, 0.9375},
        {6, 1, 6, 0.96875},
        {8, 1, 8, 0.9921875},
        {9, 2, 8, 0.9609375},
        {10, 2, 9, 0.978515625},
        {20, 6, 15, 0.958610534667969},
        {100, 40, 61, 0.964799799782296},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct mk_interval got = ranks(want[i].n, 0.95);
        CHECK_NEAR(got.estimate, (double)(want[i].n + 1) / 2, 0);
        CHECK_NEAR(got.lower, want[i].lower, 0);
        CHECK_NEAR(got.upper, want[i].upper, 0);
        CHECK_NEAR(got.coverage, want[i].coverage, 1e-12);
    }
    CHECK_NEAR(ranks(10, 0.99).lower, 1, 0);
    CHECK_NEAR(ranks(9, 0.5).lower, 3, 0);
    struct mk_interval none = mk_stats_median_interval(NULL, 0, 0.95);
    CHECK(isnan(none.estimate) && isnan(none.lower) && isnan(none.upper));
    CHECK_NEAR(none.coverage, 0, 0);
}

/* Skewed samples (exponential, median ln 2): the interval must hold the median as often as it says. */
TEST(median_intervals_cover_what_they_claim) {
    enum { TRIALS = 20000 };
    const size_t sizes[] = {6, 10, 31};
    struct mk_rng rng;
    mk_rng_seed(&rng, 4);
    for (unsigned s = 0; s < 3; s++) {
        unsigned held = 0;
        double claimed = 0, values[31];
        for (unsigned t = 0; t < TRIALS; t++) {
            for (size_t i = 0; i < sizes[s]; i++) values[i] = -log(1 - mk_rng_unit(&rng));
            mk_stats_sort(values, sizes[s]);
            struct mk_interval got = mk_stats_median_interval(values, sizes[s], 0.95);
            held += got.lower <= M_LN2 && M_LN2 <= got.upper;
            claimed = got.coverage;
        }
        CHECK(claimed >= 0.95);
        CHECK_NEAR((double)held / TRIALS, claimed, 5 * sqrt(claimed * (1 - claimed) / TRIALS));
    }
}

TEST(ratios_are_paired) {
    const double base[] = {1, 10, 100, 1000, 10000, 100000}; /* far apart: unpaired, nothing is resolved */
    double treated[6], scratch[6];
    const double ratio[] = {1.08, 1.1, 1.12, 1.09, 1.11, 1.1};
    for (unsigned i = 0; i < 6; i++) treated[i] = base[i] * ratio[i];
    struct mk_interval got = mk_stats_ratio_interval(treated, base, 6, scratch, 0.95);
    CHECK_NEAR(got.estimate, 1.1, 1e-9);
    CHECK_NEAR(got.lower, 1.08, 1e-12);
    CHECK_NEAR(got.upper, 1.12, 1e-12);
    CHECK_NEAR(got.coverage, 0.96875, 1e-15);
    struct mk_interval back = mk_stats_ratio_interval(base, treated, 6, scratch, 0.95);
    CHECK_NEAR(back.estimate, 1 / got.estimate, 1e-12);
    CHECK_NEAR(back.upper, 1 / got.lower, 1e-12);
}
