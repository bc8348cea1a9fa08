/* stack/treiber_index - one CAS of 8 bytes on {index, tag}; nodes stay in an indexed pool, nothing is reclaimed.
 *
 * Source:     R. Kent Treiber, IBM RJ 5118, 1986, with the counter beside the pointer that IBM System/370
 *             Principles of Operation gives; indices of 32 bits leave room for it in one word. Free nodes:
 *             magazines and a depot (Bonwick, Adams, USENIX 2001), so that a push and a pop cost one
 *             read-modify-write each.
 * Picture:    top {index, tag} -> node {value, next} -> node -> 0
 *             chunk[k] -> 4096 << k nodes, whose indices begin with 4096 << k
 *             line[id]: loaded -> node -> ... | spare -> node -> ...      free nodes of one thread, up to 64 each
 *             depot {index, tag} -> node -> ... (a whole magazine, its first node names the next one by .batch)
 * Parts:      none.
 * Progress:   lock-free, but for the allocator when the pool grows.
 * Ordering:   linearizable: top is one word, every change of it is one CAS, and who finds it empty has read just
 *             it.
 *             A. A pop reads next of a node that others may have popped by then, and pushed anew: nodes are never
 *                freed, so there is something to read, and its CAS fails, because every push adds one to the tag.
 *             B. Whoever popped a node is alone with it until it pushes it, or hands its magazine to the depot:
 *                only next and batch, which others may still read, are atomic.
 * Kept:       (9, 21) C11 has no CAS whose order on failure is the stronger one.
 * Kept:       (10, 11) an allocator may write to what it hands out; that of the model runtime does not.
 * Memory:     16 B * nodes, as many as were ever in at once + 128 a thread, in chunks of 64 KiB, 128 KiB, ... that
 *             go back at destroy; 128 B * threads_max.
 * Limits:     2^32 - 4096 values. The tag comes round after 2^32 pushes: a pop that is held up for just so many
 *             between its load and its CAS goes wrong. Free nodes of one thread are none of another's: where memory
 *             is refused, up to 128 a thread lie idle.
 */
#include "../stack.h"

#define INDEX_SHIFT MK_TUNE(12, 1)
#define INDEX_FIRST ((uint32_t)1 << INDEX_SHIFT) /* nodes of the first chunk, and the first index: 0 is none */
#define INDEX_CHUNKS (32 - INDEX_SHIFT)
#define INDEX_MAGAZINE MK_TUNE(64, 2) /* nodes; divides INDEX_FIRST, so that it lies in one chunk */
#define INDEX_ONE ((uint64_t)1 << 32) /* above an index: of a tag, of a number of nodes */
#define INDEX_FULL (INDEX_ONE * INDEX_MAGAZINE)

struct index_node {
    uint64_t value;
    MK_ATOMIC(uint32_t) next;  /* in the stack, or in a magazine */
    MK_ATOMIC(uint32_t) batch; /* in the depot, of a magazine's first node: the next magazine */
};

