/* litmus_sb_one_fence - store buffering with a seq_cst fence on one side: half of it is nothing.
 *
 *     thread 0        thread 1
 *     x = 1           y = 1
 *     fence sc        r0 = x          both 0 ?
 *     r0 = y
 *
 * SB in "Herding cats" (2014). Thread 1 may load x long before its store of y gets anywhere: the usual defect
 * where a fence was put into the slow path alone.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *own = litmus_at(actor, actor->number), *other = litmus_at(actor, 1 - actor->number);
    atomic_store_explicit(own, 1, memory_order_relaxed);
    if (actor->number == 0) litmus_fence(memory_order_seq_cst);
    actor->saw[0] = atomic_load_explicit(other, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] =
    LITMUS_SB(MK_INTERESTING, "thread 1 has no fence: its load may come before its store");

MK_SCENARIO(litmus_sb_one_fence, litmus, .summary = "SB, one seq_cst fence: neither may see the other's store",
            .threads = 2, LITMUS_PLACES(2), .shows = {"the other's"}, .body = body, .after = litmus_sb,
            .outcomes = outcomes);
