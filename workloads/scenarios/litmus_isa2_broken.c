/* litmus_isa2_broken - a chain of two flags with a relaxed link: who sees the second may miss the data.
 *
 *     thread 0        thread 1        thread 2
 *     x = 1           r0 = y          r0 = z acq
 *     y = 1 rel       z = 1 rel       r1 = x          1; 1, 0 ?
 *
 * ISA2 in "Herding cats" (2014), where thread 1 does not acquire: what thread 0 released never reaches it, so it
 * has nothing to hand on.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_isa2_body(actor, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] =
    LITMUS_CHAIN(MK_INTERESTING, "thread 1 did not acquire what it passes on");

MK_SCENARIO(litmus_isa2_broken, litmus, .summary = "ISA2, a relaxed link: the data may be missing", .threads = 3,
            LITMUS_PLACES(3), .shows = {"flag", "data"}, .body = body, .after = litmus_chain,
            .outcomes = outcomes);
