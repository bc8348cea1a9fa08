/* counter_atomic_lost - two threads add by a load and a store: no data race, and an addition is lost. */
#include "program.h"

static MK_ATOMIC(uint64_t) counter;

static void body(struct mk_actor *actor) {
    (void)actor;
    uint64_t was = atomic_load_explicit(&counter, memory_order_relaxed);
    atomic_store_explicit(&counter, was + 1, memory_order_relaxed);
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("lost", "an addition is missing");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone, (void)actor;
    return atomic_load_explicit(&counter, memory_order_relaxed) != 2;
}

MK_SCENARIO(counter_atomic_lost, program, .summary = "two threads add by a load and a store", .threads = 2,
            .body = body, .after = after, .outcomes = outcomes);
