/* alloc/thread_local - a general allocator: size classes, magazines and spans of a thread's own, frees of others'
 * blocks handed over in batches.
 *
 * Source:     after the C6 listing's idea, grown up. Magazines and a depot of half ones: Bonwick, Adams, Magazines and
 *             Vmem, USENIX 2001. Spans owned by a thread: Berger et al., Hoard, ASPLOS 2000. Batches of remote frees
 *             by owner: Lietar et al., snmalloc, ISMM 2019. Differs: bitmaps in place of lists through the blocks; what
 *             goes from thread to thread goes in bundles, which touch one block in many, and are read without
 *             following link after link; blocks below a cache line do not change hands for good.
 * Picture:    chunk, aligned to its size [ links, span headers, info[32] | unit 1 | unit 2 | ... | unit 31 ]
 *             span: 1 to 8 units with blocks of one class
 *             info: owner << 8 | class, of each unit;  owner 0: nobody's, id + 1: that thread's heap
 *             span header { used, words: bit w = free[w] is not 0, free[w]: bit b = block 64 w + b is free }
 *             heap of a thread  magazine[class] | n | block .. block |   the last one is the next to be handed out
 *                               partial[class] -> span <-> span    full -> span    empty[units] -> span
 *                               out[owner % 8] | n | block .. |    freed here, to be handed to that owner
 *                               posted -> letter -> letter         handed over by others;  inbox: taken from there
 *             for all           depot[class] | bundle .. bundle |  for any thread whose magazine is empty
 *             bundle: free blocks, of which the first names others, the second the next ones, ...;  letter: a bundle
 *                     that begins with [ next | n ]
 *             for all, locked:  open, closed, spare -> chunks      orphan[class] -> spans of threads that have left
 *                               large -> [ header | block ] <-> [ header | block ]
 * Parts:      none.
 * Progress:   alloc and free are wait-free while the magazine lasts; once in half a magazine they lock that class's
 *             depot or look at spans, once in many times the lock for all.
 * Ordering:   A. The info of a span changes while all of its blocks are free in it, and else its owner alone: by the
 *                owner (to 0, locked) or under the lock (from 0). A thread that finds itself there is the owner.
 *                Whoever finds another may be late: what is handed to a heap that does not own it any more goes on
 *                from there, and the lock settles the rest.
 *             B. A free by one thread happens-before the alloc by another that hands the block out again: through the
 *                depot's lock; or the owner's (7) has found it posted by (4); or through the lock.
 *             C. A heap is closed under the lock, by the thread that leaves, which then makes orphans of its spans
 *                before it unlocks. Who finds it closed locks, and so finds the spans' new owner, whose heap stays
 *                open until the lock is free.
 * Kept:       (8, 9) needed where an owner's id was first used after the block was handed over: all threads of the
 *             operations that are tried have entered before.
 * Memory:     16 B steps up to 128 B, then 8 classes a doubling: at most 12.5% over. Chunks of 128 KiB, 4 KiB of it
 *             headers; spans are 1 to 8 units of 4 KiB and leave over an eighth at most. Above 32 KiB:
 *             max(64 B, align) more, from the parent each, aligned as chunks are: the first unit of an aligned
 *             128 KiB is where large blocks begin, and no small one. 43 KiB an instance, 15 KiB a thread id that was
 *             ever used. A thread keeps at most 8 KiB a class in its magazine, or two blocks, below 8 KiB for each of
 *             8 others whose blocks it has freed, and 64 KiB of empty spans. Depots hold a sixteenth of all chunks, or
 *             64 KiB: one bundle a class at first, twice as many each time that one is empty that has refused some,
 *             and of those that nobody has needed for a while half goes back. One chunk in 8 may be empty. What is
 *             beyond goes back to its span, to its owner, to the chunk, and the chunk to the parent. flush gives all
 *             of this back.
 * Limits:     blocks that others free come back when their owner next runs out of that class, flushes or leaves: a
 *             thread that never allocates again keeps what others free of its own. A free block in a magazine or a
 *             depot keeps its span. Double and foreign frees pass unnoticed, but under AddressSanitizer. Calls
 *             without a thread lock each time.
 */
#include "../alloc.h"

#include <pthread.h>

#define TL_CLASSES MK_TUNE(72u, 24u)
#define TL_SMALL_MAX ((size_t)MK_TUNE(32768, 512)) /* what the last class holds */
#define TL_SMALL_ALIGN ((size_t)MK_TUNE(4096, 512))
#define TL_UNIT_BYTES ((size_t)MK_TUNE(4096, 1024))
#define TL_UNITS MK_TUNE(32u, 8u) /* of a chunk; the first one has its headers */
#define TL_CHUNK_BYTES (TL_UNITS * TL_UNIT_BYTES)
#define TL_SPAN_UNITS MK_TUNE(8u, 2u) /* at most */
#define TL_SPAN_BLOCKS MK_TUNE(256u, 2u) /* at most; so many of 16 bytes fit a unit */
#define TL_WORDS MK_TUNE(4, 1)
#define TL_ALL_FREE (UINT32_MAX >> (32 - TL_UNITS) & ~1u)
#define TL_LOOKS 4u /* at chunks that would do, for the best of them */
#define TL_MAGAZINE MK_TUNE(128u, 2u)
#define TL_MAGAZINE_BYTES 8192u
#define TL_MAGAZINE_MIN 2u
#define TL_MAGAZINE_BLOCK 4096u   /* spans of larger ones may have one alone */
#define TL_BATCH MK_TUNE(16u, 2u) /* frees that are handed over at once, or so many bytes */
#define TL_BATCH_BYTES 8192u
#define TL_OUTS MK_TUNE(8u, 1u)   /* owners that a thread gathers for */
#define TL_LETTERS MK_TUNE(16u, 1u) /* that are opened at once */
/* Blocks of 64 to 2048 bytes may change hands. Smaller ones go home to their owner, who has their neighbours as well, so
 * that no two threads write to one line for long; of larger ones each keeps 8 KiB and more from becoming free. */
#define TL_TRAVEL_FROM MK_TUNE(3u, 1u)
#define TL_TRAVEL_END MK_TUNE(40u, 24u)
#define TL_DEPOT_MIN 1u
#define TL_DEPOT MK_TUNE(64u, 2u) /* bundles of a class that are for any thread */
#define TL_TEND MK_TUNE(32u, 2u)  /* slow calls of a thread until it looks at another class's depot */
#define TL_DEPOT_PART 16u         /* of all chunks may be free blocks in depots, or so many bytes */
#define TL_DEPOT_BYTES MK_TUNE((size_t)65536, 256u)
#define TL_EMPTY_UNITS MK_TUNE(16u, 0u) /* of empty spans that a thread keeps */
#define TL_SPARE_PART MK_TUNE(8u, UINT32_MAX) /* of the chunks, one in so many may be kept empty */
#define TL_LARGE_BYTES 64u /* header of a large block, at least; it ends where the block begins */

struct tl_span {
    struct tl_span *next, *prev; /* on one list of its heap, on orphan[class], or on none */
    unsigned char *first;        /* its first block */
    uint16_t used;               /* blocks that are not free here: live, in magazines, or on their way */
    uint8_t class, units, words;
    uint64_t free[TL_WORDS];
} MK_ALIGNED(MK_CACHE_LINE);

/* In the first half of unit 0; the second half has room for the info of as many units as there are in a number of
 * chunks, and each chunk uses another part of it, so that those of many do not share a set of the cache. */
struct tl_chunk {
    struct tl_chunk *next, *prev;
    uint32_t free, frees;     /* units that nobody has: a bit each, and how many */
    uint8_t first[TL_UNITS];  /* of a unit: the first one of its span */
    struct tl_span span[TL_UNITS - 1]; /* by first unit, from 1 */
} MK_ALIGNED(MK_CACHE_LINE);
#define TL_INFOS (TL_UNIT_BYTES / 2 / sizeof(uint32_t))

