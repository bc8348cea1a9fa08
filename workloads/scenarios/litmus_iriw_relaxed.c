/* litmus_iriw_relaxed - two readers may see two writes in opposite orders.
 *
 *     thread 0      thread 1      thread 2      thread 3
 *     x = 1         y = 1         r0 = x        r0 = y
 *                                 r1 = y        r1 = x      1 0 and 1 0 ?
 *
 * IRIW in "Herding cats" (2014): independent reads of independent writes. Nothing orders the loads of a reader, so
 * this is allowed even where all see a store at once.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_iriw_body(actor, memory_order_relaxed, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] =
    LITMUS_IRIW(MK_INTERESTING, "the loads of a reader are not ordered");

MK_SCENARIO(litmus_iriw_relaxed, litmus, .summary = "IRIW, relaxed: two readers may see two orders", .threads = 4,
            LITMUS_PLACES(2), .shows = {"first read", "second read"}, .body = body, .after = litmus_iriw,
            .outcomes = outcomes);
