/* hist.h - a histogram of durations with a bounded relative error over all 64 bits.
 *
 * Log-linear: values below 2^(MK_HIST_BITS + 1) have a bin each, every octave above is cut into
 * 2^MK_HIST_BITS bins. A bin is narrower than 1/128 of what it holds, and reports its middle: the
 * error is below 0.4%. The index of a value is part of the result format: with shift =
 * max(0, floor(log2(v)) - 7) it is shift * 128 + (v >> shift).
 *
 * One histogram belongs to one thread; they are added up afterwards.
 */
#ifndef MK_HIST_H
#define MK_HIST_H

#include "../impl/mk.h"

#define MK_HIST_BITS 7
#define MK_HIST_BINS ((64 - MK_HIST_BITS + 1) << MK_HIST_BITS)

struct mk_hist {
    uint64_t count;
    uint64_t max_ns; /* exact */
    uint64_t bin[MK_HIST_BINS];
};

/* Returns the index of the bin for a value. */
static inline unsigned mk_hist_index(uint64_t ns) {
    unsigned shift = 63 - MK_HIST_BITS - (unsigned)__builtin_clzll(ns | 1u << MK_HIST_BITS);
    return (shift << MK_HIST_BITS) + (unsigned)(ns >> shift);
}

/* Returns the smallest value of the bin `index`. */
static inline uint64_t mk_hist_lowest_ns(unsigned index) {
    unsigned octave = index >> MK_HIST_BITS, shift = octave ? octave - 1 : 0;
    return (uint64_t)(index - (shift << MK_HIST_BITS)) << shift;
}

/* Returns the largest value of the bin `index`. */
static inline uint64_t mk_hist_highest_ns(unsigned index) {
    unsigned octave = index >> MK_HIST_BITS, shift = octave ? octave - 1 : 0;
    return mk_hist_lowest_ns(index) + (((uint64_t)1 << shift) - 1);
}

/* Makes it empty. */
static inline void mk_hist_clear(struct mk_hist *hist) {
    memset(hist, 0, sizeof *hist);
}

/* Counts one value. */
static inline void mk_hist_record(struct mk_hist *hist, uint64_t ns) {
    hist->bin[mk_hist_index(ns)]++;
    hist->count++;
    hist->max_ns = ns > hist->max_ns ? ns : hist->max_ns;
}

/* Adds everything in `from` to `to`. */
void mk_hist_merge(struct mk_hist *to, const struct mk_hist *from);

/* Returns the index of the first bin at or after `index` that is not empty, or MK_HIST_BINS. With
 * hist->bin[] this is what a result stores. */
unsigned mk_hist_next(const struct mk_hist *hist, unsigned index);

/* Adds `count` values of bin `index` (< MK_HIST_BINS): with mk_hist_clear and max_ns set by the
 * caller, the way back from a result. */
void mk_hist_add(struct mk_hist *hist, unsigned index, uint64_t count);

/* Returns the value that `percent` (0 to 100) of all values do not exceed: the middle of the bin of
 * the k-th smallest, k = ceil(percent / 100 * count) but at least 1 (nearest rank, nothing is
 * interpolated), never above max_ns; exactly max_ns for k = count. 0 when empty. */
uint64_t mk_hist_percentile_ns(const struct mk_hist *hist, double percent);

#endif
