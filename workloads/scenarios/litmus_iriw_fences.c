/* litmus_iriw_fences - seq_cst fences between the reads: two readers see one order.
 *
 *     thread 0      thread 1      thread 2      thread 3
 *     x = 1         y = 1         r0 = x        r0 = y
 *                                 fence sc      fence sc
 *                                 r1 = y        r1 = x      1 0 and 1 0 ?
 *
 * IRIW in "Herding cats" (2014). Each reader has seen one store before its fence; behind the fence that comes
 * second, what was seen before the first is not old any more. Full fences of all machines work like this. The text
 * of C11 does not say it; C++20 does, after Lahav et al. (2017).
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    uint32_t number = actor->number;
    if (number < 2) {
        atomic_store_explicit(litmus_at(actor, number), 1, memory_order_relaxed);
    } else {
        actor->saw[0] = atomic_load_explicit(litmus_at(actor, number - 2), memory_order_relaxed);
        litmus_fence(memory_order_seq_cst);
        actor->saw[1] = atomic_load_explicit(litmus_at(actor, 3 - number), memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] =
    LITMUS_IRIW(MK_FORBIDDEN, "what was seen before one fence is seen behind the other");

MK_SCENARIO(litmus_iriw_fences, litmus, .summary = "IRIW, relaxed, seq_cst fences: two readers see one order",
            .threads = 4, LITMUS_PLACES(2), .shows = {"first read", "second read"}, .body = body,
            .after = litmus_iriw, .outcomes = outcomes);