MK_STATIC_ASSERT(sizeof(struct tl_chunk) <= TL_UNIT_BYTES / 2, "headers have to fit");
MK_STATIC_ASSERT(TL_WORDS * 64 * 16 >= TL_UNIT_BYTES, "a bit for each block");
MK_STATIC_ASSERT(TL_MAGAZINE_MIN >= 2 && TL_MAGAZINE >= TL_MAGAZINE_MIN, "half of a magazine is filled at once");

struct tl_large {
    struct tl_large *next, *prev;
    size_t bytes, offset; /* of all, and of the block in it: below TL_UNIT_BYTES, or whole chunks */
};
MK_STATIC_ASSERT(sizeof(struct tl_large) <= TL_LARGE_BYTES, "the header has to fit");

/* A bundle is free blocks that name each other: the first one as many of the others as there is room for in it, then
 * the second one the next, and so on. A letter is a bundle with this at the start of its first block. */
struct tl_letter {
    uintptr_t next_n; /* the next letter, and how many blocks it has beside the first */
};
#define TL_N ((uintptr_t)15)
#define TL_LETTER_WORDS (sizeof(struct tl_letter) / sizeof(void *))
MK_STATIC_ASSERT(TL_BATCH - 1 <= TL_N, "the low bits of a block's address have room for a number");

/* Bundles of half a magazine, the newest is the next to be taken. */
struct tl_depot {
    pthread_mutex_t lock;
    MK_ATOMIC(uint32_t) n, limit; /* changed under the lock */
    MK_ATOMIC(bool) refused;      /* one more, since it was last found empty */
    uint32_t least;               /* that there have been since tl_tend was here */
    void *bundle[TL_DEPOT];
} MK_ALIGNED(MK_CACHE_LINE);

/* Indices of the heap's slots. */
struct tl_magazine {
    uint32_t top;       /* behind the last block */
    uint16_t from, end;
};

struct tl_out {
    uint32_t owner, n, bytes;
    void *block[TL_BATCH];
};

struct tl_heap {
    /* the thread's own */
    uint32_t owner; /* id + 1 */
    uint32_t empty_units;
    struct tl_magazine magazine[TL_CLASSES];
    struct tl_span *partial[TL_CLASSES]; /* some blocks free, some not */
    struct tl_span *full, *empty[TL_SPAN_UNITS]; /* empty: by units - 1 */
    struct tl_out out[TL_OUTS];
    uint32_t slow; /* calls that the magazine was not enough for */
    struct tl_letter *inbox; /* taken from `posted`, and not yet looked at */
    MK_ATOMIC(uintptr_t) posted MK_ALIGNED(2 * MK_CACHE_LINE); /* letters of others, the newest first, or TL_CLOSED */
    unsigned char rest[2 * MK_CACHE_LINE - sizeof(uintptr_t)];
    void *slot[]; /* the thread's own: of all magazines, one behind the other */
};
#define TL_CLOSED ((uintptr_t)1)

struct tl_class {
    uint32_t bytes;
    uint32_t inverse; /* ceil(2^32 / bytes): division by multiplication, see tl_put */
    uint32_t cap;     /* of a magazine */
    uint32_t units;   /* of a span */
    uint32_t blocks;
};

struct mk_alloc {
    struct mk_mem *parent;
    uint32_t threads_max, slots; /* slots: of a heap */
    struct tl_class class[TL_CLASSES];
    struct tl_depot depot[TL_CLASSES];
    MK_ATOMIC(size_t) depot_bytes;                     /* of free blocks in depots */
    pthread_mutex_t lock MK_ALIGNED(MK_CACHE_LINE); /* of all below, but heap[] */
    struct tl_chunk *open[TL_SPAN_UNITS]; /* with some free units: by the most in a row - 1, as far as spans go */
    struct tl_chunk *closed, *spare;      /* with none, and with nothing else */
    uint32_t spares;
    MK_ATOMIC(size_t) chunk_bytes; /* of all chunks */
    struct tl_span *orphan[TL_CLASSES]; /* of nobody, some blocks free; those without are on no list */
    struct tl_large *large;
    uint64_t larges;
    MK_ATOMIC(struct tl_heap *) heap[]; /* by id; made when the id is first used, kept until destroy */
};

/* ---- sizes ---- */

/* Returns the class of 1 to TL_SMALL_MAX bytes. */
MK_INLINE uint32_t tl_class_of_bytes(size_t bytes) {
    uint64_t top = bytes - 1;
    unsigned bit = 63u ^ (unsigned)__builtin_clzll(top | 128);
    return 8 * (bit - 7) + (uint32_t)(top >> (bit - 3));
}

static uint32_t tl_bytes_of_class(uint32_t class) {
    return class < 16 ? 16 * (class + 1) : (class % 8 + 9) << (class / 8 + 3);
}

MK_INLINE size_t tl_round(size_t bytes, size_t align) {
    return (bytes + align - 1) & -align;
}

/* A class for rounded bytes is a multiple of the alignment: its step divides it, or is a multiple of it. */
MK_INLINE bool tl_is_small(size_t bytes, size_t align) {
    return bytes <= TL_SMALL_MAX && align <= TL_SMALL_ALIGN;
}

/* ---- from an address ---- */

MK_INLINE struct tl_chunk *tl_chunk_of(const void *at) {
    return (struct tl_chunk *)((uintptr_t)at & -(uintptr_t)TL_CHUNK_BYTES);
}

MK_INLINE uint32_t tl_unit_of(const void *at) {
    return (uint32_t)((uintptr_t)at / TL_UNIT_BYTES % TL_UNITS);
}

/* Colour and unit are neighbouring bits of the address. */
MK_INLINE MK_ATOMIC(uint32_t) *tl_info_at(const void *at) {
    uintptr_t infos = ((uintptr_t)at & -(uintptr_t)TL_CHUNK_BYTES) + TL_UNIT_BYTES / 2;
    return (MK_ATOMIC(uint32_t) *)infos + (uintptr_t)at / TL_UNIT_BYTES % TL_INFOS;
}

/* Returns owner and class of a small block, all that a free has to know; from its address alone. */
MK_INLINE uint32_t tl_info_of(const void *block) {
    /* (1) relaxed: that the block is live tells the class, and for the owner see A */
    return atomic_load_explicit(tl_info_at(block), memory_order_relaxed);
}

MK_INLINE uint32_t tl_owner(uint32_t info) {
    return info >> 8;
}

MK_INLINE uint32_t tl_class(uint32_t info) {
    return info & 0xff;
}

MK_INLINE struct tl_span *tl_span_of(const void *block) {
    struct tl_chunk *chunk = tl_chunk_of(block);
    return &chunk->span[chunk->first[tl_unit_of(block)] - 1];
}

static void tl_set_info(struct tl_span *span, uint32_t owner) {
    for (uint32_t u = 0; u < span->units; u++) {
        MK_ATOMIC(uint32_t) *info = tl_info_at(span->first + u * TL_UNIT_BYTES);
        /* (2) relaxed: see A */
        atomic_store_explicit(info, owner << 8 | span->class, memory_order_relaxed);
    }
}

/* ---- lists ---- */

static void tl_link(struct tl_span **list, struct tl_span *span) {
    span->prev = NULL;
    span->next = *list;
    if (span->next) span->next->prev = span;
    *list = span;
}

static void tl_unlink(struct tl_span **list, struct tl_span *span) {
    if (span->next) span->next->prev = span->prev;
    if (span->prev) {
        span->prev->next = span->next;
    } else {
        *list = span->next;
    }
}

/* ---- chunks: all of this under the lock ---- */

static struct tl_chunk **tl_list_of(struct mk_alloc *alloc, const struct tl_chunk *chunk) {
    uint32_t row = 0;
    if (!chunk->free) return &alloc->closed;
    if (chunk->free == TL_ALL_FREE) return &alloc->spare;
    for (uint32_t starts = chunk->free; starts && row < TL_SPAN_UNITS; starts &= starts >> 1) row++;
    return &alloc->open[row - 1];
}

static void tl_link_chunk(struct mk_alloc *alloc, struct tl_chunk *chunk) {
    struct tl_chunk **list = tl_list_of(alloc, chunk);
    chunk->prev = NULL;
    chunk->next = *list;
    if (chunk->next) chunk->next->prev = chunk;
    *list = chunk;
    alloc->spares += list == &alloc->spare;
}

