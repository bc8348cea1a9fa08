/* alloc/null - keeps no blocks: what streaming, dispatch and touching a block cost.
 *
 * Source:     none; malloc-trace-replay, for one, has an allocator that does nothing for this end.
 * Picture:    per thread [ window 128 KiB | room 64 KiB ]: blocks start in the window, at the next cache
 *             line each time, and run into the room; soon one starts where another is still in use.
 *             Larger ones all start at the same place of a reserve: [ link, rest of a page | 2^n bytes ].
 * Parts:      none.
 * Progress:   wait-free, all operations; but a block above 64 KiB may have to wait for the parent.
 * Ordering:   none. Words are volatile so that each operation keeps a body of its own; threads
 *             scribble on lines of their own.
 * Memory:     (64 B + 192 KiB) * (threads_max + 1), of which the window is touched; and address space for
 *             the largest block of each thread, up to four times, once one of more than 64 KiB is asked for.
 * Limits:     blocks overlap, so nothing may be kept in them; never ranked, never subtracted.
 */
#include "../alloc.h"

/* More starts than a ring holds blocks: none is written again while another thread still reads it. */
#define NULL_WINDOW_BYTES (2 * MK_RING_SLOTS * MK_CACHE_LINE)
#define NULL_ALIGN 4096
#define NULL_ROOM_BYTES 65536
#define NULL_AREA_BYTES (NULL_WINDOW_BYTES + NULL_ROOM_BYTES)

/* Where large blocks are: address space of the parent's, of which the system gives what is touched. Earlier ones,
 * which were too small, stay until the end: blocks in them may be in use. */
struct null_reserve {
    struct null_reserve *earlier;
    size_t bytes; /* behind the first page */
};

struct null_line {
    unsigned char *area;
    struct null_reserve *reserve;
    volatile uint32_t next; /* offset into the window */
    volatile uint32_t freed;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    uint32_t lines; /* one a thread, and one for calls without a thread */
    struct null_line *line;
    unsigned char *areas;
};

static void null_destroy(struct mk_alloc *null) {
    struct mk_mem *parent = null->parent;
    size_t areas_bytes = null->lines * (size_t)NULL_AREA_BYTES;
    for (uint32_t i = 0; null->line && i < null->lines; i++) {
        for (struct null_reserve *reserve = null->line[i].reserve, *earlier; reserve; reserve = earlier) {
            earlier = reserve->earlier;
            mk_mem_free(parent, NULL, reserve, NULL_ALIGN + reserve->bytes, NULL_ALIGN);
        }
    }
    if (null->areas) mk_mem_free(parent, NULL, null->areas, areas_bytes, NULL_ALIGN);
    if (null->line) mk_mem_free(parent, NULL, null->line, null->lines * sizeof *null->line, MK_CACHE_LINE);
    mk_mem_free(parent, NULL, null, sizeof *null, _Alignof(struct mk_alloc));
}

static int null_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                       struct mk_err *err) {
    struct mk_alloc *null = mk_mem_zalloc(parent, NULL, sizeof *null, _Alignof(struct mk_alloc));
    if (!null) return mk_fail(err, "no memory for the allocator");
    null->parent = parent;
    null->lines = cfg->threads_max + 1;
    null->line = mk_mem_zalloc(parent, NULL, null->lines * sizeof *null->line, MK_CACHE_LINE);
    null->areas = mk_mem_alloc(parent, NULL, null->lines * (size_t)NULL_AREA_BYTES, NULL_ALIGN);
    if (!null->line || !null->areas) {
        null_destroy(null);
        return mk_fail(err, "no memory for the scratch areas of %u threads", cfg->threads_max);
    }
    for (uint32_t i = 0; i < null->lines; i++) null->line[i].area = null->areas + i * (size_t)NULL_AREA_BYTES;
    *out = null;
    return 0;
}

static inline struct null_line *null_line_of(struct mk_alloc *null, struct mk_thread *me) {
    return &null->line[me ? me->id : null->lines - 1];
}

/* Returns the place of large blocks, made larger if need be. */
static MK_NOINLINE void *null_alloc_large(struct mk_alloc *null, struct null_line *line, struct mk_thread *me,
                                          size_t bytes) {
    size_t room = NULL_ROOM_BYTES;
    if (line->reserve && line->reserve->bytes >= bytes) return (unsigned char *)line->reserve + NULL_ALIGN;
    if (bytes > SIZE_MAX / 4) return NULL;
    while (room < bytes) room *= 2;
    struct null_reserve *reserve =
        (struct null_reserve *)mk_mem_alloc(null->parent, me, NULL_ALIGN + room, NULL_ALIGN);
    if (!reserve) return NULL;
    reserve->earlier = line->reserve;
    reserve->bytes = room;
    line->reserve = reserve;
    return (unsigned char *)reserve + NULL_ALIGN;
}

/* LIN alloc: none, nothing is shared. */
static inline void *null_alloc(struct mk_alloc *null, struct mk_thread *me, size_t bytes, size_t align) {
    struct null_line *line = null_line_of(null, me);
    if (MK_UNLIKELY(bytes > NULL_ROOM_BYTES)) return null_alloc_large(null, line, me, bytes);
    uint32_t at = line->next & (uint32_t)-align & (NULL_WINDOW_BYTES - 1);
    line->next = at + MK_CACHE_LINE;
    return line->area + at;
}

/* Not cleared, and not moved below but where it has to be: nothing is what a floor does. */
static inline void *null_resize(struct mk_alloc *null, struct mk_thread *me, void *block, size_t old_bytes,
                                size_t old_align, size_t bytes, size_t align) {
    struct null_line *line = null_line_of(null, me);
    (void)old_bytes, (void)old_align;
    bool is_own = (uintptr_t)block - (uintptr_t)line->area < NULL_WINDOW_BYTES; /* nobody else writes there */
    if (MK_LIKELY(is_own && bytes <= NULL_ROOM_BYTES && (uintptr_t)block % align == 0)) return block;
    return null_alloc(null, me, bytes, align);
}

/* LIN free: none, nothing is shared. */
static inline enum mk_status null_free(struct mk_alloc *null, struct mk_thread *me, void *block, size_t bytes,
                                       size_t align) {
    (void)bytes, (void)align;
    null_line_of(null, me)->freed = (uint32_t)(uintptr_t)block;
    return MK_HIT;
}

MK_ALLOC(null, .summary = "no allocator at all: what the harness itself costs",
         .caps = MK_CONCURRENT | MK_GROWS | MK_CROSS_FREE | MK_FLOOR,
         .progress = {.alloc = MK_WAIT_FREE, .free = MK_WAIT_FREE}, .create = null_create, .destroy = null_destroy,
         .alloc = null_alloc, .zalloc = null_alloc, .resize = null_resize, .free = null_free);
