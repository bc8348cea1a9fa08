/* litmus_mp_stale_data - message passing where the reader forgot to acquire: the data may be old.
 *
 *     thread 0        thread 1
 *     x = 1           r0 = y
 *     y = 1 rel       r1 = x          r0 = 1, r1 = 0 ?
 *
 * MP in "Herding cats" (2014), ordered on one side alone. A release that nobody acquires orders nothing: the
 * reader's loads may be swapped (ARM, POWER, compilers). The usual defect in code that was tried on x86 alone.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_mp_body(actor, memory_order_release, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] = LITMUS_MP(MK_INTERESTING, "nobody acquires what was released");

MK_SCENARIO(litmus_mp_stale_data, litmus, .summary = "MP, release without acquire: the data may be old",
            .threads = 2, LITMUS_PLACES(2), .shows = {"flag", "data"}, .body = body, .after = litmus_mp,
            .outcomes = outcomes);