static void tl_unlink_chunk(struct mk_alloc *alloc, struct tl_chunk *chunk) {
    struct tl_chunk **list = tl_list_of(alloc, chunk);
    if (chunk->next) chunk->next->prev = chunk->prev;
    if (chunk->prev) {
        chunk->prev->next = chunk->next;
    } else {
        *list = chunk->next;
    }
    alloc->spares -= list == &alloc->spare;
}

static void tl_drop_chunk(struct mk_alloc *alloc, struct mk_thread *me, struct tl_chunk *chunk) {
    MK_ASAN_UNPOISON(chunk, TL_CHUNK_BYTES);
    mk_mem_free(alloc->parent, me, chunk, TL_CHUNK_BYTES, TL_CHUNK_BYTES);
}

static size_t tl_chunk_bytes(const struct mk_alloc *alloc) {
    /* (23) relaxed: under the lock */
    return atomic_load_explicit(&alloc->chunk_bytes, memory_order_relaxed);
}

static void tl_count_chunks(struct mk_alloc *alloc, size_t more) {
    /* (24) relaxed: a hint to those who do not lock */
    atomic_store_explicit(&alloc->chunk_bytes, tl_chunk_bytes(alloc) + more, memory_order_relaxed);
}

static struct tl_chunk *tl_make_chunk(struct mk_alloc *alloc, struct mk_thread *me) {
    struct tl_chunk *chunk = mk_mem_alloc(alloc->parent, me, TL_CHUNK_BYTES, TL_CHUNK_BYTES);
    if (!chunk) return NULL;
    chunk->free = TL_ALL_FREE;
    chunk->frees = TL_UNITS - 1;
    MK_ASAN_POISON((unsigned char *)chunk + TL_UNIT_BYTES, TL_CHUNK_BYTES - TL_UNIT_BYTES);
    tl_link_chunk(alloc, chunk);
    tl_count_chunks(alloc, TL_CHUNK_BYTES);
    return chunk;
}

/* Gives back what is beyond `keep` chunks that nobody has anything of. */
static void tl_drop_spares(struct mk_alloc *alloc, struct mk_thread *me, uint32_t keep) {
    while (alloc->spares > keep) {
        struct tl_chunk *chunk = alloc->spare;
        tl_unlink_chunk(alloc, chunk);
        tl_drop_chunk(alloc, me, chunk);
        tl_count_chunks(alloc, -TL_CHUNK_BYTES);
    }
}

/* Returns where so many free units in a row begin, or 0. */
static uint32_t tl_run(const struct tl_chunk *chunk, uint32_t units) {
    uint32_t starts = chunk->free;
    for (uint32_t u = 1; u < units; u++) starts &= chunk->free >> u;
    return starts ? (uint32_t)__builtin_ctz(starts) : 0;
}

static uint32_t tl_bits(uint32_t from, uint32_t units) {
    return ((UINT32_C(1) << units) - 1) << from;
}

/* Returns an open chunk that has so many free units in a row, or NULL: of those with the shortest rows that will do,
 * and of the first of these, the one with the least free: others may then become empty. */
static struct tl_chunk *tl_fullest_chunk(const struct mk_alloc *alloc, uint32_t units) {
    uint32_t row = units - 1, looks = 0;
    while (row < TL_SPAN_UNITS && !alloc->open[row]) row++;
    if (row == TL_SPAN_UNITS) return NULL;
    struct tl_chunk *fullest = alloc->open[row];
    for (struct tl_chunk *chunk = fullest->next; chunk && looks < TL_LOOKS; chunk = chunk->next, looks++) {
        if (chunk->frees < fullest->frees) fullest = chunk;
    }
    return fullest;
}

/* Returns a span that has no class yet, or NULL. */
static struct tl_span *tl_take_span(struct mk_alloc *alloc, struct mk_thread *me, uint32_t units) {
    struct tl_chunk *chunk = tl_fullest_chunk(alloc, units);
    if (!chunk) chunk = alloc->spare ? alloc->spare : tl_make_chunk(alloc, me);
    if (!chunk) return NULL;
    uint32_t from = tl_run(chunk, units);
    tl_unlink_chunk(alloc, chunk);
    chunk->free &= ~tl_bits(from, units);
    chunk->frees -= units;
    tl_link_chunk(alloc, chunk);
    for (uint32_t u = from; u < from + units; u++) chunk->first[u] = (uint8_t)from;
    struct tl_span *span = &chunk->span[from - 1];
    span->first = (unsigned char *)chunk + from * TL_UNIT_BYTES;
    span->units = (uint8_t)units;
    span->used = 0;
    span->class = TL_CLASSES;
    return span;
}

static void tl_give_span(struct mk_alloc *alloc, struct mk_thread *me, struct tl_span *span) {
    struct tl_chunk *chunk = tl_chunk_of(span);
    tl_unlink_chunk(alloc, chunk);
    chunk->free |= tl_bits(tl_unit_of(span->first), span->units);
    chunk->frees += span->units;
    tl_link_chunk(alloc, chunk);
    tl_drop_spares(alloc, me, (uint32_t)(tl_chunk_bytes(alloc) / TL_CHUNK_BYTES / TL_SPARE_PART));
}

/* ---- spans ---- */

/* Makes an empty span one of that class and owner. */
static void tl_dress_span(struct mk_alloc *alloc, struct tl_span *span, uint32_t class, uint32_t owner) {
    if (span->class != class) {
        uint32_t blocks = alloc->class[class].blocks, words = (blocks + 63) / 64;
        span->class = (uint8_t)class;
        for (uint32_t w = 0; w < words; w++) span->free[w] = UINT64_MAX;
        if (blocks % 64) span->free[words - 1] >>= 64 - blocks % 64;
        span->words = (uint8_t)((1u << words) - 1);
    }
    tl_set_info(span, owner);
}

/* Takes up to `want` blocks out of a span, and writes them to `to`, the first one last. Returns how many. */
static uint32_t tl_take_blocks(struct tl_span *span, size_t bytes, void **to_end, uint32_t want) {
    uint32_t n = 0;
    while (n < want && span->words) {
        unsigned w = (unsigned)__builtin_ctz(span->words);
        uint64_t free = span->free[w];
        for (; n < want && free; free &= free - 1) {
            *--to_end = span->first + (64 * w + (unsigned)__builtin_ctzll(free)) * bytes;
            n++;
        }
        span->free[w] = free;
        if (!free) span->words &= (uint8_t)(span->words - 1);
    }
    span->used = (uint16_t)(span->used + n);
    return n;
}

/* Makes a block free again in its span. The index is exact: the inverse is too large by less than 1, so the quotient
 * by less than offset / 2^32, and that is below 1 / bytes. */
static void tl_free_in_span(const struct mk_alloc *alloc, struct tl_span *span, const void *block) {
    uint64_t offset = (uint64_t)((const unsigned char *)block - span->first);
    uint64_t i = (offset * alloc->class[span->class].inverse) >> 32;
    span->free[i / 64] |= UINT64_C(1) << i % 64;
    span->words |= (uint8_t)(1u << i / 64);
    span->used--;
}

/* The first of n blocks, and those right behind it that lie in the same unit, go into their span, which is this
 * heap's. Returns how many these are. */
static uint32_t tl_put(struct mk_alloc *alloc, struct tl_heap *heap, void *const *block, uint32_t n) {
    struct tl_span *span = tl_span_of(block[0]);
    uintptr_t unit = (uintptr_t)block[0] / TL_UNIT_BYTES;
    uint32_t run = 0;
    if (!span->words) {
        tl_unlink(&heap->full, span);
        tl_link(&heap->partial[span->class], span);
    }
    do {
        tl_free_in_span(alloc, span, block[run++]);
    } while (run < n && (uintptr_t)block[run] / TL_UNIT_BYTES == unit);
    if (span->used) return run;
    tl_unlink(&heap->partial[span->class], span);
    tl_link(&heap->empty[span->units - 1], span);
    heap->empty_units += span->units;
    return run;
}

