/* litmus_dekker_relaxed - Dekker's lock, relaxed: broken.
 *
 *     thread i
 *     wants[i] = 1
 *     while wants[other]
 *         if turn is other
 *             wants[i] = 0, wait until turn is i, wants[i] = 1
 *     ... inside ...
 *     turn = other
 *     wants[i] = 0
 *
 * Dekker (Dijkstra 1965) as it is often taken from textbooks, with atomics and no orders. Each thread may look at
 * wants[other] before its own store can be seen (store buffering): both go in. x86 shows it.
 */
#include "litmus.h"

enum { WANTS, TURN = WANTS + 2, INSIDE };

/* Steps back until it is this thread's turn. */
static void give_way(litmus_word *wants, litmus_word *turn, uint32_t me) {
    atomic_store_explicit(wants, 0, memory_order_relaxed);
    while (atomic_load_explicit(turn, memory_order_relaxed) != me) mk_pause();
    atomic_store_explicit(wants, 1, memory_order_relaxed);
}

static void body(struct mk_actor *actor) {
    uint32_t me = actor->number, other = 1 - me;
    litmus_word *wants = litmus_at(actor, WANTS + me), *others = litmus_at(actor, WANTS + other);
    litmus_word *turn = litmus_at(actor, TURN);
    atomic_store_explicit(wants, 1, memory_order_relaxed);
    while (atomic_load_explicit(others, memory_order_relaxed)) {
        if (atomic_load_explicit(turn, memory_order_relaxed) != me) give_way(wants, turn, me);
        mk_pause();
    }
    litmus_inside(actor, litmus_at(actor, INSIDE));
    atomic_store_explicit(turn, other, memory_order_relaxed);
    atomic_store_explicit(wants, 0, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] =
    LITMUS_EXCLUSION(MK_INTERESTING, "each looked before the other's store could be seen");

MK_SCENARIO(litmus_dekker_relaxed, litmus, .summary = "Dekker's lock, relaxed: both may be inside", .threads = 2,
            LITMUS_PLACES(4), .shows = {"others inside"}, .body = body, .after = litmus_exclusion,
            .outcomes = outcomes);
