/* litmus_spin_lock_relaxed - a test-and-set lock that is given back without release: additions are lost.
 *
 *     thread i, twice
 *     while exchange lock, 1 acq: pause
 *     x = x + 1
 *     lock = 0            not 4 in the end ?
 *
 * They are made one at a time, and yet the next owner may read a counter that is old: nothing orders the last
 * owner's store of it before the lock's. x86 does not show it.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_spin_lock_body(actor, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] =
    LITMUS_ADDED(MK_INTERESTING, "what was done under the lock was not released");

MK_SCENARIO(litmus_spin_lock_relaxed, litmus, .summary = "test-and-set lock, relaxed unlock: additions are lost",
            .threads = 2, LITMUS_PLACES(2), .body = body, .after = litmus_added, .outcomes = outcomes);
