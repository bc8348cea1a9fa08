/* litmus_asymmetric_fences - store buffering with the pair of fences of order.h: one thread sees the other's store.
 *
 *     thread 0        thread 1
 *     x = 1           y = 1
 *     light fence     heavy fence
 *     r0 = y          r0 = x          both 0 ?
 *
 * SB in "Herding cats" (2014). The light fence holds back the compiler alone; the heavy one (membarrier) is a
 * seq_cst fence of every thread at whatever place it is at: before thread 0's store, then thread 0 sees y, or
 * behind it, then thread 1 sees x. Hazard pointers and epochs rest on it.
 */
#include "litmus.h"

enum { X, Y, ASYMMETRIC };

static void before(struct mk_actor *alone) {
    litmus_clear(alone, ASYMMETRIC);
    atomic_store_explicit(litmus_at(alone, ASYMMETRIC), mk_fence_setup(), memory_order_relaxed);
}

static void body(struct mk_actor *actor) {
    bool asymmetric = atomic_load_explicit(litmus_at(actor, ASYMMETRIC), memory_order_relaxed);
    if (actor->number == 0) {
        atomic_store_explicit(litmus_at(actor, X), 1, memory_order_relaxed);
        mk_fence_light(asymmetric);
        actor->saw[0] = atomic_load_explicit(litmus_at(actor, Y), memory_order_relaxed);
    } else {
        atomic_store_explicit(litmus_at(actor, Y), 1, memory_order_relaxed);
        mk_fence_heavy(asymmetric);
        actor->saw[0] = atomic_load_explicit(litmus_at(actor, X), memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] =
    LITMUS_SB(MK_FORBIDDEN, "the heavy fence is one of thread 0 too, before its store or behind it");

MK_SCENARIO(litmus_asymmetric_fences, litmus, .summary = "SB, light and heavy fence: one sees the other's store",
            .threads = 2, .shared_bytes = 3 * sizeof(struct litmus_place), .shows = {"the other's"},
            .before = before, .body = body, .after = litmus_sb, .outcomes = outcomes);
