/* heap.c - the checked heap: what has been handed out of an arena at a fixed address, to whom, and who may touch
 * it.
 *
 * Memory is handed out in ascending addresses, with a gap behind every chunk that nobody may touch, so that the
 * books are sorted as they are written and a schedule leaves nothing to clean up but them. Whether what was given
 * back is handed out again is a policy of the schedule: never, which shows every use after free (as the quarantine
 * of AddressSanitizer does, Serebryany et al., USENIX ATC 2012, for a while); at once, last in first out, which
 * shows ABA; or as the chooser likes.
 *
 * Chunks are found by a cache that is indexed by bits of the address; it is on the way of every access to the heap.
 * What a cache entry points at is the extent of some chunk, of which what it says is true at any time: an entry may
 * be of no use, but never wrong.
 */
#include "heap_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../record.h"
#include "libc.h"

#define BLOCKS_BYTES ((size_t)64 << 20) /* of a schedule, gaps included */
#define PAGES_BYTES ((size_t)1 << 30)
#define BREAK_BYTES ((size_t)64 << 20)
#define CHUNKS_MAX (1u << 18) /* of a schedule */
#define GAP_MIN 16u
#define GAP_MAX 1024u
#define GRAIN 16u          /* sizes are rounded up to multiples of it */
#define FINE_MAX 1024u     /* up to here there is a class for each multiple; beyond, four a power of two */
#define FINE_BITS 10
#define LOOK_AT_MAX 16u    /* chunks of a class that are looked at for one that is aligned well enough */
#define CANDIDATES 4u      /* of these, that the chooser is offered */
#define FILL_WHOLE_MAX 1024u /* larger blocks are filled at both ends alone */
#define FILL_LOW 256u
#define FILL_HIGH 64u
#define FRESH 0xa5
#define FREED 0xdd
#define GIVE_BACK_MIN ((size_t)256 << 10) /* zeroed by the kernel, which is faster from about here on */
#define HINTS 512u
#define HINT_SHIFT 5 /* of an address; blocks are no closer than 32 bytes */

struct mk_heap_region mk_heap_regions[MK_HEAP_REGIONS];

static struct mk_heap_extent nowhere;
static struct mk_heap_extent *hints[HINTS];
static size_t live_blocks;

/* ---- regions --------------------------------------------------------------------------------- */

static void forget_hints(void) {
    for (size_t i = 0; i < HINTS; i++) hints[i] = &nowhere;
}

/* The arena is divided evenly; what is beyond the limit of a region stays out of reach. */
static int open_region(enum mk_heap_region_kind kind, size_t bytes, const char **why) {
    struct mk_heap_region *region = &mk_heap_regions[kind];
    uintptr_t low = MK_HEAP_BASE + kind * (MK_HEAP_BYTES / MK_HEAP_REGIONS / MK_HEAP_PAGE * MK_HEAP_PAGE);
    if (mprotect((void *)low, bytes, PROT_READ | PROT_WRITE)) {
        *why = "no memory for the heap of a schedule";
        return -1;
    }
    /* The page at either end belongs to nobody. */
    region->base = region->next = region->dirty = low + MK_HEAP_PAGE;
    region->limit = low + bytes - MK_HEAP_PAGE;
    for (size_t i = 0; i < MK_HEAP_CLASSES; i++) region->freed[i] = MK_HEAP_NONE;
    return 0;
}

int mk_heap_open(const char **why) {
    static const size_t bytes[MK_HEAP_REGIONS] = {BLOCKS_BYTES, PAGES_BYTES, BREAK_BYTES};
    static bool open;
    void *wanted = (void *)MK_HEAP_BASE;
    if (open) return 0;
    void *got = mmap(wanted, MK_HEAP_BYTES, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != wanted) {
        if (got != MAP_FAILED) munmap(got, MK_HEAP_BYTES);
        *why = "the addresses that the heap of a schedule is kept at are taken";
        return -1;
    }
    for (int kind = 0; kind < MK_HEAP_REGIONS; kind++) {
        if (open_region((enum mk_heap_region_kind)kind, bytes[kind], why)) return -1;
    }
    forget_hints();
    open = true;
    return 0;
}

