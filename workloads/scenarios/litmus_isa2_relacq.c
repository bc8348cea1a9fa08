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
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1), *z = litmus_at(actor, 2);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        atomic_store_explicit(y, 1, memory_order_release);
    } else if (actor->number == 1) {
        actor->saw[0] = atomic_load_explicit(y, memory_order_acquire);
        atomic_store_explicit(z, 1, memory_order_release);
    } else {
        actor->saw[0] = atomic_load_explicit(z, memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

static const struct mk_outcome outcomes[] = LITMUS_CHAIN(MK_FORBIDDEN, "happens-before is transitive");

MK_SCENARIO(litmus_isa2_relacq, litmus,
            .summary = "ISA2, release/acquire: the data come through a chain of flags", .threads = 3,
            LITMUS_PLACES(3), .shows = {"flag", "data"}, .body = body, .after = litmus_chain,
            .outcomes = outcomes);
