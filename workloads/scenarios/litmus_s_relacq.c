/* litmus_s_relacq - a write behind an acquire comes after the write before the release.
 *
 *     thread 0        thread 1
 *     x = 2           r0 = y acq
 *     y = 1 rel       x = 1           r0 = 1, and x = 2 in the end ?
 *
 * S in "Herding cats" (2014): write-write coherence through happens-before.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 2, memory_order_relaxed);
        atomic_store_explicit(y, 1, memory_order_release);
    } else {
        actor->saw[0] = atomic_load_explicit(y, memory_order_acquire);
        atomic_store_explicit(x, 1, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] = {
    {"flag not seen", MK_ACCEPTABLE, "thread 1 came too early"},
    {"in order", MK_ACCEPTABLE, "the write behind the acquire is what is left"},
    {"undone", MK_FORBIDDEN, "the earlier write has undone the later one"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t left = atomic_load_explicit(litmus_at(alone, 0), memory_order_relaxed);
    return !actor[1].saw[0] ? 0 : left == 1 ? 1 : 2;
}

MK_SCENARIO(litmus_s_relacq, litmus, .summary = "S, release/acquire: a write behind an acquire comes last",
            .threads = 2, LITMUS_PLACES(2), .shows = {"flag"}, .body = body, .after = after,
            .outcomes = outcomes);
