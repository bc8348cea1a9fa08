/* litmus_wrc_relaxed - write to read causality, relaxed: who hears of an effect may not see its cause.
 *
 *     thread 0        thread 1        thread 2
 *     x = 1           r0 = x          r0 = y
 *                     y = 1           r1 = x          1; 1, 0 ?
 *
 * WRC in "Herding cats" (2014). Neither the read and the write of thread 1 nor the reads of thread 2 are ordered.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_wrc_body(actor, memory_order_relaxed, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] =
    LITMUS_CHAIN(MK_INTERESTING, "the accesses of threads 1 and 2 are unordered");

MK_SCENARIO(litmus_wrc_relaxed, litmus, .summary = "WRC, relaxed: an effect may be seen without its cause",
            .threads = 3, LITMUS_PLACES(2), .shows = {"cause, or effect", "cause"}, .body = body,
            .after = litmus_chain, .outcomes = outcomes);
