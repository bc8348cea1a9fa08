/* litmus_peterson_seqcst - Peterson's lock, all seq_cst: one at a time.
 *
 *     thread i
 *     wants[i] = 1
 *     turn = other
 *     while wants[other] and turn is other: pause
 *     ... inside ...
 *     wants[i] = 0
 *
 * Peterson, "Myths about the mutual exclusion problem" (1981). It was made for one order of all accesses, and
 * right where there is one.
 */
#include "litmus.h"

enum { WANTS, TURN = WANTS + 2, INSIDE };

static void body(struct mk_actor *actor) {
    uint32_t me = actor->number, other = 1 - me;
    litmus_word *wants = litmus_at(actor, WANTS + me), *others = litmus_at(actor, WANTS + other);
    litmus_word *turn = litmus_at(actor, TURN);
    atomic_store_explicit(wants, 1, memory_order_seq_cst);
    atomic_store_explicit(turn, other, memory_order_seq_cst);
    while (atomic_load_explicit(others, memory_order_seq_cst) &&
           atomic_load_explicit(turn, memory_order_seq_cst) == other) {
        mk_pause();
    }
    litmus_inside(actor, litmus_at(actor, INSIDE));
    atomic_store_explicit(wants, 0, memory_order_seq_cst);
}

static const struct mk_outcome outcomes[] =
    LITMUS_EXCLUSION(MK_FORBIDDEN, "who set turn last waits, and the other has said what it wants");

MK_SCENARIO(litmus_peterson_seqcst, litmus, .summary = "Peterson's lock, seq_cst: one at a time", .threads = 2,
            LITMUS_PLACES(4), .shows = {"others inside"}, .body = body, .after = litmus_exclusion,
            .outcomes = outcomes);
