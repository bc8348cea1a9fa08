/* hist.c - what a histogram is asked once its thread has stopped. */
#include "hist.h"

#include <math.h>

void mk_hist_merge(struct mk_hist *to, const struct mk_hist *from) {
    for (unsigned i = 0; i < MK_HIST_BINS; i++) to->bin[i] += from->bin[i];
    to->count += from->count;
    if (from->max_ns > to->max_ns) to->max_ns = from->max_ns;
}

unsigned mk_hist_next(const struct mk_hist *hist, unsigned index) {
    while (index < MK_HIST_BINS && hist->bin[index] == 0) index++;
    return index;
}

void mk_hist_add(struct mk_hist *hist, unsigned index, uint64_t count) {
    hist->bin[index] += count;
    hist->count += count;
}

uint64_t mk_hist_percentile_ns(const struct mk_hist *hist, double percent) {
    if (hist->count == 0) return 0;
    /* multiplied first: 99.9 * 1000 / 100 is 999, 99.9 / 100 * 1000 a little more */
    double rank = ceil(percent * (double)hist->count / 100);
    if (rank >= (double)hist->count) return hist->max_ns;
    uint64_t left = rank > 1 ? (uint64_t)rank : 1;
    unsigned i = 0;
    while (hist->bin[i] < left) left -= hist->bin[i++];
    uint64_t low = mk_hist_lowest_ns(i), middle = low + (mk_hist_highest_ns(i) - low) / 2;
    return middle < hist->max_ns ? middle : hist->max_ns;
}
