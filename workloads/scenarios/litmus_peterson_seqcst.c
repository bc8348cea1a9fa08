/* litmus_peterson_seqcst - Peterson's lock, all seq_cst: one at a time.
 *
 *     thread i
 *     wants[i] = 1
 *     turn = other
 *     while wants[other] and turn is other: pause
 *     ... inside ...
 *     wants[i] = 0
 *
 * Peterson, "Myths about the mutual exclusion problem" (1981). It was made for one order of all accesses, and
 * right where there is one.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_peterson_body(actor, memory_order_seq_cst, memory_order_seq_cst);
}

static const struct mk_outcome outcomes[] =
    LITMUS_EXCLUSION(MK_FORBIDDEN, "who set turn last waits, and the other has said what it wants");

MK_SCENARIO(litmus_peterson_seqcst, litmus, .summary = "Peterson's lock, seq_cst: one at a time", .threads = 2,
            LITMUS_PLACES(4), .shows = {"others inside"}, .body = body, .after = litmus_exclusion,
            .outcomes = outcomes);
