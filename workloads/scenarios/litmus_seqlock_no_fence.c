/* litmus_seqlock_no_fence - a sequence lock whose reader relies on an acquire load: it reads torn data.
 *
 *     thread 0            thread 1
 *     stamp = 1           r0 = stamp acq
 *     fence rel           a, b = x, y
 *     x = 1, y = 1        r1 = stamp acq      r0 = r1, even, and a is not b ?
 *     stamp = 2 rel
 *
 * Boehm, "Can seqlocks get along with programming language memory models?" (2012), on the usual defect: an acquire
 * holds back what comes after it, so the second load of the stamp may come before the loads of the data. x86 does
 * not show it.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        litmus_seqlock_write(actor);
    } else {
        actor->saw[0] = atomic_load_explicit(litmus_at(actor, LITMUS_STAMP), memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(litmus_at(actor, LITMUS_X), memory_order_relaxed);
        actor->saw[2] = atomic_load_explicit(litmus_at(actor, LITMUS_Y), memory_order_relaxed);
        actor->saw[3] = atomic_load_explicit(litmus_at(actor, LITMUS_STAMP), memory_order_acquire);
    }
}

static const struct mk_outcome outcomes[] =
    LITMUS_SEQLOCK(MK_INTERESTING, "the stamp was looked at again before the data were read");

MK_SCENARIO(litmus_seqlock_no_fence, litmus, .summary = "seqlock without the reader's fence: torn data",
            .threads = 2, LITMUS_PLACES(3), .shows = {"stamp", "x", "y", "stamp again"}, .body = body,
            .after = litmus_seqlock, .outcomes = outcomes);
