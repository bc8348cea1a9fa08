/* litmus_dekker_fences - Dekker's lock by fences: one at a time, all accesses relaxed.
 *
 *     thread i
 *     wants[i] = 1
 *     fence sc
 *     while wants[other]
 *         if turn is other
 *             wants[i] = 0, wait until turn is i, wants[i] = 1, fence sc
 *     fence acq
 *     ... inside ...
 *     turn = other
 *     fence rel
 *     wants[i] = 0
 *
 * Dekker (Dijkstra 1965), with fences as Williams, "Implementing Dekker's algorithm with fences" (2010), has them.
 * A seq_cst fence stands between saying what one wants and looking at what the other does, each time; who goes in
 * and who has left are ordered by release and acquire fences.
 */
#include "litmus.h"

/* Steps back until it is this thread's turn. */
static void give_way(litmus_word *wants, litmus_word *turn, uint32_t me) {
    atomic_store_explicit(wants, 0, memory_order_relaxed);
    while (atomic_load_explicit(turn, memory_order_relaxed) != me) mk_pause();
    atomic_store_explicit(wants, 1, memory_order_relaxed);
    litmus_fence(memory_order_seq_cst);
}

static void body(struct mk_actor *actor) {
    uint32_t me = actor->number, other = 1 - me;
    litmus_word *wants = litmus_at(actor, LITMUS_WANTS + me), *others = litmus_at(actor, LITMUS_WANTS + other);
    litmus_word *turn = litmus_at(actor, LITMUS_TURN);
    atomic_store_explicit(wants, 1, memory_order_relaxed);
    litmus_fence(memory_order_seq_cst);
    while (atomic_load_explicit(others, memory_order_relaxed)) {
        if (atomic_load_explicit(turn, memory_order_relaxed) != me) give_way(wants, turn, me);
        mk_pause();
    }
    litmus_fence(memory_order_acquire);
    litmus_inside(actor, litmus_at(actor, LITMUS_INSIDE));
    atomic_store_explicit(turn, other, memory_order_relaxed);
    litmus_fence(memory_order_release);
    atomic_store_explicit(wants, 0, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] =
    LITMUS_EXCLUSION(MK_FORBIDDEN, "what was said before the first seq_cst fence is seen behind the second");

MK_SCENARIO(litmus_dekker_fences, litmus, .summary = "Dekker's lock, seq_cst fences: one at a time", .threads = 2,
            LITMUS_PLACES(4), .shows = {"others inside"}, .body = body, .after = litmus_exclusion,
            .outcomes = outcomes);
