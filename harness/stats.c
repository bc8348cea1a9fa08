/* stats.c - order statistics, written out. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void mk_stats_sort(double *values, size_t n) {
    if (n > 1) qsort(values, n, sizeof *values, compare);
}

double mk_stats_quantile(const double *sorted, size_t n, double p) {
    if (n == 0) return NAN;
    double at = p * (double)(n - 1), below = floor(at);
    size_t i = (size_t)below;
    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - below) * (sorted[i + 1] - sorted[i]);
}

double mk_stats_median(const double *sorted, size_t n) {
    if (n == 0) return NAN;
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Left and right of the median the deviations are two ascending lists; their merge is walked up to
 * its own median. */
double mk_stats_mad(const double *sorted, size_t n) {
    double median = mk_stats_median(sorted, n), before = NAN, deviation = NAN;
    size_t left = n / 2, right = n / 2; /* [0, left) and [right, n) are still to come */
    for (size_t taken = 0; taken <= n / 2 && n > 0; taken++) {
        before = deviation;
        double low = left > 0 ? median - sorted[left - 1] : INFINITY;
        double high = right < n ? sorted[right] - median : INFINITY;
        deviation = low < high ? low : high;
        left -= low < high;
        right += !(low < high);
    }
    return n % 2 ? deviation : (before + deviation) / 2;
}

double mk_stats_robust_sd(const double *sorted, size_t n) {
    return 1.4826 * mk_stats_mad(sorted, n);
}

double mk_stats_geomean(const double *values, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(values[i] > 0)) return NAN;
        sum += log(values[i]);
    }
    return exp(sum / (double)n);
}

/* Returns the probability of exactly k heads. */
static double coin_pmf(uint64_t n, uint64_t k) {
    int sign;
    double log_ways = lgamma_r((double)n + 1, &sign);
    log_ways -= lgamma_r((double)k + 1, &sign) + lgamma_r((double)(n - k) + 1, &sign);
    return exp(log_ways - (double)n * M_LN2);
}

/* Returns a number of heads below which there is nothing to add: 12 standard deviations from the middle. */
static uint64_t coin_floor(uint64_t n) {
    double low = floor((double)n / 2 - 6 * sqrt((double)n));
    return low > 0 ? (uint64_t)low : 0;
}

double mk_stats_coin_cdf(uint64_t n, uint64_t k) {
    uint64_t i = coin_floor(n);
    double sum = 0;
    if (k >= n) return 1;
    for (double p = coin_pmf(n, i); i <= k; i++) {
        sum += p;
        p *= (double)(n - i) / (double)(i + 1);
    }
    return sum < 1 ? sum : 1;
}

struct mk_interval mk_stats_median_interval(const double *sorted, size_t n, double confidence) {
    struct mk_interval interval = {mk_stats_median(sorted, n), NAN, NAN, 0};
    if (n == 0) return interval;
    uint64_t k = coin_floor(n) + 1; /* 1 unless there are hundreds of samples: then still far out */
    while (2 * (k + 1) <= n + 1 && 1 - 2 * mk_stats_coin_cdf(n, k) >= confidence) k++;
    interval.lower = sorted[k - 1];
    interval.upper = sorted[n - k];
    interval.coverage = 1 - 2 * mk_stats_coin_cdf(n, k - 1);
    if (interval.coverage < 0) interval.coverage = 0;
    return interval;
}

struct mk_interval mk_stats_ratio_interval(const double *treated, const double *base, size_t n, double *scratch,
                                           double confidence) {
    for (size_t i = 0; i < n; i++) scratch[i] = log(treated[i] / base[i]);
    mk_stats_sort(scratch, n);
    struct mk_interval interval = mk_stats_median_interval(scratch, n, confidence);
    interval.estimate = exp(interval.estimate);
    interval.lower = exp(interval.lower);
    interval.upper = exp(interval.upper);
    return interval;
}
