/* alloc/arena - bumps a pointer, frees everything at once.
 *
 * Source:     the region or arena of the literature (Hanson, "Fast allocation and deallocation of memory
 *             based on object lifetimes", 1990); after the C2 listing's idea, with the padding counted,
 *             the address aligned rather than the offset, and block sizes that do not grow by resets.
 * Picture:    spare  -> [ header | full ........... ] -> [ header | full ......]
 *             current:  [ header | taken | taken | next -> free .......... end ]
 * Parts:      none.
 * Progress:   single-threaded; constant time but for the parent's.
 * Ordering:   none.
 * Memory:     bytes + padding (at most align - 1) a block. A new parent block is as large as all the
 *             others together (64 KiB at first), or as all were at the last reset, so about half of it
 *             may be empty, and resets that follow the same course soon need the parent no more. reset
 *             keeps the largest one; it adds nothing, however often it comes.
 *             A rewind to a mark keeps the largest of the parent's blocks that came since, for the next scope.
 * Limits:     free gives back the newest block alone, and otherwise nothing until reset or rewind; double and
 *             foreign frees pass unnoticed.
 */
#include "../region.h"

struct mk_alloc {
    struct mk_region region;
    struct mk_mem *parent;
};

static void arena_destroy(struct mk_alloc *arena) {
    mk_region_close(&arena->region, arena->parent);
    mk_mem_free(arena->parent, NULL, arena, sizeof *arena, _Alignof(struct mk_alloc));
}

static int arena_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                        struct mk_err *err) {
    (void)cfg;
    struct mk_alloc *arena = mk_mem_zalloc(parent, NULL, sizeof *arena, _Alignof(struct mk_alloc));
    if (!arena) return mk_fail(err, "no memory for the arena");
    arena->parent = parent;
    *out = arena;
    return 0;
}

static struct mk_mark arena_mark(struct mk_alloc *arena, struct mk_thread *me) {
    (void)me;
    return mk_region_mark(&arena->region);
}

static void arena_rewind(struct mk_alloc *arena, struct mk_thread *me, struct mk_mark mark) {
    (void)me;
    mk_region_rewind(&arena->region, arena->parent, mark);
}

static void arena_reset(struct mk_alloc *arena) {
    mk_region_reset(&arena->region, arena->parent);
}

/* LIN alloc: none, single-threaded. */
static inline void *arena_alloc(struct mk_alloc *arena, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_region_alloc(&arena->region, arena->parent, me, bytes, align);
}

/* LIN free: none, single-threaded. */
static inline enum mk_status arena_free(struct mk_alloc *arena, struct mk_thread *me, void *block, size_t bytes,
                                        size_t align) {
    (void)me, (void)align;
    mk_region_free(&arena->region, block, bytes);
    return MK_HIT;
}

static void *arena_resize(struct mk_alloc *arena, struct mk_thread *me, void *block, size_t old_bytes,
                          size_t old_align, size_t bytes, size_t align) {
    if (mk_region_resize_here(&arena->region, block, old_bytes, bytes, align)) return block;
    void *moved = arena_alloc(arena, me, bytes, align);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    arena_free(arena, me, block, old_bytes, old_align);
    return moved;
}

static size_t arena_footprint(struct mk_alloc *arena, void *block, size_t bytes) {
    (void)arena, (void)block;
    return bytes;
}

MK_ALLOC(arena, .summary = "bumps a pointer; frees all at once", .caps = MK_BULK_FREE | MK_GROWS,
         .create = arena_create, .destroy = arena_destroy, .alloc = arena_alloc, .free = arena_free,
         .resize = arena_resize, .reset = arena_reset, .mark = arena_mark, .rewind = arena_rewind,
         .footprint = arena_footprint);
