/* alloc/pages - where libmemkit.so has its memory from: mmap, in pieces, and by a stated policy back to the system.
 *
 * Source:     none of its own. Runs of aligned granules in larger mappings are what extents and arenas of other
 *             allocators are, limits of what is kept that decay are theirs, too; nothing is taken from one.
 * Picture:    region, 4 to 64 MiB: [granule 0 | granule 1 | ... | granule n - 1]     a granule: 128 KiB
 *             region record { free: a bit each granule, granule[]: pages that were touched since they were last
 *                             given back, and when it was freed }
 *             open: region <-> region        those that have free granules
 *             an address belongs to a section of 4 MiB, and that to a region: by a table of two levels
 *             larger blocks: a mapping each, 128 KiB-aligned        spare[]: such that were freed
 *             books: what allocators want for themselves, bumped out of pieces of 512 KiB
 * Parts:      none.
 * Progress:   blocking.
 * Ordering:   one lock. Figures are relaxed.
 * Memory:     up to 8 MiB: whole granules of address space, of which only touched pages take memory. Larger ones,
 *             and from 1 MiB on those that have to move to grow: at most an eighth of address space beyond what
 *             was asked for. A region is as large as all before it together, from 4 to 64 MiB, or as is to be had.
 *             Of runs are kept: pages of free granules, so many that together with those in use they are a third
 *             more than were in use at a time of late (in half a second to one), but no more than 32 MiB and half
 *             of those in use, and up to 4 MiB in any case; and pages of used granules that their present users do
 *             not need, up to 4 MiB or an eighth. Of larger mappings, free ones up to the larger of 24 MiB and
 *             half of those in use, or the last one alone up to 40 MiB. Beyond that memory goes back to the system
 *             at once, what was freed longest ago first; and all that has been free for half a second does, when
 *             next something is freed here. A region with nothing in use is unmapped, in a used one the pages are
 *             dropped (MADV_DONTNEED).
 * Limits:     memory for books is not used again; an instance is not destroyed; one instance a process. Where all
 *             memory is locked, a region takes all of its memory at once. Where the system makes huge pages of its
 *             own accord, more is resident than is counted here, up to 2 MiB for each place that is touched.
 */
#include "../../impl/alloc.h"

#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#include "memkit.h"

#define PAGE_BYTES ((size_t)4096)
#define GRANULE_BYTES ((size_t)131072)
#define GRANULE_PAGES ((uint32_t)(GRANULE_BYTES / PAGE_BYTES))
#define SECTION_GRANULES 32u
#define SECTION_BYTES (SECTION_GRANULES * GRANULE_BYTES)
#define REGION_GRANULES 512u               /* at most; at least a section */
#define REGION_WORDS (REGION_GRANULES / 64)
#define REGION_RUNS 4u                     /* a region is made for so many runs of the size that is asked for */
#define RUN_BYTES_MAX ((size_t)8 << 20)    /* larger ones have a mapping of their own */
#define MOVED_BYTES_MIN ((size_t)1 << 20)  /* as have those that have to move to grow: they may grow again */
#define ZEROED_BYTES_MAX ((size_t)1 << 20) /* pages of larger ones are dropped instead */
#define SLACK_PAGES 3u                     /* so few are not worth a system call */
#define RUN_LOOKS 16u                      /* at rows that would do, for the best place of them */
#define GOOD_COST 8u                       /* of a place: no other is looked for */
#define FRESH_WEIGHT 8u                    /* of a page that is faulted in; 1: of one kept for nothing */
#define LEFT_RUNS 8u                       /* what is left over of a row counts up to so many runs */
#define KEPT_OVER 3u                       /* this part of the most that was in use */
#define KEPT_PAGES_MORE 8192u
#define KEPT_PART 2u
#define KEPT_PAGES_MIN 1024u
#define KEPT_LESS 16u                      /* where too much is kept, this part more goes back */
#define STALE_PART 8u
#define TAIL_PAGES 128u                    /* of a mapping that shrinks a little */
#define KEPT_BYTES_MIN ((size_t)24 << 20)
#define KEPT_ONE_MAX ((size_t)40 << 20)    /* the newest one alone may be so large */
#define KEPT_NS UINT64_C(500000000)
#define TICK_BITS 24                       /* of nanoseconds: 17 ms */
#define KEPT_TICKS ((uint32_t)(KEPT_NS >> TICK_BITS) + 1)
#define SPARES 16u
#define BOOK_BYTES_MAX ((size_t)65536)
#define BOOK_PIECE_BYTES ((size_t)524288)
/* Addresses of 47 bits, 22 of them within a section. */
#define ADDRESS_BITS 47
#define LEAF_BITS 12
#define ROOT_BITS (ADDRESS_BITS - 22 - LEAF_BITS)

