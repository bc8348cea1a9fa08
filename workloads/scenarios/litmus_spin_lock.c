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

static void add_locked(litmus_word *lock, litmus_word *x) {
    while (atomic_exchange_explicit(lock, 1, memory_order_acquire)) mk_pause();
    atomic_store_explicit(x, atomic_load_explicit(x, memory_order_relaxed) + 1, memory_order_relaxed);
    atomic_store_explicit(lock, 0, memory_order_release);
}

static void body(struct mk_actor *actor) {
    add_locked(litmus_at(actor, 0), litmus_at(actor, 1));
    add_locked(litmus_at(actor, 0), litmus_at(actor, 1));
}

static const struct mk_outcome outcomes[] = {
    {"all counted", MK_ACCEPTABLE, "as it should be"},
    {"lost", MK_FORBIDDEN, "who takes the lock sees what was done under it"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)actor;
    return atomic_load_explicit(litmus_at(alone, 1), memory_order_relaxed) != 4;
}

MK_SCENARIO(litmus_spin_lock, litmus, .summary = "test-and-set lock, acquire/release: nothing is lost",
            .threads = 2, LITMUS_PLACES(2), .body = body, .after = after, .outcomes = outcomes);
