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
 * Limits:     free gives back the newest block alone, and otherwise nothing until reset; double and
 *             foreign frees pass unnoticed.
 */
#include "../alloc.h"

#define ARENA_BLOCK_BYTES_MIN MK_TUNE(65536, 256)
#define ARENA_PARENT_ALIGN MK_CACHE_LINE

struct arena_block {
    struct arena_block *older;
    size_t bytes; /* all of it, this header included */
};

struct mk_alloc {
    uintptr_t next, end; /* the free rest of one of the blocks */
    struct arena_block *blocks;
    size_t held_bytes, held_at_reset_bytes;
    struct mk_mem *parent;
};

static size_t arena_max(size_t a, size_t b) {
    return a > b ? a : b;
}

/* The room of a block: what follows its header. */
static void arena_use(struct mk_alloc *arena, struct arena_block *block) {
    arena->next = (uintptr_t)(block + 1);
    arena->end = (uintptr_t)block + block->bytes;
    MK_ASAN_POISON(block + 1, block->bytes - sizeof *block);
}

static void arena_drop(struct mk_alloc *arena, struct arena_block *block) {
    MK_ASAN_UNPOISON(block, block->bytes);
    arena->held_bytes -= block->bytes;
    mk_mem_free(arena->parent, NULL, block, block->bytes, ARENA_PARENT_ALIGN);
}

static void arena_destroy(struct mk_alloc *arena) {
    struct mk_mem *parent = arena->parent;
    for (struct arena_block *block = arena->blocks, *older; block; block = older) {
        older = block->older;
        arena_drop(arena, block);
    }
    mk_mem_free(parent, NULL, arena, sizeof *arena, _Alignof(struct mk_alloc));
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

/* Keeps the largest block and no other. */
static void arena_reset(struct mk_alloc *arena) {
    struct arena_block *largest = arena->blocks;
    if (!largest) return;
    arena->held_at_reset_bytes = arena->held_bytes;
    for (struct arena_block *block = largest->older, *older; block; block = older) {
        older = block->older;
        if (block->bytes > largest->bytes) {
            arena_drop(arena, largest);
            largest = block;
        } else {
            arena_drop(arena, block);
        }
    }
    largest->older = NULL;
    arena->blocks = largest;
    arena_use(arena, largest);
}

/* Returns the address if `bytes` bytes fit there between next and end, else 0. */
MK_INLINE uintptr_t arena_fit(uintptr_t next, uintptr_t end, size_t bytes, size_t align) {
    uintptr_t at = (next + align - 1) & -(uintptr_t)align;
    return MK_LIKELY(at <= end && bytes <= end - at) ? at : 0;
}

/* The new block becomes the current one unless the request fills it so far that the current one has
 * more room left: one large request does not waste a fresh block. */
static MK_NOINLINE void *arena_alloc_new_block(struct mk_alloc *arena, struct mk_thread *me, size_t bytes,
                                               size_t align) {
    if (bytes > SIZE_MAX / 2) return NULL;
    size_t needed = sizeof(struct arena_block) + bytes + align - 1;
    size_t block_bytes = arena_max(needed, arena_max(arena->held_bytes, arena->held_at_reset_bytes));
    block_bytes = arena_max(block_bytes, ARENA_BLOCK_BYTES_MIN);
    struct arena_block *block = mk_mem_alloc(arena->parent, me, block_bytes, ARENA_PARENT_ALIGN);
    if (!block) return NULL;
    uintptr_t next = arena->next, end = arena->end;
    block->bytes = block_bytes;
    block->older = arena->blocks;
    arena->blocks = block;
    arena->held_bytes += block_bytes;
    arena_use(arena, block);
    uintptr_t at = arena_fit(arena->next, arena->end, bytes, align);
    arena->next = at + bytes;
    if (end - next > arena->end - arena->next) {
        arena->next = next;
        arena->end = end;
    }
    MK_ASAN_UNPOISON((void *)at, bytes);
    return (void *)at;
}

/* LIN alloc: none, single-threaded. */
static inline void *arena_alloc(struct mk_alloc *arena, struct mk_thread *me, size_t bytes, size_t align) {
    uintptr_t at = arena_fit(arena->next, arena->end, bytes, align);
    if (MK_UNLIKELY(!at)) return arena_alloc_new_block(arena, me, bytes, align);
    arena->next = at + bytes;
    MK_ASAN_UNPOISON((void *)at, bytes);
    return (void *)at;
}

/* LIN free: none, single-threaded. */
static inline enum mk_status arena_free(struct mk_alloc *arena, struct mk_thread *me, void *block, size_t bytes,
                                        size_t align) {
    (void)me, (void)align;
    if ((uintptr_t)block + bytes == arena->next) arena->next = (uintptr_t)block;
    mk_block_returned(block, bytes);
    return MK_HIT;
}

/* The newest block grows where it stands, if it can; any block shrinks there. */
static void *arena_resize(struct mk_alloc *arena, struct mk_thread *me, void *block, size_t old_bytes,
                          size_t old_align, size_t bytes, size_t align) {
    uintptr_t at = (uintptr_t)block;
    bool newest = at + old_bytes == arena->next;
    bool aligned = at % align == 0;
    if (aligned && (bytes <= old_bytes || (newest && bytes <= arena->end - at))) {
        if (newest) arena->next = at + bytes;
        if (bytes < old_bytes) MK_ASAN_POISON((unsigned char *)block + bytes, old_bytes - bytes);
        MK_ASAN_UNPOISON(block, bytes);
        return block;
    }
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
         .resize = arena_resize, .reset = arena_reset, .footprint = arena_footprint);
