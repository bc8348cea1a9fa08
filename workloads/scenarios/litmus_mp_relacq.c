/* litmus_mp_relacq - message passing by release and acquire: who sees the flag sees the data.
 *
 *     thread 0        thread 1
 *     x = 1           r0 = y acq
 *     y = 1 rel       r1 = x          r0 = 1, r1 = 0 ?
 *
 * MP in "Herding cats" (2014). The load that reads the flag synchronizes with the store that set it: the data were
 * written before, and are read after. It is what most lock-free code rests on.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_mp_body(actor, memory_order_release, memory_order_acquire);
}

static const struct mk_outcome outcomes[] =
    LITMUS_MP(MK_FORBIDDEN, "the data were written before the release that the acquire has read");

MK_SCENARIO(litmus_mp_relacq, litmus, .summary = "MP, release/acquire: who sees the flag sees the data",
            .threads = 2, LITMUS_PLACES(2), .shows = {"flag", "data"}, .body = body, .after = litmus_mp,
            .outcomes = outcomes);
