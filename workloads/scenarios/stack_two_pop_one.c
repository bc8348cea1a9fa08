/* stack_two_pop_one - two threads pop the only value: one gets it.
 *
 * Aimed at pops that look at the top in one step and take it in another.
 */
#include "../../impl/scenario.h"
#include "../../impl/stack.h"

static void before(struct mk_actor *alone) {
    mk_act(alone, MK_STACK_PUSH, 0, alone->round_random);
}

static void body(struct mk_actor *actor) {
    struct mk_result pop = mk_act(actor, MK_STACK_POP, 0, 0);
    actor->saw[0] = pop.status;
    actor->saw[1] = pop.value;
}

enum { WON_0, WON_1, BOTH, NONE, WRONG, LEFT };

static const struct mk_outcome outcomes[] = {{"thread 0 got it", MK_ACCEPTABLE, "thread 1 found nothing"},
                                             {"thread 1 got it", MK_ACCEPTABLE, "thread 0 found nothing"},
                                             {"both got it", MK_FORBIDDEN, "it was pushed once"},
                                             {"none got it", MK_FORBIDDEN, "it was there before both"},
                                             {"wrong value", MK_FORBIDDEN, "no other value was pushed"},
                                             {"something is left", MK_FORBIDDEN, "the only value is out"},
                                             {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    bool first = actor[0].saw[0] == MK_HIT, second = actor[1].saw[0] == MK_HIT;
    if (first && second) return BOTH;
    if (!first && !second) return NONE;
    if (actor[first ? 0 : 1].saw[1] != alone->round_random) return WRONG;
    if (mk_act(alone, MK_STACK_POP, 0, 0).status != MK_MISS) return LEFT;
    return first ? WON_0 : WON_1;
}

MK_SCENARIO(stack_two_pop_one, stack, .summary = "two threads pop the only value: one gets it", .threads = 2,
            .keys = 1, .shows = {"status of pop", "its value"}, .before = before, .body = body, .after = after,
            .outcomes = outcomes);
