/* litmus_seqlock - a sequence lock, done right: who finds the same even stamp twice has read one version.
 *
 *     thread 0            thread 1
 *     stamp = 1           r0 = stamp acq
 *     fence rel           a, b = x, y
 *     x = 1, y = 1        fence acq
 *     stamp = 2 rel       r1 = stamp          r0 = r1, even, and a is not b ?
 *
 * Boehm, "Can seqlocks get along with programming language memory models?" (2012). The data are relaxed atomics,
 * since they are read while they are written. Whoever reads new data finds the odd stamp behind its fence.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        litmus_seqlock_write(actor);
    } else {
        actor->saw[0] = atomic_load_explicit(litmus_at(actor, LITMUS_STAMP), memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(litmus_at(actor, LITMUS_X), memory_order_relaxed);
        actor->saw[2] = atomic_load_explicit(litmus_at(actor, LITMUS_Y), memory_order_relaxed);
        litmus_fence(memory_order_acquire);
        actor->saw[3] = atomic_load_explicit(litmus_at(actor, LITMUS_STAMP), memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] =
    LITMUS_SEQLOCK(MK_FORBIDDEN, "the same even stamp was found around two versions");

MK_SCENARIO(litmus_seqlock, litmus, .summary = "seqlock with fences: the same even stamp twice, one version",
            .threads = 2, LITMUS_PLACES(3), .shows = {"stamp", "x", "y", "stamp again"}, .body = body,
            .after = litmus_seqlock, .outcomes = outcomes);
