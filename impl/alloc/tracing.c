/* alloc/tracing - what is allocated, what is live, and what has leaked, around another allocator.
 *
 * Source:     the tracing allocators of the textbooks, which count in two shared atomics; here a thread counts
 *             for itself, and every live block hangs on a list (as in Valgrind's and glibc's mcheck headers).
 * Picture:    leaks=1: [ padding | next prev | bytes number thread align | block ... ]   to the parent, one block
 *             leaks=0: [ block ... ]
 *             a thread: |allocations frees resizes failed asked up down|   |lock, list of what it allocated|
 * Parts:      none.
 * Progress:   leaks=0: wait-free, plus the parent's. leaks=1: blocking, a lock a thread's list, for a few
 *             instructions; taken by others only to free what that thread has allocated.
 * Ordering:   figures order nothing; the lists are ordered by their locks. Exact at quiescence.
 * Memory:     64 B + 256 B * (threads_max + 1); leaks=1: 48 B a block, or its alignment where that is more.
 * Limits:     foreign and double frees are not noticed (alloc/guard does). destroy gives back its own memory
 *             alone: what has leaked stays with the parent, where whoever counts the parent's blocks finds it.
 *             Before that, walk names every live block, and stats the largest one of them. A block may be asked
 *             for at any alignment up to 4096. reset, mark and rewind of the parent are not passed on: what wrappers
 *             themselves take lies in it, too. Scopes free block by block.
 */
#include "../alloc.h"

#include <pthread.h>

enum { TRACING_LEAKS };
static const struct mk_param tracing_params[] = {
    {"leaks", MK_PARAM_NUMBER, "1", 0, 1, "0|1", "1 = knows which blocks are live; 0 = counts alone"},
    {.name = NULL}};

/* Right before a block. */
struct tracing_note {
    struct tracing_note *next, *prev; /* on the list of `lane`; prev of the first is NULL */
    uint64_t bytes;
    uint64_t number; /* of its allocation, among those of its thread, from 1 */
    uint32_t lane;   /* who allocated it */
    uint32_t align;
    uint64_t spare; /* a block of any natural alignment follows */
};
MK_STATIC_ASSERT(sizeof(struct tracing_note) % 16 == 0, "the block behind it is aligned");

struct tracing_lane {
    /* Written by its thread alone. */
    MK_ATOMIC(uint64_t) allocations, frees, resizes, failed, asked, up, down;
    pthread_mutex_t lock MK_ALIGNED(2 * MK_CACHE_LINE); /* of the list */
    struct tracing_note *first;
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    struct tracing_lane *lane; /* by id, and one for calls without a thread */
    uint32_t lanes;
    bool leaks;
} MK_ALIGNED(MK_CACHE_LINE);

static void tracing_destroy(struct mk_alloc *tracing) {
    struct mk_mem *parent = tracing->parent;
    for (uint32_t i = 0; i < tracing->lanes; i++) pthread_mutex_destroy(&tracing->lane[i].lock);
    mk_mem_free(parent, NULL, tracing->lane, tracing->lanes * sizeof *tracing->lane,
                _Alignof(struct tracing_lane));
    mk_mem_free(parent, NULL, tracing, sizeof *tracing, _Alignof(struct mk_alloc));
}

static int tracing_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                          struct mk_err *err) {
    struct mk_alloc *tracing = mk_mem_zalloc(parent, NULL, sizeof *tracing, _Alignof(struct mk_alloc));
    if (!tracing) return mk_fail(err, "no memory for the wrapper");
    tracing->parent = parent;
    tracing->lanes = cfg->threads_max + 1;
    tracing->leaks = cfg->params[TRACING_LEAKS];
    tracing->lane =
        mk_mem_zalloc(parent, NULL, tracing->lanes * sizeof *tracing->lane, _Alignof(struct tracing_lane));
    if (!tracing->lane) {
        mk_mem_free(parent, NULL, tracing, sizeof *tracing, _Alignof(struct mk_alloc));
        return mk_fail(err, "no memory for the counters of %u threads", cfg->threads_max);
    }
    for (uint32_t i = 0; i < tracing->lanes; i++) pthread_mutex_init(&tracing->lane[i].lock, NULL);
    *out = tracing;
    return 0;
}

/* ---- counts ---- */

MK_INLINE uint32_t tracing_lane_of(const struct mk_alloc *tracing, const struct mk_thread *me) {
    return me ? me->id : tracing->lanes - 1;
}

/* Returns what it comes to. */
MK_INLINE uint64_t tracing_add(MK_ATOMIC(uint64_t) * counter, uint64_t n) {
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed) + n; /* (1) relaxed: ours alone */
    atomic_store_explicit(counter, now, memory_order_relaxed);              /* (2) relaxed: a figure */
    return now;
}

/* ---- lists ---- */

/* Bytes before a block: a note, and what puts the block at a multiple of align. */
MK_INLINE size_t tracing_before(size_t align) {
    return (sizeof(struct tracing_note) + align - 1) & -align;
}

MK_INLINE size_t tracing_align(size_t align) {
    return align > _Alignof(struct tracing_note) ? align : _Alignof(struct tracing_note);
}