static void tl_unlink_empty(struct tl_heap *heap, struct tl_span *span) {
    tl_unlink(&heap->empty[span->units - 1], span);
    heap->empty_units -= span->units;
}

/* The same for a span of nobody, under the lock. */
static void tl_put_orphan(struct mk_alloc *alloc, struct mk_thread *me, const void *block) {
    struct tl_span *span = tl_span_of(block);
    if (!span->words) tl_link(&alloc->orphan[span->class], span);
    tl_free_in_span(alloc, span, block);
    if (span->used) return;
    tl_unlink(&alloc->orphan[span->class], span);
    tl_give_span(alloc, me, span);
}

/* Gives back empty spans, the longest first, until no more than `keep` units of them are left. */
static void tl_trim(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me, uint32_t keep) {
    if (heap->empty_units <= keep) return;
    pthread_mutex_lock(&alloc->lock);
    for (uint32_t i = TL_SPAN_UNITS; heap->empty_units > keep;) {
        struct tl_span *span = heap->empty[i - 1];
        if (span) {
            tl_unlink_empty(heap, span);
            tl_give_span(alloc, me, span);
        } else {
            i--;
        }
    }
    pthread_mutex_unlock(&alloc->lock);
}

/* Returns a span with free blocks of that class, on the partial list: one that was kept empty, one that a thread has
 * left behind, or a new one; or NULL. */
static struct tl_span *tl_find_span(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me,
                                    uint32_t class) {
    uint32_t units = alloc->class[class].units;
    struct tl_span *span = heap->empty[units - 1];
    if (span) {
        tl_unlink_empty(heap, span);
    } else {
        pthread_mutex_lock(&alloc->lock);
        span = alloc->orphan[class];
        if (span) {
            tl_unlink(&alloc->orphan[class], span);
            tl_set_info(span, heap->owner);
        } else {
            span = tl_take_span(alloc, me, units);
        }
        pthread_mutex_unlock(&alloc->lock);
        if (!span) return NULL;
    }
    if (!span->used) tl_dress_span(alloc, span, class, heap->owner);
    tl_link(&heap->partial[class], span);
    return span;
}

/* ---- blocks on their way to their owner ---- */

MK_INLINE uint32_t tl_room(const struct mk_alloc *alloc, const void *block) {
    return alloc->class[tl_class(tl_info_of(block))].bytes / (uint32_t)sizeof(void *);
}

/* Makes a bundle of n blocks, which leaves the first `skip` words of the first one free. */
static void tl_bundle(const struct mk_alloc *alloc, void *const *block, uint32_t n, uint32_t skip) {
    for (uint32_t i = 0, named = 1; named < n; i++, skip = 0) {
        uint32_t more = tl_room(alloc, block[i]) - skip;
        if (more > n - named) more = n - named;
        void **to = (void **)block[i] + skip;
        MK_ASAN_UNPOISON(to, more * sizeof *to);
        memcpy(to, block + named, more * sizeof *to);
        MK_ASAN_POISON(to, more * sizeof *to);
        named += more;
    }
}

/* Undoes that: block[0] is there, the others are filled in. Those that name others are on their way while the first
 * ones are read. */
static void tl_unbundle(const struct mk_alloc *alloc, void **block, uint32_t n, uint32_t skip) {
    for (uint32_t i = 0, named = 1; named < n; i++, skip = 0) {
        uint32_t room = tl_room(alloc, block[i]), more = room - skip;
        if (more > n - named) more = n - named;
        void *const *from = (void *const *)block[i] + skip;
        MK_ASAN_UNPOISON(from, more * sizeof *from);
        memcpy(block + named, from, more * sizeof *from);
        MK_ASAN_POISON(from, more * sizeof *from);
        for (uint32_t j = named; j < named + more && j * room + 1 < n; j++) __builtin_prefetch(block[j], 1);
        named += more;
    }
}

static void tl_address(struct tl_letter *letter, uintptr_t next, uint32_t n) {
    MK_ASAN_UNPOISON(letter, sizeof *letter);
    letter->next_n = next | (n - 1);
    MK_ASAN_POISON(letter, sizeof *letter);
}

/* Returns how many blocks the letter has, which are written to `to`; and the next letter. */
static uint32_t tl_read(const struct mk_alloc *alloc, struct tl_letter *letter, struct tl_letter **next,
                        void *to[TL_BATCH]) {
    MK_ASAN_UNPOISON(letter, sizeof *letter);
    uint32_t n = (letter->next_n & TL_N) + 1;
    *next = (struct tl_letter *)(letter->next_n & ~TL_N);
    MK_ASAN_POISON(letter, sizeof *letter);
    to[0] = letter;
    tl_unbundle(alloc, to, n, TL_LETTER_WORDS);
    return n;
}

/* Hands n > 0 blocks over to a heap. Returns false if it is closed: they are still the caller's. */
static bool tl_post(const struct mk_alloc *alloc, struct tl_heap *heap, void *const *block, uint32_t n) {
    struct tl_letter *letter = block[0];
    tl_bundle(alloc, block, n, TL_LETTER_WORDS);
    /* (5) relaxed: what counts is that it is the one that the CAS finds */
    uintptr_t posted = atomic_load_explicit(&heap->posted, memory_order_relaxed);
    do {
        if (posted & TL_CLOSED) return false;
        tl_address(letter, posted, n);
        /* (4) release-CAS synchronizes-with the acquire-exchange (7): what was done to the blocks, and to their spans
         * before they were its. Relaxed where it fails, as (5) */
    } while (!atomic_compare_exchange_weak_explicit(&heap->posted, &posted, (uintptr_t)letter, memory_order_release,
                                                    memory_order_relaxed));
    return true;
}

/* Under the lock. The heap of an owner is open: it is closed under the lock, and has no spans from then on. */
static void tl_deliver(struct mk_alloc *alloc, struct mk_thread *me, void *block) {
    uint32_t owner = tl_owner(tl_info_of(block));
    if (!owner) {
        tl_put_orphan(alloc, me, block);
        return;
    }
    /* (3) relaxed: its owner has spans and was made by a thread that has had the lock */
    tl_post(alloc, atomic_load_explicit(&alloc->heap[owner - 1], memory_order_relaxed), &block, 1);
}

/* Hands over what is gathered. */
static MK_NOINLINE void tl_hand_over(struct mk_alloc *alloc, struct mk_thread *me, struct tl_out *out) {
    uint32_t n = out->n;
    out->n = out->bytes = 0;
    if (out->owner) {
        /* (8) acquire-load synchronizes-with the release-store (9): the heap is whole */
        struct tl_heap *heap = atomic_load_explicit(&alloc->heap[out->owner - 1], memory_order_acquire);
        if (tl_post(alloc, heap, out->block, n)) return;
    }
    pthread_mutex_lock(&alloc->lock);
    for (uint32_t i = 0; i < n; i++) tl_deliver(alloc, me, out->block[i]);
    pthread_mutex_unlock(&alloc->lock);
}

/* Gathers a block for its owner. */
static MK_NOINLINE void tl_send(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me, void *block,
                                uint32_t info) {
    uint32_t owner = tl_owner(info);
    struct tl_out *out = &heap->out[owner % TL_OUTS];
    if (out->owner != owner) {
        if (out->n) tl_hand_over(alloc, me, out);
        out->owner = owner;
    }
    out->block[out->n++] = block;
    out->bytes += alloc->class[tl_class(info)].bytes;
    if (out->n == TL_BATCH || out->bytes >= TL_BATCH_BYTES) tl_hand_over(alloc, me, out);
}

/* n blocks leave this thread: into their spans, or to their owners. */
static void tl_return(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me, void *const *block,
                      uint32_t n) {
    for (uint32_t i = 0; i < n;) {
        uint32_t info = tl_info_of(block[i]);
        if (tl_owner(info) == heap->owner) {
            i += tl_put(alloc, heap, block + i, n - i);
        } else {
            tl_send(alloc, heap, me, block[i++], info);
        }
    }
}

