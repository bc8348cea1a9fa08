/* stack_push_order - one thread pushes 1, then 2; the other pops twice: below 2 there is 1.
 *
 * Aimed at pushes that are put off, or gathered, so that they arrive in another order than they were made.
 */
#include "../../impl/scenario.h"
#include "../../impl/stack.h"

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        mk_act(actor, MK_STACK_PUSH, 0, 1);
        mk_act(actor, MK_STACK_PUSH, 0, 2);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct mk_result pop = mk_act(actor, MK_STACK_POP, 0, 0);
        actor->saw[i] = pop.status == MK_HIT ? pop.value : 0;
    }
}

enum { NOTHING, ONE, BOTH_AS_PUSHED, BOTH_FROM_TOP, TWO_ALONE, TWICE, LOST, UPSIDE_DOWN };

static const struct mk_outcome outcomes[] = {
    {"nothing", MK_ACCEPTABLE, "the pops came first"},
    {"one of them", MK_ACCEPTABLE, "the other one came after the pops, or lies below"},
    {"1, then 2", MK_ACCEPTABLE, "a pop came between the pushes"},
    {"2, then 1", MK_ACCEPTABLE, "the pops came last"},
    {"2 without 1", MK_FORBIDDEN, "1 was pushed before, so it lies below"},
    {"twice", MK_FORBIDDEN, "each was pushed once"},
    {"lost", MK_FORBIDDEN, "what was not popped is there"},
    {"1 on top of 2", MK_FORBIDDEN, "what is on top comes out first"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t first = actor[1].saw[0], second = actor[1].saw[1], left = 0, sum = 0, top = 0;
    struct mk_result pop;
    while (left < 3 && (pop = mk_act(alone, MK_STACK_POP, 0, 0)).status == MK_HIT) {
        if (!left++) top = pop.value;
        sum += pop.value;
    }
    unsigned popped = (first != 0) + (second != 0);
    if (popped == 2 && first == second) return TWICE;
    if (popped + left != 2 || first + second + sum != 3) return popped + left > 2 ? TWICE : LOST;
    if (first == 2 && second == 0) return TWO_ALONE;
    if (left == 2 && top != 2) return UPSIDE_DOWN;
    if (popped == 2) return first == 1 ? BOTH_AS_PUSHED : BOTH_FROM_TOP;
    return popped ? ONE : NOTHING;
}

MK_SCENARIO(stack_push_order, stack, .summary = "1 is pushed, then 2, beside two pops: below 2 there is 1",
            .threads = 2, .keys = 1, .shows = {"first pop", "second pop"}, .body = body, .after = after,
            .outcomes = outcomes);
