/* litmus_release_sequence_own - a later store of the releasing thread itself carries the release on, in C11.
 *
 *     thread 0        thread 1
 *     x = 1           r0 = y acq
 *     y = 1 rel       r1 = x          r0 = 2, r1 = 0 ?
 *     y = 2
 *
 * Release sequences (C11 5.1.2.4, 10; Batty et al. 2011). C++20 took this part back (P0982), since nobody used it
 * and it keeps compilers from things; code that is to last writes y = 2 with release, too.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        atomic_store_explicit(y, 1, memory_order_release);
        atomic_store_explicit(y, 2, memory_order_relaxed);
    } else {
        actor->saw[0] = atomic_load_explicit(y, memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] = {
    {"unordered", MK_ACCEPTABLE, "thread 1 came too early"},
    {"release read", MK_ACCEPTABLE, "and the data seen"},
    {"later store read", MK_ACCEPTABLE, "and the data seen"},
    {"release, no data", MK_FORBIDDEN, "the acquire has read from the release"},
    {"later store, no data", MK_FORBIDDEN, "it is in the release sequence (C11; not in C++20)"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    unsigned read = (unsigned)actor[1].saw[0];
    return !read || actor[1].saw[1] ? read : 2 + read;
}

MK_SCENARIO(litmus_release_sequence_own, litmus, .summary = "release sequence: a store of the same thread (C11)",
            .threads = 2, LITMUS_PLACES(2), .shows = {"y", "x"}, .body = body, .after = after,
            .outcomes = outcomes);
