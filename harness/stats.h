/* stats.h - summaries of a handful of samples: medians, and intervals that assume nothing about
 * the shape of their distribution. Pure functions; any thread. (GSL offers the quantiles but not the
 * intervals; a page of our own is less than the dependency.)
 *
 * Samples hold no NaN. What cannot be said of no samples is NaN.
 */
#ifndef MK_STATS_H
#define MK_STATS_H

#include <stddef.h>
#include <stdint.h>

struct mk_interval {
    double estimate;
    double lower, upper;
    double coverage; /* the confidence it really has, 0 to 1; below what was asked when there are too few samples */
};

/* Sorts ascending, in place. Functions on `sorted` expect this. */
void mk_stats_sort(double *values, size_t n);

/* Returns the quantile p (0 to 1): linear between order statistics, the smallest sample for 0, the
 * largest for 1 (type 7 of Hyndman and Fan; what R, NumPy and spreadsheets take). */
double mk_stats_quantile(const double *sorted, size_t n, double p);

/* Returns the middle sample, or the mean of the middle two. */
double mk_stats_median(const double *sorted, size_t n);

/* Returns the median absolute deviation from the median, unscaled. */
double mk_stats_mad(const double *sorted, size_t n);

/* Returns 1.4826 times the MAD: the standard deviation, were the samples normal; half of them may
 * be wild. */
double mk_stats_robust_sd(const double *sorted, size_t n);

/* Returns the geometric mean; NaN unless all values are positive. In any order. */
double mk_stats_geomean(const double *values, size_t n);

/* Returns the probability of at most k heads in n throws of a fair coin. */
double mk_stats_coin_cdf(uint64_t n, uint64_t k);

/* Returns the median and an interval for the median of what the (independent) samples were drawn
 * from: the narrowest pair of order statistics x(k), x(n+1-k) whose coverage 1 - 2 P(coin(n) < k)
 * is at least `confidence`; smallest to largest, with its coverage, when there is none. So 6
 * samples give smallest to largest, 96.9%. */
struct mk_interval mk_stats_median_interval(const double *sorted, size_t n, double confidence);

/* Returns the ratio of two treatments measured in pairs, treated[i] with base[i] (all positive): exp of
 * the median and its interval of the log ratios. `scratch` has room for n; it is overwritten. */
struct mk_interval mk_stats_ratio_interval(const double *treated, const double *base, size_t n, double *scratch,
                                           double confidence);

#endif
