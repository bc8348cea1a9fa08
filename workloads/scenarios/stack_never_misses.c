/* stack_never_misses - each thread pushes, then pops: nobody finds the stack empty.
 *
 * Of three threads that each have pushed and not yet popped, as many values are in as there are such threads at least.
 * Aimed at pops that take a failed CAS for an empty stack, and at those that lose what is pushed under their hands.
 */
#include "../../impl/scenario.h"
#include "../../impl/stack.h"

enum { TIMES = 3, THREADS = 3 };

static void body(struct mk_actor *actor) {
    for (unsigned i = 0; i < TIMES; i++) {
        uint64_t value = actor->random << 8 | actor->number << 4 | i;
        mk_act(actor, MK_STACK_PUSH, 0, value);
        struct mk_result pop = mk_act(actor, MK_STACK_POP, 0, 0);
        actor->saw[0] += pop.status == MK_MISS;
        actor->saw[1] += value - pop.value;
    }
}

enum { NEVER, MISSED, MIXED, LEFT };

static const struct mk_outcome outcomes[] = {
    {"never", MK_ACCEPTABLE, "every pop got a value, and each value came out once"},
    {"missed", MK_FORBIDDEN, "whoever pops has pushed, and nobody has popped more than they have pushed"},
    {"mixed up", MK_FORBIDDEN, "what was popped is what was pushed"},
    {"something is left", MK_FORBIDDEN, "as many pops as pushes, and all got a value"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t missed = 0, difference = 0, left = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        missed += actor[i].saw[0];
        difference += actor[i].saw[1];
    }
    while (left <= TIMES * THREADS && mk_act(alone, MK_STACK_POP, 0, 0).status == MK_HIT) left++;
    return missed ? MISSED : left ? LEFT : difference ? MIXED : NEVER;
}

MK_SCENARIO(stack_never_misses, stack, .summary = "each thread pushes, then pops: nobody finds the stack empty",
            .threads = THREADS, .keys = 1, .shows = {"pops that missed", "pushed less popped"}, .body = body,
            .after = after, .outcomes = outcomes);
