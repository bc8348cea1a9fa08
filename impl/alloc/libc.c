/* alloc/libc - the C library's malloc, as the process has it.
 *
 * Source:     none of its own: malloc, calloc, realloc, posix_memalign and free of the linked libc
 *             (glibc's descends from Wolfram Gloger's ptmalloc2), or of whatever is preloaded over it.
 * Picture:    (glibc) [ size and flags 8 B | block, 16-byte aligned ... ] chunk after chunk
 * Parts:      none.
 * Progress:   as the library's: glibc is lock-free while its thread cache lasts, blocking beyond.
 * Ordering:   the library's: a free happens-before the alloc that hands out the same block.
 * Memory:     usable size + 8 B a block (glibc: max(32, roundup16(bytes + 8))).
 * Limits:     needs no parent and uses none; destroy cannot find live blocks and leaves them; double
 *             and foreign frees are as undefined as the library's.
 */
#include "../alloc.h"

#include <malloc.h>
#include <stdlib.h>

#define LIBC_NATURAL_ALIGN 16
#define LIBC_HEADER_BYTES 8

struct mk_alloc {
    struct mk_mem *parent; /* kept only because a struct has to have a member */
};

static int libc_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                       struct mk_err *err) {
    (void)cfg;
    struct mk_alloc *libc = malloc(sizeof *libc);
    if (!libc) return mk_fail(err, "no memory for the allocator");
    libc->parent = parent;
    *out = libc;
    return 0;
}

static void libc_destroy(struct mk_alloc *libc) {
    free(libc);
}

static void *libc_alloc_aligned(size_t bytes, size_t align) {
    void *block;
    return posix_memalign(&block, align, bytes) == 0 ? block : NULL;
}

/* LIN alloc: inside the library. */
static inline void *libc_alloc(struct mk_alloc *libc, struct mk_thread *me, size_t bytes, size_t align) {
    (void)libc, (void)me;
    return MK_LIKELY(align <= LIBC_NATURAL_ALIGN) ? malloc(bytes) : libc_alloc_aligned(bytes, align);
}

static inline void *libc_zalloc(struct mk_alloc *libc, struct mk_thread *me, size_t bytes, size_t align) {
    (void)libc, (void)me;
    if (MK_LIKELY(align <= LIBC_NATURAL_ALIGN)) return calloc(1, bytes);
    void *block = libc_alloc_aligned(bytes, align);
    if (block) memset(block, 0, bytes);
    return block;
}

/* LIN free: inside the library. */
static inline enum mk_status libc_free(struct mk_alloc *libc, struct mk_thread *me, void *block, size_t bytes,
                                       size_t align) {
    (void)libc, (void)me, (void)bytes, (void)align;
    free(block);
    return MK_HIT;
}

/* Whether the block has room for so many bytes as it is, and not far too much: realloc knows no alignment. */
static bool libc_fits(void *block, size_t bytes, size_t align) {
    size_t usable = malloc_usable_size(block);
    return (uintptr_t)block % align == 0 && bytes <= usable && bytes >= usable / 2;
}

static inline void *libc_resize(struct mk_alloc *libc, struct mk_thread *me, void *block, size_t old_bytes,
                                size_t old_align, size_t bytes, size_t align) {
    (void)libc, (void)me, (void)old_align;
    if (MK_LIKELY(align <= LIBC_NATURAL_ALIGN)) return realloc(block, bytes);
    if (libc_fits(block, bytes, align)) return block;
    void *moved = libc_alloc_aligned(bytes, align);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    free(block);
    return moved;
}

static size_t libc_usable(struct mk_alloc *libc, void *block, size_t bytes) {
    (void)libc, (void)bytes;
    return malloc_usable_size(block);
}

static size_t libc_footprint(struct mk_alloc *libc, void *block, size_t bytes) {
    return libc_usable(libc, block, bytes) + LIBC_HEADER_BYTES;
}

MK_ALLOC(libc, .summary = "the C library's malloc", .caps = MK_CONCURRENT | MK_GROWS | MK_CROSS_FREE | MK_DEFAULT,
         .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING}, .create = libc_create, .destroy = libc_destroy,
         .alloc = libc_alloc, .zalloc = libc_zalloc, .free = libc_free, .resize = libc_resize,
         .usable = libc_usable, .footprint = libc_footprint);
