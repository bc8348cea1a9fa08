/* litmus_iriw_acquire - two readers may see two writes in opposite orders, acquire or not.
 *
 *     thread 0      thread 1      thread 2      thread 3
 *     x = 1 rel     y = 1 rel     r0 = x acq    r0 = y acq
 *                                 r1 = y acq    r1 = x acq      1 0 and 1 0 ?
 *
 * IRIW in "Herding cats" (2014). The loads of a reader are ordered now; but there is no one moment at which a
 * store is seen by all: POWER shows it, since threads that share a cache or a store buffer see each other's stores
 * first. x86 and ARMv8 do not.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_iriw_body(actor, memory_order_release, memory_order_acquire);
}

static const struct mk_outcome outcomes[] =
    LITMUS_IRIW(MK_INTERESTING, "a store may reach one reader before it reaches the other");

MK_SCENARIO(litmus_iriw_acquire, litmus, .summary = "IRIW, release/acquire: two readers may see two orders",
            .threads = 4, LITMUS_PLACES(2), .shows = {"first read", "second read"}, .body = body,
            .after = litmus_iriw, .outcomes = outcomes);
