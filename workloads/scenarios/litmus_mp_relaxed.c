/* litmus_mp_relaxed - message passing with relaxed accesses: who sees the flag may miss the data.
 *
 *     thread 0        thread 1
 *     x = 1           r0 = y
 *     y = 1           r1 = x          r0 = 1, r1 = 0 ?
 *
 * MP in "Herding cats" (2014). The two stores are to different words and ordered by nothing, nor are the loads:
 * POWER and ARM show it, and compilers may swap either pair. x86 keeps both orders.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_mp_body(actor, memory_order_relaxed, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] =
    LITMUS_MP(MK_INTERESTING, "relaxed accesses to two words are not ordered");

MK_SCENARIO(litmus_mp_relaxed, litmus, .summary = "MP, relaxed: the flag may be seen without the data",
            .threads = 2, LITMUS_PLACES(2), .shows = {"flag", "data"}, .body = body, .after = litmus_mp,
            .outcomes = outcomes);
