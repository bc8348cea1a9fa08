/* alloc/mmap - a mapping of its own for every block.
 *
 * Source:     none of its own: mmap, munmap and Linux's mremap. What a malloc does above its threshold for
 *             large blocks (glibc: 128 KiB at first), done for all.
 * Picture:    [ block ... rest of the last page ]   [ block ... rest ]   each mapped alone, no header
 * Parts:      none.
 * Progress:   blocking: the kernel's lock of the address space.
 * Ordering:   the kernel's: a page is handed out again, zeroed, after it was unmapped. The counts of (1)-(3)
 *             order nothing.
 * Memory:     roundup(bytes, page) a block, and a page an instance; the kernel's own records beside that.
 * Limits:     needs no parent and uses none; two system calls and a page fault a pair, and a TLB entry a block;
 *             as many blocks as a process may have mappings where the kernel cannot join neighbours (Linux:
 *             65530 unless told otherwise); destroy cannot find live blocks and leaves them; alignments up to
 *             a page. No glob takes it: of small blocks, a structure on it takes a page each.
 */
#include "../alloc.h"

#include <sys/mman.h>
#include <unistd.h>

struct mk_alloc {
    size_t page; /* bytes */
    MK_ATOMIC(uint64_t) blocks MK_ALIGNED(MK_CACHE_LINE);
    MK_ATOMIC(uint64_t) bytes; /* mapped */
};

static void *mmap_pages(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

MK_INLINE size_t mmap_round(const struct mk_alloc *pages, size_t bytes) {
    return (bytes + pages->page - 1) & -pages->page;
}

MK_INLINE void mmap_count_bytes(struct mk_alloc *pages, uint64_t change) {
    atomic_fetch_add_explicit(&pages->bytes, change, memory_order_relaxed); /* (1) relaxed: a count */
}

static int mmap_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                       struct mk_err *err) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)parent, (void)cfg;
    struct mk_alloc *pages = mmap_pages((sizeof *pages + page - 1) & -page);
    if (!pages) return mk_fail(err, "no page for the allocator");
    pages->page = page;
    atomic_init(&pages->blocks, 0);
    atomic_init(&pages->bytes, 0);
    *out = pages;
    return 0;
}

static void mmap_destroy(struct mk_alloc *pages) {
    munmap(pages, mmap_round(pages, sizeof *pages));
}

/* LIN alloc ok: in the kernel.
 * LIN alloc no-memory: in the kernel. */
static inline void *mmap_alloc(struct mk_alloc *pages, struct mk_thread *me, size_t bytes, size_t align) {
    size_t mapped = mmap_round(pages, bytes);
    (void)me, (void)align;
    void *block = mmap_pages(mapped);
    if (!block) return NULL;
    atomic_fetch_add_explicit(&pages->blocks, 1, memory_order_relaxed); /* (2) relaxed: a count */
    mmap_count_bytes(pages, mapped);
    return block;
}

/* LIN free: in the kernel. */
static inline enum mk_status mmap_free(struct mk_alloc *pages, struct mk_thread *me, void *block, size_t bytes,
                                       size_t align) {
    size_t mapped = mmap_round(pages, bytes);
    (void)me, (void)align;
    atomic_fetch_sub_explicit(&pages->blocks, 1, memory_order_relaxed); /* (3) relaxed: a count */
    mmap_count_bytes(pages, -(uint64_t)mapped);
    munmap(block, mapped);
    return MK_HIT;
}

/* ThreadSanitizer does not see that pages move, and would take their next users for those of before. */
static void *mmap_remap(void *block, size_t had, size_t wants) {
#ifdef MK_TSAN
    (void)block, (void)had, (void)wants;
    return MAP_FAILED;
#else
    return mremap(block, had, wants, MREMAP_MAYMOVE);
#endif
}

/* Moves the pages rather than what is in them; where the kernel will not, by hand. */
static inline void *mmap_resize(struct mk_alloc *pages, struct mk_thread *me, void *block, size_t old_bytes,
                                size_t old_align, size_t bytes, size_t align) {
    size_t had = mmap_round(pages, old_bytes), wants = mmap_round(pages, bytes);
    if (had == wants) return block;
    void *moved = mmap_remap(block, had, wants);
    if (moved != MAP_FAILED) {
        mmap_count_bytes(pages, (uint64_t)wants - had);
        return moved;
    }
    moved = mmap_alloc(pages, me, bytes, align);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    mmap_free(pages, me, block, old_bytes, old_align);
    return moved;
}

static size_t mmap_footprint(struct mk_alloc *pages, void *block, size_t bytes) {
    (void)block;
    return mmap_round(pages, bytes);
}

static uint64_t mmap_count(struct mk_alloc *pages) {
    return atomic_load_explicit(&pages->blocks, memory_order_relaxed); /* (4) relaxed: at quiescence */
}

static size_t mmap_stats(struct mk_alloc *pages, struct mk_stat *out, size_t room) {
    if (room > 0) {
        out[0].name = "mapped_bytes";
        out[0].value = atomic_load_explicit(&pages->bytes, memory_order_relaxed); /* (5) relaxed: at quiescence */
    }
    return 1;
}

MK_ALLOC(mmap, .summary = "a mapping of its own for every block",
         .caps = MK_TEST_ONLY | MK_CONCURRENT | MK_GROWS | MK_CROSS_FREE,
         .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING}, .create = mmap_create, .destroy = mmap_destroy,
         .alloc = mmap_alloc, .zalloc = mmap_alloc, .free = mmap_free, .resize = mmap_resize,
         .usable = mmap_footprint, .footprint = mmap_footprint, .count = mmap_count, .stats = mmap_stats);
