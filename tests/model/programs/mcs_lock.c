/* mcs_lock - a plain counter under a lock whose waiters are a list of nodes on their stacks, correct.
 *
 * Source: Mellor-Crummey and Scott, "Algorithms for scalable synchronization on shared-memory multiprocessors"
 * (1991).
 */
#include "program.h"

enum { THREADS = 3, TIMES = 2 };

struct waiter {
    MK_ATOMIC(struct waiter *) next;
    MK_ATOMIC(bool) waits;
};

static MK_ATOMIC(struct waiter *) tail;
static uint64_t counter;

static void take(struct waiter *mine) {
    atomic_store_explicit(&mine->next, NULL, memory_order_relaxed);
    atomic_store_explicit(&mine->waits, true, memory_order_relaxed);
    /* publishes the node; takes in what the last owner did, where nobody waits */
    struct waiter *before = atomic_exchange_explicit(&tail, mine, memory_order_acq_rel);
    if (!before) return;
    atomic_store_explicit(&before->next, mine, memory_order_release);
    while (atomic_load_explicit(&mine->waits, memory_order_acquire)) mk_pause();
}

static void give_back(struct waiter *mine) {
    struct waiter *next = atomic_load_explicit(&mine->next, memory_order_acquire), *expected = mine;
    if (!next) {
        if (atomic_compare_exchange_strong_explicit(&tail, &expected, NULL, memory_order_release,
                                                    memory_order_relaxed)) {
            return;
        }
        while (!(next = atomic_load_explicit(&mine->next, memory_order_acquire))) mk_pause();
    }
    atomic_store_explicit(&next->waits, false, memory_order_release);
}

static void body(struct mk_actor *actor) {
    (void)actor;
    for (unsigned i = 0; i < TIMES; i++) {
        struct waiter mine;
        take(&mine);
        counter++;
        give_back(&mine);
    }
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("lost", "an addition is missing");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone, (void)actor;
    return counter != THREADS * TIMES;
}

MK_SCENARIO(mcs_lock, program, .summary = "a counter under an MCS lock", .threads = THREADS, .body = body,
            .after = after, .outcomes = outcomes);
