/* counter_race - two threads add to a plain counter: a data race. */
#include "program.h"

static uint64_t counter;

static void body(struct mk_actor *actor) {
    (void)actor;
    counter++;
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("lost", "an addition is missing");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone, (void)actor;
    return counter != 2;
}

MK_SCENARIO(counter_race, program, .summary = "two threads add to a plain counter", .threads = 2, .body = body,
            .after = after, .outcomes = outcomes);
