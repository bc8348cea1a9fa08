/* region.h - memory that is handed out by bumping a pointer and taken back all at once: what allocators of that sort
 * are made of.
 *
 *     blocks:  [ header | taken | taken | next -> free .. end ] -> [ header | full ..... ] -> [ header | full ]
 *
 * A region belongs to one thread, or to who has the lock it lies behind. Blocks of the parent are as large as all the
 * others together, or as all were at the last reset: few are asked for, about half of the memory may be empty, and
 * resets that follow the same course soon need the parent no more. Nor does a scope that is opened and rewound again
 * and again: of what a rewind drops, the largest block is kept to be the next.
 */
#ifndef MK_REGION_H
#define MK_REGION_H

#include "alloc.h"

#define MK_REGION_BLOCK_BYTES_MIN MK_TUNE(65536, 256)
#define MK_REGION_PARENT_ALIGN MK_CACHE_LINE

struct mk_region_block {
    struct mk_region_block *older;
    size_t bytes; /* all of it, this header included */
};

/* Zero bytes are an empty one. */
struct mk_region {
    uintptr_t next, end; /* the free rest of one of the blocks */
    struct mk_region_block *blocks;
    struct mk_region_block *spare; /* or NULL: kept by a rewind, counted as held */
    size_t held_bytes, held_at_reset_bytes;
};

static inline size_t mk_region_max(size_t a, size_t b) {
    return a > b ? a : b;
}

/* The room of a block: what follows its header. */
static inline void mk_region_use(struct mk_region *region, struct mk_region_block *block) {
    region->next = (uintptr_t)(block + 1);
    region->end = (uintptr_t)block + block->bytes;
    MK_ASAN_POISON(block + 1, block->bytes - sizeof *block);
}

static inline void mk_region_drop(struct mk_region *region, struct mk_mem *parent, struct mk_region_block *block) {
    MK_ASAN_UNPOISON(block, block->bytes);
    region->held_bytes -= block->bytes;
    mk_mem_free(parent, NULL, block, block->bytes, MK_REGION_PARENT_ALIGN);
}

static inline void mk_region_drop_spare(struct mk_region *region, struct mk_mem *parent) {
    if (region->spare) mk_region_drop(region, parent, region->spare);
    region->spare = NULL;
}

/* Gives everything back to the parent. */
static inline void mk_region_close(struct mk_region *region, struct mk_mem *parent) {
    mk_region_drop_spare(region, parent);
    for (struct mk_region_block *block = region->blocks, *older; block; block = older) {
        older = block->older;
        mk_region_drop(region, parent, block);
    }
}

/* Takes back all that was handed out. Keeps the largest block of the parent and no other. */
static inline void mk_region_reset(struct mk_region *region, struct mk_mem *parent) {
    struct mk_region_block *largest = region->blocks;
    if (!largest) return;
    region->held_at_reset_bytes = region->held_bytes;
    mk_region_drop_spare(region, parent);
    for (struct mk_region_block *block = largest->older, *older; block; block = older) {
        older = block->older;
        if (block->bytes > largest->bytes) {
            mk_region_drop(region, parent, largest);
            largest = block;
        } else {
            mk_region_drop(region, parent, block);
        }
    }
    largest->older = NULL;
    region->blocks = largest;
    mk_region_use(region, largest);
}

/* Returns where the region stands. */
MK_INLINE struct mk_mark mk_region_mark(const struct mk_region *region) {
    return (struct mk_mark){{(uintptr_t)region->blocks, region->next, region->end}};
}

/* Keeps the larger one of two. */
static inline void mk_region_keep_spare(struct mk_region *region, struct mk_mem *parent,
                                        struct mk_region_block *block) {
    struct mk_region_block *spare = region->spare;
    bool larger = !spare || block->bytes > spare->bytes;
    MK_ASAN_POISON(block + 1, block->bytes - sizeof *block);
    region->spare = larger ? block : spare;
    if (!larger) mk_region_drop(region, parent, block);
    if (larger && spare) mk_region_drop(region, parent, spare);
}

/* Takes back what was handed out since the mark. */
static inline void mk_region_rewind(struct mk_region *region, struct mk_mem *parent, struct mk_mark mark) {
    while ((uintptr_t)region->blocks != mark.word[0]) {
        struct mk_region_block *block = region->blocks;
        region->blocks = block->older;
        mk_region_keep_spare(region, parent, block);
    }
    region->next = mark.word[1];
    region->end = mark.word[2];
    MK_ASAN_POISON((void *)region->next, region->end - region->next);
}