/* A block out of a letter. */
static void tl_come_home(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me, void *block) {
    uint32_t info = tl_info_of(block);
    struct tl_magazine *magazine = &heap->magazine[tl_class(info)];
    if (MK_LIKELY(tl_owner(info) == heap->owner && magazine->top < magazine->end)) {
        heap->slot[magazine->top++] = block;
    } else {
        tl_return(alloc, heap, me, &block, 1);
    }
}

/* Takes all that is posted to this thread's heap. Returns the newest letter, or NULL. */
static struct tl_letter *tl_take_posted(struct tl_heap *heap, uintptr_t leave) {
    /* (7) acquire-exchange synchronizes-with the release-CAS (4): what was done to the blocks */
    uintptr_t posted = atomic_exchange_explicit(&heap->posted, leave, memory_order_acquire);
    return (struct tl_letter *)posted;
}

/* Returns whether there was another letter; its blocks have come home. */
static bool tl_open_letter(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me) {
    struct tl_letter *letter = heap->inbox;
    void *block[TL_BATCH];
    if (!letter) {
        /* (6) relaxed: a hint; what it shows is read after (7) */
        if (!atomic_load_explicit(&heap->posted, memory_order_relaxed)) return false;
        letter = tl_take_posted(heap, 0);
    }
    uint32_t n = tl_read(alloc, letter, &heap->inbox, block);
    if (heap->inbox) __builtin_prefetch(heap->inbox, 1);
    while (n) tl_come_home(alloc, heap, me, block[--n]);
    return true;
}

/* Takes back what others have freed, until the class has enough, or for long enough. */
static void tl_collect(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me, uint32_t class) {
    struct tl_magazine *magazine = &heap->magazine[class];
    uint32_t letters = 0;
    while (magazine->top < magazine->end && letters < TL_LETTERS && tl_open_letter(alloc, heap, me)) letters++;
}

/* ---- the depot ---- */

/* Of a depot's n or limit. */
static uint32_t tl_load(MK_ATOMIC(uint32_t) *at) {
    /* (20) relaxed: under the lock, or a hint that is looked at again under it */
    return atomic_load_explicit(at, memory_order_relaxed);
}

static void tl_store(MK_ATOMIC(uint32_t) *at, uint32_t value) {
    /* (21) relaxed: under the lock */
    atomic_store_explicit(at, value, memory_order_relaxed);
}

static bool tl_is_refused(struct tl_depot *depot) {
    /* (22) relaxed: a hint */
    return atomic_load_explicit(&depot->refused, memory_order_relaxed);
}

MK_INLINE bool tl_travels(uint32_t class) {
    return class - TL_TRAVEL_FROM < TL_TRAVEL_END - TL_TRAVEL_FROM;
}

static uint32_t tl_batch(const struct tl_class *class) {
    return (class->cap + 1) / 2;
}

static size_t tl_batch_bytes(const struct tl_class *class) {
    return (size_t)tl_batch(class) * class->bytes;
}

static void tl_unreserve(struct mk_alloc *alloc, size_t bytes) {
    /* (17) relaxed: a count */
    atomic_fetch_sub_explicit(&alloc->depot_bytes, bytes, memory_order_relaxed);
}

/* Returns whether so many bytes more are not too many for all depots, and counts them. */
static bool tl_reserve(struct mk_alloc *alloc, size_t bytes) {
    /* (15) relaxed: a bound, which is near enough */
    size_t most = atomic_load_explicit(&alloc->chunk_bytes, memory_order_relaxed) / TL_DEPOT_PART;
    if (most < TL_DEPOT_BYTES) most = TL_DEPOT_BYTES;
    /* (16) relaxed: a count */
    if (atomic_fetch_add_explicit(&alloc->depot_bytes, bytes, memory_order_relaxed) + bytes <= most) return true;
    tl_unreserve(alloc, bytes);
    return false;
}

/* Returns whether there was room for another half magazine of the class. */
static bool tl_deposit(struct mk_alloc *alloc, uint32_t class, void *const *block) {
    struct tl_depot *depot = &alloc->depot[class];
    size_t bytes = tl_batch_bytes(&alloc->class[class]);
    if (tl_load(&depot->n) >= tl_load(&depot->limit)) {
        /* (18) relaxed: a hint to who finds it empty */
        if (!tl_is_refused(depot)) atomic_store_explicit(&depot->refused, true, memory_order_relaxed);
        return false;
    }
    if (!tl_reserve(alloc, bytes)) return false;
    tl_bundle(alloc, block, tl_batch(&alloc->class[class]), 0);
    pthread_mutex_lock(&depot->lock);
    uint32_t n = tl_load(&depot->n);
    bool room = n < tl_load(&depot->limit);
    if (room) {
        depot->bundle[n] = block[0];
        tl_store(&depot->n, n + 1);
    }
    pthread_mutex_unlock(&depot->lock);
    if (!room) tl_unreserve(alloc, bytes);
    return room;
}

/* Returns the newest bundle of the class, or NULL. */
static void *tl_withdraw(struct mk_alloc *alloc, uint32_t class) {
    struct tl_depot *depot = &alloc->depot[class];
    void *first = NULL;
    if (!tl_load(&depot->n) && !tl_is_refused(depot)) return NULL;
    pthread_mutex_lock(&depot->lock);
    uint32_t n = tl_load(&depot->n);
    if (n) {
        first = depot->bundle[--n];
        tl_store(&depot->n, n);
    } else if (tl_is_refused(depot)) {
        uint32_t limit = 2 * tl_load(&depot->limit);
        tl_store(&depot->limit, limit < TL_DEPOT ? limit : TL_DEPOT);
        /* (19) relaxed: under the lock, or a hint that comes again */
        atomic_store_explicit(&depot->refused, false, memory_order_relaxed);
    }
    if (n < depot->least) depot->least = n;
    pthread_mutex_unlock(&depot->lock);
    if (first) tl_unreserve(alloc, tl_batch_bytes(&alloc->class[class]));
    return first;
}

/* Fills the empty magazine by half from the depot. */
static void tl_draw(struct mk_alloc *alloc, struct tl_heap *heap, uint32_t class) {
    struct tl_magazine *magazine = &heap->magazine[class];
    uint32_t n = tl_batch(&alloc->class[class]);
    void **slot = heap->slot + magazine->from;
    void *first = tl_withdraw(alloc, class);
    if (!first) return;
    slot[0] = first;
    tl_unbundle(alloc, slot, n, 0);
    magazine->top = magazine->from + n;
}

/* Gives back up to so many bundles of the class. To find the depot empty then is no sign that it is too small. */
static void tl_clear(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me, uint32_t class,
                     uint32_t bundles) {
    void *block[(TL_MAGAZINE + 1) / 2];
    for (; bundles && tl_load(&alloc->depot[class].n) && (block[0] = tl_withdraw(alloc, class)); bundles--) {
        uint32_t n = tl_batch(&alloc->class[class]);
        tl_unbundle(alloc, block, n, 0);
        tl_return(alloc, heap, me, block, n);
    }
}

/* Gives back half of what nobody has needed of a class's depot since the last time. */
static void tl_thin(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me, uint32_t class) {
    struct tl_depot *depot = &alloc->depot[class];
    if (!tl_load(&depot->n)) return;
    pthread_mutex_lock(&depot->lock);
    uint32_t n = tl_load(&depot->n), idle = depot->least < n ? depot->least : n, limit = tl_load(&depot->limit);
    depot->least = n;
    if (idle) tl_store(&depot->limit, limit > 2 * TL_DEPOT_MIN ? limit / 2 : TL_DEPOT_MIN);
    pthread_mutex_unlock(&depot->lock);
    tl_clear(alloc, heap, me, class, (idle + 1) / 2);
}

/* Now and then looks at a depot, another one each time. */
static void tl_tend(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me) {
    if (++heap->slow % TL_TEND) return;
    tl_thin(alloc, heap, me, TL_TRAVEL_FROM + heap->slow / TL_TEND % (TL_TRAVEL_END - TL_TRAVEL_FROM));
}

/* ---- the paths beside the fast ones ---- */

