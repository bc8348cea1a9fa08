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

static void body(struct mk_actor *actor) {
    litmus_dekker_body(actor, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] =
    LITMUS_EXCLUSION(MK_INTERESTING, "each looked before the other's store could be seen");

MK_SCENARIO(litmus_dekker_relaxed, litmus, .summary = "Dekker's lock, relaxed: both may be inside", .threads = 2,
            LITMUS_PLACES(4), .shows = {"others inside"}, .body = body, .after = litmus_exclusion,
            .outcomes = outcomes);
