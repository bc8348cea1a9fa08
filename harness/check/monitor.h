/* monitor.h - linearizability of stacks and queues in O(n log n), where every value is put in at most once: what
 * must not be there is looked for, rather than an order for what is.
 */
#ifndef MK_MONITOR_H
#define MK_MONITOR_H

#include "linear.h"

/* What an event says to a monitor: event.code. Values are event.value for what goes in, event.seen for what comes
 * out; status MK_HIT: came out (went in); MK_MISS: it was empty. */
enum mk_monitor_code { MK_MONITOR_IN, MK_MONITOR_OUT };

/* The operations that are at fault: few, and enough to see that no order exists. */
struct mk_monitor_report {
    struct mk_event event[4];
    size_t n;
    char what[160]; /* one sentence */
};

/* Both return MK_LINEARIZABLE or MK_NOT_LINEARIZABLE with *report filled in. The structure is empty at first. What
 * never comes out may stay in. Events in any order; `slack` as in struct mk_history. */
enum mk_linear mk_monitor_queue(const struct mk_event *events, size_t n, uint64_t slack,
                                struct mk_monitor_report *report);
enum mk_linear mk_monitor_stack(const struct mk_event *events, size_t n, uint64_t slack,
                                struct mk_monitor_report *report);

#endif
