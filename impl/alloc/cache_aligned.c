/* alloc/cache_aligned - no two blocks share a cache line, around another allocator.
 *
 * Source:     the usual advice against false sharing; Hoard and TBB's cache_aligned_allocator do the like.
 *             Aligning alone is not enough: what follows a small block would begin in its line.
 * Picture:    |line            |line            |line            |        (64 or 128 B)
 *             [ block, 24 B    | block, 72 B                  ...  ]      no block ends where another begins
 * Parts:      none.
 * Progress:   wait-free, plus the parent's.
 * Ordering:   none: nothing is shared but what create has written.
 * Memory:     64 B an instance; a block of b bytes is one of roundup(b, line) to the parent, at a multiple of
 *             line: 8 B take 64 B or 128 B, and what the parent leaves unused between such blocks.
 * Limits:     a line is `line` bytes, whatever the machine has: 128 where the adjacent-line prefetcher couples
 *             two; a parent that keeps headers between blocks has these in lines of their own, at best. Good for
 *             a few hot objects that threads write, wasteful for everything else. reset, mark and rewind of the
 *             parent are not passed on: what wrappers themselves take lies in it, too. Scopes free block by block.
 */
#include "../alloc.h"

enum { CACHE_ALIGNED_LINE };
static const struct mk_param cache_aligned_params[] = {
    {"line", MK_PARAM_CHOICE, "64", 0, 0, "64|128", "bytes that no two blocks share, in whole multiples of it"},
    {.name = NULL}};

struct mk_alloc {
    size_t line;
    struct mk_mem *parent;
} MK_ALIGNED(MK_CACHE_LINE);

static size_t cache_aligned_line(const struct mk_config *cfg) {
    return cfg->params[CACHE_ALIGNED_LINE] ? 128 : 64;
}

static void cache_aligned_destroy(struct mk_alloc *lines) {
    mk_mem_free(lines->parent, NULL, lines, sizeof *lines, _Alignof(struct mk_alloc));
}

static int cache_aligned_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                                struct mk_err *err) {
    struct mk_alloc *lines = mk_mem_alloc(parent, NULL, sizeof *lines, _Alignof(struct mk_alloc));
    if (!lines) return mk_fail(err, "no memory for the wrapper");
    lines->line = cache_aligned_line(cfg);
    lines->parent = parent;
    *out = lines;
    return 0;
}

MK_INLINE size_t whole_lines(size_t line, size_t bytes) {
    return (bytes + line - 1) & -line;
}

MK_INLINE size_t line_align(size_t line, size_t align) {
    return align > line ? align : line;
}

static void cache_aligned_asks(const struct mk_config *cfg, size_t *bytes, size_t *align) {
    size_t line = cache_aligned_line(cfg);
    *bytes = whole_lines(line, *bytes);
    *align = line_align(line, *align);
}

/* LIN alloc ok: in the parent.
 * LIN alloc no-memory: in the parent. */
static inline void *cache_aligned_alloc(struct mk_alloc *lines, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_mem_alloc(lines->parent, me, whole_lines(lines->line, bytes), line_align(lines->line, align));
}

static inline void *cache_aligned_zalloc(struct mk_alloc *lines, struct mk_thread *me, size_t bytes,
                                         size_t align) {
    return mk_mem_zalloc(lines->parent, me, whole_lines(lines->line, bytes), line_align(lines->line, align));
}

/* LIN free: in the parent. */
static inline enum mk_status cache_aligned_free(struct mk_alloc *lines, struct mk_thread *me, void *block,
                                                size_t bytes, size_t align) {
    mk_mem_free(lines->parent, me, block, whole_lines(lines->line, bytes), line_align(lines->line, align));
    return MK_HIT;
}

/* Within the lines it has, a block stays. */
static inline void *cache_aligned_resize(struct mk_alloc *lines, struct mk_thread *me, void *block,
                                         size_t old_bytes, size_t old_align, size_t bytes, size_t align) {
    size_t had = whole_lines(lines->line, old_bytes), had_align = line_align(lines->line, old_align);
    size_t wants = whole_lines(lines->line, bytes), wants_align = line_align(lines->line, align);
    if (had == wants && had_align == wants_align) return block;
    return mk_mem_resize(lines->parent, me, block, had, had_align, wants, wants_align);
}

static size_t cache_aligned_usable(struct mk_alloc *lines, void *block, size_t bytes) {
    (void)block;
    return whole_lines(lines->line, bytes); /* what the parent has beyond may lie in another's line */
}

static size_t cache_aligned_footprint(struct mk_alloc *lines, void *block, size_t bytes) {
    return mk_mem_footprint(lines->parent, block, whole_lines(lines->line, bytes));
}

static size_t cache_aligned_stats(struct mk_alloc *lines, struct mk_stat *out, size_t room) {
    if (room > 0) out[0] = (struct mk_stat){"line_bytes", lines->line};
    return 1;
}

MK_ALLOC(cache_aligned, .summary = "whole cache lines: no two blocks share one",
         .caps = MK_WRAPPER | MK_CONCURRENT | MK_CROSS_FREE | MK_GROWS,
         .progress = {.alloc = MK_WAIT_FREE, .free = MK_WAIT_FREE}, .params = cache_aligned_params,
         .create = cache_aligned_create, .destroy = cache_aligned_destroy, .alloc = cache_aligned_alloc,
         .zalloc = cache_aligned_zalloc, .free = cache_aligned_free, .resize = cache_aligned_resize,
         .usable = cache_aligned_usable, .footprint = cache_aligned_footprint, .stats = cache_aligned_stats,
         .asks = cache_aligned_asks);
