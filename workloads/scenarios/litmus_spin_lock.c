/* litmus_spin_lock - a test-and-set lock around a counter: nothing is lost.
 *
 *     thread i, twice
 *     while exchange lock, 1 acq: pause
 *     x = x + 1
 *     lock = 0 rel            not 4 in the end ?
 *
 * The counter is atomic and relaxed: what keeps additions apart and in order is the lock alone. Who takes it has
 * acquired what was released by who had it before.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_spin_lock_body(actor, memory_order_release);
}

static const struct mk_outcome outcomes[] =
    LITMUS_ADDED(MK_FORBIDDEN, "who takes the lock sees what was done under it");

MK_SCENARIO(litmus_spin_lock, litmus, .summary = "test-and-set lock, acquire/release: nothing is lost",
            .threads = 2, LITMUS_PLACES(2), .body = body, .after = litmus_added, .outcomes = outcomes);
