/* litmus_release_sequence_rmw - a read-modify-write of another thread carries a release on.
 *
 *     thread 0        thread 1            thread 2
 *     x = 1           fetch_add y, 1      r0 = y acq
 *     y = 1 rel                           r1 = x          r0 = 2, r1 = 0 ?
 *
 * Release sequences (C11 5.1.2.4, 10; Batty et al. 2011): whatever read-modify-writes follow the release, relaxed
 * ones as well, an acquire that reads from them acquires the release. A reference count that is dropped by many,
 * and whose last owner must see what all of them did, rests on it.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        atomic_store_explicit(y, 1, memory_order_release);
    } else if (actor->number == 1) {
        actor->saw[0] = atomic_fetch_add_explicit(y, 1, memory_order_relaxed);
    } else {
        actor->saw[0] = atomic_load_explicit(y, memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] = {
    {"unordered", MK_ACCEPTABLE, "thread 2 did not read from the release sequence"},
    {"release read", MK_ACCEPTABLE, "and the data seen"},
    {"sequence read", MK_ACCEPTABLE, "and the data seen"},
    {"missing data", MK_FORBIDDEN, "a read-modify-write does not end a release sequence"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    bool first = actor[1].saw[0] == 0; /* then what thread 1 wrote is no part of the sequence */
    if (actor[2].saw[0] == 0 || (first && actor[2].saw[0] == 1 && !actor[2].saw[1])) return 0;
    return !actor[2].saw[1] ? 3 : actor[2].saw[0] == 1 ? 1 : 2;
}

MK_SCENARIO(litmus_release_sequence_rmw, litmus, .summary = "release sequence: an RMW of another carries it on",
            .threads = 3, LITMUS_PLACES(2), .shows = {"y", "x"}, .body = body, .after = after,
            .outcomes = outcomes);