static void tracing_asks(const struct mk_config *cfg, size_t *bytes, size_t *align) {
    if (!cfg->params[TRACING_LEAKS]) return;
    *bytes += tracing_before(*align);
    *align = tracing_align(*align);
}

MK_INLINE struct tracing_note *tracing_note_of(void *block) {
    return (struct tracing_note *)block - 1;
}

static void tracing_link(struct mk_alloc *tracing, struct tracing_note *note) {
    struct tracing_lane *lane = &tracing->lane[note->lane];
    pthread_mutex_lock(&lane->lock);
    note->prev = NULL;
    note->next = lane->first;
    if (note->next) note->next->prev = note;
    lane->first = note;
    pthread_mutex_unlock(&lane->lock);
}

static void tracing_unlink(struct mk_alloc *tracing, struct tracing_note *note) {
    struct tracing_lane *lane = &tracing->lane[note->lane];
    pthread_mutex_lock(&lane->lock);
    if (note->next) note->next->prev = note->prev;
    if (note->prev) {
        note->prev->next = note->next;
    } else {
        lane->first = note->next;
    }
    pthread_mutex_unlock(&lane->lock);
}

/* ---- operations ---- */

/* What the parent gave becomes a block. */
MK_INLINE void *tracing_given(struct mk_alloc *tracing, struct mk_thread *me, unsigned char *memory, size_t bytes,
                              size_t align) {
    uint32_t id = tracing_lane_of(tracing, me);
    struct tracing_lane *lane = &tracing->lane[id];
    if (MK_UNLIKELY(!memory)) {
        tracing_add(&lane->failed, 1);
        return NULL;
    }
    uint64_t number = tracing_add(&lane->allocations, 1);
    tracing_add(&lane->asked, bytes);
    tracing_add(&lane->up, bytes);
    if (!tracing->leaks) return memory;
    unsigned char *block = memory + tracing_before(align);
    struct tracing_note *note = tracing_note_of(block);
    note->bytes = bytes;
    note->number = number;
    note->lane = id;
    note->align = (uint32_t)align;
    tracing_link(tracing, note);
    return block;
}

/* LIN alloc ok: in the parent.
 * LIN alloc no-memory: in the parent. */
static inline void *tracing_alloc(struct mk_alloc *tracing, struct mk_thread *me, size_t bytes, size_t align) {
    void *memory = MK_LIKELY(tracing->leaks)
                       ? mk_mem_alloc(tracing->parent, me, tracing_before(align) + bytes, tracing_align(align))
                       : mk_mem_alloc(tracing->parent, me, bytes, align);
    return tracing_given(tracing, me, memory, bytes, align);
}

static inline void *tracing_zalloc(struct mk_alloc *tracing, struct mk_thread *me, size_t bytes, size_t align) {
    void *memory = MK_LIKELY(tracing->leaks)
                       ? mk_mem_zalloc(tracing->parent, me, tracing_before(align) + bytes, tracing_align(align))
                       : mk_mem_zalloc(tracing->parent, me, bytes, align);
    return tracing_given(tracing, me, memory, bytes, align);
}

/* LIN free: in the parent. */
static inline enum mk_status tracing_free(struct mk_alloc *tracing, struct mk_thread *me, void *block, size_t bytes,
                                          size_t align) {
    struct tracing_lane *lane = &tracing->lane[tracing_lane_of(tracing, me)];
    tracing_add(&lane->frees, 1);
    tracing_add(&lane->down, bytes);
    if (!tracing->leaks) {
        mk_mem_free(tracing->parent, me, block, bytes, align);
        return MK_HIT;
    }
    size_t before = tracing_before(align);
    tracing_unlink(tracing, tracing_note_of(block));
    mk_mem_free(tracing->parent, me, (unsigned char *)block - before, before + bytes, tracing_align(align));
    return MK_HIT;
}

/* With its note. It is on no list meanwhile, since it may move. */
static void *tracing_resize_noted(struct mk_alloc *tracing, struct mk_thread *me, void *block, size_t old_bytes,
                                  size_t bytes, size_t align) {
    size_t before = tracing_before(align), parent_align = tracing_align(align);
    struct tracing_note *note = tracing_note_of(block);
    tracing_unlink(tracing, note);
    unsigned char *memory = mk_mem_resize(tracing->parent, me, (unsigned char *)block - before, before + old_bytes,
                                          parent_align, before + bytes, parent_align);
    unsigned char *resized = memory ? memory + before : block;
    note = tracing_note_of(resized);
    if (memory) {
        note->bytes = bytes;
        note->align = (uint32_t)align;
    }
    tracing_link(tracing, note);
    return memory ? resized : NULL;
}

