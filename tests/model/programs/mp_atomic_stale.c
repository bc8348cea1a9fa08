/* mp_atomic_stale - relaxed data behind a relaxed flag: no data race, and the data may be old. */
#include "program.h"

static MK_ATOMIC(uint64_t) data, flag;

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        atomic_store_explicit(&data, 7, memory_order_relaxed);
        atomic_store_explicit(&flag, 1, memory_order_relaxed);
    } else if (atomic_load_explicit(&flag, memory_order_relaxed)) {
        actor->saw[0] = atomic_load_explicit(&data, memory_order_relaxed) != 7;
    }
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("old data", "the flag was seen without the data");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[1].saw[0] != 0;
}

MK_SCENARIO(mp_atomic_stale, program, .summary = "relaxed data behind a relaxed flag", .threads = 2, .body = body,
            .after = after, .outcomes = outcomes);
