/* stack/treiber - one link that a CAS moves; nodes wait for a reclaimer before they are freed.
 *
 * Source:     R. Kent Treiber, Systems Programming: Coping with Parallelism, IBM RJ 5118, 1986; after the listing's
 *             list of pushes, with the pop that it lacks: what is popped is retired, so that no other pop can meet
 *             it again, freed or pushed anew, while it holds it.
 * Picture:    top -> node {reclaimer's header, next, value} -> node -> NULL
 * parts:      reclaim=ebr
 * Progress:   lock-free, but for the allocator and the reclaimer.
 * Ordering:   linearizable: top is one word, every change of it is one CAS, and who finds it empty has read just
 *             it. What a pop follows is the node that top names, protected; it is never changed while it can be
 *             found, so that a CAS from that node to its next one is right whenever it succeeds: between the
 *             protection and the CAS the node is not freed, hence not pushed again.
 *             A pop changes top in the one seq_cst order, in which reclaimers weigh unlinking against their
 *             announcements (reclaim.h).
 * Kept:       (5) for reclaimers whose threads announce a node and look again, both seq_cst and without a fence:
 *             they are to find the change.
 * Memory:     (16 B + header) * values, each rounded by the allocator; what waits is the reclaimer's. 64 B *
 *             threads_max.
 * Limits:     all threads meet at one word. A pop of an empty stack costs a section of the reclaimer.
 */
#include "../reclaim.h"
#include "../stack.h"

struct treiber_node {
    MK_RECLAIM_HEADER
    struct treiber_node *next;
    uint64_t value;
};

/* Of one thread. */
struct treiber_line {
    MK_ATOMIC(uint64_t) cas_failures;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_stack {
    MK_ATOMIC(mk_link) top MK_ALIGNED(2 * MK_CACHE_LINE);
    struct mk_reclaim *smr MK_ALIGNED(2 * MK_CACHE_LINE);
    struct treiber_line *line;
    struct mk_mem *mem;
    struct mk_retire how;
    struct mk_mem_cache nodes;
    uint32_t threads_max;
};

/* Returns what spins are next. */
static MK_NOINLINE unsigned treiber_failed(struct mk_stack *stack, struct mk_thread *me, unsigned spins) {
    MK_ATOMIC(uint64_t) *counter = &stack->line[me->id].cas_failures;
    /* (1) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (2) relaxed-store: statistics, nobody orders on it */
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
    mk_backoff(&spins);
    return spins;
}

static inline enum mk_status treiber_push(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    struct treiber_node *node = mk_mem_cache_alloc(&stack->nodes, me);
    if (!node) return MK_NO_MEMORY;
    mk_birth(stack->smr, me, node);
    node->value = value;
    /* (3) relaxed-load: a guess; what is found is compared, not followed */
    mk_link top = atomic_load_explicit(&stack->top, memory_order_relaxed);
    for (unsigned spins = 0;; spins = treiber_failed(stack, me, spins)) {
        node->next = (struct treiber_node *)top;
        /* LIN push: this CAS, where it succeeds. */
        /* (4) release-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): the node's words. On failure
         * relaxed: as (3) */
        if (atomic_compare_exchange_strong_explicit(&stack->top, &top, (mk_link)node, memory_order_release,
                                                    memory_order_relaxed)) {
            return MK_MISS;
        }
    }
}

/* One attempt, inside a section. Returns whether it is settled. */
MK_INLINE bool treiber_try_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value,
                               enum mk_status *status) {
    /* LIN pop miss: the load in mk_protect. */
    mk_link top = mk_protect(stack->smr, me, 0, &stack->top);
    struct treiber_node *node = (struct treiber_node *)top;
    *status = node ? MK_NO_MEMORY : MK_MISS;
    if (!node || !mk_reserve(stack->smr, me, 1)) return true;
    /* LIN pop hit: this CAS, where it succeeds. */
    /* (5) seq_cst-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): the node is no longer found, in the
     * order of the reclaimer's announcements. On failure relaxed: we look again */
    if (!atomic_compare_exchange_strong_explicit(&stack->top, &top, (mk_link)node->next, memory_order_seq_cst,
                                                 memory_order_relaxed)) {
        return false;
    }
    *value = node->value;
    *status = MK_HIT;
    mk_retire(stack->smr, me, node, &stack->how);
    return true;
}

static inline enum mk_status treiber_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    enum mk_status status;
    mk_enter(stack->smr, me);
    for (unsigned spins = 0; !treiber_try_pop(stack, me, value, &status);) {
        spins = treiber_failed(stack, me, spins);
    }
    mk_leave(stack->smr, me);
    return status;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* At quiescence. */
