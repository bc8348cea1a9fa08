/* litmus_sb_rmw - store buffering by acq_rel read-modify-writes: right on x86, and on x86 alone.
 *
 *     thread 0                  thread 1
 *     exchange x, 1 acq_rel     exchange y, 1 acq_rel
 *     r0 = y acq                r0 = x acq                both 0 ?
 *
 * SB in "Herding cats" (2014). A locked instruction is a full fence on x86, so this never shows there; C11
 * promises nothing of the kind, and ARMv8 lets the load pass the exchange.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *own = litmus_at(actor, actor->number), *other = litmus_at(actor, 1 - actor->number);
    atomic_exchange_explicit(own, 1, memory_order_acq_rel);
    actor->saw[0] = atomic_load_explicit(other, memory_order_acquire);
}

static const struct mk_outcome outcomes[] =
    LITMUS_SB(MK_INTERESTING, "a read-modify-write is no fence: the load may pass it");

MK_SCENARIO(litmus_sb_rmw, litmus, .summary = "SB, acq_rel exchange: neither may see the other's (not on x86)",
            .threads = 2, LITMUS_PLACES(2), .shows = {"the other's"}, .body = body, .after = litmus_sb,
            .outcomes = outcomes);
