/* stack/treiber_tagged16 - one CAS of 16 bytes on {pointer, tag}; nodes stay in a pool, nothing is reclaimed.
 *
 * Source:     R. Kent Treiber, IBM RJ 5118, 1986, with the counter beside the pointer that IBM System/370
 *             Principles of Operation gives for compare double and swap. Free nodes: magazines and a depot
 *             (Bonwick, Adams, USENIX 2001), so that a push and a pop cost one read-modify-write each.
 * Picture:    top {node, tag} -> node {value, next} -> node -> NULL
 *             line[id]: loaded -> node -> ... | spare -> node -> ...      free nodes of one thread, up to 64 each
 *             depot {node, tag} -> node -> ... (a whole magazine, its first node names the next one by .batch)
 *             chunks -> [ next, node ... 64 ] -> [ ... ]                  all memory there is, freed by destroy
 * Parts:      none.
 * Progress:   lock-free, but for the allocator when the pool grows.
 * Ordering:   linearizable: top is one double word, every change of it is one CAS, and who finds it empty has read
 *             just it.
 *             A. A pop reads next of a node that others may have popped by then, and pushed anew: nodes are never
 *                freed, so there is something to read, and its CAS fails, because every push adds one to the tag.
 *             B. Whoever popped a node is alone with it until it pushes it, or hands its magazine to the depot:
 *                only next and batch, which others may still read, are atomic.
 *             C. C11's CAS of 16 bytes is a call into a library. So it is the compiler's __sync here, a full
 *                barrier; the model flavour checks it with the orders stated at (3), which are weaker. A load is
 *                two, of the tag and then of the pointer. What they are when torn does no harm: the tag never goes
 *                back, so while it stays nothing is pushed, and a node that was on top later than the tag was read
 *                and is on top when the CAS succeeds, has been there all along.
 * Kept:       (1) point C: the model runtime keeps no older values of a word that is accessed in two sizes.
 * Kept:       (3) C11 has no CAS whose order on failure is the stronger one.
 * Memory:     24 B * nodes, as many as were ever in at once + 128 a thread, in chunks of 64 that go back at
 *             destroy; 128 B * threads_max.
 * Limits:     needs a CAS of 16 bytes: x86-64 but for its first years, aarch64 (gcc's own helper takes the
 *             instruction that there is); elsewhere create says so. Free nodes of one thread are none of another's:
 *             where memory is refused, up to 128 a thread lie idle.
 */
#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute push(__attribute__((target("cx16"))), apply_to = function)
#elif defined(__x86_64__)
#pragma GCC target("cx16") /* before all that is to be inlined here */
#endif
#include "../stack.h"

/* Where gcc puts hooks in the place of atomics, those of 16 bytes are no calls into a library. */
#if defined(MK_MODEL) && !defined(__clang__)
#define TAGGED16_C11 1
#else
#define TAGGED16_C11 0
#endif
#if defined(__x86_64__) || defined(__aarch64__)
#define TAGGED16_SYNC 1
#else
#define TAGGED16_SYNC 0
#endif

#if defined(__x86_64__) && !defined(MK_MODEL)
#include <cpuid.h>
#endif

#define TAGGED16_MAGAZINE MK_TUNE(64, 2) /* nodes, and those of a chunk */

struct tagged16_node {
    uint64_t value;
    MK_ATOMIC(struct tagged16_node *) next;  /* in the stack, or in a magazine */
    MK_ATOMIC(struct tagged16_node *) batch; /* in the depot, of a magazine's first node: the next magazine */
};

struct tagged16_chunk {
    struct tagged16_chunk *next;
    struct tagged16_node node[TAGGED16_MAGAZINE];
};

