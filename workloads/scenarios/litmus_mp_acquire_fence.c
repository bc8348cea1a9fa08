/* litmus_mp_acquire_fence - message passing by a release store and an acquire fence.
 *
 *     thread 0        thread 1
 *     x = 1           r0 = y
 *     y = 1 rel       fence acq
 *                     r1 = x          r0 = 1, r1 = 0 ?
 *
 * MP in "Herding cats" (2014), a fence on the reader's side alone: a release store synchronizes with a fence
 * behind the load that has read it (C11 7.17.4).
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        atomic_store_explicit(y, 1, memory_order_release);
    } else {
        actor->saw[0] = atomic_load_explicit(y, memory_order_relaxed);
        litmus_fence(memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] =
    LITMUS_MP(MK_FORBIDDEN, "the release store synchronizes with the acquire fence");

MK_SCENARIO(litmus_mp_acquire_fence, litmus, .summary = "MP, release store and acquire fence", .threads = 2,
            LITMUS_PLACES(2), .shows = {"flag", "data"}, .body = body, .after = litmus_mp, .outcomes = outcomes);
