/* deep_bug - what goes wrong needs three things in a row, each by the other thread, among much that does not
 * matter: thread 1 finds x while it is 1, thread 0 then finds y, and thread 1 then finds x once more.
 */
#include "program.h"

enum { NOISE = 20 };

static MK_ATOMIC(uint64_t) x, y, noise[2];

/* Thread 1 makes more: threads that take turns do not meet. */
static void make_noise(const struct mk_actor *actor) {
    uint32_t me = actor->number;
    for (unsigned i = 0; i < NOISE * (1 + me); i++) atomic_fetch_add_explicit(&noise[me], 1, memory_order_relaxed);
}

static void body(struct mk_actor *actor) {
    make_noise(actor);
    if (actor->number == 0) {
        atomic_store_explicit(&x, 1, memory_order_seq_cst);
        make_noise(actor);
        atomic_store_explicit(&x, atomic_load_explicit(&y, memory_order_seq_cst) ? 2 : 3, memory_order_seq_cst);
    } else if (atomic_load_explicit(&x, memory_order_seq_cst) == 1) {
        atomic_store_explicit(&y, 1, memory_order_seq_cst);
        make_noise(actor);
        actor->saw[0] = atomic_load_explicit(&x, memory_order_seq_cst) == 2;
    }
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("met", "the threads met three times");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[1].saw[0] != 0;
}

MK_SCENARIO(deep_bug, program, .summary = "three meetings among much noise", .threads = 2, .body = body,
            .after = after, .outcomes = outcomes);
