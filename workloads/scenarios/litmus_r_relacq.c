/* litmus_r_relacq - who writes last may still not see what came before.
 *
 *     thread 0        thread 1
 *     x = 1           y = 2 rel
 *     y = 1 rel       r0 = x acq      r0 = 0, and y = 2 in the end ?
 *
 * R in "Herding cats" (2014): store buffering that shows in the order of two writes. x86 shows it.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        atomic_store_explicit(y, 1, memory_order_release);
    } else {
        atomic_store_explicit(y, 2, memory_order_release);
        actor->saw[0] = atomic_load_explicit(x, memory_order_acquire);
    }
}

static const struct mk_outcome outcomes[] =
    LITMUS_R(MK_INTERESTING, "thread 1 read x before its write of y arrived");

MK_SCENARIO(litmus_r_relacq, litmus,
            .summary = "R, release/acquire: who writes last may not see what came before", .threads = 2,
            LITMUS_PLACES(2), .shows = {"x"}, .body = body, .after = litmus_r, .outcomes = outcomes);