/* Of one thread. */
struct tagged16_line {
    struct tagged16_node *loaded, *spare; /* where nodes are taken from and put to; a full magazine, or NULL */
    uint32_t loaded_n;
    MK_ATOMIC(uint64_t) cas_failures;
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct tagged16_pair {
    struct tagged16_node *node;
    uint64_t tag;
};

/* The same in memory. */
struct tagged16_word {
    union {
        struct {
            MK_ATOMIC(struct tagged16_node *) node;
            MK_ATOMIC(uint64_t) tag;
        } half;
        MK_ATOMIC(unsigned __int128) both;
    } is;
} MK_ALIGNED(16);

struct mk_stack {
    struct tagged16_word top MK_ALIGNED(2 * MK_CACHE_LINE);
    struct tagged16_word depot MK_ALIGNED(2 * MK_CACHE_LINE);
    struct tagged16_line *line MK_ALIGNED(2 * MK_CACHE_LINE);
    MK_ATOMIC(struct tagged16_chunk *) chunks;
    struct mk_mem *mem;
    uint32_t threads_max;
};

/* ---- the double word ------------------------------------------------------------------------ */

MK_INLINE struct tagged16_pair tagged16_load(struct tagged16_word *word) {
    struct tagged16_pair pair;
    /* (1) acquire-load synchronizes-with the acq_rel-CAS (3): it is done before (2): point C */
    pair.tag = atomic_load_explicit(&word->is.half.tag, memory_order_acquire);
    /* (2) acquire-load synchronizes-with the acq_rel-CAS (3): the words of the node that is named */
    pair.node = atomic_load_explicit(&word->is.half.node, memory_order_acquire);
    return pair;
}

/* Returns whether *word was *expected, and is `desired` now; else *expected is what it was. */
MK_INLINE bool tagged16_cas(struct tagged16_word *word, struct tagged16_pair *expected,
                            struct tagged16_pair desired) {
    unsigned __int128 old, new, was;
    memcpy(&old, expected, sizeof old);
    memcpy(&new, &desired, sizeof new);
#if TAGGED16_C11
    was = old;
    /* (3) acq_rel-CAS synchronizes-with the acquire-load (1, 2): the node's words, and those of the node that is
     * found instead */
    bool done = atomic_compare_exchange_strong_explicit(&word->is.both, &was, new, memory_order_acq_rel,
                                                        memory_order_acquire);
#else
#ifdef MK_POINTS
    mk_point(__LINE__);
#endif
#if TAGGED16_SYNC
    was = __sync_val_compare_and_swap((unsigned __int128 *)&word->is.both, old, new);
#else
    was = ~old + (new & 0); /* create has refused */
#endif
    bool done = was == old;
#endif
    memcpy(expected, &was, sizeof was);
    return done;
}

/* Returns what spins are next. */
static MK_NOINLINE unsigned tagged16_failed(struct mk_stack *stack, struct mk_thread *me, unsigned spins) {
    MK_ATOMIC(uint64_t) *counter = &stack->line[me->id].cas_failures;
    /* (4) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (5) relaxed-store: statistics, nobody orders on it */
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
    mk_backoff(&spins);
    return spins;
}

/* ---- magazines ------------------------------------------------------------------------------ */

/* Gives a magazine to whoever runs out. */
static MK_NOINLINE void tagged16_deposit(struct mk_stack *stack, struct mk_thread *me,
                                         struct tagged16_node *magazine) {
    struct tagged16_pair depot = tagged16_load(&stack->depot);
    for (unsigned spins = 0;; spins = tagged16_failed(stack, me, spins)) {
        /* (6) relaxed-store: published by (3) */
        atomic_store_explicit(&magazine->batch, depot.node, memory_order_relaxed);
        if (tagged16_cas(&stack->depot, &depot, (struct tagged16_pair){magazine, depot.tag + 1})) return;
    }
}

/* Returns a magazine out of the depot, or NULL. */
static struct tagged16_node *tagged16_withdraw(struct mk_stack *stack, struct mk_thread *me) {
    struct tagged16_pair depot = tagged16_load(&stack->depot);
    for (unsigned spins = 0; depot.node; spins = tagged16_failed(stack, me, spins)) {
        /* (7) relaxed-load: of a node that may be another's by now; then (3) fails */
        struct tagged16_node *batch = atomic_load_explicit(&depot.node->batch, memory_order_relaxed);
        if (tagged16_cas(&stack->depot, &depot, (struct tagged16_pair){batch, depot.tag})) break;
    }
    return depot.node;
}

/* Returns a magazine of new nodes, or NULL where there is no memory. */
static struct tagged16_node *tagged16_fresh(struct mk_stack *stack, struct mk_thread *me) {
    struct tagged16_chunk *chunk = mk_mem_zalloc(stack->mem, me, sizeof *chunk, MK_CACHE_LINE);
    if (!chunk) return NULL;
    for (unsigned i = 0; i + 1 < TAGGED16_MAGAZINE; i++) {
        /* (8) relaxed-store: nobody else knows the node */
        atomic_store_explicit(&chunk->node[i].next, &chunk->node[i + 1], memory_order_relaxed);
    }
    /* (9) relaxed-load: what is found is compared, not followed */
    chunk->next = atomic_load_explicit(&stack->chunks, memory_order_relaxed);
    /* (10) relaxed-CAS: the list is followed by destroy alone, when all others have left */
    while (!atomic_compare_exchange_strong_explicit(&stack->chunks, &chunk->next, chunk, memory_order_relaxed,
                                                    memory_order_relaxed)) {
        continue;
    }
    return chunk->node;
}

/* Loads a magazine. Returns false where there is no node to be had. */
static MK_NOINLINE bool tagged16_reload(struct mk_stack *stack, struct mk_thread *me, struct tagged16_line *line) {
    if (line->spare) {
        line->loaded = line->spare;
        line->spare = NULL;
    } else if (!(line->loaded = tagged16_withdraw(stack, me)) && !(line->loaded = tagged16_fresh(stack, me))) {
        line->loaded_n = 0;
        return false;
    }
    line->loaded_n = TAGGED16_MAGAZINE; /* at most: those of threads that have left may have fewer */
    return true;
}

/* The loaded magazine is full: it becomes the spare one, which goes to the depot if there is one. */
static MK_NOINLINE void tagged16_unload(struct mk_stack *stack, struct mk_thread *me, struct tagged16_line *line) {
    if (line->spare) tagged16_deposit(stack, me, line->spare);
    line->spare = line->loaded;
    line->loaded = NULL;
    line->loaded_n = 0;
}

/* ---- operations ----------------------------------------------------------------------------- */

MK_TIMED enum mk_status tagged16_push(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    struct tagged16_line *line = &stack->line[me->id];
    if (MK_UNLIKELY(!line->loaded) && !tagged16_reload(stack, me, line)) return MK_NO_MEMORY;
    struct tagged16_node *node = line->loaded;
    /* (11) relaxed-load: of a node of our own */
    line->loaded = atomic_load_explicit(&node->next, memory_order_relaxed);
    line->loaded_n--;
    node->value = value;
    struct tagged16_pair top = tagged16_load(&stack->top);
    for (unsigned spins = 0;; spins = tagged16_failed(stack, me, spins)) {
        /* (12) relaxed-store: published by (3) */
        atomic_store_explicit(&node->next, top.node, memory_order_relaxed);
        /* LIN push: this CAS, where it succeeds. */
        if (MK_LIKELY(tagged16_cas(&stack->top, &top, (struct tagged16_pair){node, top.tag + 1}))) return MK_MISS;
    }
}

MK_TIMED enum mk_status tagged16_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    struct tagged16_line *line = &stack->line[me->id];
    /* LIN pop miss: this load, or the CAS below where it fails, of a node that is NULL. */
    struct tagged16_pair top = tagged16_load(&stack->top);
    for (unsigned spins = 0;; spins = tagged16_failed(stack, me, spins)) {
        if (MK_UNLIKELY(!top.node)) return MK_MISS;
        /* (13) relaxed-load: of a node that may be another's by now; then (3) fails: point A */
        struct tagged16_node *next = atomic_load_explicit(&top.node->next, memory_order_relaxed);
        /* LIN pop hit: this CAS, where it succeeds. */
        if (MK_LIKELY(tagged16_cas(&stack->top, &top, (struct tagged16_pair){next, top.tag}))) break;
    }
    *value = top.node->value;
    if (MK_UNLIKELY(line->loaded_n == TAGGED16_MAGAZINE)) tagged16_unload(stack, me, line);
    /* (14) relaxed-store: of a node of our own; who still reads it fails at (3) */
    atomic_store_explicit(&top.node->next, line->loaded, memory_order_relaxed);
    line->loaded = top.node;
    line->loaded_n++;
    return MK_HIT;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* Returns whether this machine has a CAS of 16 bytes. */
static bool tagged16_has_cas(void) {
#if defined(__x86_64__) && !defined(MK_MODEL)
    unsigned a, b, c = 0, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_CMPXCHG16B);
#else
    return TAGGED16_SYNC;
#endif
}

