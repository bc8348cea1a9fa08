/* streams.h - all words that the threads of one comparison group consume in one round: prefill,
 * ageing, and every phase. Made before any clock starts, shared by all contenders of the group. */
#ifndef MK_STREAMS_H
#define MK_STREAMS_H

#include "expect.h"
#include "ops.h"
#include "plan.h"

struct mk_words {
    uint64_t *at;
    size_t n;
};

/* One stage: ageing or a phase. By thread. */
struct mk_stage {
    struct mk_ops *ops;   /* by workload group */
    size_t ops_n;
    uint32_t *group_of;   /* by thread */
    struct mk_words *words;
    int *only;            /* by thread: the one code of its words, or -1 */
};

struct mk_streams {
    const struct mk_kind *kind;
    const struct mk_plan_point *point;
    uint32_t threads;
    struct mk_words *prefill; /* by thread */
    struct mk_stage age;
    struct mk_stage *phase; /* point->phases_n */
    bool refills;           /* kind alloc: blocks are freed between stages, not carried over */
    struct mk_alloc_replay *replay; /* kind alloc: a trace, of which the phase's words are (impl/replay.h); or NULL */
};

struct mk_streams_config {
    const struct mk_kind *kind;
    const struct mk_plan_point *point;
    uint32_t threads;
    uint64_t seed; /* of the comparison group */
    uint32_t process, round;
    bool latency;       /* another round, of its own */
    bool only_phases;   /* the instance is kept and has been filled */
    bool turns;         /* threads age in turns, a few words each, so that blocks can change hands */
    size_t words_max;   /* a phase and thread; 0: as the workload allows */
};

/* Returns 0 and all words, made by `threads` threads at once, or -1 with err set. */
int mk_streams_make(struct mk_streams *streams, const struct mk_streams_config *config, struct mk_err *err);
void mk_streams_free(struct mk_streams *streams);

/* Returns the operation that a code of this kind stands for (the first one), or NULL. */
const struct mk_op_desc *mk_streams_op(const struct mk_kind *kind, unsigned code);

/* Fills what the script implies when each thread consumes consumed[phase * threads + t] words of which
 * the first begun[...] are warm-up: hits and final size over prefill, ageing and phases. One entry of
 * *out a phase. Returns 0, or -1 with err set (the kind has no keys, or no memory). */
int mk_streams_expect(const struct mk_streams *streams, const size_t *begun, const size_t *consumed,
                      struct mk_expected *out, struct mk_err *err);

/* Returns how many different keys the draws of a phase should have met, or NaN where that is not worked
 * out: fresh keys, or groups that draw from different ones. */
double mk_streams_expect_distinct(const struct mk_streams *streams, uint32_t phase, const struct mk_expected *replayed);

#endif
