/* litmus_fetch_add - three threads add to a word: nothing is lost, and each saw another value.
 *
 *     thread i
 *     r0 = fetch_add x, 1
 *     r1 = fetch_add x, 1       not 6 in the end; or two of six equal ?
 *
 * A read-modify-write reads the value right before its own (C11 7.17.3, 12), whatever its order.
 */
#include "litmus.h"

static void body(struct mk_actor *actor) {
    litmus_word *x = litmus_at(actor, 0);
    actor->saw[0] = atomic_fetch_add_explicit(x, 1, memory_order_relaxed);
    actor->saw[1] = atomic_fetch_add_explicit(x, 1, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] = {
    {"all counted", MK_ACCEPTABLE, "as it should be"},
    {"lost", MK_FORBIDDEN, "an addition is missing"},
    {"seen twice", MK_FORBIDDEN, "two additions found the same value"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t seen = 0;
    for (uint32_t i = 0; i < 6; i++) seen |= UINT64_C(1) << (actor[i / 2].saw[i % 2] & 63);
    if (atomic_load_explicit(litmus_at(alone, 0), memory_order_relaxed) != 6) return 1;
    return seen != 0x3f ? 2 : 0;
}

MK_SCENARIO(litmus_fetch_add, litmus, .summary = "three threads add to a word: nothing is lost", .threads = 3,
            LITMUS_PLACES(1), .shows = {"first found", "second found"}, .body = body, .after = after,
            .outcomes = outcomes);
