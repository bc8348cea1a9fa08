/* litmus_iriw_sc_reads - relaxed writes, seq_cst reads: two readers see two writes in one order.
 *
 *     thread 0      thread 1      thread 2      thread 3
 *     x = 1         y = 1         r0 = x sc     r0 = y sc
 *                                 r1 = y sc     r1 = x sc      1 0 and 1 0 ?
 *
 * IRIW in "Herding cats" (2014). The reads have one order among themselves, and a read that finds an older value
 * comes before one that found a newer. The text of C11 does not say it where the writes are not seq_cst; C++20
 * does, after Lahav et al. (2017), and so do machines.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_iriw_body(actor, memory_order_relaxed, memory_order_seq_cst);
}

static const struct mk_outcome outcomes[] =
    LITMUS_IRIW(MK_FORBIDDEN, "a seq_cst read of an older value comes before one of a newer (C++20)");

MK_SCENARIO(litmus_iriw_sc_reads, litmus, .summary = "IRIW, seq_cst reads alone: two readers see one order",
            .threads = 4, LITMUS_PLACES(2), .shows = {"first read", "second read"}, .body = body,
            .after = litmus_iriw, .outcomes = outcomes);