static void begin_region(struct mk_heap_region *region) {
    if (!region->n) return;
    for (uint32_t i = 0; i < region->n; i++) {
        region->extents[i].bytes = 0;
        region->freed[region->chunks[i].class] = MK_HEAP_NONE;
    }
    region->n = 0;
    region->next = region->base;
}

void mk_heap_begin(void) {
    for (int kind = 0; kind < MK_HEAP_REGIONS; kind++) begin_region(&mk_heap_regions[kind]);
    live_blocks = 0;
}

size_t mk_heap_live(void) {
    return live_blocks;
}

uintptr_t mk_heap_oldest(size_t *bytes) {
    const struct mk_heap_region *region = &mk_heap_regions[MK_HEAP_BLOCKS];
    const struct mk_heap_chunk *oldest = NULL;
    for (uint32_t i = 0; i < region->n; i++) {
        const struct mk_heap_chunk *chunk = &region->chunks[i];
        if (chunk->live && (!oldest || chunk->allocated.step < oldest->allocated.step)) oldest = chunk;
    }
    *bytes = oldest ? oldest->bytes : 0;
    return oldest ? oldest->low : 0;
}

/* ---- finding a chunk ------------------------------------------------------------------------- */

struct mk_heap_region *mk_heap_region_of(uintptr_t address) {
    for (int kind = MK_HEAP_REGIONS - 1; kind > 0; kind--) {
        if (address >= mk_heap_regions[kind].base - MK_HEAP_PAGE) return &mk_heap_regions[kind];
    }
    return &mk_heap_regions[0];
}

