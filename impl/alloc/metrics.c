/* alloc/metrics - counts, live bytes and their peak, around another allocator.
 *
 * Source:     the counting allocator of the textbooks, which has three shared counters; here in the manner of
 *             approximate counters (McKenney, "Is Parallel Programming Hard", chapter 5): each thread has its
 *             own and hands on what has come together.
 * Picture:    a thread: |allocations frees resizes failed drift|   a line pair of its own
 *                            drift: bytes up or down since it was handed on, less than `batch` either way
 *             all:      |published| |peak|
 * Parts:      none.
 * Progress:   wait-free, plus the parent's; where a peak rises, lock-free.
 * Ordering:   figures order nothing. Counts and live bytes are exact at quiescence.
 *             exact=0: the peak is that of `published`. Each thread is less than `batch` bytes ahead of or behind
 *             what it has published, so that the true peak is off by peak_error_bytes = (threads_max + 1) *
 *             (batch - 1) at most, either way. exact=1 is a batch of 1 byte: every call goes to the shared counter, and
 *             the peak is the highest value in that counter's modification order: a block counts after the parent
 *             has given it and until before the parent takes it.
 * Memory:     192 B + 128 B * (threads_max + 1); 0 B a block.
 * Limits:     bytes are those asked for, not those that the parent rounds them to. reset, mark and rewind of the
 *             parent are not passed on: what wrappers themselves take lies in it, too. Scopes free block by block.
 */
#include "../alloc.h"

enum { METRICS_EXACT, METRICS_BATCH };
static const struct mk_param metrics_params[] = {
    {"exact", MK_PARAM_NUMBER, "0", 0, 1, "0|1", "1 = the peak is exact, and all threads share a counter"},
    {"batch", MK_PARAM_NUMBER, MK_TUNE("65536", "64"), 1, 1u << 30, "4096|65536",
     "exact=0: bytes that a thread may be off what it has published"},
    {.name = NULL}};

/* Written by its thread alone. Two lines, since prefetchers take lines in pairs. */
struct metrics_lane {
    MK_ATOMIC(uint64_t) allocations, frees, resizes, failed;
    MK_ATOMIC(int64_t) drift; /* not published yet */
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    struct metrics_lane *lane; /* by id, and one for calls without a thread */
    uint32_t lanes;
    int64_t batch; /* 1: exact */
    MK_ATOMIC(int64_t) published MK_ALIGNED(MK_CACHE_LINE);
    MK_ATOMIC(int64_t) peak MK_ALIGNED(MK_CACHE_LINE);
} MK_ALIGNED(MK_CACHE_LINE);

static void metrics_destroy(struct mk_alloc *metrics) {
    struct mk_mem *parent = metrics->parent;
    mk_mem_free(parent, NULL, metrics->lane, metrics->lanes * sizeof *metrics->lane,
                _Alignof(struct metrics_lane));
    mk_mem_free(parent, NULL, metrics, sizeof *metrics, _Alignof(struct mk_alloc));
}

static int metrics_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                          struct mk_err *err) {
    struct mk_alloc *metrics = mk_mem_zalloc(parent, NULL, sizeof *metrics, _Alignof(struct mk_alloc));
    if (!metrics) return mk_fail(err, "no memory for the wrapper");
    metrics->parent = parent;
    metrics->lanes = cfg->threads_max + 1;
    metrics->batch = cfg->params[METRICS_EXACT] ? 1 : (int64_t)cfg->params[METRICS_BATCH];
    metrics->lane =
        mk_mem_zalloc(parent, NULL, metrics->lanes * sizeof *metrics->lane, _Alignof(struct metrics_lane));
    if (!metrics->lane) {
        mk_mem_free(parent, NULL, metrics, sizeof *metrics, _Alignof(struct mk_alloc));
        return mk_fail(err, "no memory for the counters of %u threads", cfg->threads_max);
    }
    *out = metrics;
    return 0;
}

/* ---- counting ---- */

MK_INLINE struct metrics_lane *metrics_lane_of(struct mk_alloc *metrics, const struct mk_thread *me) {
    return &metrics->lane[me ? me->id : metrics->lanes - 1];
}

MK_INLINE void metrics_count(MK_ATOMIC(uint64_t) * counter) {
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);   /* (1) relaxed: ours alone */
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);        /* (2) relaxed: a figure */
}

static void metrics_publish(struct mk_alloc *metrics, int64_t bytes) {
    /* (3) relaxed: a figure; its modification order is what the peak is of */
    int64_t now = atomic_fetch_add_explicit(&metrics->published, bytes, memory_order_relaxed) + bytes;
    int64_t peak = atomic_load_explicit(&metrics->peak, memory_order_relaxed); /* (4) relaxed: a figure */
    /* (5) relaxed: a figure; a failure brings the peak that somebody else has set */
    while (now > peak && !atomic_compare_exchange_weak_explicit(&metrics->peak, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed)) {
    }
}

MK_INLINE int64_t metrics_drift(struct metrics_lane *lane) {
    return atomic_load_explicit(&lane->drift, memory_order_relaxed); /* (6) relaxed: ours alone */
}

MK_INLINE void metrics_set_drift(struct metrics_lane *lane, int64_t drift) {
    atomic_store_explicit(&lane->drift, drift, memory_order_relaxed); /* (7) relaxed: a figure */
}

MK_INLINE void metrics_change(struct mk_alloc *metrics, struct metrics_lane *lane, int64_t bytes) {
    int64_t drift = metrics_drift(lane) + bytes;
    if (MK_UNLIKELY(drift >= metrics->batch || drift <= -metrics->batch)) {
        metrics_publish(metrics, drift);
        drift = 0;
    }
    metrics_set_drift(lane, drift);
}

