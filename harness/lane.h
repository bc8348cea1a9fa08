/* lane.h - one thread's part of a phase: the loops between the clocks.
 *
 * Closed loop: words of the stream in slices, each between two readings of the clocks. Latency loop:
 * the same, with every n-th operation in a batch of its own between two clock readings. Open loop:
 * every operation has an intended start that no delay moves. Stalled: stands in a read-side section.
 */
#ifndef MK_LANE_H
#define MK_LANE_H

#include <stdatomic.h>

#include "garbage.h"
#include "hist.h"
#include "impl_api.h"
#include "sample.h"

/* What all lanes of a phase share. */
struct mk_lane_course {
    _Atomic(uint32_t) stop; /* set by the first lane that comes to an end */
    bool whole;             /* lanes go to their own ends, however unlike these are: a replay */
    uint64_t start_ns;      /* common start, wall clock */
    uint64_t deadline_ns;   /* UINT64_MAX: until the streams end */
};

/* What a lane does in one phase. Filled by the caller before the common start. */
struct mk_lane {
    const struct mk_impl *impl;
    void *self;
    struct mk_thread *me;
    struct mk_lane_course *course;
    const uint64_t *words;
    size_t words_n;
    size_t begin;        /* where the measured part begins (after the warm-up) */
    size_t done;         /* words consumed so far, warm-up included */
    int only;            /* the one code of all words, or -1 */
    uint32_t run_len;    /* words of one code in a row, aligned; 1 = mixed */
    uint64_t slice_ops;  /* words a slice; found by the warm-up, kept by the caller */
    uint64_t interval_ns; /* open loop: between intended starts; 0 = closed */
    uint64_t offset_ns;   /* ... of the first */
    uint64_t think_ns, stall_ns, stall_pause_ns;
    uint64_t sample_every; /* latency: one operation in so many; 0 = timed round */
    uint64_t samples;      /* ... so far */
    struct mk_hist *service;  /* latency: by code; MK_OPS_MAX of them */
    struct mk_hist *response; /* open loop: by code */
    struct mk_tally tally;        /* of the measured part */
    struct mk_tally warm_tally;   /* of what came before */
    struct mk_thread_sample *sample;
    struct mk_garbage_sample *garbage; /* of a stalled one; NULL = it does not look */
};

/* Slices are about this much CPU time. */
#define MK_SLICE_NS 1000000u

/* Consumes words until `until_ns` (wall), finding a slice size. Not measured. */
void mk_lane_warm(struct mk_lane *lane, uint64_t until_ns);

/* Consumes exactly the words given (prefill, ageing, drain). Not measured. */
void mk_lane_consume(struct mk_lane *lane, const uint64_t *words, size_t n);

/* Waits for the common start, then runs to the end of the phase and fills the sample: ops, times,
 * slices, switches, faults, hits and attempted by code. Counters are the caller's. */
void mk_lane_run(struct mk_lane *lane);

/* Runs at most `ops` words more, as a thread that lives so long; times are added to the sample. Returns
 * false once the phase has ended. */
bool mk_lane_live(struct mk_lane *lane, uint64_t ops);

/* Waits for the common start (spinning when `spin`, sleeping otherwise); sets the sample's skew. */
void mk_lane_start(struct mk_lane *lane, bool spin);

/* Returns the median cost of the clock readings around an empty batch, in ns: what every latency holds. */
double mk_lane_probe_ns(const struct mk_lane *lane);

#endif
