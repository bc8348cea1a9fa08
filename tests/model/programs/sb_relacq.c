/* sb_relacq - a lock of two flags by release and acquire: both threads may go in (store buffering). */
#include "program.h"

static MK_ATOMIC(uint64_t) wants[2];

static void body(struct mk_actor *actor) {
    atomic_store_explicit(&wants[actor->number], 1, memory_order_release);
    actor->saw[0] = !atomic_load_explicit(&wants[1 - actor->number], memory_order_acquire);
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("both in", "neither saw that the other goes in");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[0].saw[0] && actor[1].saw[0];
}

MK_SCENARIO(sb_relacq, program, .summary = "a lock of two flags by release and acquire", .threads = 2, .body = body,
            .after = after, .outcomes = outcomes);
