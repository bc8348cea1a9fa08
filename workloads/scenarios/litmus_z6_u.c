/* litmus_z6_u - seq_cst accesses among weaker ones: order between two of them may be lost on the way.
 *
 *     thread 0        thread 1                    thread 2
 *     x = 1 sc        r0 = fetch_add y, 1 sc      y = 3 sc
 *     y = 1 rel       r1 = y                      r0 = x sc       1, 3; 0 ?
 *
 * Z6.U of Lahav, Vafeiadis, Kang, Hur and Dreyer, "Repairing sequential consistency in C/C++11" (2017). C11 as
 * published rules it out, and the compilers' code for POWER shows it all the same; so C++20 allows it. The model
 * flavour does not show it.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_seq_cst);
        atomic_store_explicit(y, 1, memory_order_release);
    } else if (actor->number == 1) {
        actor->saw[0] = atomic_fetch_add_explicit(y, 1, memory_order_seq_cst);
        actor->saw[1] = atomic_load_explicit(y, memory_order_relaxed);
    } else {
        atomic_store_explicit(y, 3, memory_order_seq_cst);
        actor->saw[0] = atomic_load_explicit(x, memory_order_seq_cst);
    }
}

static const struct mk_outcome outcomes[] = {
    {"in order", MK_ACCEPTABLE, "some order of the operations explains it"},
    {"no order", MK_INTERESTING, "seq_cst accesses on either side of a release are not ordered by it (C++20)"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[1].saw[0] == 1 && actor[1].saw[1] == 3 && !actor[2].saw[0];
}

MK_SCENARIO(litmus_z6_u, litmus, .summary = "Z6.U: seq_cst accesses among weaker ones", .threads = 3,
            LITMUS_PLACES(2), .shows = {"fetch_add, or x", "y"}, .body = body, .after = after,
            .outcomes = outcomes);