/* Fills the empty magazine by half, lower addresses to be handed out first. */
static void tl_fill(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me, uint32_t class) {
    struct tl_magazine *magazine = &heap->magazine[class];
    void **slot = heap->slot + magazine->from;
    uint32_t want = (magazine->end - magazine->from) / 2u, left = want;
    size_t bytes = alloc->class[class].bytes;
    while (left) {
        struct tl_span *span = heap->partial[class];
        if (!span && left < want) break;
        if (!span) span = tl_find_span(alloc, heap, me, class);
        if (!span) return;
        left -= tl_take_blocks(span, bytes, slot + left, left);
        if (!span->words) {
            tl_unlink(&heap->partial[class], span);
            tl_link(&heap->full, span);
        }
    }
    magazine->top = magazine->from + want - left;
    if (left) memmove(slot, slot + left, (want - left) * sizeof *slot);
}

static MK_NOINLINE void *tl_refill(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me,
                                   uint32_t class) {
    struct tl_magazine *magazine = &heap->magazine[class];
    tl_collect(alloc, heap, me, class);
    if (magazine->top == magazine->from) tl_draw(alloc, heap, class);
    if (magazine->top == magazine->from) tl_fill(alloc, heap, me, class);
    tl_tend(alloc, heap, me);
    tl_trim(alloc, heap, me, TL_EMPTY_UNITS);
    return magazine->top > magazine->from ? heap->slot[--magazine->top] : NULL;
}

/* Frees a block for which the magazine has no room, and half of what is in there, what was freed first. */
static MK_NOINLINE void tl_spill(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me, uint32_t class,
                                 void *block) {
    struct tl_magazine *magazine = &heap->magazine[class];
    void **slot = heap->slot + magazine->from;
    uint32_t full = magazine->end - magazine->from, n = tl_batch(&alloc->class[class]);
    if (!tl_travels(class) || !tl_deposit(alloc, class, slot)) tl_return(alloc, heap, me, slot, n);
    memmove(slot, slot + n, (full - n) * sizeof *slot);
    magazine->top -= n;
    heap->slot[magazine->top++] = block;
    tl_tend(alloc, heap, me);
    tl_trim(alloc, heap, me, TL_EMPTY_UNITS);
}

/* Without a thread: a block of a span of nobody, or NULL. */
static void *tl_alloc_alone(struct mk_alloc *alloc, uint32_t class) {
    void *block = NULL;
    pthread_mutex_lock(&alloc->lock);
    struct tl_span *span = alloc->orphan[class];
    if (!span && (span = tl_take_span(alloc, NULL, alloc->class[class].units))) {
        tl_dress_span(alloc, span, class, 0);
        tl_link(&alloc->orphan[class], span);
    }
    if (span) tl_take_blocks(span, alloc->class[class].bytes, &block + 1, 1);
    if (span && !span->words) tl_unlink(&alloc->orphan[class], span);
    pthread_mutex_unlock(&alloc->lock);
    return block;
}

static void tl_free_alone(struct mk_alloc *alloc, void *block) {
    pthread_mutex_lock(&alloc->lock);
    tl_deliver(alloc, NULL, block);
    pthread_mutex_unlock(&alloc->lock);
}

/* ---- large blocks ---- */

static struct tl_large *tl_large_of(const void *block) {
    return (struct tl_large *)block - 1;
}

/* Tells by the address: small blocks lie in no first unit. */
MK_INLINE bool tl_is_large(const void *block) {
    return !tl_unit_of(block);
}

static size_t tl_large_offset(size_t align) {
    if (align >= TL_UNIT_BYTES) return align > TL_CHUNK_BYTES ? align : TL_CHUNK_BYTES;
    return align > TL_LARGE_BYTES ? align : TL_LARGE_BYTES;
}

/* What the parent is asked for. */
static size_t tl_large_align(size_t offset) {
    return offset > TL_CHUNK_BYTES ? offset : TL_CHUNK_BYTES;
}

static void tl_link_large(struct mk_alloc *alloc, struct tl_large *large) {
    pthread_mutex_lock(&alloc->lock);
    large->prev = NULL;
    large->next = alloc->large;
    if (large->next) large->next->prev = large;
    alloc->large = large;
    alloc->larges++;
    pthread_mutex_unlock(&alloc->lock);
}

static void tl_unlink_large(struct mk_alloc *alloc, struct tl_large *large) {
    pthread_mutex_lock(&alloc->lock);
    if (large->next) large->next->prev = large->prev;
    if (large->prev) {
        large->prev->next = large->next;
    } else {
        alloc->large = large->next;
    }
    alloc->larges--;
    pthread_mutex_unlock(&alloc->lock);
}

static void *tl_alloc_large(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align, bool zeroed) {
    size_t offset = tl_large_offset(align), base_align = tl_large_align(offset);
    if (bytes > SIZE_MAX / 2 || offset > SIZE_MAX / 4) return NULL;
    unsigned char *base = zeroed ? mk_mem_zalloc(alloc->parent, me, offset + bytes, base_align)
                                 : mk_mem_alloc(alloc->parent, me, offset + bytes, base_align);
    if (!base) return NULL;
    struct tl_large *large = tl_large_of(base + offset);
    large->bytes = offset + bytes;
    large->offset = offset;
    tl_link_large(alloc, large);
    return base + offset;
}

static void tl_drop_large(struct mk_alloc *alloc, struct mk_thread *me, struct tl_large *large) {
    unsigned char *base = (unsigned char *)(large + 1) - large->offset;
    mk_mem_free(alloc->parent, me, base, large->bytes, tl_large_align(large->offset));
}

static void tl_free_large(struct mk_alloc *alloc, struct mk_thread *me, void *block) {
    struct tl_large *large = tl_large_of(block);
    tl_unlink_large(alloc, large);
    tl_drop_large(alloc, me, large);
}

/* In place wherever the parent can. */
static void *tl_resize_large(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes) {
    struct tl_large *large = tl_large_of(block);
    size_t offset = large->offset, align = tl_large_align(offset), old_bytes = large->bytes;
    if (bytes > SIZE_MAX / 2) return NULL;
    unsigned char *base = (unsigned char *)block - offset;
    tl_unlink_large(alloc, large);
    unsigned char *moved = mk_mem_resize(alloc->parent, me, base, old_bytes, align, offset + bytes, align);
    large = tl_large_of((moved ? moved : base) + offset);
    large->bytes = moved ? offset + bytes : old_bytes;
    tl_link_large(alloc, large);
    return moved ? moved + offset : NULL;
}

/* ---- the allocator ---- */

MK_INLINE struct tl_heap *tl_heap_of(struct mk_alloc *alloc, const struct mk_thread *me) {
    /* (10) relaxed: made by this thread, or by an earlier one of its id */
    return atomic_load_explicit(&alloc->heap[me->id], memory_order_relaxed);
}

/* Returns whether a free block goes into this thread's magazine. */
MK_INLINE bool tl_keeps(const struct tl_heap *heap, uint32_t info) {
    return MK_LIKELY(tl_owner(info) == heap->owner) || (tl_travels(tl_class(info)) && tl_owner(info));
}

/* A small block of that class, or NULL. */
MK_INLINE void *tl_alloc_class(struct mk_alloc *alloc, struct mk_thread *me, uint32_t class) {
    if (MK_UNLIKELY(!me)) return tl_alloc_alone(alloc, class);
    struct tl_heap *heap = tl_heap_of(alloc, me);
    struct tl_magazine *magazine = &heap->magazine[class];
    uint32_t top = magazine->top;
    if (MK_UNLIKELY(top == magazine->from)) return tl_refill(alloc, heap, me, class);
    magazine->top = --top;
    return heap->slot[top];
}

/* Aligned by more than all blocks are, or large. */
static MK_NOINLINE void *tl_alloc_rare(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    if (!tl_is_small(bytes, align)) return tl_alloc_large(alloc, me, bytes, align, false);
    uint32_t class = tl_class_of_bytes(tl_round(bytes, align));
    void *block = tl_alloc_class(alloc, me, class);
    if (block) mk_block_lent(block, bytes, alloc->class[class].bytes);
    return block;
}

