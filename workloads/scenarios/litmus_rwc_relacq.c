/* litmus_rwc_relacq - read to write causality by release and acquire: a store may be late for who saw another.
 *
 *     thread 0        thread 1        thread 2
 *     x = 1 rel       r0 = x acq      y = 1 rel
 *                     r1 = y acq      r0 = x acq      1, 0; 0 ?
 *
 * RWC in "Herding cats" (2014): store buffering of threads 1 and 2, where thread 1 reads another's store in place
 * of one of its own. x86 shows it too.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_release);
    } else if (actor->number == 1) {
        actor->saw[0] = atomic_load_explicit(x, memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(y, memory_order_acquire);
    } else {
        atomic_store_explicit(y, 1, memory_order_release);
        actor->saw[0] = atomic_load_explicit(x, memory_order_acquire);
    }
}

static const struct mk_outcome outcomes[] =
    LITMUS_RWC(MK_INTERESTING, "thread 2's store was still on its way when thread 1 had seen thread 0's");

MK_SCENARIO(litmus_rwc_relacq, litmus, .summary = "RWC, release/acquire: a store may be late for who saw another",
            .threads = 3, LITMUS_PLACES(2), .shows = {"x", "y"}, .body = body, .after = litmus_rwc,
            .outcomes = outcomes);
