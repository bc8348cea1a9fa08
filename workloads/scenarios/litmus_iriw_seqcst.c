/* litmus_iriw_seqcst - all seq_cst: two readers see two writes in one order.
 *
 *     thread 0      thread 1      thread 2      thread 3
 *     x = 1 sc      y = 1 sc      r0 = x sc     r0 = y sc
 *                                 r1 = y sc     r1 = x sc      1 0 and 1 0 ?
 *
 * IRIW in "Herding cats" (2014). There is one order of all seq_cst accesses.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_iriw_body(actor, memory_order_seq_cst, memory_order_seq_cst);
}

static const struct mk_outcome outcomes[] =
    LITMUS_IRIW(MK_FORBIDDEN, "there is one order of all seq_cst accesses");

MK_SCENARIO(litmus_iriw_seqcst, litmus, .summary = "IRIW, seq_cst: two readers see one order", .threads = 4,
            LITMUS_PLACES(2), .shows = {"first read", "second read"}, .body = body, .after = litmus_iriw,
            .outcomes = outcomes);
