/* alloc/thread_arena - each thread bumps a pointer of its own; everything is freed at once.
 *
 * Source:     the C6 listing's idea, a bump allocator for each thread, with a reset that can be called, chunks that do
 *             not ratchet up, addresses aligned rather than offsets, and blocks that outlive their thread: they go
 *             with the next reset, not with the thread.
 * Picture:    region[id 0] -> [ header | taken | next -> free .. end ] -> [ header | full ]
 *             region[id 1] -> [ header | taken | taken | next -> free ... end ]
 *             region[last]    for calls without a thread
 * Parts:      none.
 * Progress:   alloc as the parent's, once in many times, else wait-free; free is wait-free.
 * Ordering:   none: nothing is shared. Who resets has to have heard of all others before, and they of the reset
 *             after; the contract asks for it.
 * Memory:     bytes + padding (at most align - 1) a block. 128 B and one parent block of 64 KiB or more for each
 *             thread id that was ever used, as with one arena each: about half of what a thread has may be empty.
 *             reset keeps the largest block of each.
 * Limits:     free gives back the newest block of the thread that frees, if it is one of its own, and otherwise
 *             nothing until reset; reset is for all threads at once; double and foreign frees pass unnoticed.
 */
#include "../region.h"

struct tarena_region {
    struct mk_region region;
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    uint32_t regions; /* one a thread, and one for calls without a thread */
    struct tarena_region of[];
};

static size_t tarena_bytes(uint32_t regions) {
    return sizeof(struct mk_alloc) + regions * sizeof(struct tarena_region);
}

static void tarena_destroy(struct mk_alloc *arena) {
    for (uint32_t i = 0; i < arena->regions; i++) mk_region_close(&arena->of[i].region, arena->parent);
    mk_mem_free(arena->parent, NULL, arena, tarena_bytes(arena->regions), _Alignof(struct mk_alloc));
}

static int tarena_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                         struct mk_err *err) {
    uint32_t regions = cfg->threads_max + 1;
    struct mk_alloc *arena = mk_mem_zalloc(parent, NULL, tarena_bytes(regions), _Alignof(struct mk_alloc));
    if (!arena) return mk_fail(err, "no memory for the regions of %u threads", cfg->threads_max);
    arena->parent = parent;
    arena->regions = regions;
    *out = arena;
    return 0;
}

static void tarena_reset(struct mk_alloc *arena) {
    for (uint32_t i = 0; i < arena->regions; i++) mk_region_reset(&arena->of[i].region, arena->parent);
}

MK_INLINE struct mk_region *tarena_of(struct mk_alloc *arena, const struct mk_thread *me) {
    return &arena->of[me ? me->id : arena->regions - 1].region;
}

static struct mk_mark tarena_mark(struct mk_alloc *arena, struct mk_thread *me) {
    return mk_region_mark(tarena_of(arena, me));
}

static void tarena_rewind(struct mk_alloc *arena, struct mk_thread *me, struct mk_mark mark) {
    mk_region_rewind(tarena_of(arena, me), arena->parent, mark);
}

/* LIN alloc: none, nothing is shared. */
static inline void *tarena_alloc(struct mk_alloc *arena, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_region_alloc(tarena_of(arena, me), arena->parent, me, bytes, align);
}

/* LIN free: none, nothing is shared. */
static inline enum mk_status tarena_free(struct mk_alloc *arena, struct mk_thread *me, void *block, size_t bytes,
                                         size_t align) {
    (void)align;
    mk_region_free(tarena_of(arena, me), block, bytes);
    return MK_HIT;
}

static void *tarena_resize(struct mk_alloc *arena, struct mk_thread *me, void *block, size_t old_bytes,
                           size_t old_align, size_t bytes, size_t align) {
    if (mk_region_resize_here(tarena_of(arena, me), block, old_bytes, bytes, align)) return block;
    void *moved = tarena_alloc(arena, me, bytes, align);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    tarena_free(arena, me, block, old_bytes, old_align);
    return moved;
}

static size_t tarena_footprint(struct mk_alloc *arena, void *block, size_t bytes) {
    (void)arena, (void)block;
    return bytes;
}

MK_ALLOC(thread_arena, .summary = "each thread bumps a pointer of its own; frees all at once",
         .caps = MK_CONCURRENT | MK_CROSS_FREE | MK_BULK_FREE | MK_GROWS,
         .progress = {.alloc = MK_BLOCKING, .free = MK_WAIT_FREE}, .create = tarena_create,
         .destroy = tarena_destroy, .alloc = tarena_alloc, .free = tarena_free, .resize = tarena_resize,
         .reset = tarena_reset, .mark = tarena_mark, .rewind = tarena_rewind, .footprint = tarena_footprint);
