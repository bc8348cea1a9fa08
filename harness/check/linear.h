/* linear.h - is a history linearizable? A search, part by part, for an order of its operations that agrees with
 * when they took place and with what the sequential model answers (Wing and Gong 1993, with the memoisation of Lowe
 * 2017 and the partitioning of Horn and Kroening 2015).
 */
#ifndef MK_LINEAR_H
#define MK_LINEAR_H

#include "history.h"
#include "model.h"

struct mk_linear_config {
    const struct mk_model *model;
    const struct mk_impl *impl;
    uint64_t steps_max; /* of one search, then it is unknown; 0 = 10^7 */
    bool refusals;      /* memory was refused now and then: MK_NO_MEMORY is right anywhere, and changes nothing */
};

/* What every part of a structure has come to, by part. */
struct mk_parts;

/* Makes a table in which every part is empty: its state is all zero. Freed by mk_parts_close. */
struct mk_parts *mk_parts_open(const struct mk_model *model);
void mk_parts_close(struct mk_parts *parts);
/* Returns the state of a part (model->state_bytes long), which may be changed; valid until the next call. */
void *mk_parts_state(struct mk_parts *parts, uint64_t part);
/* Calls visit for every part that was ever asked for or judged, in no order, unless its state is not known. */
void mk_parts_each(struct mk_parts *parts, void (*visit)(void *arg, uint64_t part, const void *state), void *arg);

/* Judges the operations of one part. `events`: by thread, in the order of the thread, then the next thread.
 * `before`: the state they begin with. Where they are linearizable, fills `after` (may be NULL) with the state that
 * the order found ends in. MK_LINEAR_UNKNOWN: steps_max did not do, or 4 million dead ends. Memory: some 40 bytes
 * an event, and up to 128 MB for dead ends, while it works. Any thread. */
enum mk_linear mk_linear_part(const struct mk_event *events, size_t n, uint64_t slack,
                              const struct mk_linear_config *config, const void *before, void *after);

/* Operations of one part that cannot be put into an order. */
struct mk_violation {
    uint64_t part;
    uint64_t slack;
    unsigned char before[MK_MODEL_STATE_MAX]; /* the state that they begin with */
    struct mk_event *event;                   /* as mk_linear_part takes them */
    size_t n;
    uint64_t *value; /* where values are numbers from 1 on (model->monitor): what each stands for */
    size_t values;   /* 0: they stand for themselves */
};
void mk_violation_free(struct mk_violation *violation);

/* How a window was judged. */
struct mk_linear_report {
    uint64_t parts, unknown; /* parts that had operations; of these, those nothing can be said of */
    bool violated;
    struct mk_violation violation; /* of the first part that has one, whole: not yet shrunk */
};

/* Judges a history part by part. At its beginning and at its end nobody was at work, and at its end every part has
 * been read (model->observe), so that its state follows. *parts is moved on; parts that were not found linearizable
 * are left as the last read says they are. Where no state can be found that is read so, the part is unknown, now
 * and until a later history ends in a read that helps. Returns MK_LINEARIZABLE, MK_NOT_LINEARIZABLE
 * (report->violation is the caller's then), or MK_LINEAR_UNKNOWN. Memory: 72 bytes an event, and that of
 * mk_linear_part. */
enum mk_linear mk_linear_judge(const struct mk_history *history, const struct mk_linear_config *config,
                               struct mk_parts *parts, struct mk_linear_report *report);

#endif
