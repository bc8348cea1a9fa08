/* values.h - histories of kinds without parts, through which values pass (model->monitor): what the monitors are
 * handed, and what is made of what they say. */
#ifndef MK_VALUES_H
#define MK_VALUES_H

#include "linear.h"
#include "monitor.h"

/* What is found in a history: all zero where nothing is. */
struct mk_values_report {
    struct mk_violation violation; /* the operations at fault, by thread; the caller's */
    char what[sizeof((struct mk_monitor_report *)0)
                  ->what]; /* why, in one sentence; empty: what they answer is wrong */
};

/* Returns what the events come to, in any order, which begin with nothing in the structure: first whether each is
 * answered as such an operation can be at all, then what the kind's monitor says. MK_NOT_LINEARIZABLE: *report is
 * filled in. Memory: 200 bytes an event. Any thread. */
enum mk_linear mk_values_judge(const struct mk_event *events, size_t n, uint64_t slack,
                               const struct mk_linear_config *config, struct mk_values_report *report);

#endif
