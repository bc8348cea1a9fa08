/* litmus_dekker_seqcst - Dekker's lock, all seq_cst: one at a time.
 *
 *     thread i
 *     wants[i] = 1 sc
 *     while wants[other] sc
 *         if turn sc is other
 *             wants[i] = 0 sc, wait until turn sc is i, wants[i] = 1 sc
 *     ... inside ...
 *     turn = other sc
 *     wants[i] = 0 sc
 *
 * Dekker's solution, as told by Dijkstra, "Cooperating sequential processes" (1965): the first lock of two threads
 * made of loads and stores alone.
 */
#include "litmus.h"

enum { WANTS, TURN = WANTS + 2, INSIDE };

/* Steps back until it is this thread's turn. */
static void give_way(litmus_word *wants, litmus_word *turn, uint32_t me) {
    atomic_store_explicit(wants, 0, memory_order_seq_cst);
    while (atomic_load_explicit(turn, memory_order_seq_cst) != me) mk_pause();
    atomic_store_explicit(wants, 1, memory_order_seq_cst);
}

static void body(struct mk_actor *actor) {
    uint32_t me = actor->number, other = 1 - me;
    litmus_word *wants = litmus_at(actor, WANTS + me), *others = litmus_at(actor, WANTS + other);
    litmus_word *turn = litmus_at(actor, TURN);
    atomic_store_explicit(wants, 1, memory_order_seq_cst);
    while (atomic_load_explicit(others, memory_order_seq_cst)) {
        if (atomic_load_explicit(turn, memory_order_seq_cst) != me) give_way(wants, turn, me);
        mk_pause();
    }
    litmus_inside(actor, litmus_at(actor, INSIDE));
    atomic_store_explicit(turn, other, memory_order_seq_cst);
    atomic_store_explicit(wants, 0, memory_order_seq_cst);
}

static const struct mk_outcome outcomes[] =
    LITMUS_EXCLUSION(MK_FORBIDDEN, "who says second what it wants sees that the other does");

MK_SCENARIO(litmus_dekker_seqcst, litmus, .summary = "Dekker's lock, seq_cst: one at a time", .threads = 2,
            LITMUS_PLACES(4), .shows = {"others inside"}, .body = body, .after = litmus_exclusion,
            .outcomes = outcomes);
