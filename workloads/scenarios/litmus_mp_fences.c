/* litmus_mp_fences - message passing by fences: relaxed accesses, ordered by a fence on either side.
 *
 *     thread 0        thread 1
 *     x = 1           r0 = y
 *     fence rel       fence acq
 *     y = 1           r1 = x          r0 = 1, r1 = 0 ?
 *
 * MP in "Herding cats" (2014), fences on both sides. A store behind a release fence and a load before an acquire
 * fence make the fences synchronize (C11 7.17.4). ThreadSanitizer does not know this, and would report plain data
 * here.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        litmus_fence(memory_order_release);
        atomic_store_explicit(y, 1, memory_order_relaxed);
    } else {
        actor->saw[0] = atomic_load_explicit(y, memory_order_relaxed);
        litmus_fence(memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] =
    LITMUS_MP(MK_FORBIDDEN, "the release fence synchronizes with the acquire fence");

MK_SCENARIO(litmus_mp_fences, litmus,
            .summary = "MP, release and acquire fences: who sees the flag sees the data", .threads = 2,
            LITMUS_PLACES(2), .shows = {"flag", "data"}, .body = body, .after = litmus_mp, .outcomes = outcomes);