static void tagged16_destroy(struct mk_stack *stack) {
    struct mk_mem *mem = stack->mem;
    /* (15) relaxed-load: at quiescence */
    struct tagged16_chunk *chunk = atomic_load_explicit(&stack->chunks, memory_order_relaxed);
    for (struct tagged16_chunk *next; chunk; chunk = next) {
        next = chunk->next;
        mk_mem_free(mem, NULL, chunk, sizeof *chunk, MK_CACHE_LINE);
    }
    mk_mem_free(mem, NULL, stack->line, stack->threads_max * sizeof *stack->line, _Alignof(struct tagged16_line));
    mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
}

static int tagged16_create(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg,
                           struct mk_err *err) {
    if (!tagged16_has_cas()) return mk_fail(err, "this machine has no CAS of 16 bytes: take stack/treiber_index");
    struct mk_stack *stack = mk_mem_zalloc(mem, NULL, sizeof *stack, _Alignof(struct mk_stack));
    if (!stack) return mk_fail(err, "no memory for the stack");
    stack->mem = mem;
    stack->threads_max = cfg->threads_max;
    stack->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *stack->line, _Alignof(struct tagged16_line));
    if (!stack->line) {
        mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
        return mk_fail(err, "no memory for the nodes of %u threads", cfg->threads_max);
    }
    *out = stack;
    return 0;
}

