/* litmus_sb_fences - store buffering, relaxed with a seq_cst fence between: one thread sees the other's store.
 *
 *     thread 0        thread 1
 *     x = 1           y = 1
 *     fence sc        fence sc
 *     r0 = y          r0 = x          both 0 ?
 *
 * SB in "Herding cats" (2014), with full fences (mfence, dmb, sync). One of the fences comes second; what was
 * stored before the first one is seen by loads behind the second.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *own = litmus_at(actor, actor->number), *other = litmus_at(actor, 1 - actor->number);
    atomic_store_explicit(own, 1, memory_order_relaxed);
    litmus_fence(memory_order_seq_cst);
    actor->saw[0] = atomic_load_explicit(other, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] =
    LITMUS_SB(MK_FORBIDDEN, "loads behind the second fence see what was stored before the first");

MK_SCENARIO(litmus_sb_fences, litmus, .summary = "SB, seq_cst fences: one of two threads sees the other's store",
            .threads = 2, LITMUS_PLACES(2), .shows = {"the other's"}, .body = body, .after = litmus_sb,
            .outcomes = outcomes);
