/* treiber.h - a stack of linked nodes, with hazard pointers: right as it stands, or with one thing changed.
 *
 * Source: Treiber, "Systems programming: coping with parallelism" (1986); Michael, "Hazard pointers" (2004).
 *
 * PUBLISH       order of the store that says which node is looked at
 * UNLINK        order of the CAS that takes a node off
 * FREE_AT_ONCE  what is taken off is given back right away
 * ITERATIONS    of each thread: one push and one pop
 *
 * A reader publishes a node and looks whether it is still on top; who has taken it off looks whether it is
 * published. That is store buffering: all four have to be seq_cst, or each may miss the other.
 */
#include "program.h"

#ifndef PUBLISH
#define PUBLISH memory_order_seq_cst
#endif
#ifndef UNLINK
#define UNLINK memory_order_seq_cst
#endif
#ifndef ITERATIONS
#define ITERATIONS 2
#endif

enum { THREADS = 3, RETIRED_MAX = 2 * THREADS, SCANNED_FROM = 2 };

struct node {
    MK_ATOMIC(struct node *) next;
    uint64_t value;
};

struct bin { /* of one thread: taken off, not given back yet */
    struct node *node[RETIRED_MAX];
    unsigned n;
};

static MK_ATOMIC(struct node *) top;
static MK_ATOMIC(struct node *) hazard[THREADS];
static struct bin bin[THREADS];

static void push(uint64_t value) {
    struct node *node = malloc(sizeof *node), *first = atomic_load_explicit(&top, memory_order_relaxed);
    if (!node) return;
    node->value = value;
    do {
        atomic_store_explicit(&node->next, first, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&top, &first, node, memory_order_release,
                                                    memory_order_relaxed));
}

#ifdef FREE_AT_ONCE
static struct node *protect(uint32_t me) {
    (void)me;
    return atomic_load_explicit(&top, memory_order_acquire);
}

static void retire(uint32_t me, struct node *node) {
    (void)me;
    free(node);
}
#else
/* Returns the first node, which is not given back until hazard[me] names another. */
static struct node *protect(uint32_t me) {
    struct node *first = atomic_load_explicit(&top, memory_order_relaxed), *again;
    for (;; first = again) {
        atomic_store_explicit(&hazard[me], first, PUBLISH);
        again = atomic_load_explicit(&top, memory_order_seq_cst);
        if (again == first) return first;
    }
}

static bool is_published(const struct node *node) {
    for (uint32_t i = 0; i < THREADS; i++) {
        if (atomic_load_explicit(&hazard[i], memory_order_seq_cst) == node) return true;
    }
    return false;
}

static void retire(uint32_t me, struct node *node) {
    struct bin *mine = &bin[me];
    unsigned kept = 0;
    mine->node[mine->n++] = node;
    if (mine->n < SCANNED_FROM) return;
    for (unsigned i = 0; i < mine->n; i++) {
        if (is_published(mine->node[i])) {
            mine->node[kept++] = mine->node[i];
        } else {
            free(mine->node[i]);
        }
    }
    mine->n = kept;
}
#endif

/* Returns the value taken off, or 0. */
static uint64_t pop(uint32_t me) {
    for (;;) {
        struct node *first = protect(me), *expected = first;
        if (!first) return 0;
        struct node *next = atomic_load_explicit(&first->next, memory_order_relaxed);
        if (!atomic_compare_exchange_strong_explicit(&top, &expected, next, UNLINK, memory_order_relaxed)) continue;
        uint64_t value = first->value;
        atomic_store_explicit(&hazard[me], NULL, memory_order_release);
        retire(me, first);
        return value;
    }
}

/* Values are 1, 2, 4 ...: what is taken off adds up to what was put on. */
static void body(struct mk_actor *actor) {
    for (unsigned i = 0; i < ITERATIONS; i++) {
        push((uint64_t)1 << (actor->number * ITERATIONS + i) % 64);
        actor->saw[0] += pop(actor->number);
    }
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("wrong sum", "what came out is not what went in");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t in = 0, out = 0;
    (void)alone;
    for (uint32_t i = 0; i < THREADS * ITERATIONS; i++) in += (uint64_t)1 << i % 64;
    for (uint32_t i = 0; i < THREADS; i++) out += actor[i].saw[0];
    for (uint64_t value; (value = pop(0));) out += value;
    for (uint32_t i = 0; i < THREADS; i++) {
        while (bin[i].n) free(bin[i].node[--bin[i].n]);
    }
    return in != out;
}

#define TREIBER(NAME, SUMMARY)                                                                     \
    MK_SCENARIO(NAME, program, .summary = SUMMARY, .threads = THREADS, .body = body, .after = after, \
                .shows = {"popped"}, .outcomes = outcomes)
