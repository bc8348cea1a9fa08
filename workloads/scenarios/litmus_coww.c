/* litmus_coww - two writes of one thread to one word: they take effect in their order.
 *
 *     thread 0        thread 1
 *     x = 1           r0 = x
 *     x = 2           r1 = x          2, then 1; or 1 in the end ?
 *
 * CoWW in "Herding cats" (2014), with a reader that may catch the writes in the wrong order.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        atomic_store_explicit(x, 2, memory_order_relaxed);
    } else {
        actor->saw[0] = atomic_load_explicit(x, memory_order_relaxed);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] = {
    {"in order", MK_ACCEPTABLE, "1, then 2"},
    {"seen backwards", MK_FORBIDDEN, "a reader found the first write after the second"},
    {"left backwards", MK_FORBIDDEN, "the first write is what is left"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    if (atomic_load_explicit(litmus_at(alone, 0), memory_order_relaxed) != 2) return 2;
    return actor[1].saw[1] < actor[1].saw[0];
}

MK_SCENARIO(litmus_coww, litmus, .summary = "CoWW: two writes to a word take effect in their order", .threads = 2,
            LITMUS_PLACES(1), .shows = {"first read", "second read"}, .body = body, .after = after,
            .outcomes = outcomes);
