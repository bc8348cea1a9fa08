/* litmus_sb_relacq - store buffering by release and acquire: they do not help.
 *
 *     thread 0        thread 1
 *     x = 1 rel       y = 1 rel
 *     r0 = y acq      r0 = x acq      both 0 ?
 *
 * SB in "Herding cats" (2014). A release orders what comes before it, an acquire what comes after: a store and a
 * later load of another word are ordered by neither. x86 shows it with plain mov, which is all that these orders
 * cost there.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *own = litmus_at(actor, actor->number), *other = litmus_at(actor, 1 - actor->number);
    atomic_store_explicit(own, 1, memory_order_release);
    actor->saw[0] = atomic_load_explicit(other, memory_order_acquire);
}

static const struct mk_outcome outcomes[] =
    LITMUS_SB(MK_INTERESTING, "no acquire has read from a release: nothing is ordered");

MK_SCENARIO(litmus_sb_relacq, litmus, .summary = "SB, release/acquire: neither may see the other's store",
            .threads = 2, LITMUS_PLACES(2), .shows = {"the other's"}, .body = body, .after = litmus_sb,
            .outcomes = outcomes);
