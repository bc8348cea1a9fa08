/* litmus_sb_seqcst - store buffering, all seq_cst: one thread sees the other's store.
 *
 *     thread 0        thread 1
 *     x = 1 sc        y = 1 sc
 *     r0 = y sc       r0 = x sc       both 0 ?
 *
 * SB in "Herding cats" (2014). There is one order of all seq_cst accesses, and whichever store is second in it,
 * the load behind it comes after both.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *own = litmus_at(actor, actor->number), *other = litmus_at(actor, 1 - actor->number);
    atomic_store_explicit(own, 1, memory_order_seq_cst);
    actor->saw[0] = atomic_load_explicit(other, memory_order_seq_cst);
}

static const struct mk_outcome outcomes[] =
    LITMUS_SB(MK_FORBIDDEN, "in the one order of all seq_cst accesses, one load comes after both stores");

MK_SCENARIO(litmus_sb_seqcst, litmus, .summary = "SB, seq_cst: one of two threads sees the other's store",
            .threads = 2, LITMUS_PLACES(2), .shows = {"the other's"}, .body = body, .after = litmus_sb,
            .outcomes = outcomes);
