/* litmus_seqlock_no_fence - a sequence lock whose reader relies on an acquire load: it reads torn data.
 *
 *     thread 0            thread 1
 *     stamp = 1           r0 = stamp acq
 *     fence rel           a, b = x, y
 *     x = 1, y = 1        r1 = stamp acq      r0 = r1, even, and a is not b ?
 *     stamp = 2 rel
 *
 * Boehm, "Can seqlocks get along with programming language memory models?" (2012), on the usual defect: an acquire
 * holds back what comes after it, so the second load of the stamp may come before the loads of the data. x86 does
 * not show it.
 */
#include "litmus.h"

enum { STAMP, X, Y };

static void write_both(const struct mk_actor *actor) {
    atomic_store_explicit(litmus_at(actor, STAMP), 1, memory_order_relaxed);
    litmus_fence(memory_order_release);
    atomic_store_explicit(litmus_at(actor, X), 1, memory_order_relaxed);
    atomic_store_explicit(litmus_at(actor, Y), 1, memory_order_relaxed);
    atomic_store_explicit(litmus_at(actor, STAMP), 2, memory_order_release);
}

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        write_both(actor);
    } else {
        actor->saw[0] = atomic_load_explicit(litmus_at(actor, STAMP), memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(litmus_at(actor, X), memory_order_relaxed);
        actor->saw[2] = atomic_load_explicit(litmus_at(actor, Y), memory_order_relaxed);
        actor->saw[3] = atomic_load_explicit(litmus_at(actor, STAMP), memory_order_acquire);
    }
}

static const struct mk_outcome outcomes[] = {
    {"old version", MK_ACCEPTABLE, "the reader came first"},
    {"new version", MK_ACCEPTABLE, "the writer came first"},
    {"again", MK_ACCEPTABLE, "the reader knows that it has to read again"},
    {"torn", MK_INTERESTING, "the stamp was looked at again before the data were read"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    const uint64_t *saw = actor[1].saw;
    (void)alone;
    if (saw[0] & 1 || saw[0] != saw[3]) return 2;
    return saw[1] != saw[2] || saw[1] != saw[0] / 2 ? 3 : (unsigned)saw[1];
}

MK_SCENARIO(litmus_seqlock_no_fence, litmus, .summary = "seqlock without the reader's fence: torn data",
            .threads = 2, LITMUS_PLACES(3), .shows = {"stamp", "x", "y", "stamp again"}, .body = body,
            .after = after, .outcomes = outcomes);
