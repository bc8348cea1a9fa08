/* litmus_isa2_relacq - a chain of two flags by release and acquire: who sees the second sees the data.
 *
 *     thread 0        thread 1        thread 2
 *     x = 1           r0 = y acq      r0 = z acq
 *     y = 1 rel       z = 1 rel       r1 = x          1; 1, 0 ?
 *
 * ISA2 in "Herding cats" (2014), which has it from the manual of POWER. Happens-before is transitive, although
 * thread 1 never touches the data.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_isa2_body(actor, memory_order_acquire);
}

static const struct mk_outcome outcomes[] = LITMUS_CHAIN(MK_FORBIDDEN, "happens-before is transitive");

MK_SCENARIO(litmus_isa2_relacq, litmus,
            .summary = "ISA2, release/acquire: the data come through a chain of flags", .threads = 3,
            LITMUS_PLACES(3), .shows = {"flag", "data"}, .body = body, .after = litmus_chain,
            .outcomes = outcomes);
