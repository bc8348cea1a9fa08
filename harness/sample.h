/* sample.h - what a worker measures, as it goes over the wire and into the result. Nothing here is
 * an average: statistics are made from these, later, by whoever reads them. */
#ifndef MK_SAMPLE_H
#define MK_SAMPLE_H

#include "record.h"

enum mk_round_sort { MK_ROUND_TIMED, MK_ROUND_LATENCY };
extern const char *const mk_round_sort_names[];

enum mk_verdict { MK_VERDICT_PASS, MK_VERDICT_FAIL, MK_VERDICT_SKIPPED, MK_VERDICT_UNTRUSTWORTHY, MK_VERDICT_UNCHECKED };
extern const char *const mk_verdict_names[];

/* One thread in one round and phase. Lists by operation code have 16 entries or none. */
struct mk_thread_sample {
    uint32_t thread, group;
    uint32_t pu, pu_end; /* where it was to run and where it was at the end; UINT32_MAX unknown */
    bool pinned;         /* bound to pu, and the binding was read back */
    uint64_t start_skew_ns; /* after the common start */
    uint64_t ops, wall_ns, cpu_ns;
    uint64_t voluntary_switches, involuntary_switches, minor_faults;
    uint64_t failed; /* operations that had no memory or were refused */
    uint64_t *attempted;
    size_t attempted_n;
    uint64_t *hits;
    size_t hits_n;
    uint64_t *slice_ops;
    size_t slice_ops_n;
    uint64_t *slice_wall_ns;
    size_t slice_wall_ns_n;
    uint64_t *slice_cpu_ns;
    size_t slice_cpu_ns_n;
    uint64_t *slice_involuntary;
    size_t slice_involuntary_n;
    uint64_t *counters; /* by position in the round's counter list; missing = none read */
    size_t counters_n;
};

/* A counter as it was read in one round: a name and where the number comes from. */
struct mk_counter_sample {
    char *name;    /* logical */
    char *event;   /* resolved native event */
    char *backend; /* papi, perf, sw */
    uint64_t value; /* sum over threads, within the measured part */
    char *unavailable; /* the reason, where there is no value; NULL otherwise */
};

/* What waited to be freed while a reader of one thread stood still. Times are after the common start. */
struct mk_garbage_sample {
    uint32_t thread;
    uint64_t every_ns; /* between two looks, about; 0 = it could not look */
    uint64_t *at_ns;
    size_t at_ns_n;
    uint64_t *nodes; /* by look */
    size_t nodes_n;
    uint64_t *bytes; /* by look; empty = the structure does not say */
    size_t bytes_n;
    uint64_t *stall_begin_ns, *stall_end_ns; /* the stretches it stood in its section */
    size_t stall_begin_ns_n, stall_end_ns_n;
};

/* One round of one cell, one phase. */
struct mk_round_sample {
    uint32_t cell, process, round, phase;
    uint32_t sort; /* enum mk_round_sort */
    uint64_t instance_seed, stream_seed;
    uint64_t count_before, count_after; /* elements; UINT64_MAX unknown */
    uint64_t distinct_keys; /* in the executed streams; 0 = not worked out */
    uint64_t expected_distinct; /* what the distribution implies; UINT64_MAX = not worked out */
    uint64_t *expected_hits; /* by code, what the script implies; empty = not worked out */
    size_t expected_hits_n;
    uint64_t expected_count;
    double latency_probe_ns; /* LATENCY: median cost of the two clock reads and an empty batch */
    struct mk_thread_sample *threads;
    size_t threads_n;
    struct mk_counter_sample *counters;
    size_t counters_n;
    uint64_t peak_unreclaimed, peak_unreclaimed_bytes; /* since the instance was made; UINT64_MAX unknown */
    struct mk_garbage_sample *garbage; /* one a stalled reader */
    size_t garbage_n;
};

/* A histogram of one operation's latency in one process. Bins as hist.h numbers them. */
struct mk_latency_sample {
    uint32_t cell, process, phase, group;
    char *op;
    char *time; /* "service" or "response" */
    uint64_t count, max_ns;
    uint64_t *bin;
    size_t bin_n;
    uint64_t *bin_count;
    size_t bin_count_n;
};

/* Memory of one cell, from a worker that ran nothing else. UINT64_MAX = unknown. */
struct mk_memory_sample {
    uint32_t cell;
    uint64_t elements_fill, requested_bytes_fill, structure_bytes_fill, rss_bytes_fill;
    uint64_t elements_churn, requested_bytes_churn, structure_bytes_churn, rss_bytes_churn;
    uint64_t requested_bytes_drain, structure_bytes_drain;
    uint64_t peak_bytes, minor_faults;
    uint64_t unreclaimed, peak_unreclaimed, peak_unreclaimed_bytes;
    /* kind alloc: the course (alloc_course.h); unknown and empty elsewhere */
    uint64_t peak_live_bytes, peak_rss_bytes;
    uint64_t census_blocks, census_bytes, census_usable_bytes, census_shared_blocks;
    uint64_t *course_ops, *course_live_bytes, *course_rss_bytes; /* by look */
    size_t course_ops_n, course_live_bytes_n, course_rss_bytes_n;
    uint64_t drain_live_bytes;
    uint64_t *drain_at_ns, *drain_rss_bytes; /* by look */
    size_t drain_at_ns_n, drain_rss_bytes_n;
    char *allocator;
};

/* One finding about one cell. `check` names what was looked at, detail what was seen. */
struct mk_check_sample {
    uint32_t cell, process, round;
    uint32_t verdict; /* enum mk_verdict */
    char *check;
    char *detail;
};

extern const struct mk_record mk_thread_sample_record, mk_counter_sample_record, mk_garbage_sample_record,
    mk_round_sample_record,
    mk_latency_sample_record, mk_memory_sample_record, mk_check_sample_record;

#endif