/* What the thread has free goes to whoever runs out. */
static void tagged16_thread_exit(struct mk_stack *stack, struct mk_thread *me) {
    struct tagged16_line *line = &stack->line[me->id];
    if (line->spare) tagged16_deposit(stack, me, line->spare);
    if (line->loaded) tagged16_deposit(stack, me, line->loaded);
    line->spare = line->loaded = NULL;
    line->loaded_n = 0;
}

/* At quiescence. */
static struct tagged16_node *tagged16_next(struct tagged16_node *node) {
    /* (16) relaxed-load: at quiescence */
    return atomic_load_explicit(&node->next, memory_order_relaxed);
}

static uint64_t tagged16_count(struct mk_stack *stack) {
    uint64_t n = 0;
    for (struct tagged16_node *node = tagged16_load(&stack->top).node; node; node = tagged16_next(node)) n++;
    return n;
}

static void tagged16_walk(struct mk_stack *stack, mk_visit_fn *visit, void *arg) {
    uint64_t above = 0;
    for (struct tagged16_node *node = tagged16_load(&stack->top).node; node; node = tagged16_next(node)) {
        visit(arg, above++, node->value);
    }
}

static size_t tagged16_stats(struct mk_stack *stack, struct mk_stat *out, size_t room) {
    uint64_t failures = 0;
    for (uint32_t i = 0; i < stack->threads_max; i++) {
        /* (17) relaxed-load: statistics */
        failures += atomic_load_explicit(&stack->line[i].cas_failures, memory_order_relaxed);
    }
    if (room) out[0] = (struct mk_stat){"cas_failures", failures};
    return 1;
}

MK_STACK(treiber_tagged16,
         .summary = "lock-free, one 16-byte CAS of pointer and tag an operation; nodes are never freed",
         .caps = MK_CONCURRENT | MK_GROWS, .progress = {.push = MK_LOCK_FREE, .pop = MK_LOCK_FREE},
         .create = tagged16_create, .destroy = tagged16_destroy, .thread_exit = tagged16_thread_exit,
         .count = tagged16_count, .walk = tagged16_walk, .stats = tagged16_stats, .push = tagged16_push,
         .pop = tagged16_pop);

#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute pop
#endif