/* What a thread has not published yet. */
static void metrics_settle(struct mk_alloc *metrics, struct mk_thread *me) {
    struct metrics_lane *lane = metrics_lane_of(metrics, me);
    int64_t drift = metrics_drift(lane);
    if (!drift) return;
    metrics_publish(metrics, drift);
    metrics_set_drift(lane, 0);
}

MK_INLINE void *metrics_given(struct mk_alloc *metrics, struct mk_thread *me, void *block, size_t bytes) {
    struct metrics_lane *lane = metrics_lane_of(metrics, me);
    if (MK_UNLIKELY(!block)) {
        metrics_count(&lane->failed);
        return NULL;
    }
    metrics_count(&lane->allocations);
    metrics_change(metrics, lane, (int64_t)bytes);
    return block;
}

/* ---- operations ---- */

/* LIN alloc ok: in the parent.
 * LIN alloc no-memory: in the parent. */
static inline void *metrics_alloc(struct mk_alloc *metrics, struct mk_thread *me, size_t bytes, size_t align) {
    return metrics_given(metrics, me, mk_mem_alloc(metrics->parent, me, bytes, align), bytes);
}

static inline void *metrics_zalloc(struct mk_alloc *metrics, struct mk_thread *me, size_t bytes, size_t align) {
    return metrics_given(metrics, me, mk_mem_zalloc(metrics->parent, me, bytes, align), bytes);
}

/* LIN free: in the parent. */
static inline enum mk_status metrics_free(struct mk_alloc *metrics, struct mk_thread *me, void *block, size_t bytes,
                                          size_t align) {
    struct metrics_lane *lane = metrics_lane_of(metrics, me);
    metrics_count(&lane->frees);
    metrics_change(metrics, lane, -(int64_t)bytes);
    mk_mem_free(metrics->parent, me, block, bytes, align);
    return MK_HIT;
}

static inline void *metrics_resize(struct mk_alloc *metrics, struct mk_thread *me, void *block, size_t old_bytes,
                                   size_t old_align, size_t bytes, size_t align) {
    struct metrics_lane *lane = metrics_lane_of(metrics, me);
    void *resized = mk_mem_resize(metrics->parent, me, block, old_bytes, old_align, bytes, align);
    if (MK_UNLIKELY(!resized)) {
        metrics_count(&lane->failed);
        return NULL;
    }
    metrics_count(&lane->resizes);
    metrics_change(metrics, lane, (int64_t)bytes - (int64_t)old_bytes);
    return resized;
}

/* ---- figures, at quiescence ---- */

static size_t metrics_usable(struct mk_alloc *metrics, void *block, size_t bytes) {
    return mk_mem_usable(metrics->parent, block, bytes);
}

static size_t metrics_footprint(struct mk_alloc *metrics, void *block, size_t bytes) {
    return mk_mem_footprint(metrics->parent, block, bytes);
}

struct metrics_sums {
    uint64_t allocations, frees, resizes, failed;
    int64_t bytes;
};

MK_INLINE uint64_t metrics_figure(MK_ATOMIC(uint64_t) * counter) {
    return atomic_load_explicit(counter, memory_order_relaxed); /* (8) relaxed: at quiescence */
}

MK_INLINE int64_t metrics_bytes(MK_ATOMIC(int64_t) * counter) {
    return atomic_load_explicit(counter, memory_order_relaxed); /* (9) relaxed: at quiescence */
}

static struct metrics_sums metrics_sum(struct mk_alloc *metrics) {
    struct metrics_sums sums = {.bytes = metrics_bytes(&metrics->published)};
    for (uint32_t i = 0; i < metrics->lanes; i++) {
        struct metrics_lane *lane = &metrics->lane[i];
        sums.allocations += metrics_figure(&lane->allocations);
        sums.frees += metrics_figure(&lane->frees);
        sums.resizes += metrics_figure(&lane->resizes);
        sums.failed += metrics_figure(&lane->failed);
        sums.bytes += metrics_bytes(&lane->drift);
    }
    return sums;
}

static uint64_t metrics_live(struct mk_alloc *metrics) {
    struct metrics_sums sums = metrics_sum(metrics);
    return sums.allocations - sums.frees;
}

static size_t metrics_stats(struct mk_alloc *metrics, struct mk_stat *out, size_t room) {
    struct metrics_sums sums = metrics_sum(metrics);
    int64_t peak = metrics_bytes(&metrics->peak);
    const struct mk_stat stats[] = {
        {"allocations", sums.allocations},
        {"frees", sums.frees},
        {"resizes", sums.resizes},
        {"failed", sums.failed},
        {"live_blocks", sums.allocations - sums.frees},
        {"live_bytes", (uint64_t)sums.bytes},
        {"peak_bytes", (uint64_t)(peak > sums.bytes ? peak : sums.bytes)},
        {"peak_error_bytes", metrics->lanes * (uint64_t)(metrics->batch - 1)},
    };
    size_t n = sizeof stats / sizeof *stats;
    memcpy(out, stats, (n < room ? n : room) * sizeof *stats);
    return n;
}

MK_ALLOC(metrics, .summary = "counts calls, live bytes and their peak",
         .caps = MK_WRAPPER | MK_CONCURRENT | MK_CROSS_FREE | MK_GROWS,
         .progress = {.alloc = MK_LOCK_FREE, .free = MK_WAIT_FREE}, .params = metrics_params,
         .create = metrics_create, .destroy = metrics_destroy, .thread_exit = metrics_settle,
         .flush = metrics_settle, .alloc = metrics_alloc, .zalloc = metrics_zalloc, .free = metrics_free,
         .resize = metrics_resize, .usable = metrics_usable, .footprint = metrics_footprint,
         .count = metrics_live, .stats = metrics_stats);
