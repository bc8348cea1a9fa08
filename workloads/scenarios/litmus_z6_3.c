/* litmus_z6_3 - a chain whose first link is the order of two writes: it hands nothing on.
 *
 *     thread 0        thread 1        thread 2
 *     x = 1           y = 2           r0 = z acq
 *     y = 1 rel       z = 1 rel       r1 = x          r0 = 1, r1 = 0, and y = 2 in the end ?
 *
 * Z6.3 in "Herding cats" (2014). That thread 1's write of y comes after thread 0's is coherence, not
 * happens-before: a release-release pair synchronizes nothing. POWER shows it; x86 does not.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1), *z = litmus_at(actor, 2);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        atomic_store_explicit(y, 1, memory_order_release);
    } else if (actor->number == 1) {
        atomic_store_explicit(y, 2, memory_order_release);
        atomic_store_explicit(z, 1, memory_order_release);
    } else {
        actor->saw[0] = atomic_load_explicit(z, memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] = {
    {"in order", MK_ACCEPTABLE, "some order of the operations explains it"},
    {"overwritten, unseen", MK_INTERESTING, "to write after a write is not to have seen it"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t left = atomic_load_explicit(litmus_at(alone, 1), memory_order_relaxed);
    return left == 2 && actor[2].saw[0] && !actor[2].saw[1];
}

MK_SCENARIO(litmus_z6_3, litmus, .summary = "Z6.3, release/acquire: to overwrite a release is not to acquire it",
            .threads = 3, LITMUS_PLACES(3), .shows = {"flag", "data"}, .body = body, .after = after,
            .outcomes = outcomes);
