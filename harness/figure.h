/* figure.h - from the rounds of a cell to one number a process, and from those to a median with its
 * interval. The process is the unit: rounds of one process share its placement, and averaging more
 * of them only makes the wrong number precise. */
#ifndef MK_FIGURE_H
#define MK_FIGURE_H

#include "impl_api.h"
#include "sample.h"
#include "stats.h"

/* One number a process, by ascending process; the interval is over them. */
struct mk_figure {
    uint32_t *process;
    double *value;
    size_t n; /* 0: nothing was measured, and the interval is NaN */
    struct mk_interval interval;
};

/* Confidence that intervals are asked for; with few processes they are smallest to largest, and less
 * certain (mk_interval.coverage). */
#define MK_FIGURE_CONFIDENCE 0.95

/* What a round yields; NaN = nothing. */
typedef double mk_round_value_fn(const struct mk_round_sample *round);

double mk_round_ops(const struct mk_round_sample *round);     /* operations of all threads */
double mk_round_mops(const struct mk_round_sample *round);    /* 10^6 operations a second of wall time, from
                                                                 the first thread's start to the last's end */
double mk_round_cpu_ns(const struct mk_round_sample *round);  /* CPU time of all threads an operation, ns */

/* Fills *figure from the timed rounds of one phase: a process's number is the median of its rounds'.
 * The caller frees it with mk_figure_free. */
void mk_figure_of_rounds(struct mk_figure *figure, const struct mk_round_sample *rounds, size_t n, uint32_t phase,
                         mk_round_value_fn *value);

/* The same for one counter by its logical name, an operation. */
void mk_figure_of_counter(struct mk_figure *figure, const struct mk_round_sample *rounds, size_t n, uint32_t phase,
                          const char *counter);

/* Which latencies: time is "service" or "response"; ops is a list of operations as the samples name them, NULL at its
 * end, or NULL for all. */
struct mk_figure_of {
    uint32_t phase;
    const char *time;
    const char *const *ops;
};

/* The same for `percent` (0 to 100) of latencies, ns, over all groups: one number a process, from all its samples. */
void mk_figure_of_latency(struct mk_figure *figure, const struct mk_latency_sample *samples, size_t n,
                          const struct mk_figure_of *of, double percent);

/* a / b (both positive) by the processes that have both: the median ratio and its interval. */
void mk_figure_ratio(struct mk_figure *figure, const struct mk_figure *a, const struct mk_figure *b);

void mk_figure_free(struct mk_figure *figure);

/* Returns one more than the highest phase among the rounds. */
uint32_t mk_figure_phases(const struct mk_round_sample *rounds, size_t n);

#endif
