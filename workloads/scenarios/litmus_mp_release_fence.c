/* litmus_mp_release_fence - message passing by a release fence and an acquire load.
 *
 *     thread 0        thread 1
 *     x = 1           r0 = y acq
 *     fence rel       r1 = x          r0 = 1, r1 = 0 ?
 *     y = 1
 *
 * MP in "Herding cats" (2014), a fence on the writer's side alone: it synchronizes with an acquire load that reads
 * a store behind it (C11 7.17.4).
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        litmus_fence(memory_order_release);
        atomic_store_explicit(y, 1, memory_order_relaxed);
    } else {
        actor->saw[0] = atomic_load_explicit(y, memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] =
    LITMUS_MP(MK_FORBIDDEN, "the release fence synchronizes with the acquire load");

MK_SCENARIO(litmus_mp_release_fence, litmus, .summary = "MP, release fence and acquire load", .threads = 2,
            LITMUS_PLACES(2), .shows = {"flag", "data"}, .body = body, .after = litmus_mp, .outcomes = outcomes);
