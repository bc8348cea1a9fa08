/* monitor.h - linearizability of stacks and queues in O(n log n), where every value is put in at most once: what
 * must not be there is looked for, rather than an order for what is.
 *
 * One operation precedes another if it returned, slack added, before the other was called. Of one thread, it also
 * does if it returned no later than the other was called (and took longer than no time, should that be the same
 * stamp), unless another thread began an operation in [call of the later, ret of the earlier + slack]. So where
 * slack is 0 and no two threads have the same stamp, the order of each thread counts in full. In any case this is
 * an interval order, and both monitors decide exactly whether it can be kept to; where it leaves out some of a
 * thread's order, a violation may be missed, and none is made up.
 */
#ifndef MK_MONITOR_H
#define MK_MONITOR_H

#include "linear.h"

/* What an event says to a monitor: event.code. Values are event.value for what goes in, event.seen for what comes
 * out; status MK_HIT: came out (went in); MK_MISS: it was empty. Any other status: it changed nothing and says
 * nothing. */
enum mk_monitor_code { MK_MONITOR_IN, MK_MONITOR_OUT };

#define MK_MONITOR_EVENTS_MAX 8

/* The operations that are at fault: few, by when they were called, and where n < MK_MONITOR_EVENTS_MAX enough to
 * see that no order exists. All zero where there is no fault. */
struct mk_monitor_report {
    struct mk_event event[MK_MONITOR_EVENTS_MAX];
    size_t n;
    char what[160]; /* one sentence */
};

/* Both return MK_LINEARIZABLE, or MK_NOT_LINEARIZABLE with *report filled in; MK_LINEAR_UNKNOWN (report->what says
 * so) where a value was put in twice. The structure is empty at first. What never comes out may stay in. Events in
 * any order, fewer than 2^29; `slack` as in struct mk_history. Memory: some 130 bytes an event while they work. A
 * violation of a stack may take ten times as long to narrow down as it took to find. Any thread.
 *
 * Queue: the four patterns of Henzinger, Sezgin, Vafeiadis (2013) and Bouajjani, Emmi, Enea, Hamza (2015), in
 * sweeps over sorted stamps. Stack: values that can have been at the bottom are taken away one after another (the
 * idea of Lee and Mathur 2024); the proof is in monitor_stack.c. */
enum mk_linear mk_monitor_queue(const struct mk_event *events, size_t n, uint64_t slack,
                                struct mk_monitor_report *report);
enum mk_linear mk_monitor_stack(const struct mk_event *events, size_t n, uint64_t slack,
                                struct mk_monitor_report *report);

#endif