/* LIN alloc: none of its own: the block is its thread's, or comes to it at (7) or under a lock. */
static inline void *tl_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    if (MK_UNLIKELY(bytes > TL_SMALL_MAX || align > 16)) return tl_alloc_rare(alloc, me, bytes, align);
    uint32_t class = tl_class_of_bytes(bytes);
    void *block = tl_alloc_class(alloc, me, class);
    if (MK_LIKELY(block != NULL)) mk_block_lent(block, bytes, alloc->class[class].bytes);
    return block;
}

static void *tl_zalloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    if (!tl_is_small(bytes, align)) return tl_alloc_large(alloc, me, bytes, align, true);
    void *block = tl_alloc(alloc, me, bytes, align);
    if (block) memset(block, 0, bytes);
    return block;
}

/* LIN free: none of its own for what the thread keeps; at (4) or under a lock for what others get. */
static inline enum mk_status tl_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                     size_t align) {
    if (MK_UNLIKELY(!tl_is_small(bytes, align))) {
        tl_free_large(alloc, me, block);
        return MK_HIT;
    }
    uint32_t info = tl_info_of(block), class = tl_class(info);
    mk_block_returned(block, alloc->class[class].bytes);
    if (MK_UNLIKELY(!me)) {
        tl_free_alone(alloc, block);
        return MK_HIT;
    }
    struct tl_heap *heap = tl_heap_of(alloc, me);
    if (MK_UNLIKELY(!tl_keeps(heap, info))) {
        tl_send(alloc, heap, me, block, info);
        return MK_HIT;
    }
    struct tl_magazine *magazine = &heap->magazine[class];
    uint32_t top = magazine->top;
    if (MK_UNLIKELY(top == magazine->end)) {
        tl_spill(alloc, heap, me, class, block);
        return MK_HIT;
    }
    magazine->top = top + 1;
    heap->slot[top] = block;
    return MK_HIT;
}

/* Stays where it is while the class remains. */
static void *tl_resize(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t old_bytes,
                       size_t old_align, size_t bytes, size_t align) {
    bool small = tl_is_small(bytes, align), was_small = tl_is_small(old_bytes, old_align);
    if (small && was_small && tl_class_of_bytes(tl_round(bytes, align)) == tl_class(tl_info_of(block))) {
        mk_block_lent(block, bytes, alloc->class[tl_class(tl_info_of(block))].bytes);
        return block;
    }
    if (!small && !was_small && align <= tl_large_of(block)->offset) {
        return tl_resize_large(alloc, me, block, bytes);
    }
    void *moved = tl_alloc(alloc, me, bytes, align);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    tl_free(alloc, me, block, old_bytes, old_align);
    return moved;
}

/* ---- threads ---- */

static size_t tl_heap_bytes(const struct mk_alloc *alloc) {
    return sizeof(struct tl_heap) + alloc->slots * sizeof(void *);
}

static struct tl_heap *tl_make_heap(struct mk_alloc *alloc, struct mk_thread *me) {
    struct tl_heap *heap = mk_mem_zalloc(alloc->parent, me, tl_heap_bytes(alloc), _Alignof(struct tl_heap));
    if (!heap) return NULL;
    heap->owner = me->id + 1;
    for (uint32_t c = 0, slot = 0; c < TL_CLASSES; c++) {
        heap->magazine[c].top = heap->magazine[c].from = (uint16_t)slot;
        heap->magazine[c].end = (uint16_t)(slot += alloc->class[c].cap);
    }
    /* (9) release-store synchronizes-with the acquire-load (8): what is in the heap */
    atomic_store_explicit(&alloc->heap[me->id], heap, memory_order_release);
    return heap;
}

static int tl_thread_enter(struct mk_alloc *alloc, struct mk_thread *me) {
    struct tl_heap *heap = tl_heap_of(alloc, me);
    if (!heap) return tl_make_heap(alloc, me) ? 0 : -1;
    /* (11) relaxed: closed until now, so nobody has posted anything */
    atomic_store_explicit(&heap->posted, 0, memory_order_relaxed);
    return 0;
}

/* Blocks of this heap go to their spans, those of others to their owners. Under the lock. */
static void tl_settle(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me, void *block) {
    if (tl_owner(tl_info_of(block)) == heap->owner) {
        tl_put(alloc, heap, &block, 1);
    } else {
        tl_deliver(alloc, me, block);
    }
}

/* Closes the heap, and empties all that is on its way. Under the lock. */
static void tl_close(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me) {
    struct tl_letter *list[] = {heap->inbox, tl_take_posted(heap, TL_CLOSED)};
    void *block[TL_BATCH];
    heap->inbox = NULL;
    for (uint32_t i = 0; i < 2; i++) {
        for (struct tl_letter *letter = list[i], *next; letter; letter = next) {
            uint32_t n = tl_read(alloc, letter, &next, block);
            while (n) tl_settle(alloc, heap, me, block[--n]);
        }
    }
    for (struct tl_out *out = heap->out; out < heap->out + TL_OUTS; out++) {
        while (out->n) tl_settle(alloc, heap, me, out->block[--out->n]);
        out->bytes = 0;
    }
}

static void tl_empty_magazines(struct mk_alloc *alloc, struct tl_heap *heap, struct mk_thread *me) {
    for (uint32_t c = 0; c < TL_CLASSES; c++) {
        struct tl_magazine *magazine = &heap->magazine[c];
        tl_return(alloc, heap, me, heap->slot + magazine->from, magazine->top - magazine->from);
        magazine->top = magazine->from;
    }
}

/* Spans of this list are nobody's from now on; or go back, where all of their blocks are free. Under the lock. */
static void tl_orphan(struct mk_alloc *alloc, struct mk_thread *me, struct tl_span **list) {
    for (struct tl_span *span = *list, *next; span; span = next) {
        next = span->next;
        tl_set_info(span, 0);
        if (!span->used) {
            tl_give_span(alloc, me, span);
        } else if (span->words) {
            tl_link(&alloc->orphan[span->class], span);
        }
    }
    *list = NULL;
}

static void tl_thread_exit(struct mk_alloc *alloc, struct mk_thread *me) {
    struct tl_heap *heap = tl_heap_of(alloc, me);
    for (uint32_t c = TL_TRAVEL_FROM; c < TL_TRAVEL_END; c++) tl_thin(alloc, heap, me, c);
    tl_empty_magazines(alloc, heap, me);
    pthread_mutex_lock(&alloc->lock);
    tl_close(alloc, heap, me);
    for (uint32_t c = 0; c < TL_CLASSES; c++) tl_orphan(alloc, me, &heap->partial[c]);
    tl_orphan(alloc, me, &heap->full);
    for (uint32_t i = 0; i < TL_SPAN_UNITS; i++) tl_orphan(alloc, me, &heap->empty[i]);
    heap->empty_units = 0;
    pthread_mutex_unlock(&alloc->lock);
}

static void tl_flush(struct mk_alloc *alloc, struct mk_thread *me) {
    struct tl_heap *heap = tl_heap_of(alloc, me);
    while (tl_open_letter(alloc, heap, me)) continue;
    for (uint32_t c = TL_TRAVEL_FROM; c < TL_TRAVEL_END; c++) tl_clear(alloc, heap, me, c, TL_DEPOT);
    tl_empty_magazines(alloc, heap, me);
    for (struct tl_out *out = heap->out; out < heap->out + TL_OUTS; out++) {
        if (out->n) tl_hand_over(alloc, me, out);
    }
    tl_trim(alloc, heap, me, 0);
    pthread_mutex_lock(&alloc->lock);
    tl_drop_spares(alloc, me, 0);
    pthread_mutex_unlock(&alloc->lock);
}

/* ---- life ---- */

static size_t tl_alloc_bytes(const struct mk_alloc *alloc) {
    return sizeof *alloc + alloc->threads_max * sizeof alloc->heap[0];
}

static void tl_drop_chunks(struct mk_alloc *alloc, struct tl_chunk *chunk) {
    for (struct tl_chunk *next; chunk; chunk = next) {
        next = chunk->next;
        tl_drop_chunk(alloc, NULL, chunk);
    }
}

