/* treiber_aba - a stack of nodes that are used again at once, without a tag: A was first, with B behind it; both
 * are taken off and A is put on again before a CAS that saw A and B: it succeeds, and puts B on top, which somebody
 * has. All accesses are atomic: there is no data race.
 */
#include "program.h"

enum { THREADS = 2, NODES = 3 };

struct node {
    MK_ATOMIC(struct node *) next;
    MK_ATOMIC(uint64_t) taken; /* by how many at once */
};

static struct node node[NODES];
static MK_ATOMIC(struct node *) top;

static void push(struct node *which) {
    struct node *first = atomic_load_explicit(&top, memory_order_relaxed);
    atomic_fetch_sub_explicit(&which->taken, 1, memory_order_relaxed);
    do {
        atomic_store_explicit(&which->next, first, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&top, &first, which, memory_order_release,
                                                    memory_order_relaxed));
}

static struct node *pop(struct mk_actor *actor) {
    struct node *first = atomic_load_explicit(&top, memory_order_acquire), *next;
    do {
        if (!first) return NULL;
        next = atomic_load_explicit(&first->next, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&top, &first, next, memory_order_acq_rel,
                                                    memory_order_acquire));
    if (atomic_fetch_add_explicit(&first->taken, 1, memory_order_relaxed)) actor->saw[0] = 1;
    return first;
}

static void before(struct mk_actor *alone) {
    (void)alone;
    for (unsigned i = 0; i < NODES; i++) {
        atomic_store_explicit(&node[i].taken, 1, memory_order_relaxed);
        push(&node[i]);
    }
}

static void body(struct mk_actor *actor) {
    struct node *one = pop(actor), *two = pop(actor);
    if (one) push(one);
    if (two) push(two);
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("taken twice", "two threads have the same node");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[0].saw[0] || actor[1].saw[0];
}

MK_SCENARIO(treiber_aba, program, .summary = "a stack that uses nodes again at once", .threads = THREADS,
            .before = before, .body = body, .after = after, .outcomes = outcomes);
