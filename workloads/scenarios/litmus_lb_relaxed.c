/* litmus_lb_relaxed - load buffering: both threads may read what the other has yet to write.
 *
 *     thread 0        thread 1
 *     r0 = x          r0 = y
 *     y = 1           x = 1           both 1 ?
 *
 * LB in "Herding cats" (2014). C11 allows it, since compilers and ARM may carry out a store before an earlier load
 * of another word. A runtime that carries out a thread's operations in their order cannot show it: the model
 * flavour does not.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *read = litmus_at(actor, actor->number), *written = litmus_at(actor, 1 - actor->number);
    actor->saw[0] = atomic_load_explicit(read, memory_order_relaxed);
    atomic_store_explicit(written, 1, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] = {
    {"neither saw", MK_ACCEPTABLE, "both loads came before both stores"},
    {"thread 1 saw", MK_ACCEPTABLE, "it came second"},
    {"thread 0 saw", MK_ACCEPTABLE, "it came second"},
    {"both saw", MK_INTERESTING, "each store was carried out before the load in front of it"},
    {NULL, MK_ACCEPTABLE, NULL}};

MK_SCENARIO(litmus_lb_relaxed, litmus, .summary = "LB, relaxed: both may read what the other writes later",
            .threads = 2, LITMUS_PLACES(2), .shows = {"the other's"}, .body = body, .after = litmus_sb,
            .outcomes = outcomes);
