/* litmus_r_fences - with seq_cst fences, who writes last sees what came before.
 *
 *     thread 0        thread 1
 *     x = 1           y = 2
 *     fence sc        fence sc
 *     y = 1           r0 = x          r0 = 0, and y = 2 in the end ?
 *
 * R in "Herding cats" (2014), with full fences. If y = 2 is left, it came after y = 1; so thread 1's fence came
 * second, and its read finds what was stored before the first.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        litmus_fence(memory_order_seq_cst);
        atomic_store_explicit(y, 1, memory_order_relaxed);
    } else {
        atomic_store_explicit(y, 2, memory_order_relaxed);
        litmus_fence(memory_order_seq_cst);
        actor->saw[0] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] =
    LITMUS_R(MK_FORBIDDEN, "thread 1's fence came second: behind it x is seen");

MK_SCENARIO(litmus_r_fences, litmus, .summary = "R, seq_cst fences: who writes last sees what came before",
            .threads = 2, LITMUS_PLACES(2), .shows = {"x"}, .body = body, .after = litmus_r, .outcomes = outcomes);
