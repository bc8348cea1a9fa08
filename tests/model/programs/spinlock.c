/* spinlock - a plain counter under a test-and-set lock, correct. */
#include "program.h"

enum { THREADS = 3, TIMES = 2 };

static MK_ATOMIC(uint32_t) lock;
static uint64_t counter;

static void body(struct mk_actor *actor) {
    (void)actor;
    for (unsigned i = 0; i < TIMES; i++) {
        while (atomic_exchange_explicit(&lock, 1, memory_order_acquire)) {
            while (atomic_load_explicit(&lock, memory_order_relaxed)) mk_pause();
        }
        counter++;
        atomic_store_explicit(&lock, 0, memory_order_release);
    }
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("lost", "an addition is missing");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone, (void)actor;
    return counter != THREADS * TIMES;
}

MK_SCENARIO(spinlock, program, .summary = "a counter under a test-and-set lock", .threads = THREADS, .body = body,
            .after = after, .outcomes = outcomes);
