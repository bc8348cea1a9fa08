/* litmus_rwc_mixed - what was seen before a seq_cst fence is seen by seq_cst accesses after it.
 *
 *     thread 0        thread 1        thread 2
 *     x = 1           r0 = x          y = 1 sc
 *                     fence sc        r0 = x sc
 *                     r1 = y sc                       1, 0; 0 ?
 *
 * RWC in "Herding cats" (2014), with a fence on one side and accesses on the other: both are in the one order of
 * all that is seq_cst. The text of C11 leaves this case out; C++20 has it, after Lahav et al. (2017), and so have
 * machines.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
    } else if (actor->number == 1) {
        actor->saw[0] = atomic_load_explicit(x, memory_order_relaxed);
        litmus_fence(memory_order_seq_cst);
        actor->saw[1] = atomic_load_explicit(y, memory_order_seq_cst);
    } else {
        atomic_store_explicit(y, 1, memory_order_seq_cst);
        actor->saw[0] = atomic_load_explicit(x, memory_order_seq_cst);
    }
}

static const struct mk_outcome outcomes[] =
    LITMUS_RWC(MK_FORBIDDEN, "thread 2 read x after a fence behind which it was known (C++20)");

MK_SCENARIO(litmus_rwc_mixed, litmus, .summary = "RWC, a seq_cst fence and seq_cst accesses: one order",
            .threads = 3, LITMUS_PLACES(2), .shows = {"x", "y"}, .body = body, .after = litmus_rwc,
            .outcomes = outcomes);
