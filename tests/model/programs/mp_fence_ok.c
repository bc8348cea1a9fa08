/* mp_fence_ok - plain data behind a relaxed flag, ordered by fences: correct, though ThreadSanitizer accuses it. */
#include "program.h"

static uint64_t data;
static MK_ATOMIC(uint64_t) flag;

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        data = 7;
        atomic_thread_fence(memory_order_release);
        atomic_store_explicit(&flag, 1, memory_order_relaxed);
    } else if (atomic_load_explicit(&flag, memory_order_relaxed)) {
        atomic_thread_fence(memory_order_acquire);
        actor->saw[0] = data != 7;
    }
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("old data", "the flag was seen without the data");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[1].saw[0] != 0;
}

MK_SCENARIO(mp_fence_ok, program, .summary = "plain data behind a flag, ordered by fences", .threads = 2,
            .body = body, .after = after, .outcomes = outcomes);
