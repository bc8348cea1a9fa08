/* replay.h - a trace of operations (optrace.h) in place of operations that are drawn; kind alloc replays traces of
 * allocations, for which alloc_replay.h has what is said here of the others.
 *
 * The operations of recorded thread i go to lane i mod T, in their order; where a lane has several threads, in the
 * order of time. Recorded keys become dense ids by rank, the smallest 0, and go through the workload's key form
 * from there. What is first met by anything but an insertion is there beforehand; where what is taken out has no
 * key, so much is in that it never runs out in the recorded order.
 */
#ifndef MK_REPLAY_H
#define MK_REPLAY_H

#include "optrace.h"
#include "streams.h"

/* Returns where the workload's trace or profile lies: its path is relative to the workload file. The caller frees it. */
char *mk_replay_path(const struct mk_workload *workload);

/* Reads the trace that the point's workload names, and fills in what follows from it: point->traces, the number of
 * keys, what is prefilled, the mix and the length of its one phase. Returns 0, or -1 with err set: no such file, no
 * trace, an operation that the kind does not have. */
int mk_replay_plan(struct mk_plan_point *point, const struct mk_kind *kind, struct mk_err *err);

/* Makes prefill and words of streams whose stages are open. Returns 0, or -1 with err set. */
int mk_replay_make(struct mk_streams *streams, const struct mk_streams_config *config, const struct mk_keys *keys,
                   struct mk_err *err);

/* The same for kind alloc, whose traces are of allocations: fills in streams->replay, too. */
int mk_replay_make_blocks(struct mk_streams *streams, const struct mk_streams_config *config, struct mk_err *err);

/* Returns 0 where the workload's file is a whole trace that the kind replays, or a profile that a trace can be made
 * of; or -1 with err set. */
int mk_replay_check(const struct mk_workload *workload, const char *path, const struct mk_kind *kind,
                    struct mk_err *err);

/* Returns 0 where the hits of one phase's words follow from the trace whatever the threads' timing (but for one in
 * a hundred), or -1 with err set: keys that one thread changes and another one works on. */
int mk_replay_settled(const struct mk_streams *streams, uint32_t phase, struct mk_err *err);

#endif
