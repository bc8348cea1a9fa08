/* litmus_weak_cas - two threads count by weak compare-exchanges: nothing is lost, though some fail for nothing.
 *
 *     thread i, twice
 *     r = x
 *     until x: r -> r + 1 by weak CAS: again        not 4 in the end ?
 *
 * A weak compare-exchange may fail although it found what it expected (C11 7.17.7.4), as the store-conditional of
 * ARM and POWER does. It says so, and writes nothing.
 */
#include "litmus.h"

/* Adds 1. Returns whether it took a failure that had no reason. */
static bool add(litmus_word *x) {
    uint64_t expected = atomic_load_explicit(x, memory_order_relaxed), was = expected;
    bool spurious = false;
    while (!atomic_compare_exchange_weak_explicit(x, &expected, expected + 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
        spurious = spurious || expected == was;
        was = expected;
    }
    return spurious;
}

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0);
    actor->saw[0] = add(x);
    actor->saw[1] = add(x);
}

static const struct mk_outcome outcomes[] = {
    {"all counted", MK_ACCEPTABLE, "as it should be"},
    {"failed for nothing", MK_INTERESTING, "all are counted, though a weak CAS failed without reason"},
    {"miscounted", MK_FORBIDDEN, "one that failed has written, or one that succeeded has not"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    if (atomic_load_explicit(litmus_at(alone, 0), memory_order_relaxed) != 4) return 2;
    return actor[0].saw[0] || actor[0].saw[1] || actor[1].saw[0] || actor[1].saw[1];
}

MK_SCENARIO(litmus_weak_cas, litmus, .summary = "two threads count by weak CAS: nothing is lost", .threads = 2,
            LITMUS_PLACES(1), .shows = {"first for nothing", "second for nothing"}, .body = body, .after = after,
            .outcomes = outcomes);
