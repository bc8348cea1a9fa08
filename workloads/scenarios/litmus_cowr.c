/* litmus_cowr - a write, then a read of the same word: it finds that write, or what came after it.
 *
 *     thread 0        thread 1
 *     x = 1           x = 2
 *     r0 = x                          r0 = 0; or r0 = 2 and 1 in the end ?
 *
 * CoWR in "Herding cats" (2014). Store buffers forward to the loads of their own thread for this.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        actor->saw[0] = atomic_load_explicit(x, memory_order_relaxed);
    } else {
        atomic_store_explicit(x, 2, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] = {
    {"read 1, left 1", MK_ACCEPTABLE, "2 came first"},
    {"read 1, left 2", MK_ACCEPTABLE, "2 came last"},
    {"read 2, left 1", MK_FORBIDDEN, "the read found what came before its own thread's write"},
    {"read 2, left 2", MK_ACCEPTABLE, "2 came between"},
    {"read 0", MK_FORBIDDEN, "the read missed its own thread's write"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t left = atomic_load_explicit(litmus_at(alone, 0), memory_order_relaxed);
    if (actor[0].saw[0] == 0) return 4;
    return (actor[0].saw[0] == 2) << 1 | (left == 2);
}

MK_SCENARIO(litmus_cowr, litmus, .summary = "CoWR: a read finds its thread's write, or a later one", .threads = 2,
            LITMUS_PLACES(1), .shows = {"read"}, .body = body, .after = after, .outcomes = outcomes);