static struct treiber_node *treiber_first(struct mk_stack *stack) {
    /* (6) relaxed-load: at quiescence */
    return (struct treiber_node *)atomic_load_explicit(&stack->top, memory_order_relaxed);
}

/* Frees what a create that fails has made so far, too. */
static void treiber_destroy(struct mk_stack *stack) {
    struct mk_mem *mem = stack->mem;
    if (stack->smr) mk_reclaim_here.destroy(stack->smr);
    for (struct treiber_node *node = treiber_first(stack), *next; node; node = next) {
        next = node->next;
        mk_mem_cache_free(&stack->nodes, NULL, node);
    }
    if (stack->nodes.alloc) mk_mem_cache_close(mem, &stack->nodes);
    if (stack->line) mk_mem_free(mem, NULL, stack->line, stack->threads_max * sizeof *stack->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
}

static int treiber_fill(struct mk_stack *stack, const struct mk_config *cfg, struct mk_err *err) {
    stack->line = mk_mem_zalloc(stack->mem, NULL, cfg->threads_max * sizeof *stack->line, MK_CACHE_LINE);
    if (!stack->line) return mk_fail(err, "no memory for the counters of %u threads", cfg->threads_max);
    if (mk_mem_cache_open(stack->mem, &stack->nodes, sizeof(struct treiber_node), _Alignof(struct treiber_node),
                          err)) {
        stack->nodes.alloc = NULL;
        return -1;
    }
    stack->how = (struct mk_retire){.cache = &stack->nodes, .bytes = sizeof(struct treiber_node)};
    if (mk_reclaim_here.create(&stack->smr, stack->mem, cfg, err)) {
        stack->smr = NULL;
        return -1;
    }
    return 0;
}

static int treiber_create(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg,
                          struct mk_err *err) {
    struct mk_stack *stack = mk_mem_zalloc(mem, NULL, sizeof *stack, _Alignof(struct mk_stack));
    if (!stack) return mk_fail(err, "no memory for the stack");
    stack->mem = mem;
    stack->threads_max = cfg->threads_max;
    if (treiber_fill(stack, cfg, err)) {
        treiber_destroy(stack);
        return -1;
    }
    *out = stack;
    return 0;
}

static int treiber_thread_enter(struct mk_stack *stack, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(stack->smr, me);
}

static void treiber_thread_exit(struct mk_stack *stack, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(stack->smr, me);
}

static void treiber_flush(struct mk_stack *stack, struct mk_thread *me) {
    mk_reclaim_here.flush(stack->smr, me);
}

static uint64_t treiber_count(struct mk_stack *stack) {
    uint64_t n = 0;
    for (const struct treiber_node *node = treiber_first(stack); node; node = node->next) n++;
    return n;
}

static void treiber_walk(struct mk_stack *stack, mk_visit_fn *visit, void *arg) {
    uint64_t above = 0;
    for (const struct treiber_node *node = treiber_first(stack); node; node = node->next) {
        visit(arg, above++, node->value);
    }
}

static size_t treiber_stats(struct mk_stack *stack, struct mk_stat *out, size_t room) {
    uint64_t failures = 0;
    for (uint32_t i = 0; i < stack->threads_max; i++) {
        /* (7) relaxed-load: statistics */
        failures += atomic_load_explicit(&stack->line[i].cas_failures, memory_order_relaxed);
    }
    if (room) out[0] = (struct mk_stat){"cas_failures", failures};
    size_t used = room ? 1 : 0;
    return 1 + mk_reclaim_here.stats(stack->smr, out + used, room - used);
}

static void treiber_hold(struct mk_stack *stack, struct mk_thread *me) {
    mk_enter(stack->smr, me);
}

static void treiber_unhold(struct mk_stack *stack, struct mk_thread *me) {
    mk_leave(stack->smr, me);
}

MK_STACK(treiber, .summary = "lock-free, one CAS an operation; a reclaimer frees nodes",
         .caps = MK_CONCURRENT | MK_GROWS | MK_DEFAULT, .progress = {.push = MK_LOCK_FREE, .pop = MK_LOCK_FREE},
         .create = treiber_create, .destroy = treiber_destroy, .thread_enter = treiber_thread_enter,
         .thread_exit = treiber_thread_exit, .flush = treiber_flush, .count = treiber_count, .walk = treiber_walk,
         .stats = treiber_stats, .hold = treiber_hold, .unhold = treiber_unhold, .push = treiber_push,
         .pop = treiber_pop);