/* Of one thread. */
struct index_line {
    uint64_t loaded; /* where nodes are taken from and put to: index, and above it how many there are at most */
    uint32_t spare;  /* a full magazine, or 0 */
    MK_ATOMIC(uint64_t) cas_failures;
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_stack {
    MK_ATOMIC(uint64_t) top MK_ALIGNED(2 * MK_CACHE_LINE);   /* index, tag above it */
    MK_ATOMIC(uint64_t) depot MK_ALIGNED(2 * MK_CACHE_LINE); /* likewise */
    MK_ATOMIC(uint64_t) fresh;                               /* the first index that nobody has had yet */
    struct index_line *line MK_ALIGNED(2 * MK_CACHE_LINE);
    struct index_node *first; /* chunk[0], which is there from the beginning */
    MK_ATOMIC(struct index_node *) chunk[INDEX_CHUNKS];
    struct mk_mem *mem;
    uint32_t threads_max;
};

/* ---- nodes ---------------------------------------------------------------------------------- */

/* Which chunk an index (not 0) lies in: the first one has as many nodes as all indices before it, and so on. */
MK_INLINE unsigned index_chunk(uint32_t index) {
    return 31 - (unsigned)__builtin_clz(index) - INDEX_SHIFT;
}

/* Most nodes in use at one time are of the first chunk, or none is: a branch costs less than a load that the next
 * one waits for. */
MK_INLINE struct index_node *index_at(struct mk_stack *stack, uint32_t index) {
    if (MK_LIKELY(index < 2 * INDEX_FIRST)) return stack->first + (index - INDEX_FIRST);
    unsigned chunk = index_chunk(index);
    /* (1) relaxed-load: whoever told of the index has made the chunk, or has been told of it in turn */
    struct index_node *nodes = atomic_load_explicit(&stack->chunk[chunk], memory_order_relaxed);
    return nodes + (index - (INDEX_FIRST << chunk));
}

MK_INLINE uint32_t index_of(uint64_t word) {
    return (uint32_t)word;
}

/* Returns what spins are next. */
static MK_NOINLINE unsigned index_failed(struct mk_stack *stack, struct mk_thread *me, unsigned spins) {
    MK_ATOMIC(uint64_t) *counter = &stack->line[me->id].cas_failures;
    /* (2) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (3) relaxed-store: statistics, nobody orders on it */
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
    mk_backoff(&spins);
    return spins;
}

/* ---- magazines ------------------------------------------------------------------------------ */

/* Gives a magazine to whoever runs out. */
static MK_NOINLINE void index_deposit(struct mk_stack *stack, struct mk_thread *me, uint32_t magazine) {
    MK_ATOMIC(uint32_t) *batch = &index_at(stack, magazine)->batch;
    /* (4) relaxed-load: what is found is compared, not followed */
    uint64_t depot = atomic_load_explicit(&stack->depot, memory_order_relaxed);
    for (unsigned spins = 0;; spins = index_failed(stack, me, spins)) {
        /* (5) relaxed-store: published by (6) */
        atomic_store_explicit(batch, index_of(depot), memory_order_relaxed);
        /* (6) release-CAS synchronizes-with the acquire-load (7) and the acquire-CAS (9): links of the magazine,
         * and all that we did with its nodes. On failure relaxed: as (4) */
        if (atomic_compare_exchange_strong_explicit(&stack->depot, &depot,
                                                    ((depot + INDEX_ONE) & -INDEX_ONE) | magazine,
                                                    memory_order_release, memory_order_relaxed)) {
            return;
        }
    }
}

/* Returns a magazine out of the depot, or 0. */
static uint32_t index_withdraw(struct mk_stack *stack, struct mk_thread *me) {
    /* (7) acquire-load synchronizes-with the release-CAS (6): the magazine and its nodes */
    uint64_t depot = atomic_load_explicit(&stack->depot, memory_order_acquire);
    for (unsigned spins = 0; index_of(depot); spins = index_failed(stack, me, spins)) {
        /* (8) relaxed-load: of a node that may be another's by now; then (9) fails */
        uint32_t batch = atomic_load_explicit(&index_at(stack, index_of(depot))->batch, memory_order_relaxed);
        /* (9) acquire-CAS synchronizes-with the release-CAS (6): on failure, the magazine that we found instead */
        if (atomic_compare_exchange_strong_explicit(&stack->depot, &depot, (depot & -INDEX_ONE) | batch,
                                                    memory_order_acquire, memory_order_acquire)) {
            break;
        }
    }
    return index_of(depot);
}

/* Makes sure that there is a chunk. Returns false where memory for it is refused. */
static bool index_make_chunk(struct mk_stack *stack, struct mk_thread *me, unsigned chunk) {
    size_t bytes = sizeof(struct index_node) * ((size_t)INDEX_FIRST << chunk);
    struct index_node *none = NULL;
    /* (10) acquire-load synchronizes-with the release-CAS (11): so do those who are told of its nodes */
    if (atomic_load_explicit(&stack->chunk[chunk], memory_order_acquire)) return true;
    struct index_node *nodes = mk_mem_alloc(stack->mem, me, bytes, MK_CACHE_LINE);
    if (!nodes) return false;
    /* (11) release-CAS synchronizes-with the acquire-load (10): there is a chunk. On failure acquire: another's */
    if (!atomic_compare_exchange_strong_explicit(&stack->chunk[chunk], &none, nodes, memory_order_release,
                                                 memory_order_acquire)) {
        mk_mem_free(stack->mem, me, nodes, bytes, MK_CACHE_LINE);
    }
    return true;
}

/* Returns a magazine of nodes that nobody has had yet, or 0 where there is no memory. */
static uint32_t index_fresh(struct mk_stack *stack, struct mk_thread *me) {
    /* (12) relaxed-load: a guess that (13) compares */
    uint64_t fresh = atomic_load_explicit(&stack->fresh, memory_order_relaxed);
    do {
        if (fresh > UINT32_MAX || !index_make_chunk(stack, me, index_chunk((uint32_t)fresh))) return 0;
        /* (13) relaxed-CAS: hands out numbers; the nodes behind them are ordered by (10) and (11) */
    } while (!atomic_compare_exchange_strong_explicit(&stack->fresh, &fresh, fresh + INDEX_MAGAZINE,
                                                      memory_order_relaxed, memory_order_relaxed));
    for (uint32_t i = 0; i < INDEX_MAGAZINE; i++) {
        uint32_t next = i + 1 < INDEX_MAGAZINE ? (uint32_t)fresh + i + 1 : 0;
        /* (14) relaxed-store: nobody else knows the node */
        atomic_store_explicit(&index_at(stack, (uint32_t)fresh + i)->next, next, memory_order_relaxed);
    }
    return (uint32_t)fresh;
}

/* Loads a magazine. Returns false where there is no node to be had. */
static MK_NOINLINE bool index_load(struct mk_stack *stack, struct mk_thread *me, struct index_line *line) {
    if (line->spare) {
        line->loaded = INDEX_FULL | line->spare;
        line->spare = 0;
        return true;
    }
    uint32_t magazine = index_withdraw(stack, me);
    if (!magazine) magazine = index_fresh(stack, me);
    line->loaded = magazine ? INDEX_FULL | magazine : 0; /* those of threads that have left may have fewer */
    return magazine != 0;
}

/* The loaded magazine is full: it becomes the spare one, which goes to the depot if there is one. */
static MK_NOINLINE void index_unload(struct mk_stack *stack, struct mk_thread *me, struct index_line *line) {
    if (line->spare) index_deposit(stack, me, line->spare);
    line->spare = index_of(line->loaded);
    line->loaded = 0;
}

/* ---- operations ----------------------------------------------------------------------------- */

MK_TIMED enum mk_status index_push(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    struct index_line *line = &stack->line[me->id];
    if (MK_UNLIKELY(!index_of(line->loaded)) && !index_load(stack, me, line)) return MK_NO_MEMORY;
    uint64_t loaded = line->loaded;
    uint32_t index = index_of(loaded);
    struct index_node *node = index_at(stack, index);
    /* (15) relaxed-load: of a node of our own */
    uint32_t rest = atomic_load_explicit(&node->next, memory_order_relaxed);
    line->loaded = ((loaded - INDEX_ONE) & -INDEX_ONE) | rest;
    node->value = value;
    /* (16) relaxed-load: what is found is compared, not followed */
    uint64_t top = atomic_load_explicit(&stack->top, memory_order_relaxed);
    for (unsigned spins = 0;; spins = index_failed(stack, me, spins)) {
        /* (17) relaxed-store: published by (18) */
        atomic_store_explicit(&node->next, index_of(top), memory_order_relaxed);
        /* LIN push: this CAS, where it succeeds. */
        /* (18) release-CAS synchronizes-with the acquire-load (19) and the acquire-CAS (21): the node's words. On
         * failure relaxed: as (16) */
        if (MK_LIKELY(atomic_compare_exchange_strong_explicit(&stack->top, &top,
                                                              ((top + INDEX_ONE) & -INDEX_ONE) | index,
                                                              memory_order_release, memory_order_relaxed))) {
            return MK_MISS;
        }
    }
}

MK_TIMED enum mk_status index_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    struct index_line *line = &stack->line[me->id];
    struct index_node *node;
    /* LIN pop miss: this load, or that of (21) where it fails, of an index of 0. */
    /* (19) acquire-load synchronizes-with the release-CAS (18): the words of the node on top */
    uint64_t top = atomic_load_explicit(&stack->top, memory_order_acquire);
    for (unsigned spins = 0;; spins = index_failed(stack, me, spins)) {
        if (MK_UNLIKELY(!index_of(top))) return MK_MISS;
        node = index_at(stack, index_of(top));
        /* (20) relaxed-load: of a node that may be another's by now; then (21) fails: point A */
        uint32_t next = atomic_load_explicit(&node->next, memory_order_relaxed);
        /* LIN pop hit: this CAS, where it succeeds. */
        /* (21) acquire-CAS synchronizes-with the release-CAS (18): on failure, the words of the node that is on top
         * instead */
        if (MK_LIKELY(atomic_compare_exchange_strong_explicit(&stack->top, &top, (top & -INDEX_ONE) | next,
                                                              memory_order_acquire, memory_order_acquire))) {
            break;
        }
    }
    *value = node->value;
    if (MK_UNLIKELY(line->loaded >= INDEX_FULL)) index_unload(stack, me, line);
    /* (22) relaxed-store: of a node of our own; who still reads it fails at (21) */
    atomic_store_explicit(&node->next, index_of(line->loaded), memory_order_relaxed);
    line->loaded = ((line->loaded + INDEX_ONE) & -INDEX_ONE) | index_of(top);
    return MK_HIT;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void index_free_chunk(struct mk_stack *stack, unsigned chunk) {
    /* (23) relaxed-load: at quiescence */
    struct index_node *nodes = atomic_load_explicit(&stack->chunk[chunk], memory_order_relaxed);
    size_t bytes = sizeof *nodes * ((size_t)INDEX_FIRST << chunk);
    if (nodes) mk_mem_free(stack->mem, NULL, nodes, bytes, MK_CACHE_LINE);
}

/* Frees what a create that fails has made so far, too. */
static void index_destroy(struct mk_stack *stack) {
    for (unsigned i = 0; i < INDEX_CHUNKS; i++) index_free_chunk(stack, i);
    size_t bytes = stack->threads_max * sizeof *stack->line;
    if (stack->line) mk_mem_free(stack->mem, NULL, stack->line, bytes, _Alignof(struct index_line));
    mk_mem_free(stack->mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
}

static int index_create(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg,
                        struct mk_err *err) {
    struct mk_stack *stack = mk_mem_zalloc(mem, NULL, sizeof *stack, _Alignof(struct mk_stack));
    if (!stack) return mk_fail(err, "no memory for the stack");
    stack->mem = mem;
    stack->threads_max = cfg->threads_max;
    stack->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *stack->line, _Alignof(struct index_line));
    if (!stack->line || !index_make_chunk(stack, NULL, 0)) {
        index_destroy(stack);
        return mk_fail(err, "no memory for %u threads and %u nodes", cfg->threads_max, INDEX_FIRST);
    }
    /* (24) relaxed-load: of what we have just stored */
    stack->first = atomic_load_explicit(&stack->chunk[0], memory_order_relaxed);
    /* (25) relaxed-store: nobody else has the stack yet */
    atomic_store_explicit(&stack->fresh, INDEX_FIRST, memory_order_relaxed);
    *out = stack;
    return 0;
}

/* What the thread has free goes to whoever runs out. */
static void index_thread_exit(struct mk_stack *stack, struct mk_thread *me) {
    struct index_line *line = &stack->line[me->id];
    if (line->spare) index_deposit(stack, me, line->spare);
    if (index_of(line->loaded)) index_deposit(stack, me, index_of(line->loaded));
    line->loaded = line->spare = 0;
}

/* At quiescence. Returns the index on top. */
static uint32_t index_top(struct mk_stack *stack) {
    /* (26) relaxed-load: at quiescence */
    return index_of(atomic_load_explicit(&stack->top, memory_order_relaxed));
}

/* At quiescence. */
static uint32_t index_next(struct mk_stack *stack, uint32_t index) {
    /* (27) relaxed-load: at quiescence */
    return atomic_load_explicit(&index_at(stack, index)->next, memory_order_relaxed);
}

static uint64_t index_count(struct mk_stack *stack) {
    uint64_t n = 0;
    for (uint32_t at = index_top(stack); at; at = index_next(stack, at)) n++;
    return n;
}

static void index_walk(struct mk_stack *stack, mk_visit_fn *visit, void *arg) {
    uint64_t above = 0;
    for (uint32_t at = index_top(stack); at; at = index_next(stack, at)) {
        visit(arg, above++, index_at(stack, at)->value);
    }
}

static size_t index_stats(struct mk_stack *stack, struct mk_stat *out, size_t room) {
    uint64_t failures = 0;
    for (uint32_t i = 0; i < stack->threads_max; i++) {
        /* (28) relaxed-load: statistics */
        failures += atomic_load_explicit(&stack->line[i].cas_failures, memory_order_relaxed);
    }
    /* (29) relaxed-load: statistics */
    uint64_t nodes = atomic_load_explicit(&stack->fresh, memory_order_relaxed) - INDEX_FIRST;
    const struct mk_stat stats[] = {{"cas_failures", failures}, {"nodes", nodes}};
    size_t n = sizeof stats / sizeof *stats;
    memcpy(out, stats, (room < n ? room : n) * sizeof *stats);
    return n;
}

MK_STACK(treiber_index, .summary = "lock-free, one 8-byte CAS of index and tag an operation; nodes are never freed",
         .caps = MK_CONCURRENT | MK_GROWS, .progress = {.push = MK_LOCK_FREE, .pop = MK_LOCK_FREE},
         .create = index_create, .destroy = index_destroy, .thread_exit = index_thread_exit, .count = index_count,
         .walk = index_walk, .stats = index_stats, .push = index_push, .pop = index_pop);
