/* explain.h - why operations of one part are no linearizable history, found from left to right.
 *
 * Calls and returns are gone through in time order with all configurations that can be: a state, and which of the
 * operations that have begun have taken effect. At a return those remain in which that operation has taken effect,
 * now if not before (Lowe 2017 calls it just-in-time linearization). Where none remains, that operation has no
 * place, whatever comes later. It costs more than linear.h's search, and tells more: which operation it is, what
 * orders there are of those before it, and at what moments all of them agree.
 */
#ifndef MK_EXPLAIN_H
#define MK_EXPLAIN_H

#include "linear.h"

struct mk_explained {
    enum mk_linear verdict; /* the rest is filled in where it is MK_NOT_LINEARIZABLE, but for the cost */
    size_t configurations;  /* that were come to: what it cost */
    size_t misfit;          /* the operation without a place: index of violation->event, as below */
    size_t *order, order_n; /* operations in the longest order that could be found of those before it */
    bool *begun;            /* by event: called before the misfit returned */
    /* At the last moment before `until` at which only one configuration was possible: by event, whether it had
     * taken effect, and the state. Any order of all begins with an order of these, and goes on from that state. */
    bool *settled;
    unsigned char state[MK_MODEL_STATE_MAX];
};

/* Explains a violation. MK_LINEAR_UNKNOWN where there are too many configurations. `until`: a stamp. */
void mk_explain(const struct mk_violation *violation, const struct mk_linear_config *config, uint64_t until,
                struct mk_explained *out);
void mk_explained_free(struct mk_explained *explained);

/* Puts up to `room` answers into `answer` with which the misfit of mk_explain would have had a place. Returns how
 * many. */
size_t mk_explain_instead(const struct mk_violation *violation, const struct mk_linear_config *config,
                          size_t misfit, struct mk_answer *answer, size_t room);

/* Returns the operation that an event records. */
struct mk_op mk_event_op(const struct mk_event *event);

#endif
