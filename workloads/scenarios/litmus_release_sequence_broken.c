/* litmus_release_sequence_broken - a plain store of another thread ends a release sequence.
 *
 *     thread 0        thread 1        thread 2
 *     x = 1           r0 = y          r0 = y acq
 *     y = 1 rel       y = 2           r1 = x          thread 1 read 1; thread 2 read 2, 0 ?
 *
 * Release sequences (C11 5.1.2.4, 10; Batty et al. 2011). Thread 1 reads the release and stores what follows from
 * it, by hand: neither is that a read-modify-write, nor does it acquire or release. What thread 2 reads comes from
 * thread 1 alone.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        atomic_store_explicit(y, 1, memory_order_release);
    } else if (actor->number == 1) {
        actor->saw[0] = atomic_load_explicit(y, memory_order_relaxed);
        atomic_store_explicit(y, 2, memory_order_relaxed);
    } else {
        actor->saw[0] = atomic_load_explicit(y, memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] = {
    {"unordered", MK_ACCEPTABLE, "thread 2 came too early, or thread 1 did"},
    {"data seen", MK_ACCEPTABLE, "thread 0 was far enough"},
    {"broken off", MK_INTERESTING, "a store of another thread ends the release sequence"},
    {"release, no data", MK_FORBIDDEN, "the acquire has read from the release"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    if (actor[2].saw[1]) return 1;
    return actor[2].saw[0] == 1 ? 3 : actor[2].saw[0] == 2 && actor[1].saw[0] == 1 ? 2 : 0;
}

MK_SCENARIO(litmus_release_sequence_broken, litmus, .summary = "release sequence: another's plain store ends it",
            .threads = 3, LITMUS_PLACES(2), .shows = {"y", "x"}, .body = body, .after = after,
            .outcomes = outcomes);
