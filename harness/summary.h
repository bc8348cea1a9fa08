/* summary.h - rows for people, worked out from a result and nothing else: one for every phase of
 * every cell. The result must outlive its summary. */
#ifndef MK_SUMMARY_H
#define MK_SUMMARY_H

#include "figure.h"
#include "result.h"

/* How a row stands to the best of its comparison group and phase, by CPU time per operation. */
enum mk_versus {
    MK_VERSUS_NONE,      /* floors, what failed or has no figure, and where there is nothing to compare with */
    MK_VERSUS_BEST,      /* all others are slower, and the intervals say so */
    MK_VERSUS_RESOLVED,  /* the ratio's interval does not hold 1 */
    MK_VERSUS_UNRESOLVED /* it does, or too few processes can tell; for the lowest: some other is not told apart */
};
extern const char *const mk_versus_names[];

/* Medians over processes, ns; NaN = not measured. */
struct mk_summary_latency {
    double p50_ns, p90_ns, p99_ns, p999_ns;
    double max_ns; /* of all processes */
};

/* What an allocator makes of memory; NaN and UINT64_MAX = unknown, as it is of all other kinds. */
struct mk_summary_blocks {
    double peak_rss_over_live; /* most resident bytes over most live ones */
    double rounding_waste;     /* usable over requested bytes of live blocks, less 1 */
    double shared_frac;        /* of live blocks, on a cache line with one of another thread */
    uint64_t drained_bytes, drained_end_bytes; /* resident once blocks are freed: at once, at the end of the watch */
    uint64_t minor_faults;
    struct mk_summary_latency alloc, free; /* service time of single calls, in this phase */
};

struct mk_summary_row {
    const struct mk_result_cell *cell;
    const struct mk_result_point *point;
    uint32_t phase;
    const char *phase_name;  /* "" where the point has one phase without a name */
    struct mk_figure mops;   /* 10^6 operations a second, wall time */
    struct mk_figure cpu_ns; /* CPU time an operation, all threads together; none where the phase is paced */
    struct mk_figure *counters; /* an operation, by summary.counters */
    enum mk_versus versus;
    struct mk_interval ratio; /* this row's CPU time over the best's, paired by process */
    struct mk_summary_latency service, response;
    double probe_ns;                 /* contained in every latency */
    double fill_bytes, churn_bytes;  /* structure_bytes an element */
    struct mk_summary_blocks blocks;
    bool stalled; /* readers stood still */
    uint64_t peak_unreclaimed, peak_unreclaimed_bytes; /* of all rounds, if stalled, else in the memory worker;
                                                        * UINT64_MAX = unknown */
};

struct mk_summary_counter {
    const char *name;
    const char *reason; /* why no row has a value; NULL = some has */
};

struct mk_summary {
    const struct mk_result_file *result;
    char *name, *about; /* of the workload; "" without */
    struct mk_summary_row *rows; /* by point, phase, threads; then as the plan has them, floors last */
    size_t rows_n;
    struct mk_summary_counter *counters; /* every counter that was asked for */
    size_t counters_n;
    bool has_latency, has_response, has_memory, has_stalled, has_blocks;
    double coverage; /* the least that the figures' intervals cover; NaN without any */
    uint64_t processes_min, processes_max; /* of the rows that have figures */
};

/* Works out all rows. The caller frees them with mk_summary_free. */
void mk_summary_make(struct mk_summary *summary, const struct mk_result_file *result);
void mk_summary_free(struct mk_summary *summary);

/* Returns the first reason of a cell, or NULL where it simply passed. */
const struct mk_reason *mk_summary_reason(const struct mk_result_cell *cell);

#endif
