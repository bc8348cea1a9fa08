/* litmus_corw - a read, then a write of the same word: what was read came before what was written.
 *
 *     thread 0        thread 1
 *     r0 = x          x = 2
 *     x = 1                           r0 = 1; or r0 = 2 and 2 in the end ?
 *
 * CoRW1 and CoRW2 in "Herding cats" (2014): a read finds neither the write behind it nor what comes after that.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0);
    if (actor->number == 0) {
        actor->saw[0] = atomic_load_explicit(x, memory_order_relaxed);
        atomic_store_explicit(x, 1, memory_order_relaxed);
    } else {
        atomic_store_explicit(x, 2, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] = {
    {"read 0, left 1", MK_ACCEPTABLE, "the read, 2, 1; or 2 came unseen"},
    {"read 0, left 2", MK_ACCEPTABLE, "2 came last"},
    {"read 2, left 1", MK_ACCEPTABLE, "2 came first"},
    {"read 2, left 2", MK_FORBIDDEN, "what was read came after what was written later"},
    {"read 1", MK_FORBIDDEN, "the read found what its thread had yet to write"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t left = atomic_load_explicit(litmus_at(alone, 0), memory_order_relaxed);
    if (actor[0].saw[0] == 1) return 4;
    return (actor[0].saw[0] == 2) << 1 | (left == 2);
}

MK_SCENARIO(litmus_corw, litmus, .summary = "CoRW: what is read comes before what is written next", .threads = 2,
            LITMUS_PLACES(1), .shows = {"read"}, .body = body, .after = after, .outcomes = outcomes);
