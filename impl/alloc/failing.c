/* alloc/failing - an allocator whose n-th allocation fails, around another one.
 *
 * Source:     the classic malloc-failure test, as in SQLite's and Lua's suites.
 * Picture:    alloc -> [ count, is it the n-th? ] -> no: the parent's      free -> the parent's
 * Parts:      none.
 * Progress:   wait-free, plus the parent's.
 * Ordering:   the count alone is shared, and orders nothing but itself.
 * Memory:     64 B an instance, 0 B a block.
 * Limits:     which allocation is the n-th depends on the schedule as soon as threads run; a resize
 *             counts as one allocation. reset, mark and rewind of the parent are not passed on: what wrappers
 *             themselves take lies in it, too. Scopes free block by block.
 */
#include "../alloc.h"

enum { FAILING_NTH, FAILING_EVERY };
static const struct mk_param failing_params[] = {
    {"nth", MK_PARAM_NUMBER, "0", 0, UINT64_MAX, "1|2|10", "the allocation that fails, from 1; 0 = none"},
    {"every", MK_PARAM_NUMBER, "0", 0, 1, "0|1", "0 = the nth fails and no other; 1 = so does every one after it"},
    {.name = NULL}};

struct mk_alloc {
    MK_ATOMIC(uint64_t) allocations;
    uint64_t first, last; /* these fail, and those between */
    struct mk_mem *parent;
} MK_ALIGNED(MK_CACHE_LINE);

static void failing_destroy(struct mk_alloc *failing) {
    mk_mem_free(failing->parent, NULL, failing, sizeof *failing, _Alignof(struct mk_alloc));
}

static int failing_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                          struct mk_err *err) {
    struct mk_alloc *failing = mk_mem_alloc(parent, NULL, sizeof *failing, _Alignof(struct mk_alloc));
    if (!failing) return mk_fail(err, "no memory for the wrapper");
    atomic_init(&failing->allocations, 0);
    failing->first = cfg->params[FAILING_NTH] ? cfg->params[FAILING_NTH] : UINT64_MAX;
    failing->last = cfg->params[FAILING_EVERY] ? UINT64_MAX : failing->first;
    failing->parent = parent;
    *out = failing;
    return 0;
}

/* Counts one allocation; returns whether it is to fail. */
static inline bool failing_hits(struct mk_alloc *failing) {
    /* (1) relaxed: a count; what is allocated is published by whoever passes it on */
    uint64_t number = atomic_fetch_add_explicit(&failing->allocations, 1, memory_order_relaxed) + 1;
    return number >= failing->first && number <= failing->last;
}

/* LIN alloc ok: in the parent.
 * LIN alloc no-memory: (1), or in the parent. */
static inline void *failing_alloc(struct mk_alloc *failing, struct mk_thread *me, size_t bytes, size_t align) {
    return failing_hits(failing) ? NULL : mk_mem_alloc(failing->parent, me, bytes, align);
}

static inline void *failing_zalloc(struct mk_alloc *failing, struct mk_thread *me, size_t bytes, size_t align) {
    return failing_hits(failing) ? NULL : mk_mem_zalloc(failing->parent, me, bytes, align);
}

static inline void *failing_resize(struct mk_alloc *failing, struct mk_thread *me, void *block, size_t old_bytes,
                                   size_t old_align, size_t bytes, size_t align) {
    if (failing_hits(failing)) return NULL;
    return mk_mem_resize(failing->parent, me, block, old_bytes, old_align, bytes, align);
}

/* LIN free: in the parent. */
static inline enum mk_status failing_free(struct mk_alloc *failing, struct mk_thread *me, void *block, size_t bytes,
                                          size_t align) {
    mk_mem_free(failing->parent, me, block, bytes, align);
    return MK_HIT;
}

static size_t failing_usable(struct mk_alloc *failing, void *block, size_t bytes) {
    return mk_mem_usable(failing->parent, block, bytes);
}

static size_t failing_footprint(struct mk_alloc *failing, void *block, size_t bytes) {
    return mk_mem_footprint(failing->parent, block, bytes);
}

static size_t failing_stats(struct mk_alloc *failing, struct mk_stat *out, size_t room) {
    if (room > 0) {
        out[0].name = "allocations";
        /* (2) relaxed: read at quiescence */
        out[0].value = atomic_load_explicit(&failing->allocations, memory_order_relaxed);
    }
    return 1;
}

MK_ALLOC(failing, .summary = "fails the n-th allocation, passes on the others",
         .caps = MK_WRAPPER | MK_CONCURRENT | MK_CROSS_FREE | MK_GROWS,
         .progress = {.alloc = MK_WAIT_FREE, .free = MK_WAIT_FREE}, .params = failing_params,
         .create = failing_create, .destroy = failing_destroy, .alloc = failing_alloc, .zalloc = failing_zalloc,
         .free = failing_free, .resize = failing_resize, .usable = failing_usable, .footprint = failing_footprint,
         .stats = failing_stats);
