/* litmus_sb_relaxed - store buffering with relaxed accesses: neither thread may see the other's store.
 *
 *     thread 0        thread 1
 *     x = 1           y = 1
 *     r0 = y          r0 = x          both 0 ?
 *
 * SB in "Herding cats" (2014). Every machine with a store buffer shows it, x86 too: the loads are answered while
 * the stores are on their way.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *own = litmus_at(actor, actor->number), *other = litmus_at(actor, 1 - actor->number);
    atomic_store_explicit(own, 1, memory_order_relaxed);
    actor->saw[0] = atomic_load_explicit(other, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] = LITMUS_SB(MK_INTERESTING, "both stores were still on their way");

MK_SCENARIO(litmus_sb_relaxed, litmus, .summary = "SB, relaxed: neither may see the other's store", .threads = 2,
            LITMUS_PLACES(2), .shows = {"the other's"}, .body = body, .after = litmus_sb, .outcomes = outcomes);
