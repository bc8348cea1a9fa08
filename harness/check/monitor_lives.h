/* monitor_lives.h - what both monitors work on: a history as the lives of its values, on a scale of ranks.
 *
 * Every call and every return has a rank of its own. X precedes Y if the rank of X's return is less than that of
 * Y's call, so that ranks are all that is left of stamps, slack and threads. Some moment of an operation is the
 * one at which it took effect; it lies between two neighbouring ranks.
 */
#ifndef MK_MONITOR_LIVES_H
#define MK_MONITOR_LIVES_H

#include "monitor.h"

/* No value, no event, no rank. */
#define MK_LIVES_NONE UINT32_MAX

struct mk_span {
    uint32_t call, ret; /* ranks */
    uint32_t event;     /* MK_LIVES_NONE: it never came out; call and ret are then behind all others */
};

/* One value, from when it was put in until it was taken out. It was in for certain between in.ret and out.call,
 * where that is an interval (mk_life_certain). */
struct mk_life {
    struct mk_span in, out;
};

static inline bool mk_life_certain(const struct mk_life *life) {
    return life->in.ret < life->out.call;
}

/* What is at a rank. */
enum mk_edge_side { MK_IN_CALL, MK_IN_RET, MK_OUT_CALL, MK_OUT_RET, MK_EMPTY_CALL, MK_EMPTY_RET };
struct mk_edge {
    uint32_t of; /* lives.value[of], or lives.empty[of] */
    uint32_t side;
};

struct mk_lives {
    const struct mk_event *event;
    struct mk_life *value; /* by number */
    struct mk_span *empty; /* answers that it was empty */
    struct mk_edge *edge;  /* by rank */
    uint32_t values, empties, edges;
};

/* Reads a history. Returns MK_NOT_LINEARIZABLE where some value came from nowhere, before it was put in, or twice,
 * MK_LINEAR_UNKNOWN where one was put in twice, with *report filled in; else MK_LINEARIZABLE, as far as that says.
 * mk_lives_close in any case. */
enum mk_linear mk_lives_open(struct mk_lives *lives, const struct mk_event *events, size_t n, uint64_t slack,
                             struct mk_monitor_report *report);
void mk_lives_close(struct mk_lives *lives);

/* Returns whether every answer that it was empty fell on a moment when no value was in for certain; if not, fills
 * in *report. */
enum mk_linear mk_lives_judge_empty(const struct mk_lives *lives, struct mk_monitor_report *report);

/* ---- reports --------------------------------------------------------------------------------- */

/* Makes the sentence. */
void mk_lives_say(struct mk_monitor_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds the events of a value (what there is of them, and room for). */
void mk_lives_show(const struct mk_lives *lives, uint32_t value, struct mk_monitor_report *report);
/* Appends up to three values to the sentence, and how many more there are. */
void mk_lives_list(const struct mk_lives *lives, const uint32_t *value, size_t n, struct mk_monitor_report *report);
/* Returns the number of a value. */
uint64_t mk_lives_number(const struct mk_lives *lives, uint32_t value);

#endif
