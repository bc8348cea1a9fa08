/* litmus_cas_exclusive - two threads exchange the same value for their own: exactly one does.
 *
 *     thread 0                thread 1
 *     x: 0 -> 1 by CAS        x: 0 -> 2 by CAS        both, or neither ?
 *
 * A read-modify-write reads the value right before its own (C11 7.17.3, 12), whatever its order.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    uint64_t expected = 0;
    actor->saw[0] = atomic_compare_exchange_strong_explicit(litmus_at(actor, 0), &expected, 1 + actor->number,
                                                            memory_order_relaxed, memory_order_relaxed);
    actor->saw[1] = expected;
}

static const struct mk_outcome outcomes[] = {
    {"neither", MK_FORBIDDEN, "a strong compare-exchange does not fail for nothing"},
    {"thread 1", MK_ACCEPTABLE, "it came first"},
    {"thread 0", MK_ACCEPTABLE, "it came first"},
    {"both", MK_FORBIDDEN, "one of them has exchanged what was no longer there"},
    {"not what is left", MK_FORBIDDEN, "the loser was told another value, or the winner's is not what is left"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t left = atomic_load_explicit(litmus_at(alone, 0), memory_order_relaxed);
    unsigned winners = (unsigned)(actor[0].saw[0] << 1 | actor[1].saw[0]);
    if ((winners == 2 && (left != 1 || actor[1].saw[1] != 1)) ||
        (winners == 1 && (left != 2 || actor[0].saw[1] != 2))) {
        return 4;
    }
    return winners;
}

MK_SCENARIO(litmus_cas_exclusive, litmus, .summary = "two CAS from the same value: exactly one succeeds",
            .threads = 2, LITMUS_PLACES(1), .shows = {"succeeded", "expected"}, .body = body, .after = after,
            .outcomes = outcomes);