static inline void *tracing_resize(struct mk_alloc *tracing, struct mk_thread *me, void *block, size_t old_bytes,
                                   size_t old_align, size_t bytes, size_t align) {
    struct tracing_lane *lane = &tracing->lane[tracing_lane_of(tracing, me)];
    void *resized;
    if (!tracing->leaks) {
        resized = mk_mem_resize(tracing->parent, me, block, old_bytes, old_align, bytes, align);
    } else if (tracing_before(old_align) == tracing_before(align) &&
               tracing_align(old_align) == tracing_align(align)) {
        resized = tracing_resize_noted(tracing, me, block, old_bytes, bytes, align);
    } else { /* another distance from note to block: two calls, and counted so */
        resized = tracing_alloc(tracing, me, bytes, align);
        if (!resized) return NULL;
        memcpy(resized, block, old_bytes < bytes ? old_bytes : bytes);
        tracing_free(tracing, me, block, old_bytes, old_align);
        return resized;
    }
    if (MK_UNLIKELY(!resized)) {
        tracing_add(&lane->failed, 1);
        return NULL;
    }
    tracing_add(&lane->resizes, 1);
    tracing_add(&lane->asked, bytes);
    tracing_add(&lane->up, bytes);
    tracing_add(&lane->down, old_bytes);
    return resized;
}

/* ---- figures, at quiescence ---- */

static size_t tracing_usable(struct mk_alloc *tracing, void *block, size_t bytes) {
    if (!tracing->leaks) return mk_mem_usable(tracing->parent, block, bytes);
    size_t before = tracing_before(tracing_note_of(block)->align);
    return mk_mem_usable(tracing->parent, (unsigned char *)block - before, before + bytes) - before;
}

static size_t tracing_footprint(struct mk_alloc *tracing, void *block, size_t bytes) {
    if (!tracing->leaks) return mk_mem_footprint(tracing->parent, block, bytes);
    size_t before = tracing_before(tracing_note_of(block)->align);
    return mk_mem_footprint(tracing->parent, (unsigned char *)block - before, before + bytes);
}

struct tracing_sums {
    uint64_t allocations, frees, resizes, failed, asked, bytes;
};

MK_INLINE uint64_t tracing_figure(MK_ATOMIC(uint64_t) * counter) {
    return atomic_load_explicit(counter, memory_order_relaxed); /* (3) relaxed: at quiescence */
}

static struct tracing_sums tracing_sum(struct mk_alloc *tracing) {
    struct tracing_sums sums = {0};
    for (uint32_t i = 0; i < tracing->lanes; i++) {
        struct tracing_lane *lane = &tracing->lane[i];
        sums.allocations += tracing_figure(&lane->allocations);
        sums.frees += tracing_figure(&lane->frees);
        sums.resizes += tracing_figure(&lane->resizes);
        sums.failed += tracing_figure(&lane->failed);
        sums.asked += tracing_figure(&lane->asked);
        sums.bytes += tracing_figure(&lane->up) - tracing_figure(&lane->down);
    }
    return sums;
}

static uint64_t tracing_live(struct mk_alloc *tracing) {
    struct tracing_sums sums = tracing_sum(tracing);
    return sums.allocations - sums.frees;
}

/* Nothing, where leaks=0. */
static void tracing_walk(struct mk_alloc *tracing, mk_visit_fn *visit, void *arg) {
    for (uint32_t i = 0; i < tracing->lanes; i++) {
        for (struct tracing_note *note = tracing->lane[i].first; note; note = note->next) {
            visit(arg, (uint64_t)(uintptr_t)(note + 1), note->bytes);
        }
    }
}

static const struct tracing_note *tracing_largest(const struct mk_alloc *tracing) {
    const struct tracing_note *largest = NULL;
    for (uint32_t i = 0; i < tracing->lanes; i++) {
        for (const struct tracing_note *note = tracing->lane[i].first; note; note = note->next) {
            if (!largest || note->bytes > largest->bytes) largest = note;
        }
    }
    return largest;
}

static size_t tracing_stats(struct mk_alloc *tracing, struct mk_stat *out, size_t room) {
    struct tracing_sums sums = tracing_sum(tracing);
    const struct tracing_note *leak = tracing_largest(tracing);
    const struct mk_stat stats[] = {
        {"allocations", sums.allocations},
        {"frees", sums.frees},
        {"resizes", sums.resizes},
        {"failed", sums.failed},
        {"requested_bytes", sums.asked},
        {"live_blocks", sums.allocations - sums.frees},
        {"live_bytes", sums.bytes},
        {"lists_blocks", tracing->leaks},
        {"largest_live_bytes", leak ? leak->bytes : 0},
        {"largest_live_thread", leak ? leak->lane : 0},
        {"largest_live_number", leak ? leak->number : 0},
    };
    size_t n = sizeof stats / sizeof *stats;
    memcpy(out, stats, (n < room ? n : room) * sizeof *stats);
    return n;
}

MK_ALLOC(tracing, .summary = "counts by thread, and knows which blocks are live",
         .caps = MK_WRAPPER | MK_CONCURRENT | MK_CROSS_FREE | MK_GROWS,
         .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING}, .params = tracing_params,
         .create = tracing_create, .destroy = tracing_destroy, .alloc = tracing_alloc, .zalloc = tracing_zalloc,
         .free = tracing_free, .resize = tracing_resize, .usable = tracing_usable,
         .footprint = tracing_footprint, .count = tracing_live, .walk = tracing_walk, .stats = tracing_stats,
         .asks = tracing_asks);
