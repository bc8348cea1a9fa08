/* litmus_corr_hb - two reads of one word by two threads, one of which happens before the other: it is no older.
 *
 *     thread 0        thread 1        thread 2
 *     x = 1           r0 = x          r0 = y acq
 *     x = 2           y = 1 rel       r1 = x          thread 2's y = 1, its x older than thread 1's ?
 *
 * Read-read coherence reaches through happens-before (C11 5.1.2.4, 17 to 20; Batty et al. 2011, CoRR): the writes
 * themselves are ordered with nobody.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        atomic_store_explicit(x, 2, memory_order_relaxed);
    } else if (actor->number == 1) {
        actor->saw[0] = atomic_load_explicit(x, memory_order_relaxed);
        atomic_store_explicit(y, 1, memory_order_release);
    } else {
        actor->saw[0] = atomic_load_explicit(y, memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] = {
    {"unordered", MK_ACCEPTABLE, "thread 2 came too early"},
    {"no older", MK_ACCEPTABLE, "as it should be"},
    {"older", MK_FORBIDDEN, "a read found what came before what a read ordered before it had found"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    if (!actor[2].saw[0]) return 0;
    return actor[2].saw[1] < actor[1].saw[0] ? 2 : 1;
}

MK_SCENARIO(litmus_corr_hb, litmus, .summary = "CoRR through happens-before: the later read is no older",
            .threads = 3, LITMUS_PLACES(2), .shows = {"x, or the flag", "x"}, .body = body, .after = after,
            .outcomes = outcomes);