uint32_t mk_heap_chunks_up_to(const struct mk_heap_region *region, uintptr_t address) {
    uint32_t low = 0, n = region->n;
    while (n) {
        uint32_t half = n / 2;
        if (region->extents[low + half].low <= address) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low;
}

struct mk_heap_chunk *mk_heap_find(uintptr_t address, struct mk_heap_region **region) {
    *region = mk_heap_region_of(address);
    uint32_t n = mk_heap_chunks_up_to(*region, address);
    return n ? &(*region)->chunks[n - 1] : NULL;
}

size_t mk_heap_room(uintptr_t address) {
    struct mk_heap_region *region;
    if (!mk_heap_owns(address)) return SIZE_MAX;
    const struct mk_heap_chunk *chunk = mk_heap_find(address, &region);
    if (!chunk || !chunk->live || address - chunk->low >= chunk->bytes) return 0;
    return chunk->bytes - (address - chunk->low);
}

/* ---- what every access does ------------------------------------------------------------------ */

/* Not found by the cache. An access to pages may go on from one chunk to the next, where a mapping has been cut;
 * between all others there are gaps. */
__attribute__((noinline)) static void check_by_search(uintptr_t address, size_t bytes, bool write, uintptr_t pc) {
    uintptr_t at = address;
    size_t left = bytes;
    for (;;) {
        struct mk_heap_region *region;
        struct mk_heap_chunk *chunk = mk_heap_find(at, &region);
        if (!chunk) mk_heap_bad_touch(address, bytes, write, pc);
        struct mk_heap_extent *extent = &region->extents[chunk - region->chunks];
        if (at - extent->low >= extent->bytes) mk_heap_bad_touch(address, bytes, write, pc);
        size_t room = extent->bytes - (at - extent->low);
        if (at == address) hints[address >> HINT_SHIFT & (HINTS - 1)] = extent;
        if (left <= room) return;
        at += room;
        left -= room;
    }
}

void mk_heap_check_slow(uintptr_t address, size_t bytes, bool write, uintptr_t pc) {
    const struct mk_heap_extent *extent = hints[address >> HINT_SHIFT & (HINTS - 1)];
    uintptr_t offset = address - extent->low;
    if (MK_RT_LIKELY(offset < extent->bytes && bytes <= extent->bytes - offset)) return;
    if (bytes) check_by_search(address, bytes, write, pc);
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static bool make_room(struct mk_heap_region *region) {
    if (MK_RT_LIKELY(region->n < region->room)) return true;
    if (region->n >= CHUNKS_MAX) return false;
    region->room = region->room ? 2 * region->room : 256;
    region->extents = mk_need_more(region->extents, region->room, sizeof *region->extents);
    region->chunks = mk_need_more(region->chunks, region->room, sizeof *region->chunks);
    forget_hints();
    return true;
}

struct mk_heap_chunk *mk_heap_carve(struct mk_heap_region *region, size_t capacity, size_t gap, size_t align) {
    uintptr_t low = (region->next + align - 1) & ~(uintptr_t)(align - 1);
    if (low > region->limit || capacity > region->limit - low || gap > region->limit - low - capacity ||
        !make_room(region)) {
        mk_rt.limits++;
        return NULL;
    }
    struct mk_heap_chunk *chunk = &region->chunks[region->n];
    region->extents[region->n++] = (struct mk_heap_extent){low, 0};
    region->next = low + capacity + gap;
    chunk->low = low;
    chunk->capacity = capacity;
    chunk->class = 0;
    chunk->live = false;
    return chunk;
}

void mk_heap_resize(struct mk_heap_region *region, struct mk_heap_chunk *chunk, size_t bytes) {
    chunk->bytes = bytes;
    region->extents[chunk - region->chunks].bytes = bytes;
}

static void note(struct mk_heap_deed *deed, uintptr_t pc) {
    const struct mk_logical *now = mk_rt.now;
    uint32_t kept = now->depth < MK_RT_DEPTH ? now->depth : MK_RT_DEPTH;
    deed->thread = now->number;
    deed->step = (uint32_t)mk_rt.steps;
    deed->pc = pc;
    deed->frames = kept < MK_HEAP_FRAMES ? kept : MK_HEAP_FRAMES;
    for (uint32_t i = 0; i < deed->frames; i++) deed->frame[i] = now->stack[kept - 1 - i];
}

void mk_heap_hand_out(struct mk_heap_region *region, struct mk_heap_chunk *chunk, size_t bytes, uintptr_t pc) {
    mk_heap_resize(region, chunk, bytes);
    chunk->live = true;
    note(&chunk->allocated, pc);
    live_blocks += region == &mk_heap_regions[MK_HEAP_BLOCKS];
}

/* Chunks that are in lists of freed ones have moved up by one from there on. */
static void renumber(struct mk_heap_region *region, uint32_t from) {
    for (uint32_t i = 0; i < region->n; i++) {
        uint32_t *next = &region->chunks[i].next_free;
        if (!region->chunks[i].live && *next != MK_HEAP_NONE && *next >= from) ++*next;
    }
    for (uint32_t i = 0; i < MK_HEAP_CLASSES; i++) {
        if (region->freed[i] != MK_HEAP_NONE && region->freed[i] >= from) region->freed[i]++;
    }
}

void mk_heap_split(struct mk_heap_region *region, uintptr_t at) {
    uint32_t first = mk_heap_chunks_up_to(region, at) - 1;
    if (region->chunks[first].low == at) return;
    if (!make_room(region)) {
        mk_rt_fail(MK_FAIL_LIMIT, at, "a schedule has more than %u chunks of memory", CHUNKS_MAX);
    }
    uint32_t second = first + 1, behind = region->n - second;
    size_t offset = at - region->chunks[first].low, bytes = region->chunks[first].bytes;
    memmove(region->extents + second + 1, region->extents + second, behind * sizeof *region->extents);
    memmove(region->chunks + second + 1, region->chunks + second, behind * sizeof *region->chunks);
    region->n++;
    renumber(region, second);
    region->chunks[second] = region->chunks[first];
    region->chunks[second].low = region->extents[second].low = at;
    region->chunks[second].capacity -= offset;
    region->chunks[first].capacity = offset;
    mk_heap_resize(region, &region->chunks[first], bytes < offset ? bytes : offset);
    mk_heap_resize(region, &region->chunks[second], bytes < offset ? 0 : bytes - offset);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static uint32_t class_of(size_t bytes) {
    if (!bytes) return 0;
    if (bytes <= FINE_MAX) return (uint32_t)((bytes - 1) / GRAIN);
    unsigned octave = 63u - (unsigned)__builtin_clzll(bytes - 1);
    return FINE_MAX / GRAIN + (octave - FINE_BITS) * 4 + (uint32_t)((bytes - 1) >> (octave - 2) & 3);
}

static size_t capacity_of(uint32_t class) {
    if (class < FINE_MAX / GRAIN) return (class + 1) * (size_t)GRAIN;
    uint32_t beyond = class - FINE_MAX / GRAIN;
    return (size_t)(5 + beyond % 4) << (beyond / 4 + FINE_BITS - 2);
}

/* More room behind what is large, where an index is further off. */
static size_t gap_of(size_t bytes) {
    size_t gap = bytes / 8 / GRAIN * GRAIN;
    return gap < GAP_MIN ? GAP_MIN : gap > GAP_MAX ? GAP_MAX : gap;
}

/* ---- contents -------------------------------------------------------------------------------- */

void mk_heap_zero(uintptr_t address, size_t bytes) {
    uintptr_t low = (address + MK_HEAP_PAGE - 1) / MK_HEAP_PAGE * MK_HEAP_PAGE;
    uintptr_t high = (address + bytes) / MK_HEAP_PAGE * MK_HEAP_PAGE;
    if (bytes < GIVE_BACK_MIN || madvise((void *)low, high - low, MADV_DONTNEED)) {
        memset((void *)address, 0, bytes);
        return;
    }
    memset((void *)address, 0, low - address);
    memset((void *)high, 0, address + bytes - high);
}

/* So that values that come from there look wrong. */
static void fill(uintptr_t low, size_t bytes, int with) {
    if (bytes <= FILL_WHOLE_MAX) {
        memset((void *)low, with, bytes);
        return;
    }
    memset((void *)low, with, FILL_LOW);
    memset((void *)(low + bytes - FILL_HIGH), with, FILL_HIGH);
}

/* ---- handing out ----------------------------------------------------------------------------- */

bool mk_heap_refuses(void) {
    return mk_rt.refuse_one_in && mk_rt_choose(MK_CHOICE_REFUSE, 2) == 1;
}

/* Fills in which freed chunks would do, the last freed first; returns how many, `most` at most. */
static uint32_t find_freed(const struct mk_heap_region *region, uint32_t class, size_t bytes, size_t align,
                           uint32_t *found, uint32_t most) {
    uint32_t n = 0, looked_at = 0;
    for (uint32_t i = region->freed[class]; i != MK_HEAP_NONE && n < most && looked_at < LOOK_AT_MAX; looked_at++) {
        const struct mk_heap_chunk *chunk = &region->chunks[i];
        if (chunk->low % align == 0 && chunk->capacity >= bytes) found[n++] = i;
        i = chunk->next_free;
    }
    return n;
}

/* Returns a freed chunk that is handed out again, or MK_HEAP_NONE: none is. */
static uint32_t pick_freed(const struct mk_heap_region *region, uint32_t class, size_t bytes, size_t align) {
    uint32_t found[CANDIDATES];
    if (mk_rt.heap == MK_HEAP_QUARANTINE) return MK_HEAP_NONE;
    if (mk_rt.heap == MK_HEAP_LIFO) {
        return find_freed(region, class, bytes, align, found, 1) ? found[0] : MK_HEAP_NONE;
    }
    uint32_t n = find_freed(region, class, bytes, align, found, CANDIDATES);
    uint32_t choice = n ? mk_rt_choose(MK_CHOICE_BLOCK, n + 1) : 0;
    return choice ? found[choice - 1] : MK_HEAP_NONE;
}

static void unlink_freed(struct mk_heap_region *region, uint32_t class, uint32_t which) {
    uint32_t *at = &region->freed[class];
    while (*at != which) at = &region->chunks[*at].next_free;
    *at = region->chunks[which].next_free;
}

/* Returns a chunk that somebody had before, or NULL. Whoever freed it did so before (C11, 7.22.3). */
static struct mk_heap_chunk *take_freed(struct mk_heap_region *region, uint32_t class, size_t bytes, size_t align) {
    uint32_t which = pick_freed(region, class, bytes, align);
    if (which == MK_HEAP_NONE) return NULL;
    struct mk_heap_chunk *chunk = &region->chunks[which];
    unlink_freed(region, class, which);
    mk_rt_acquire(&chunk->given_back);
    mk_race_fresh(chunk->low, chunk->capacity);
    return chunk;
}

/* Up to where any schedule got, there may be something left over. */
static void set_contents(struct mk_heap_region *region, const struct mk_heap_chunk *chunk, bool zero) {
    uintptr_t end = chunk->low + chunk->bytes, left_over = end < region->dirty ? end : region->dirty;
    if (!zero) fill(chunk->low, chunk->bytes, FRESH);
    if (zero && left_over > chunk->low) mk_heap_zero(chunk->low, left_over - chunk->low);
    if (end > region->dirty) region->dirty = end;
}

static uintptr_t hand_out(struct mk_heap_region *region, size_t bytes, size_t align, bool zero, uintptr_t pc) {
    uint32_t class = class_of(bytes);
    bool pages = region == &mk_heap_regions[MK_HEAP_PAGES];
    struct mk_heap_chunk *chunk = take_freed(region, class, bytes, align);
    if (!chunk) {
        chunk = pages ? mk_heap_carve(region, bytes, MK_HEAP_PAGE, align)
                      : mk_heap_carve(region, capacity_of(class), gap_of(bytes), align);
        if (!chunk) return 0;
        chunk->class = class;
    }
    mk_heap_hand_out(region, chunk, bytes, pc);
    set_contents(region, chunk, zero);
    return chunk->low;
}

void mk_heap_tell(enum mk_act_kind act, const char *text, uintptr_t address, size_t bytes, uintptr_t pc) {
    if (MK_RT_LIKELY(!mk_rt.sink)) return;
    mk_rt_tell(&(struct mk_event_info){.thread = mk_rt.now->number, .step = (uint32_t)mk_rt.steps, .act = act,
                                       .bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes,
                                       .failed = !address, .address = address, .pc = pc, .text = text});
}

uintptr_t mk_heap_take(enum mk_heap_region_kind kind, size_t bytes, size_t align, bool zero, uintptr_t pc) {
    struct mk_heap_region *region = &mk_heap_regions[kind];
    uintptr_t low = 0;
    mk_rt_point(MK_ACT_ALLOC, 0, pc);
    if (!mk_heap_refuses()) {
        if (bytes <= region->limit - region->base) {
            low = hand_out(region, bytes, align, zero, pc);
        } else {
            mk_rt.limits += bytes <= PTRDIFF_MAX; /* nobody has more than that */
        }
    }
    mk_heap_tell(MK_ACT_ALLOC, kind == MK_HEAP_BLOCKS ? "malloc" : "mmap", low, bytes, pc);
    if (!low) errno = ENOMEM;
    return low;
}

/* ---- giving back ----------------------------------------------------------------------------- */

void mk_heap_give(struct mk_heap_region *region, struct mk_heap_chunk *chunk, uintptr_t pc) {
    uint32_t which = (uint32_t)(chunk - region->chunks);
    size_t bytes = chunk->bytes;
    if (bytes) mk_race_freed(chunk->low, bytes, pc);
    region->extents[which].bytes = 0;
    chunk->live = false;
    chunk->next_free = MK_HEAP_NONE;
    note(&chunk->freed, pc);
    if (mk_rt.heap != MK_HEAP_QUARANTINE) {
        chunk->class = class_of(chunk->capacity); /* pages may have been cut */
        memset(&chunk->given_back, 0, sizeof chunk->given_back);
        mk_rt_release(&chunk->given_back);
        chunk->next_free = region->freed[chunk->class];
        region->freed[chunk->class] = which;
    }
    fill(chunk->low, bytes, FREED);
    bool block = region == &mk_heap_regions[MK_HEAP_BLOCKS];
    live_blocks -= block;
    mk_heap_tell(MK_ACT_FREE, block ? "free" : "munmap", chunk->low, bytes, pc);
}
