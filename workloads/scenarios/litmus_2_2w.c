/* litmus_2_2w - two threads write two words in opposite orders: both first writes may be what is left.
 *
 *     thread 0        thread 1
 *     x = 1           y = 1
 *     y = 2           x = 2           x = 1 and y = 1 in the end ?
 *
 * 2+2W in "Herding cats" (2014). Writes to two words are not ordered; POWER shows it, and so may compilers. A
 * runtime in which a word's writes take effect in the order they are carried out cannot show it: the model flavour
 * does not.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *own = litmus_at(actor, actor->number), *other = litmus_at(actor, 1 - actor->number);
    atomic_store_explicit(own, 1, memory_order_relaxed);
    atomic_store_explicit(other, 2, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] = {
    {"both first writes", MK_INTERESTING, "the writes of both threads took effect out of order"},
    {"thread 0 last", MK_ACCEPTABLE, "what it wrote is left"},
    {"thread 1 last", MK_ACCEPTABLE, "what it wrote is left"},
    {"both second writes", MK_ACCEPTABLE, "the threads wrote side by side"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t x = atomic_load_explicit(litmus_at(alone, 0), memory_order_relaxed);
    uint64_t y = atomic_load_explicit(litmus_at(alone, 1), memory_order_relaxed);
    (void)actor;
    return (x == 2) << 1 | (y == 2);
}

MK_SCENARIO(litmus_2_2w, litmus, .summary = "2+2W, relaxed: both first writes may be what is left", .threads = 2,
            LITMUS_PLACES(2), .body = body, .after = after, .outcomes = outcomes);
