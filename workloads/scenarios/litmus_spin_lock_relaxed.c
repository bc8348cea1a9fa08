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

static void add_locked(litmus_word *lock, litmus_word *x) {
    while (atomic_exchange_explicit(lock, 1, memory_order_acquire)) mk_pause();
    atomic_store_explicit(x, atomic_load_explicit(x, memory_order_relaxed) + 1, memory_order_relaxed);
    atomic_store_explicit(lock, 0, memory_order_relaxed);
}

static void body(struct mk_actor *actor) {
    add_locked(litmus_at(actor, 0), litmus_at(actor, 1));
    add_locked(litmus_at(actor, 0), litmus_at(actor, 1));
}

static const struct mk_outcome outcomes[] = {
    {"all counted", MK_ACCEPTABLE, "as it should be"},
    {"lost", MK_INTERESTING, "what was done under the lock was not released"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)actor;
    return atomic_load_explicit(litmus_at(alone, 1), memory_order_relaxed) != 4;
}

MK_SCENARIO(litmus_spin_lock_relaxed, litmus, .summary = "test-and-set lock, relaxed unlock: additions are lost",
            .threads = 2, LITMUS_PLACES(2), .body = body, .after = after, .outcomes = outcomes);
