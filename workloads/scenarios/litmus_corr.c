/* litmus_corr - two reads of one word: the second is never older than the first.
 *
 *     thread 0        thread 1
 *     x = 1           r0 = x
 *                     r1 = x          r0 = 1, r1 = 0 ?
 *
 * CoRR in "Herding cats" (2014): coherence, which even relaxed accesses have. Early ARM cores got it wrong.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
    } else {
        actor->saw[0] = atomic_load_explicit(x, memory_order_relaxed);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] = {
    {"not yet", MK_ACCEPTABLE, "the reader came first"},
    {"between", MK_ACCEPTABLE, "the store fell between the reads"},
    {"backwards", MK_FORBIDDEN, "the second read found what came before what the first had found"},
    {"both", MK_ACCEPTABLE, "the writer came first"},
    {NULL, MK_ACCEPTABLE, NULL}};

MK_SCENARIO(litmus_corr, litmus, .summary = "CoRR: of two reads of a word, the second is no older", .threads = 2,
            LITMUS_PLACES(1), .shows = {"first read", "second read"}, .body = body, .after = litmus_mp,
            .outcomes = outcomes);
