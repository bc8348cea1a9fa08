/* litmus_dekker_seqcst - Dekker's lock, all seq_cst: one at a time.
 *
 *     thread i
 *     wants[i] = 1 sc
 *     while wants[other] sc
 *         if turn sc is other
 *             wants[i] = 0 sc, wait until turn sc is i, wants[i] = 1 sc
 *     ... inside ...
 *     turn = other sc
 *     wants[i] = 0 sc
 *
 * Dekker's solution, as told by Dijkstra, "Cooperating sequential processes" (1965): the first lock of two threads
 * made of loads and stores alone.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_dekker_body(actor, memory_order_seq_cst);
}

static const struct mk_outcome outcomes[] =
    LITMUS_EXCLUSION(MK_FORBIDDEN, "who says second what it wants sees that the other does");

MK_SCENARIO(litmus_dekker_seqcst, litmus, .summary = "Dekker's lock, seq_cst: one at a time", .threads = 2,
            LITMUS_PLACES(4), .shows = {"others inside"}, .body = body, .after = litmus_exclusion,
            .outcomes = outcomes);