static void tl_destroy(struct mk_alloc *alloc) {
    for (struct tl_large *large = alloc->large, *next; large; large = next) {
        next = large->next;
        tl_drop_large(alloc, NULL, large);
    }
    for (uint32_t row = 0; row < TL_SPAN_UNITS; row++) tl_drop_chunks(alloc, alloc->open[row]);
    tl_drop_chunks(alloc, alloc->closed);
    tl_drop_chunks(alloc, alloc->spare);
    for (uint32_t id = 0; id < alloc->threads_max; id++) {
        /* (13) relaxed: nobody is inside */
        struct tl_heap *heap = atomic_load_explicit(&alloc->heap[id], memory_order_relaxed);
        if (heap) mk_mem_free(alloc->parent, NULL, heap, tl_heap_bytes(alloc), _Alignof(struct tl_heap));
    }
    pthread_mutex_destroy(&alloc->lock);
    for (uint32_t c = 0; c < TL_CLASSES; c++) pthread_mutex_destroy(&alloc->depot[c].lock);
    mk_mem_free(alloc->parent, NULL, alloc, tl_alloc_bytes(alloc), MK_CACHE_LINE);
}

/* Returns the units of a span: as few as hold some blocks and leave over a sixteenth at most, or else an eighth. */
static uint32_t tl_units_of(uint32_t bytes) {
    size_t some = bytes > TL_MAGAZINE_BLOCK ? 1 : 2;
    for (unsigned part = 16; part >= 8; part /= 2) {
        for (uint32_t units = 1; units <= TL_SPAN_UNITS; units++) {
            size_t room = units * TL_UNIT_BYTES;
            if (room / bytes >= some && room % bytes <= room / part) return units;
        }
    }
    return TL_SPAN_UNITS;
}

static void tl_make_class(struct tl_class *class, uint32_t bytes) {
    class->bytes = bytes;
    class->inverse = (uint32_t)(((UINT64_C(1) << 32) + bytes - 1) / bytes);
    class->units = tl_units_of(bytes);
    class->blocks = (uint32_t)(class->units * TL_UNIT_BYTES / bytes);
    if (class->blocks > TL_SPAN_BLOCKS) class->blocks = TL_SPAN_BLOCKS;
    class->cap = TL_MAGAZINE_BYTES / bytes;
    if (class->cap < TL_MAGAZINE_MIN) class->cap = TL_MAGAZINE_MIN;
    if (class->cap > TL_MAGAZINE) class->cap = TL_MAGAZINE;
}

static int tl_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg, struct mk_err *err) {
    size_t bytes = sizeof(struct mk_alloc) + cfg->threads_max * sizeof(struct tl_heap *);
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, bytes, MK_CACHE_LINE);
    if (!alloc) return mk_fail(err, "no memory for the heaps of %u threads", cfg->threads_max);
    alloc->parent = parent;
    alloc->threads_max = cfg->threads_max;
    for (uint32_t c = 0; c < TL_CLASSES; c++) {
        tl_make_class(&alloc->class[c], tl_bytes_of_class(c));
        alloc->slots += alloc->class[c].cap;
        pthread_mutex_init(&alloc->depot[c].lock, NULL);
        tl_store(&alloc->depot[c].limit, TL_DEPOT_MIN);
    }
    pthread_mutex_init(&alloc->lock, NULL);
    *out = alloc;
    return 0;
}

/* ---- what can be asked ---- */

/* For users who do not keep sizes, as those of malloc: finds, from the address of a live block alone, a size and an
 * alignment that free and resize take for it, whatever was asked for. All of *bytes may be used, but not under
 * AddressSanitizer. A large block of few bytes is told by its alignment. */
static inline void tl_find(struct mk_alloc *alloc, const void *block, size_t *bytes, size_t *align) {
    if (tl_is_large(block)) {
        *bytes = tl_large_of(block)->bytes - tl_large_of(block)->offset;
        *align = tl_large_of(block)->offset;
    } else {
        *bytes = alloc->class[tl_class(tl_info_of(block))].bytes;
        *align = 1;
    }
}

static size_t tl_footprint(struct mk_alloc *alloc, void *block, size_t bytes) {
    (void)bytes;
    if (tl_is_large(block)) return tl_large_of(block)->bytes;
    return alloc->class[tl_class(tl_info_of(block))].bytes;
}

/* Under AddressSanitizer nothing beyond what was asked for may be touched. */
static size_t tl_usable(struct mk_alloc *alloc, void *block, size_t bytes) {
#ifdef MK_ASAN
    (void)alloc, (void)block;
    return bytes;
#else
    size_t align;
    tl_find(alloc, block, &bytes, &align);
    return bytes;
#endif
}

/* Blocks that spans of these chunks have given out. */
static uint64_t tl_used(const struct tl_chunk *chunk, uint64_t *spans) {
    uint64_t used = 0;
    for (; chunk; chunk = chunk->next) {
        for (uint32_t u = 1; u < TL_UNITS; u++) {
            if (chunk->free >> u & 1 || chunk->first[u] != u) continue;
            used += chunk->span[u - 1].used;
            ++*spans;
        }
    }
    return used;
}

static uint64_t tl_used_all(const struct mk_alloc *alloc, uint64_t *spans) {
    uint64_t used = tl_used(alloc->closed, spans);
    for (uint32_t row = 0; row < TL_SPAN_UNITS; row++) used += tl_used(alloc->open[row], spans);
    return used;
}

static uint64_t tl_blocks_of(const struct mk_alloc *alloc, struct tl_letter *letter) {
    uint64_t blocks = 0;
    void *block[TL_BATCH];
    while (letter) blocks += tl_read(alloc, letter, &letter, block);
    return blocks;
}

/* Free blocks that lie in a heap, or on their way to it. */
static uint64_t tl_kept(const struct mk_alloc *alloc, struct tl_heap *heap) {
    uint64_t kept = tl_blocks_of(alloc, heap->inbox);
    for (uint32_t c = 0; c < TL_CLASSES; c++) kept += heap->magazine[c].top - heap->magazine[c].from;
    for (uint32_t i = 0; i < TL_OUTS; i++) kept += heap->out[i].n;
    /* (12) relaxed: nobody is inside */
    uintptr_t posted = atomic_load_explicit(&heap->posted, memory_order_relaxed);
    return kept + tl_blocks_of(alloc, (struct tl_letter *)(posted & ~TL_CLOSED));
}

static uint64_t tl_count(struct mk_alloc *alloc) {
    uint64_t spans = 0, count = alloc->larges + tl_used_all(alloc, &spans);
    for (uint32_t id = 0; id < alloc->threads_max; id++) {
        /* (14) relaxed: nobody is inside */
        struct tl_heap *heap = atomic_load_explicit(&alloc->heap[id], memory_order_relaxed);
        if (heap) count -= tl_kept(alloc, heap);
    }
    for (uint32_t c = 0; c < TL_CLASSES; c++) {
        count -= tl_load(&alloc->depot[c].n) * tl_batch(&alloc->class[c]);
    }
    return count;
}

static size_t tl_stats(struct mk_alloc *alloc, struct mk_stat *out, size_t room) {
    uint64_t spans = 0, used = tl_used_all(alloc, &spans);
    const struct mk_stat stats[] = {{"spans", spans}, {"blocks_out", used}, {"large_blocks", alloc->larges}};
    size_t n = sizeof stats / sizeof *stats;
    memcpy(out, stats, (room < n ? room : n) * sizeof *stats);
    return n;
}

MK_ALLOC(thread_local, .summary = "size classes, spans of a thread's own, remote frees in batches",
         .caps = MK_CONCURRENT | MK_GROWS | MK_CROSS_FREE,
         .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING}, .create = tl_create, .destroy = tl_destroy,
         .thread_enter = tl_thread_enter, .thread_exit = tl_thread_exit, .flush = tl_flush, .stats = tl_stats,
         .alloc = tl_alloc, .free = tl_free, .zalloc = tl_zalloc, .resize = tl_resize, .usable = tl_usable,
         .footprint = tl_footprint, .count = tl_count);
