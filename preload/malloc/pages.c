/* alloc/pages - where libmemkit.so has its memory from: mmap, in pieces, and by a stated policy back to the system.
 *
 * Source:     none of its own. Runs of aligned granules in larger mappings are what extents and arenas of other
 *             allocators are; nothing is taken from one.
 * Picture:    region, 4 MiB, aligned: [granule 0 | granule 1 | ... | granule 31]     a granule: 128 KiB
 *             region record { used: a bit each granule, dirty: free, and perhaps resident, pages[]: touched since
 *                             they were last given back }    found from an address by a table of two levels
 *             dirty: oldest <-> region <-> newest        regions that have dirty granules
 *             larger blocks: a mapping each, 128 KiB-aligned        spare[]: such that were freed
 *             books: what allocators want for themselves, bumped out of pieces of 512 KiB
 * Parts:      none.
 * Progress:   blocking.
 * Ordering:   one lock. Figures are relaxed.
 * Memory:     up to 1 MiB: whole granules of address space, of which only touched pages take memory. Larger ones:
 *             at most an eighth of address space beyond what was asked for.
 *             Kept are, of runs, free granules up to the larger of 8 MiB and half of those in use, and of these the
 *             pages that a granule's next user does not need, up to 8 MiB or an eighth; of larger mappings, free
 *             ones up to the larger of 24 MiB and half of those in use, or the last one alone up to 40 MiB. Beyond
 *             that memory goes back to the system at once, what was freed longest ago first; and all that has been
 *             free for half a second does, when next something is freed here. A region with nothing in use is
 *             unmapped, in a used one the pages are dropped (MADV_DONTNEED).
 * Limits:     memory for books is not used again; an instance is not destroyed; one instance a process.
 */
#include "../../impl/alloc.h"

#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#include "memkit.h"

#define PAGE_BYTES ((size_t)4096)
#define GRANULE_BYTES ((size_t)131072)
#define GRANULE_PAGES ((uint32_t)(GRANULE_BYTES / PAGE_BYTES))
#define REGION_GRANULES 32u
#define REGION_BYTES (REGION_GRANULES * GRANULE_BYTES)
#define RUN_BYTES_MAX ((size_t)1 << 20) /* larger ones have a mapping of their own */
#define SLACK_PAGES 3u                  /* so few are not worth a system call */
#define RUN_LOOKS 64u                   /* at runs that would do, for the best of them */
#define KEPT_PAGES_MIN 2048u
#define KEPT_PART 2u
#define STALE_PART 8u
#define TAIL_PAGES 128u                 /* of a mapping that shrinks a little */
#define KEPT_BYTES_MIN ((size_t)24 << 20)
#define KEPT_ONE_MAX ((size_t)40 << 20) /* the newest one alone may be so large */
#define KEPT_NS UINT64_C(500000000)
#define SPARES 16u
#define BOOK_BYTES_MAX ((size_t)65536)
#define BOOK_PIECE_BYTES ((size_t)524288)
/* Addresses of 47 bits, 22 of them within a region. */
#define ADDRESS_BITS 47
#define LEAF_BITS 12
#define ROOT_BITS (ADDRESS_BITS - 22 - LEAF_BITS)

struct region {
    struct region *older, *newer;     /* on the dirty list */
    struct region *next, *prev;       /* of all that have a free granule */
    unsigned char *base;
    uint32_t used, dirty;             /* dirty ones are not used */
    uint64_t dirtied_ns;              /* when a granule was last freed */
    uint8_t pages[REGION_GRANULES];   /* that may be resident, from the granule's first */
    uint8_t needed[REGION_GRANULES];  /* by its user */
};

struct spare {
    unsigned char *base;
    size_t bytes;
    uint64_t freed_ns;
};

struct mk_alloc {
    pthread_mutex_t lock;
    struct region *open;
    struct region *oldest, *newest;
    struct region *unused; /* records, by next */
    uint32_t regions, used_granules, dirty_granules;
    uint64_t stale_pages; /* of used granules, more than are needed */
    struct spare spare[SPARES];
    size_t spare_bytes, large_bytes;
    unsigned char *book, *book_end, *hint;
    struct mk_pages_figures figures;
    struct region **leaf[1u << ROOT_BITS];
};

const char mk_pages_name[] = "pages";