struct granule {
    uint16_t freed; /* when, in ticks */
    uint8_t pages;  /* that may be resident, from the first */
    uint8_t needed; /* by its user; 0: it is free */
};

struct region {
    struct region *next, *prev; /* of those that have a free granule */
    unsigned char *base;
    uint32_t granules, used;
    uint32_t longest;           /* no more free ones are in a row than these */
    uint32_t dirty_pages;       /* of free ones, perhaps resident */
    uint64_t free[REGION_WORDS];
    struct granule granule[REGION_GRANULES];
};

struct spare {
    unsigned char *base;
    size_t bytes;
    uint64_t freed_ns;
};

struct mk_alloc {
    pthread_mutex_t lock;
    struct region *open;
    struct region *unused; /* records, by next */
    uint32_t regions;
    uint32_t tick, window; /* now, and since when `most_used` is counted */
    uint64_t granules;     /* of all regions */
    uint64_t used_pages, dirty_pages;
    uint64_t stale_pages;  /* of used granules, more than are needed */
    uint64_t most_used, most_used_before;
    struct spare spare[SPARES];
    size_t spare_bytes, large_bytes;
    unsigned char *book, *book_end;
    unsigned char *newest; /* region, where it begins */
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

/* Returns where the region of that section stands, or NULL. */
static struct region **pages_entry(const struct mk_alloc *pages, const void *at) {
    size_t index = (uintptr_t)at / SECTION_BYTES;
    if (index >> (LEAF_BITS + ROOT_BITS)) return NULL;
    struct region **leaf = pages->leaf[index >> LEAF_BITS];
    return leaf ? &leaf[index & ((1u << LEAF_BITS) - 1)] : NULL;
}

static struct region *pages_region(const struct mk_alloc *pages, const void *at) {
    struct region **entry = pages_entry(pages, at);
    return entry ? *entry : NULL;
}

/* Returns whether the table has room for an entry. */
static bool pages_make_entry(struct mk_alloc *pages, const void *at) {
    size_t index = (uintptr_t)at / SECTION_BYTES;
    if (index >> (LEAF_BITS + ROOT_BITS)) return false;
    struct region ***leaf = &pages->leaf[index >> LEAF_BITS];
    if (!*leaf) *leaf = pages_book(pages, sizeof(struct region *) << LEAF_BITS, PAGE_BYTES);
    return *leaf;
}

/* Its memory belongs to `owner` from now on: the region, or NULL. */
static void pages_enroll(struct mk_alloc *pages, const struct region *region, struct region *owner) {
    for (uint32_t g = 0; g < region->granules; g += SECTION_GRANULES) {
        *pages_entry(pages, region->base + g * GRANULE_BYTES) = owner;
    }
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

/* Changes `n` bits. */
static void pages_flip(uint64_t *bits, uint32_t from, uint32_t n) {
    for (uint32_t i = from, end = from + n; i < end; i = (i / 64 + 1) * 64) {
        uint32_t to = end - i < 64 - i % 64 ? end - i : 64 - i % 64;
        bits[i / 64] ^= (UINT64_MAX >> (64 - to)) << i % 64;
    }
}

/* Returns the first granule from `from` on that is free, or that is not, or the number of granules. */
static uint32_t pages_next(const struct region *region, uint32_t from, bool is_free) {
    uint64_t not_these = is_free ? 0 : UINT64_MAX;
    for (uint32_t i = from; i < region->granules; i = (i / 64 + 1) * 64) {
        uint64_t these = (region->free[i / 64] ^ not_these) >> i % 64;
        if (!these) continue;
        uint32_t at = i + (uint32_t)__builtin_ctzll(these);
        return at < region->granules ? at : region->granules;
    }
    return region->granules;
}

/* The row of free granules that this one is in may be the longest. */
static void pages_measure(struct region *region, uint32_t granule) {
    uint32_t first = granule, end = pages_next(region, granule, false);
    while (first && (region->free[(first - 1) / 64] >> (first - 1) % 64 & 1)) first--;
    if (region->longest < end - first) region->longest = end - first;
}

/* Returns a mapping that the table has room for, or NULL. */
static unsigned char *pages_map_sections(struct mk_alloc *pages, size_t bytes) {
    unsigned char *below = pages->newest ? pages->newest - bytes : NULL;
    unsigned char *base = pages_map_aligned(below, bytes, SECTION_BYTES, PROT_READ | PROT_WRITE);
    if (!base || (pages_make_entry(pages, base) && pages_make_entry(pages, base + bytes - 1))) return base;
    pages_unmap(base, bytes);
    return NULL;
}

/* Returns address space for runs of `n` granules, and in *granules how much it is; or NULL. */
static unsigned char *pages_map_region(struct mk_alloc *pages, uint32_t n, uint32_t *granules) {
    uint64_t wanted = pages->granules > REGION_RUNS * n ? pages->granules : REGION_RUNS * n;
    unsigned char *base = NULL;
    *granules = SECTION_GRANULES;
    while (*granules < wanted && *granules < REGION_GRANULES) *granules *= 2;
    while (!(base = pages_map_sections(pages, *granules * GRANULE_BYTES))) {
        *granules /= 2;
        if (*granules < SECTION_GRANULES || *granules < n) return NULL;
    }
    return base;
}

static struct region *pages_make_region(struct mk_alloc *pages, uint32_t n) {
    struct region *region = pages->unused;
    uint32_t granules;
    if (!region && !(region = pages_book(pages, sizeof *region, _Alignof(struct region)))) return NULL;
    pages->unused = region;
    unsigned char *base = pages_map_region(pages, n, &granules);
    if (!base) return NULL;
    pages->unused = region->next;
    memset(region, 0, offsetof(struct region, granule) + granules * sizeof region->granule[0]);
    region->base = pages->newest = base;
    region->granules = region->longest = granules;
    pages_flip(region->free, 0, granules);
    pages_enroll(pages, region, region);
    pages_link_open(pages, region);
    pages->regions++;
    pages->granules += granules;
    pages_count(pages, (int64_t)(granules * GRANULE_BYTES));
    return region;
}

static void pages_drop_region(struct mk_alloc *pages, struct region *region) {
    size_t bytes = region->granules * GRANULE_BYTES;
    pages_unlink_open(pages, region);
    pages_enroll(pages, region, NULL);
    pages_unmap(region->base, bytes);
    pages_count(pages, -(int64_t)bytes);
    pages->regions--;
    pages->granules -= region->granules;
    region->next = pages->unused;
    pages->unused = region;
}

/* Gives back what is resident of free granules. */
static void pages_clean(struct mk_alloc *pages, struct region *region, uint32_t from, uint32_t n) {
    uint32_t had = 0;
    for (uint32_t g = from; g < from + n; g++) {
        had += region->granule[g].pages;
        region->granule[g].pages = 0;
    }
    if (had) pages_purge(pages, region->base + from * GRANULE_BYTES, n * GRANULE_BYTES);
    region->dirty_pages -= had;
    pages->dirty_pages -= had;
}

/* ---- what is kept: under the lock ---- */

/* In ticks, but that older ones than are kept are all alike. */
static uint32_t pages_age_of(const struct mk_alloc *pages, const struct granule *granule) {
    uint32_t age = (uint16_t)(pages->tick - granule->freed);
    return age < KEPT_TICKS ? age : KEPT_TICKS;
}

/* What is to go back: all that is older, and of that age what is more than `left` pages. */
struct doom {
    uint32_t age;
    uint64_t left;
};

/* Returns what has to go back so that `most` pages are kept, and none that are too old. */
static struct doom pages_judge(const struct mk_alloc *pages, uint64_t most) {
    uint64_t kept = pages->dirty_pages, of_age[KEPT_TICKS + 1] = {0};
    struct doom doom = {KEPT_TICKS, 0};
    for (const struct region *region = pages->open; region; region = region->next) {
        if (!region->dirty_pages) continue;
        for (uint32_t g = pages_next(region, 0, true); g < region->granules; g = pages_next(region, g + 1, true)) {
            of_age[pages_age_of(pages, &region->granule[g])] += region->granule[g].pages;
        }
    }
    kept -= of_age[KEPT_TICKS];
    while (kept > most) kept -= of_age[--doom.age];
    if (doom.age < KEPT_TICKS) doom.left = most - kept;
    return doom;
}

static bool pages_is_doomed(const struct mk_alloc *pages, const struct granule *granule, struct doom *doom) {
    uint32_t age = pages_age_of(pages, granule);
    if (!granule->pages || age < doom->age) return false;
    if (age > doom->age || granule->pages > doom->left) return true;
    doom->left -= granule->pages;
    return false;
}

static void pages_clean_doomed(struct mk_alloc *pages, struct region *region, struct doom *doom) {
    uint32_t from = 0, n = 0;
    for (uint32_t g = pages_next(region, 0, true); g < region->granules; g = pages_next(region, g + 1, true)) {
        if (!pages_is_doomed(pages, &region->granule[g], doom)) continue;
        if (from + n < g) {
            pages_clean(pages, region, from, n);
            from = g;
            n = 0;
        }
        n++;
    }
    pages_clean(pages, region, from, n);
}

/* Gives back what is free but for `most` pages, and what is too old. A region of which nothing is used goes as a
 * whole, unless it is the only one. */
static void pages_keep(struct mk_alloc *pages, uint64_t most) {
    struct doom doom = pages_judge(pages, most);
    for (struct region *region = pages->open, *next; region; region = next) {
        next = region->next;
        if (region->dirty_pages) pages_clean_doomed(pages, region, &doom);
        if (!region->used && !region->dirty_pages && pages->regions > 1) pages_drop_region(pages, region);
    }
}

/* Returns how many pages may be kept. */
static uint64_t pages_most_kept(const struct mk_alloc *pages) {
    uint64_t top = pages->most_used > pages->most_used_before ? pages->most_used : pages->most_used_before;
    uint64_t all = top + top / KEPT_OVER, taken = pages->used_pages + pages->stale_pages;
    uint64_t kept = all > taken ? all - taken : 0, most = KEPT_PAGES_MORE + pages->used_pages / KEPT_PART;
    if (kept > most) kept = most;
    return kept > KEPT_PAGES_MIN ? kept : KEPT_PAGES_MIN;
}

static void pages_limit(struct mk_alloc *pages) {
    uint64_t most = pages_most_kept(pages);
    if (pages->dirty_pages > most) pages_keep(pages, most - most / KEPT_LESS);
}

static void pages_pass_time(struct mk_alloc *pages, uint64_t now_ns) {
    uint32_t tick = (uint32_t)(now_ns >> TICK_BITS), passed = tick - pages->window;
    if (tick == pages->tick) return;
    pages->tick = tick;
    if (passed >= KEPT_TICKS) {
        pages->most_used_before = passed < 2 * KEPT_TICKS ? pages->most_used : pages->used_pages;
        pages->most_used = pages->used_pages;
        pages->window = tick;
    }
    if (pages->dirty_pages) pages_keep(pages, pages->dirty_pages);
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

/* The policy of the file-top block, after something was freed. */
static void pages_settle(struct mk_alloc *pages, uint64_t now_ns) {
    size_t most_bytes = pages->large_bytes / KEPT_PART;
    if (most_bytes < KEPT_BYTES_MIN) most_bytes = KEPT_BYTES_MIN;
    pages_pass_time(pages, now_ns);
    pages_limit(pages);
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

/* How many pages of granule `i` of its run a block of so many bytes needs. */
static uint32_t pages_needed(size_t bytes, uint32_t i) {
    size_t rest = bytes - i * GRANULE_BYTES;
    return rest >= GRANULE_BYTES ? GRANULE_PAGES : (uint32_t)((rest + PAGE_BYTES - 1) / PAGE_BYTES);
}

static bool pages_is_stale(const struct mk_alloc *pages) {
    uint64_t most = pages->used_pages / STALE_PART;
    return pages->stale_pages > (most > KEPT_PAGES_MIN ? most : KEPT_PAGES_MIN);
}

/* A granule is used up to `need` pages from now on (0: it is free). */
static void pages_fit(struct mk_alloc *pages, struct region *region, uint32_t at, uint32_t need) {
    struct granule *granule = &region->granule[at];
    uint32_t had = granule->pages;
    if (granule->needed) {
        pages->stale_pages -= had - granule->needed;
    } else {
        pages->dirty_pages -= had;
        region->dirty_pages -= had;
    }
    pages->used_pages += (uint64_t)need - granule->needed;
    granule->needed = (uint8_t)need;
    if (!need) {
        granule->freed = (uint16_t)pages->tick;
        pages->dirty_pages += had;
        region->dirty_pages += had;
        return;
    }
    if (had > need + SLACK_PAGES && pages_is_stale(pages)) {
        pages_purge(pages, region->base + at * GRANULE_BYTES + need * PAGE_BYTES, (had - need) * PAGE_BYTES);
        had = need;
    }
    if (had < need) had = need;
    granule->pages = (uint8_t)had;
    pages->stale_pages += had - need;
}

static void pages_use(struct mk_alloc *pages, struct region *region, uint32_t from, uint32_t n, size_t bytes) {
    pages_flip(region->free, from, n);
    region->used += n;
    if (region->used == region->granules) pages_unlink_open(pages, region);
    for (uint32_t i = 0; i < n; i++) pages_fit(pages, region, from + i, pages_needed(bytes, i));
    if (pages->most_used < pages->used_pages) pages->most_used = pages->used_pages;
}

/* The region is looked at first from then on. */
static void pages_unuse(struct mk_alloc *pages, struct region *region, uint32_t from, uint32_t n) {
    if (region->used < region->granules) pages_unlink_open(pages, region);
    pages_link_open(pages, region);
    pages_flip(region->free, from, n);
    region->used -= n;
    pages_measure(region, from);
    for (uint32_t g = from; g < from + n; g++) pages_fit(pages, region, g, 0);
}

/* Zeroes what may be resident of a run that is about to be used. */
static void pages_zero(struct mk_alloc *pages, struct region *region, uint32_t from, uint32_t n, size_t bytes) {
    if (bytes > ZEROED_BYTES_MAX) {
        pages_clean(pages, region, from, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        size_t rest = bytes - i * GRANULE_BYTES, resident = region->granule[from + i].pages * PAGE_BYTES;
        memset(region->base + (from + i) * GRANULE_BYTES, 0, rest < resident ? rest : resident);
    }
}

/* A place for a run. Its cost is the pages that would be faulted in, those that would be kept for nothing, and the
 * granules that are left over of the row that it lies in. */
struct place {
    struct region *region;
    uint32_t from, cost;
};

static void pages_weigh(struct place *best, struct region *region, uint32_t from, uint32_t n, uint32_t last_pages,
                        uint32_t left_over) {
    const struct granule *granule = &region->granule[from];
    uint32_t had = granule[n - 1].pages, fresh = had < last_pages ? last_pages - had : 0;
    uint32_t cost = had > last_pages ? had - last_pages : 0;
    for (uint32_t i = 0; i < n - 1; i++) fresh += GRANULE_PAGES - granule[i].pages;
    cost += FRESH_WEIGHT * fresh + (left_over < LEFT_RUNS * n ? left_over : LEFT_RUNS * n);
    if (cost < best->cost) *best = (struct place){region, from, cost};
}

/* Looks at both ends of rows of free granules, until a place is good enough or it has looked at RUN_LOOKS of them;
 * *looks counts. */
static void pages_look(struct place *best, uint32_t *looks, struct region *region, uint32_t n,
                       uint32_t last_pages) {
    uint32_t longest = 0, end = 0;
    for (uint32_t at; (at = pages_next(region, end, true)) < region->granules;) {
        end = pages_next(region, at, false);
        if (longest < end - at) longest = end - at;
        if (end - at < n) continue;
        pages_weigh(best, region, at, n, last_pages, end - at - n);
        if (end - at > n) pages_weigh(best, region, end - n, n, last_pages, end - at - n);
        if (best->cost <= GOOD_COST || ++*looks == RUN_LOOKS) return;
    }
    region->longest = longest;
}

/* Returns a good place for a run whose last granule needs so many pages, or else one in a new region; its region is
 * NULL if there is no memory. */
static struct place pages_find(struct mk_alloc *pages, uint32_t n, uint32_t last_pages) {
    struct place best = {.cost = UINT32_MAX};
    uint32_t looks = 0;
    for (struct region *region = pages->open; region; region = region->next) {
        if (region->longest < n) continue;
        pages_look(&best, &looks, region, n, last_pages);
        if (best.cost <= GOOD_COST || looks == RUN_LOOKS) break;
    }
    if (!best.region) best.region = pages_make_region(pages, n);
    return best;
}

static void *pages_alloc_run(struct mk_alloc *pages, size_t bytes, bool zeroed) {
    uint32_t n = pages_granules(bytes);
    struct place place = pages_find(pages, n, pages_needed(bytes, n - 1));
    if (!place.region) return NULL;
    if (zeroed) pages_zero(pages, place.region, place.from, n, bytes);
    pages_use(pages, place.region, place.from, n, bytes);
    pages_limit(pages);
    return place.region->base + place.from * GRANULE_BYTES;
}

/* ---- mappings of their own ---- */

/* Address space for so many bytes: steps of an eighth at most, so that growing does not move each time. */
static size_t pages_large_bytes(size_t bytes) {
    size_t step = bytes < MOVED_BYTES_MIN ? PAGE_BYTES : ((size_t)1 << (63 - __builtin_clzll(bytes))) / 8;
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
    pages_settle(pages, to->freed_ns);
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

/* own: in a mapping of its own. */
static void *pages_try(struct mk_alloc *pages, size_t bytes, size_t align, bool zeroed, bool own) {
    bool book = pages_is_book(bytes, align);
    if (pages_is_run(bytes, align) && !own) {
        pthread_mutex_lock(&pages->lock);
        void *block = book ? pages_book(pages, bytes, align) : pages_alloc_run(pages, bytes, zeroed);
        pthread_mutex_unlock(&pages->lock);
        if (block || book) return block;
    }
    return pages_alloc_large(pages, bytes, align, zeroed);
}

/* Before memory is refused, what is kept goes back. */
static void *pages_give(struct mk_alloc *pages, size_t bytes, size_t align, bool zeroed, bool own) {
    void *block = pages_try(pages, bytes, align, zeroed, own);
    if (!block && mk_pages_trim()) block = pages_try(pages, bytes, align, zeroed, own);
    return block;
}

/* LIN alloc: under the lock, or in the kernel. */
static void *pages_alloc(struct mk_alloc *pages, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    return pages_give(pages, bytes, align, false, false);
}

static void *pages_zalloc(struct mk_alloc *pages, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    return pages_give(pages, bytes, align, true, false);
}

/* LIN free: under the lock. */
static enum mk_status pages_free(struct mk_alloc *pages, struct mk_thread *me, void *block, size_t bytes,
                                 size_t align) {
    (void)me;
    if (pages_is_book(bytes, align)) return MK_HIT;
    pthread_mutex_lock(&pages->lock);
    struct region *region = pages_region(pages, block);
    if (region) {
        uint32_t from = (uint32_t)(((unsigned char *)block - region->base) / (ptrdiff_t)GRANULE_BYTES);
        pages_unuse(pages, region, from, pages_granules(bytes));
        pages_settle(pages, pages_now());
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
        if (from + wants > region->granules || pages_next(region, from + had, false) < from + wants) return false;
        pages_fit(pages, region, from + had - 1, GRANULE_PAGES);
        pages_use(pages, region, from + had, more, bytes - had * GRANULE_BYTES);
        return true;
    }
    if (wants < had) pages_unuse(pages, region, from + wants, had - wants);
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
        if (done && bytes < old_bytes) pages_settle(pages, pages_now());
        pthread_mutex_unlock(&pages->lock);
        if (done) return block;
        /* The system moves no pages that it has been told different things of. */
        void *there = region ? NULL : pages_resize_large(pages, block, old_bytes, bytes, align);
        if (there) return there;
    }
    void *moved = pages_give(pages, bytes, align, false, bytes >= MOVED_BYTES_MIN && bytes > old_bytes);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    pages_free(pages, me, block, old_bytes, old_align);
    return moved;
}

/* ---- figures ---- */

struct mk_pages_figures mk_pages_figures(void) {
    struct mk_pages_figures figures = pages_instance.figures;
    figures.kept = pages_instance.spare_bytes +
                   (pages_instance.dirty_pages + pages_instance.stale_pages) * PAGE_BYTES;
    return figures;
}

bool mk_pages_trim(void) {
    struct mk_alloc *pages = &pages_instance;
    pthread_mutex_lock(&pages->lock);
    bool any = pages->dirty_pages || pages->spare_bytes;
    pages_keep(pages, 0);
    while (pages->spare_bytes) pages_drop_spare(pages, pages_oldest_spare(pages));
    pthread_mutex_unlock(&pages->lock);
    return any;
}

/* Of no use alone: no glob takes it, and it is no general allocator. */
MK_ALLOC(pages, .summary = "runs of pages, from the system", .caps = MK_TEST_ONLY | MK_CONCURRENT | MK_GROWS,
         .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING}, .create = pages_create, .destroy = pages_destroy,
         .alloc = pages_alloc, .zalloc = pages_zalloc, .free = pages_free, .resize = pages_resize);