/* Returns the spare block where that has room, or one of the parent's, or NULL. */
static inline struct mk_region_block *mk_region_next_block(struct mk_region *region, struct mk_mem *parent,
                                                           struct mk_thread *me, size_t needed) {
    struct mk_region_block *block = region->spare;
    if (block && block->bytes >= needed) {
        region->spare = NULL;
        return block;
    }
    size_t bytes = mk_region_max(needed, mk_region_max(region->held_bytes, region->held_at_reset_bytes));
    bytes = mk_region_max(bytes, MK_REGION_BLOCK_BYTES_MIN);
    block = mk_mem_alloc(parent, me, bytes, MK_REGION_PARENT_ALIGN);
    if (!block) return NULL;
    block->bytes = bytes;
    region->held_bytes += bytes;
    return block;
}

/* AddressSanitizer knows of memory by eights: were two blocks in one of them, who frees the first might close the second,
 * which another thread has just been given. */
#ifdef MK_ASAN
#define MK_REGION_ALIGN(align) mk_region_max(align, 8)
#else
#define MK_REGION_ALIGN(align) (align)
#endif

/* Returns the address if `bytes` bytes fit there between next and end, else 0. */
MK_INLINE uintptr_t mk_region_fit(uintptr_t next, uintptr_t end, size_t bytes, size_t align) {
    uintptr_t at = (next + align - 1) & -(uintptr_t)align;
    return MK_LIKELY(at <= end && bytes <= end - at) ? at : 0;
}

/* The new block becomes the current one unless the request fills it so far that the current one has
 * more room left: one large request does not waste a fresh block. */
static MK_NOINLINE void *mk_region_alloc_new_block(struct mk_region *region, struct mk_mem *parent,
                                                   struct mk_thread *me, size_t bytes, size_t align) {
    if (bytes > SIZE_MAX / 2) return NULL;
    align = MK_REGION_ALIGN(align);
    struct mk_region_block *block =
        mk_region_next_block(region, parent, me, sizeof(struct mk_region_block) + bytes + align - 1);
    if (!block) return NULL;
    uintptr_t next = region->next, end = region->end;
    block->older = region->blocks;
    region->blocks = block;
    mk_region_use(region, block);
    uintptr_t at = mk_region_fit(region->next, region->end, bytes, align);
    region->next = at + bytes;
    if (end - next > region->end - region->next) {
        region->next = next;
        region->end = end;
    }
    MK_ASAN_UNPOISON((void *)at, bytes);
    return (void *)at;
}

/* Returns `bytes` bytes at a multiple of `align`, or NULL. */
MK_INLINE void *mk_region_alloc(struct mk_region *region, struct mk_mem *parent, struct mk_thread *me, size_t bytes,
                                size_t align) {
    uintptr_t at = mk_region_fit(region->next, region->end, bytes, MK_REGION_ALIGN(align));
    if (MK_UNLIKELY(!at)) return mk_region_alloc_new_block(region, parent, me, bytes, align);
    region->next = at + bytes;
    MK_ASAN_UNPOISON((void *)at, bytes);
    return (void *)at;
}

/* Takes back the newest block. Any other one, and one of another region, stays where it is until reset: in front of
 * every block of the parent stands a header, so none that ends where next is lies elsewhere. */
MK_INLINE void mk_region_free(struct mk_region *region, void *block, size_t bytes) {
    if ((uintptr_t)block + bytes == region->next) region->next = (uintptr_t)block;
    mk_block_returned(block, bytes);
}

/* Returns the block, or NULL if it has to move. The newest block grows where it stands, if it can; any block shrinks
 * there, and those of other regions, too. */
static inline void *mk_region_resize_here(struct mk_region *region, void *block, size_t old_bytes, size_t bytes,
                                          size_t align) {
    uintptr_t at = (uintptr_t)block;
    bool newest = at + old_bytes == region->next;
    if (at % align || (bytes > old_bytes && (!newest || bytes > region->end - at))) return NULL;
    if (newest) region->next = at + bytes;
    if (bytes < old_bytes) MK_ASAN_POISON((unsigned char *)block + bytes, old_bytes - bytes);
    MK_ASAN_UNPOISON(block, bytes);
    return block;
}

#endif
