/* litmus_wrc_relacq - write to read causality by release and acquire: who hears of an effect sees its cause.
 *
 *     thread 0        thread 1        thread 2
 *     x = 1 rel       r0 = x acq      r0 = y acq
 *                     y = 1 rel       r1 = x          1; 1, 0 ?
 *
 * WRC in "Herding cats" (2014). Happens-before is transitive: what thread 1 acquired, it hands on.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_wrc_body(actor, memory_order_release, memory_order_acquire);
}

static const struct mk_outcome outcomes[] = LITMUS_CHAIN(MK_FORBIDDEN, "happens-before is transitive");

MK_SCENARIO(litmus_wrc_relacq, litmus, .summary = "WRC, release/acquire: who sees the effect sees the cause",
            .threads = 3, LITMUS_PLACES(2), .shows = {"cause, or effect", "cause"}, .body = body,
            .after = litmus_chain, .outcomes = outcomes);
