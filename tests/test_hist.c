/* test_hist.c - the histogram's error bound over all 64 bits, percentiles against sorted values. */
#include "test.h"

#include "../harness/hist.h"
#include "../harness/rng.h"

#include <math.h>
#include <stdlib.h>

static struct mk_hist *new_hist(void) {
    struct mk_hist *hist = malloc(sizeof *hist);
    mk_hist_clear(hist);
    return hist;
}

TEST(bins_follow_one_another_from_0_to_the_largest_number) {
    CHECK_EQ(mk_hist_lowest_ns(0), 0);
    for (unsigned i = 0; i + 1 < MK_HIST_BINS; i++) {
        CHECK(mk_hist_highest_ns(i) + 1 == mk_hist_lowest_ns(i + 1));
        CHECK_EQ(mk_hist_index(mk_hist_lowest_ns(i)), i);
        CHECK_EQ(mk_hist_index(mk_hist_highest_ns(i)), i);
    }
    CHECK(mk_hist_highest_ns(MK_HIST_BINS - 1) == UINT64_MAX);
    CHECK_EQ(mk_hist_index(UINT64_MAX), MK_HIST_BINS - 1);
}

TEST(index_is_the_documented_formula) {
    const struct {
        uint64_t ns;
        unsigned index;
    } want[] = {{0, 0},     {1, 1},     {127, 127},  {255, 255},     {256, 256},
                {257, 256}, {258, 257}, {1000, 506}, {1000000, 1780}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) CHECK_EQ(mk_hist_index(want[i].ns), want[i].index);
}

/* Records ns beside a larger one, so that neither end is looked up exactly. Returns what comes back. */
static uint64_t through_hist(struct mk_hist *hist, uint64_t ns) {
    mk_hist_clear(hist);
    mk_hist_record(hist, ns);
    mk_hist_record(hist, UINT64_MAX);
    return mk_hist_percentile_ns(hist, 50);
}

TEST(error_is_below_one_percent_over_all_64_bits) {
    struct mk_hist *hist = new_hist();
    struct mk_rng rng;
    double worst = 0;
    mk_rng_seed(&rng, 1);
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t low = (uint64_t)1 << bit;
        uint64_t values[6] = {low - 1, low, low + 1};
        for (unsigned i = 3; i < 6; i++) values[i] = low + mk_rng_below(&rng, low);
        for (unsigned i = 0; i < 6; i++) {
            uint64_t ns = values[i], got = through_hist(hist, ns);
            double off = ns ? fabs((double)got - (double)ns) / (double)ns : (double)got;
            if (off > worst) worst = off;
            if (ns < 256) CHECK(got == ns);
        }
    }
    CHECK(worst < 0.004);
    free(hist);
}

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

TEST(percentiles_are_those_of_the_sorted_values) {
    enum { N = 10000 };
    const double percents[] = {0, 1, 25, 50, 90, 99, 99.9, 99.99, 100};
    static uint64_t values[N];
    struct mk_hist *hist = new_hist();
    struct mk_rng rng;
    mk_rng_seed(&rng, 2);
    for (unsigned i = 0; i < N; i++) {
        values[i] = (uint64_t)exp(mk_rng_unit(&rng) * 20);
        mk_hist_record(hist, values[i]);
    }
    qsort(values, N, sizeof *values, compare_u64);
    for (size_t p = 0; p < sizeof percents / sizeof *percents; p++) {
        uint64_t rank = (uint64_t)ceil(percents[p] * N / 100);
        double want = (double)values[rank ? rank - 1 : 0], got = (double)mk_hist_percentile_ns(hist, percents[p]);
        CHECK(fabs(got - want) <= 0.004 * want);
    }
    CHECK(mk_hist_percentile_ns(hist, 100) == values[N - 1]);
    CHECK(hist->max_ns == values[N - 1]);
    free(hist);
}

TEST(ranks_are_not_moved_by_rounding) {
    struct mk_hist *hist = new_hist();
    for (unsigned i = 0; i < 999; i++) mk_hist_record(hist, 10);
    mk_hist_record(hist, 200);
    CHECK_EQ(mk_hist_percentile_ns(hist, 99.9), 10); /* the 999th of 1000 */
    CHECK_EQ(mk_hist_percentile_ns(hist, 99.91), 200);
    free(hist);
}

TEST(an_empty_histogram_says_0_and_no_bins) {
    struct mk_hist *hist = new_hist();
    CHECK_EQ(mk_hist_percentile_ns(hist, 50), 0);
    CHECK_EQ(mk_hist_next(hist, 0), MK_HIST_BINS);
    free(hist);
}

TEST(no_percentile_exceeds_the_maximum) {
    struct mk_hist *hist = new_hist();
    for (unsigned i = 0; i < 3; i++) mk_hist_record(hist, 1000000001);
    CHECK_EQ(mk_hist_percentile_ns(hist, 50) <= 1000000001, true);
    CHECK_EQ(mk_hist_percentile_ns(hist, 100), 1000000001);
    free(hist);
}

TEST(merging_and_rebuilding_give_the_same_histogram) {
    struct mk_hist *all = new_hist(), *one = new_hist(), *two = new_hist(), *back = new_hist();
    struct mk_rng rng;
    mk_rng_seed(&rng, 3);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t ns = mk_rng_next(&rng) >> mk_rng_below(&rng, 64);
        mk_hist_record(all, ns);
        mk_hist_record(i % 3 ? one : two, ns);
    }
    mk_hist_record(all, UINT64_MAX);
    mk_hist_record(two, UINT64_MAX);
    mk_hist_merge(one, two);
    CHECK(memcmp(one, all, sizeof *all) == 0);
    for (unsigned i = mk_hist_next(all, 0); i < MK_HIST_BINS; i = mk_hist_next(all, i + 1)) {
        CHECK(all->bin[i] > 0);
        mk_hist_add(back, i, all->bin[i]);
    }
    back->max_ns = all->max_ns;
    CHECK(memcmp(back, all, sizeof *all) == 0);
    free(all);
    free(one);
    free(two);
    free(back);
}