/* ---- the system ---- */

static struct mk_alloc pages_instance; /* its table is touched where it is used */

static uint64_t pages_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Figures of what the system has given: under the lock, but for a moment. */
static void pages_count(struct mk_alloc *pages, int64_t bytes) {
    struct mk_pages_figures *figures = &pages->figures;
    uint64_t now = __atomic_add_fetch(&figures->mapped, (uint64_t)bytes, __ATOMIC_RELAXED);
    uint64_t peak = __atomic_load_n(&figures->mapped_peak, __ATOMIC_RELAXED);
    while (now > peak && !__atomic_compare_exchange_n(&figures->mapped_peak, &peak, now, true, __ATOMIC_RELAXED,
                                                      __ATOMIC_RELAXED)) {
    }
    if (bytes < 0) __atomic_fetch_add(&figures->purged, (uint64_t)-bytes, __ATOMIC_RELAXED);
}

static void *pages_map(void *hint, size_t bytes, int protection) {
    void *at = mmap(hint, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* The system refuses where a mapping would have to be split and it has as many as it may: then the addresses are lost,
 * but not the memory. */
static void pages_unmap(void *at, size_t bytes) {
    if (munmap(at, bytes)) madvise(at, bytes, MADV_DONTNEED);
}

/* Drops what is in the pages, which are zero from then on; those that are locked the system does not take. */
static void pages_blank(void *at, size_t bytes) {
    if (madvise(at, bytes, MADV_DONTNEED)) memset(at, 0, bytes);
}

/* Returns a mapping at a multiple of align, or NULL. */
static unsigned char *pages_map_aligned(unsigned char *hint, size_t bytes, size_t align, int protection) {
    unsigned char *at = pages_map(hint, bytes, protection);
    if (!at || !((uintptr_t)at & (align - 1))) return at;
    pages_unmap(at, bytes);
    at = pages_map(NULL, bytes + align - PAGE_BYTES, protection);
    if (!at) return NULL;
    size_t before = -(uintptr_t)at & (align - 1), behind = align - PAGE_BYTES - before;
    if (before) pages_unmap(at, before);
    if (behind) pages_unmap(at + before + bytes, behind);
    return at + before;
}

static void pages_purge(struct mk_alloc *pages, void *at, size_t bytes) {
    pages_blank(at, bytes);
    __atomic_fetch_add(&pages->figures.purged, bytes, __ATOMIC_RELAXED);
}

/* ---- books: under the lock ---- */

static void *pages_book(struct mk_alloc *pages, size_t bytes, size_t align) {
    unsigned char *at = pages->book + (-(uintptr_t)pages->book & (align - 1));
    if (!pages->book || at > pages->book_end || bytes > (size_t)(pages->book_end - at)) {
        unsigned char *piece = pages_map(NULL, BOOK_PIECE_BYTES, PROT_READ | PROT_WRITE);
        if (!piece) return NULL;
        pages_count(pages, BOOK_PIECE_BYTES);
        pages->book_end = piece + BOOK_PIECE_BYTES;
        at = piece;
    }
    pages->book = at + bytes;
    return at;
}

static bool pages_is_book(size_t bytes, size_t align) {
    return bytes < BOOK_BYTES_MAX && align <= PAGE_BYTES;
}

/* ---- regions: under the lock ---- */

static size_t pages_index(const void *at) {
    return (uintptr_t)at / REGION_BYTES;
}

static struct region *pages_region(const struct mk_alloc *pages, const void *at) {
    size_t index = pages_index(at);
    if (index >> (LEAF_BITS + ROOT_BITS)) return NULL;
    struct region **leaf = pages->leaf[index >> LEAF_BITS];
    return leaf ? leaf[index & ((1u << LEAF_BITS) - 1)] : NULL;
}

/* Returns whether there is room in the table. */
static bool pages_enroll(struct mk_alloc *pages, const void *base, struct region *region) {
    size_t index = pages_index(base);
    if (index >> (LEAF_BITS + ROOT_BITS)) return false;
    struct region ***leaf = &pages->leaf[index >> LEAF_BITS];
    if (!*leaf) *leaf = pages_book(pages, sizeof(struct region *) << LEAF_BITS, PAGE_BYTES);
    if (!*leaf) return false;
    (*leaf)[index & ((1u << LEAF_BITS) - 1)] = region;
    return true;
}

static void pages_link_open(struct mk_alloc *pages, struct region *region) {
    region->prev = NULL;
    region->next = pages->open;
    if (region->next) region->next->prev = region;
    pages->open = region;
}

static void pages_unlink_open(struct mk_alloc *pages, struct region *region) {
    if (region->next) region->next->prev = region->prev;
    if (region->prev) {
        region->prev->next = region->next;
    } else {
        pages->open = region->next;
    }
}

static void pages_unlink_dirty(struct mk_alloc *pages, struct region *region) {
    *(region->older ? &region->older->newer : &pages->oldest) = region->newer;
    *(region->newer ? &region->newer->older : &pages->newest) = region->older;
}

static void pages_link_newest(struct mk_alloc *pages, struct region *region) {
    region->newer = NULL;
    region->older = pages->newest;
    *(pages->newest ? &pages->newest->newer : &pages->oldest) = region;
    pages->newest = region;
}

static struct region *pages_make_region(struct mk_alloc *pages) {
    struct region *region = pages->unused;
    if (region) {
        pages->unused = region->next;
    } else if (!(region = pages_book(pages, sizeof *region, _Alignof(struct region)))) {
        return NULL;
    }
    unsigned char *base = pages_map_aligned(pages->hint, REGION_BYTES, REGION_BYTES, PROT_READ | PROT_WRITE);
    if (base && !pages_enroll(pages, base, region)) {
        pages_unmap(base, REGION_BYTES);
        base = NULL;
    }
    if (!base) {
        region->next = pages->unused;
        pages->unused = region;
        return NULL;
    }
    memset(region, 0, sizeof *region);
    region->base = base;
    pages->hint = base - REGION_BYTES;
    pages->regions++;
    pages_count(pages, REGION_BYTES);
    pages_link_open(pages, region);
    return region;
}

static void pages_drop_region(struct mk_alloc *pages, struct region *region) {
    pages_unlink_open(pages, region);
    pages_enroll(pages, region->base, NULL);
    pages_unmap(region->base, REGION_BYTES);
    pages_count(pages, -(int64_t)REGION_BYTES);
    region->next = pages->unused;
    pages->unused = region;
    pages->regions--;
}

static uint32_t pages_bits(uint32_t from, uint32_t n) {
    return (uint32_t)(((UINT64_C(1) << n) - 1) << from);
}

/* A region that gains some becomes the newest. */
static void pages_set_dirty(struct mk_alloc *pages, struct region *region, uint32_t dirty) {
    bool gains = dirty & ~region->dirty;
    if (region->dirty && (gains || !dirty)) pages_unlink_dirty(pages, region);
    pages->dirty_granules += (uint32_t)__builtin_popcount(dirty) - (uint32_t)__builtin_popcount(region->dirty);
    region->dirty = dirty;
    if (gains) pages_link_newest(pages, region);
}

/* Gives back what is free in the region; one of which nothing is used, as a whole, unless it is the only one. */
static void pages_clean(struct mk_alloc *pages, struct region *region) {
    bool drop = !region->used && pages->regions > 1;
    uint32_t dirty = region->dirty;
    pages_set_dirty(pages, region, 0);
    if (drop) {
        pages_drop_region(pages, region);
        return;
    }
    for (uint32_t n; dirty; dirty &= ~pages_bits((uint32_t)__builtin_ctz(dirty), n)) {
        uint32_t from = (uint32_t)__builtin_ctz(dirty);
        uint64_t rest = ~((uint64_t)dirty >> from);
        n = (uint32_t)__builtin_ctzll(rest);
        pages_purge(pages, region->base + from * GRANULE_BYTES, n * GRANULE_BYTES);
        memset(region->pages + from, 0, n);
    }
}

static void pages_drop_spare(struct mk_alloc *pages, struct spare *spare) {
    pages_unmap(spare->base, spare->bytes);
    pages_count(pages, -(int64_t)spare->bytes);
    pages->spare_bytes -= spare->bytes;
    spare->base = NULL;
}

static struct spare *pages_oldest_spare(struct mk_alloc *pages) {
    struct spare *oldest = NULL;
    for (struct spare *spare = pages->spare; spare < pages->spare + SPARES; spare++) {
        if (spare->base && (!oldest || spare->freed_ns < oldest->freed_ns)) oldest = spare;
    }
    return oldest;
}

static bool pages_is_too_many(const struct mk_alloc *pages, uint64_t kept, uint32_t part) {
    uint64_t most = pages->used_granules * (uint64_t)GRANULE_PAGES / part;
    return kept > (most > KEPT_PAGES_MIN ? most : KEPT_PAGES_MIN);
}

/* The policy of the file-top block. */
static void pages_age(struct mk_alloc *pages, uint64_t now_ns) {
    size_t most_bytes = pages->large_bytes / KEPT_PART;
    if (most_bytes < KEPT_BYTES_MIN) most_bytes = KEPT_BYTES_MIN;
    while (pages->oldest && (pages_is_too_many(pages, pages->dirty_granules * (uint64_t)GRANULE_PAGES, KEPT_PART) ||
                             now_ns - pages->oldest->dirtied_ns > KEPT_NS)) {
        pages_clean(pages, pages->oldest);
    }
    while (pages->spare_bytes) {
        struct spare *oldest = pages_oldest_spare(pages);
        bool alone = oldest->bytes == pages->spare_bytes && oldest->bytes <= KEPT_ONE_MAX;
        if ((pages->spare_bytes <= most_bytes || alone) && now_ns - oldest->freed_ns <= KEPT_NS) break;
        pages_drop_spare(pages, oldest);
    }
}

/* ---- runs of granules: under the lock ---- */

static uint32_t pages_granules(size_t bytes) {
    return (uint32_t)((bytes + GRANULE_BYTES - 1) / GRANULE_BYTES);
}

/* Returns where so many bits in a row begin, or REGION_GRANULES. */
static uint32_t pages_run(uint32_t bits, uint32_t n) {
    uint32_t starts = bits;
    for (uint32_t i = 1; i < n; i++) starts &= bits >> i;
    return starts ? (uint32_t)__builtin_ctz(starts) : REGION_GRANULES;
}

/* How many pages of granule `i` of its run a block of so many bytes needs. */
static uint32_t pages_needed(size_t bytes, uint32_t i) {
    size_t rest = bytes - i * GRANULE_BYTES;
    return rest >= GRANULE_BYTES ? GRANULE_PAGES : (uint32_t)((rest + PAGE_BYTES - 1) / PAGE_BYTES);
}

/* A granule is used up to `need` pages from now on (0: it is free). */
static void pages_fit(struct mk_alloc *pages, struct region *region, uint32_t granule, uint32_t need) {
    uint32_t had = region->pages[granule], needed = region->needed[granule];
    region->needed[granule] = (uint8_t)need;
    if (needed) pages->stale_pages -= had - needed;
    if (!need) return;
    if (had > need + SLACK_PAGES && pages_is_too_many(pages, pages->stale_pages, STALE_PART)) {
        pages_purge(pages, region->base + granule * GRANULE_BYTES + need * PAGE_BYTES, (had - need) * PAGE_BYTES);
        had = need;
    }
    if (had < need) had = need;
    region->pages[granule] = (uint8_t)had;
    pages->stale_pages += had - need;
}

static void pages_use(struct mk_alloc *pages, struct region *region, uint32_t from, uint32_t n, size_t bytes) {
    uint32_t bits = pages_bits(from, n);
    pages_set_dirty(pages, region, region->dirty & ~bits);
    region->used |= bits;
    pages->used_granules += n;
    if (region->used == UINT32_MAX) pages_unlink_open(pages, region);
    for (uint32_t i = 0; i < n; i++) pages_fit(pages, region, from + i, pages_needed(bytes, i));
}

static void pages_unuse(struct mk_alloc *pages, struct region *region, uint32_t from, uint32_t n, uint64_t now_ns) {
    uint32_t bits = pages_bits(from, n);
    for (uint32_t i = from; i < from + n; i++) pages_fit(pages, region, i, 0);
    if (region->used == UINT32_MAX) pages_link_open(pages, region);
    region->used &= ~bits;
    region->dirtied_ns = now_ns;
    pages->used_granules -= n;
    pages_set_dirty(pages, region, region->dirty | bits);
}

/* Zeroes what may be resident of a run that is about to be used. */
static void pages_zero(struct region *region, uint32_t from, uint32_t n, size_t bytes) {
    for (uint32_t i = 0; i < n; i++) {
        size_t rest = bytes - i * GRANULE_BYTES, resident = region->pages[from + i] * PAGE_BYTES;
        memset(region->base + (from + i) * GRANULE_BYTES, 0, rest < resident ? rest : resident);
    }
}

static uint32_t pages_between(uint32_t a, uint32_t b) {
    return a > b ? a - b : b - a;
}

/* Returns a region with a run of granules that were freed, where in *from, or NULL: of the first ones, that whose
 * last granule had most nearly so many pages. Fresh pages are faulted in, and others would be kept for nothing. */
static struct region *pages_find_dirty_run(struct mk_alloc *pages, uint32_t n, uint32_t last_pages,
                                           uint32_t *from) {
    struct region *best = NULL;
    uint32_t best_off = UINT32_MAX, looks = 0;
    for (struct region *region = pages->newest; region && looks < RUN_LOOKS && best_off; region = region->older) {
        uint32_t starts = region->dirty;
        for (uint32_t i = 1; i < n; i++) starts &= region->dirty >> i;
        for (; starts && looks < RUN_LOOKS; starts &= starts - 1, looks++) {
            uint32_t start = (uint32_t)__builtin_ctz(starts);
            uint32_t off = pages_between(region->pages[start + n - 1], last_pages);
            if (off >= best_off) continue;
            best = region;
            best_off = off;
            *from = start;
        }
    }
    return best;
}

/* Returns a region that has such a run, where in *from: of free granules that may be resident, else of the region
 * with the fewest free ones, else of a new one. NULL: there is no memory. */
static struct region *pages_find_run(struct mk_alloc *pages, uint32_t n, uint32_t last_pages, uint32_t *from) {
    struct region *best = pages->dirty_granules >= n ? pages_find_dirty_run(pages, n, last_pages, from) : NULL;
    if (best) return best;
    for (struct region *region = pages->open; region; region = region->next) {
        if (pages_run(~region->used, n) == REGION_GRANULES) continue;
        if (!best || __builtin_popcount(region->used) > __builtin_popcount(best->used)) best = region;
    }
    if (!best) best = pages_make_region(pages);
    if (best) *from = pages_run(~best->used, n);
    return best;
}

static void *pages_alloc_run(struct mk_alloc *pages, size_t bytes, bool zeroed) {
    uint32_t n = pages_granules(bytes), from;
    struct region *region = pages_find_run(pages, n, pages_needed(bytes, n - 1), &from);
    if (!region) return NULL;
    if (zeroed) pages_zero(region, from, n, bytes);
    pages_use(pages, region, from, n, bytes);
    return region->base + from * GRANULE_BYTES;
}

/* ---- mappings of their own ---- */

/* Address space for so many bytes: steps of an eighth at most, so that growing does not move each time. */
static size_t pages_large_bytes(size_t bytes) {
    size_t step = bytes < RUN_BYTES_MAX ? PAGE_BYTES : ((size_t)1 << (63 - __builtin_clzll(bytes))) / 8;
    return (bytes + step - 1) & -step;
}

/* Under the lock: takes the smallest one that will do. What it has beyond goes back. */
static unsigned char *pages_take_spare(struct mk_alloc *pages, size_t bytes, size_t align) {
    struct spare *best = NULL;
    for (struct spare *spare = pages->spare; spare < pages->spare + SPARES; spare++) {
        if (!spare->base || spare->bytes < bytes || ((uintptr_t)spare->base & (align - 1))) continue;
        if (!best || spare->bytes < best->bytes) best = spare;
    }
    if (!best) return NULL;
    unsigned char *base = best->base;
    pages->spare_bytes -= best->bytes;
    pages->large_bytes += bytes;
    if (best->bytes > bytes) {
        pages_unmap(base + bytes, best->bytes - bytes);
        pages_count(pages, -(int64_t)(best->bytes - bytes));
    }
    best->base = NULL;
    return base;
}

static void *pages_alloc_large(struct mk_alloc *pages, size_t asked, size_t align, bool zeroed) {
    size_t bytes = pages_large_bytes(asked);
    if (align < GRANULE_BYTES) align = GRANULE_BYTES;
    pthread_mutex_lock(&pages->lock);
    unsigned char *base = pages_take_spare(pages, bytes, align);
    pthread_mutex_unlock(&pages->lock);
    if (base) {
        if (zeroed) pages_blank(base, bytes);
        return base;
    }
    if (align > SIZE_MAX / 4 || bytes > SIZE_MAX / 4) return NULL;
    base = pages_map_aligned(NULL, bytes, align, PROT_READ | PROT_WRITE);
    if (!base) return NULL;
    pthread_mutex_lock(&pages->lock);
    pages->large_bytes += bytes;
    pthread_mutex_unlock(&pages->lock);
    pages_count(pages, (int64_t)bytes);
    return base;
}

static void pages_free_large(struct mk_alloc *pages, unsigned char *base, size_t asked) {
    size_t bytes = pages_large_bytes(asked);
    pthread_mutex_lock(&pages->lock);
    struct spare *to = NULL;
    for (uint32_t i = 0; i < SPARES && !to; i++) {
        if (!pages->spare[i].base) to = &pages->spare[i];
    }
    if (!to) {
        to = pages_oldest_spare(pages);
        pages_drop_spare(pages, to);
    }
    *to = (struct spare){base, bytes, pages_now()};
    pages->large_bytes -= bytes;
    pages->spare_bytes += bytes;
    pages_age(pages, to->freed_ns);
    pthread_mutex_unlock(&pages->lock);
}

/* Moves the pages, not what is in them. */
static unsigned char *pages_move_large(unsigned char *base, size_t had, size_t wants, size_t align) {
    void *moved = mremap(base, had, wants, 0);
    if (moved != MAP_FAILED) return moved;
    unsigned char *to = pages_map_aligned(NULL, wants, align, PROT_NONE);
    if (!to) return NULL;
    moved = mremap(base, had, wants, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    if (moved != MAP_FAILED) return moved;
    pages_unmap(to, wants);
    return NULL;
}

static unsigned char *pages_resize_large(struct mk_alloc *pages, unsigned char *base, size_t old_asked,
                                         size_t asked, size_t align) {
    size_t had = pages_large_bytes(old_asked), wants = pages_large_bytes(asked);
    unsigned char *now = base;
    if (align < GRANULE_BYTES) align = GRANULE_BYTES;
    if (wants > had) now = pages_move_large(base, had, wants, align);
    if (!now) return NULL;
    if (wants < had) pages_unmap(base + wants, had - wants);
    if (wants == had && asked < old_asked) {
        size_t keep = (asked + PAGE_BYTES - 1) & -PAGE_BYTES, end = (old_asked + PAGE_BYTES - 1) & -PAGE_BYTES;
        if (end > keep + TAIL_PAGES * PAGE_BYTES) pages_purge(pages, base + keep, end - keep);
    }
    pthread_mutex_lock(&pages->lock);
    pages->large_bytes += wants - had;
    pthread_mutex_unlock(&pages->lock);
    pages_count(pages, (int64_t)wants - (int64_t)had);
    return now;
}

/* ---- the allocator ---- */

static int pages_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                        struct mk_err *err) {
    (void)parent, (void)cfg, (void)err;
    pthread_mutex_init(&pages_instance.lock, NULL);
    *out = &pages_instance;
    return 0;
}

static void pages_destroy(struct mk_alloc *pages) {
    pthread_mutex_destroy(&pages->lock);
}

static bool pages_is_run(size_t bytes, size_t align) {
    return bytes <= RUN_BYTES_MAX && align <= GRANULE_BYTES;
}

static void *pages_try(struct mk_alloc *pages, size_t bytes, size_t align, bool zeroed) {
    bool book = pages_is_book(bytes, align);
    if (pages_is_run(bytes, align)) {
        pthread_mutex_lock(&pages->lock);
        void *block = book ? pages_book(pages, bytes, align) : pages_alloc_run(pages, bytes, zeroed);
        pthread_mutex_unlock(&pages->lock);
        if (block || book) return block;
    }
    return pages_alloc_large(pages, bytes, align, zeroed);
}

/* Before memory is refused, what is kept goes back. */
static void *pages_give(struct mk_alloc *pages, size_t bytes, size_t align, bool zeroed) {
    void *block = pages_try(pages, bytes, align, zeroed);
    if (!block && mk_pages_trim()) block = pages_try(pages, bytes, align, zeroed);
    return block;
}

/* LIN alloc: under the lock, or in the kernel. */
static void *pages_alloc(struct mk_alloc *pages, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    return pages_give(pages, bytes, align, false);
}

static void *pages_zalloc(struct mk_alloc *pages, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    return pages_give(pages, bytes, align, true);
}

/* LIN free: under the lock. */
static enum mk_status pages_free(struct mk_alloc *pages, struct mk_thread *me, void *block, size_t bytes,
                                 size_t align) {
    (void)me;
    if (pages_is_book(bytes, align)) return MK_HIT;
    pthread_mutex_lock(&pages->lock);
    struct region *region = pages_region(pages, block);
    if (region) {
        uint64_t now_ns = pages_now();
        uint32_t from = (uint32_t)(((unsigned char *)block - region->base) / (ptrdiff_t)GRANULE_BYTES);
        pages_unuse(pages, region, from, pages_granules(bytes), now_ns);
        pages_age(pages, now_ns);
    }
    pthread_mutex_unlock(&pages->lock);
    if (!region) pages_free_large(pages, block, bytes);
    return MK_HIT;
}

/* Under the lock. Returns whether a run has, or has now, as many bytes where it stands. */
static bool pages_resize_run(struct mk_alloc *pages, struct region *region, unsigned char *block, size_t old_bytes,
                             size_t bytes) {
    uint32_t from = (uint32_t)((block - region->base) / (ptrdiff_t)GRANULE_BYTES);
    uint32_t had = pages_granules(old_bytes), wants = pages_granules(bytes);
    if (wants > had) {
        uint32_t more = wants - had;
        if (from + wants > REGION_GRANULES || (region->used & pages_bits(from + had, more))) return false;
        pages_fit(pages, region, from + had - 1, GRANULE_PAGES);
        pages_use(pages, region, from + had, more, bytes - had * GRANULE_BYTES);
        return true;
    }
    if (wants < had) pages_unuse(pages, region, from + wants, had - wants, pages_now());
    pages_fit(pages, region, from + wants - 1, pages_needed(bytes, wants - 1));
    return true;
}

static void *pages_resize(struct mk_alloc *pages, struct mk_thread *me, void *block, size_t old_bytes,
                          size_t old_align, size_t bytes, size_t align) {
    struct region *region = NULL;
    bool done = false;
    if (bytes > SIZE_MAX / 4) return NULL;
    if (!pages_is_book(old_bytes, old_align) && !pages_is_book(bytes, align) && align <= old_align) {
        pthread_mutex_lock(&pages->lock);
        region = pages_region(pages, block);
        done = region && pages_is_run(bytes, align) && pages_resize_run(pages, region, block, old_bytes, bytes);
        pthread_mutex_unlock(&pages->lock);
        if (done) return block;
        /* The system moves no pages that it has been told different things of. */
        void *there = region ? NULL : pages_resize_large(pages, block, old_bytes, bytes, align);
        if (there) return there;
    }
    void *moved = pages_alloc(pages, me, bytes, align);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    pages_free(pages, me, block, old_bytes, old_align);
    return moved;
}

/* ---- figures ---- */

struct mk_pages_figures mk_pages_figures(void) {
    struct mk_pages_figures figures = pages_instance.figures;
    figures.kept = pages_instance.dirty_granules * (uint64_t)GRANULE_BYTES + pages_instance.spare_bytes +
                   pages_instance.stale_pages * PAGE_BYTES;
    return figures;
}

bool mk_pages_trim(void) {
    struct mk_alloc *pages = &pages_instance;
    pthread_mutex_lock(&pages->lock);
    bool any = pages->oldest || pages->spare_bytes;
    while (pages->oldest) pages_clean(pages, pages->oldest);
    while (pages->spare_bytes) pages_drop_spare(pages, pages_oldest_spare(pages));
    pthread_mutex_unlock(&pages->lock);
    return any;
}

/* Of no use alone: no glob takes it, and it is no general allocator. */
MK_ALLOC(pages, .summary = "runs of pages, from the system", .caps = MK_TEST_ONLY | MK_CONCURRENT | MK_GROWS,
         .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING}, .create = pages_create, .destroy = pages_destroy,
         .alloc = pages_alloc, .zalloc = pages_zalloc, .free = pages_free, .resize = pages_resize);
