/* alloc/slab - a cache of blocks of one size: slabs that come and go, magazines before them, constructed once.
 *
 * Source:     Bonwick, "The Slab Allocator: An Object-Caching Kernel Memory Allocator", USENIX 1994, in its
 *             off-slab form: a slab holds blocks alone, its header is found by hashing the slab's address.
 *             Magazines and their depot: Bonwick, Adams, Magazines and Vmem, USENIX 2001. Differs: a two-level
 *             bitmap in place of the list of bufctls, magazines that slabs fill as a whole, and no destructor, as
 *             what is constructed is the block's own bytes.
 * Picture:    a thread    loaded -> [ block | block | . ]   the last one is the next to be handed out
 *                         previous -> [ . | . | . ]         full or empty
 *             for all, locked:
 *             depot       full -> magazine -> magazine      spare -> magazine without blocks
 *             slab, aligned to its size: [ colour | block 0 | block 1 | ... | block n-1 | rest ]
 *             table: hash(address of slab) -> header { base, first block, list links, live, words, free[w] }
 *             words: bit w set = free[w] is not 0;  free[w]: bit b set = block 64 w + b is free
 *             partial -> header <-> header      empty -> header      full: in the table alone
 *             (Headers inside the slabs, all at the same offset, would share a set of the cache. So would the
 *             first lines of large blocks: a slab begins them at its colour, a multiple of a line, as far as the
 *             rest goes.)
 * Parts:      none.
 * Progress:   alloc and free are wait-free while the magazines last; once in a magazine they lock, once in a slab
 *             they go to the parent.
 * Ordering:   no atomic access: blocks pass from thread to thread in magazines and slabs, under the lock.
 * Memory:     s = roundup(bytes, align) a block; a slab of z bytes (slab_kib, less where that is more
 *             than 4096 blocks, more where it is less than 8) holds n = min(4096, (z - 16) / s) blocks
 *             and has a header of 48 B + 8 B * roundup(n, 64) / 64; 16 to 32 B of table a slab. A magazine has
 *             8 B + 8 B a round, and at most 8 KiB of blocks, or one block. A thread has two, and the depot at most
 *             two full ones for each thread that is inside: what is beyond goes back to its slabs. Empty slabs go
 *             back to the parent, all but 4 and those that reset has emptied. A thread that leaves empties its
 *             magazines; flush empties those of the thread and the depot, and gives back all empty slabs.
 * Limits:     blocks up to 1 MiB. Free blocks in the magazines of a thread that does nothing keep their slabs.
 *             Double and foreign frees pass unnoticed, but under AddressSanitizer (alloc/guard notices them): to
 *             look a block up, beside others who make and drop slabs, would cost more than all the rest of a free.
 *             Calls without a thread lock each time.
 */
#include "../alloc.h"

#include <pthread.h>

#define SLAB_BLOCKS_MAX MK_TUNE(4096, 4) /* as many as two levels of 64 bits can tell apart */
#define SLAB_BLOCKS_MIN MK_TUNE(8, 2)
#define SLAB_BLOCK_BYTES_MAX (1u << 20)
/* Left over at the end of a slab: a parent with a header of so many bytes before each block can
 * then place slabs one right behind another, instead of leaving a hole of a slab between two. With
 * glibc that holds up to 32 KiB, hence the preset; the address space of larger ones is mapped twice. */
#define SLAB_PARENT_BYTES 16
/* AddressSanitizer knows of memory by eights: blocks of two threads must not lie in one of them. */
#ifdef MK_ASAN
#define SLAB_ALIGN ((size_t)8)
#else
#define SLAB_ALIGN ((size_t)1)
#endif
#define SLAB_RESERVE MK_TUNE(4, 1)
#define SLAB_TABLE_MIN MK_TUNE(8, 2)
#define SLAB_INVERSE_SHIFT 48
#define SLAB_MAGAZINE_BYTES 8192u /* of blocks, unless it has but one */
#define SLAB_ROUNDS_MAX MK_TUNE(UINT64_C(1024), UINT64_C(1))
#define SLAB_DEPOT(threads) MK_TUNE(2 * (threads), 1u) /* full magazines that are kept */

/* The header of a slab. */
struct slab {
    uintptr_t base;           /* address of the slab */
    unsigned char *first;     /* its first block, behind its colour */
    uint64_t words;           /* which of free[] have a free block */
    struct slab *next, *prev; /* on the partial list; on the empty one, next alone */
    uint32_t live;            /* blocks that are not free here: in the hands of users or in magazines */
    bool constructed;         /* its free blocks are */
    uint64_t free[];          /* a bit a block */
};

struct slab_magazine {
    struct slab_magazine *next; /* in the depot */
    void *round[];
};

/* A thread's own. All NULL for who has no magazines: each call then finds the loaded one both empty and full. */
struct slab_thread {
    void **top, **bottom, **end; /* of the loaded one: behind its last block; first round; behind its last round */
    struct slab_magazine *loaded, *previous;
    bool previous_full; /* else it is empty */
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    void (*construct)(void *block, size_t bytes); /* NULL: blocks have no state of their own */
    size_t slot_bytes, block_bytes, slab_bytes, colour_step;
    uintptr_t slab_mask;   /* of the bits that make a slab's address */
    uint64_t slot_inverse; /* ceil(2^48 / slot_bytes): division by multiplication, see slab_index */
    uint32_t blocks;       /* a slab */
    uint32_t colours;
    uint32_t rounds; /* of a magazine */
    uint32_t threads_max;
    pthread_mutex_t lock; /* of what follows, but thread[] */
    struct slab *partial; /* some blocks are free, some are live */
    struct slab *empty;   /* all blocks are free */
    struct slab **table;  /* open addressing, at most half full */
    uint64_t table_mask;
    unsigned table_shift;
    uint32_t empties, slabs, colour;
    struct slab_magazine *full, *spare; /* the depot */
    uint32_t fulls, inside;             /* full magazines of the depot; threads */
    struct slab_thread thread[];        /* by id; the last one is for calls without a thread */
};

enum { SLAB_KIB, SLAB_ROUNDS };
static const struct mk_param slab_params[] = {
    {"slab_kib", MK_PARAM_NUMBER, "32", 4, 1024, "16|64", "size of a slab in KiB, a power of two"},
    {"magazine", MK_PARAM_NUMBER, "64", 0, 1024, "0|64", "blocks a magazine, fewer where they are large; 0: none"},
    {.name = NULL}};

/* ---- headers and the table ---- */

static size_t slab_header_bytes(const struct mk_alloc *cache) {
    return sizeof(struct slab) + (cache->blocks + 63) / 64 * sizeof(uint64_t);
}

MK_INLINE uint64_t slab_home(const struct mk_alloc *cache, uintptr_t base) {
    return ((uint64_t)base * 0x9e3779b97f4a7c15u) >> cache->table_shift;
}

/* Returns the header of the slab a block would be in, or NULL. Does not touch the block. */
MK_INLINE struct slab *slab_of(const struct mk_alloc *cache, const void *block) {
    uintptr_t base = (uintptr_t)block & cache->slab_mask;
    for (uint64_t i = slab_home(cache, base);; i = (i + 1) & cache->table_mask) {
        struct slab *slab = cache->table[i];
        if (MK_UNLIKELY(!slab) || MK_LIKELY(slab->base == base)) return slab;
    }
}

static void slab_table_add(struct mk_alloc *cache, struct slab *slab) {
    uint64_t i = slab_home(cache, slab->base);
    while (cache->table[i]) i = (i + 1) & cache->table_mask;
    cache->table[i] = slab;
}

/* Moves up what the gap would hide: every later slab of the run whose home is not behind the gap. */
static void slab_table_remove(struct mk_alloc *cache, const struct slab *slab) {
    uint64_t gap = slab_home(cache, slab->base);
    while (cache->table[gap] != slab) gap = (gap + 1) & cache->table_mask;
    for (uint64_t i = (gap + 1) & cache->table_mask; cache->table[i]; i = (i + 1) & cache->table_mask) {
        uint64_t home = slab_home(cache, cache->table[i]->base);
        if (((i - home) & cache->table_mask) < ((i - gap) & cache->table_mask)) continue;
        cache->table[gap] = cache->table[i];
        gap = i;
    }
    cache->table[gap] = NULL;
}

/* Returns whether the table has `size` places now; the old one stands if not. */
static bool slab_table_resize(struct mk_alloc *cache, struct mk_thread *me, uint64_t size) {
    struct slab **old = cache->table;
    uint64_t old_size = old ? cache->table_mask + 1 : 0;
    struct slab **table = mk_mem_zalloc(cache->parent, me, size * sizeof *table, _Alignof(struct slab *));
    if (!table) return false;
    cache->table = table;
    cache->table_mask = size - 1;
    cache->table_shift = (unsigned)__builtin_clzll(size) + 1;
    for (uint64_t i = 0; i < old_size; i++) {
        if (old[i]) slab_table_add(cache, old[i]);
    }
    if (old) mk_mem_free(cache->parent, me, old, old_size * sizeof *old, _Alignof(struct slab *));
    return true;
}

/* ---- slabs ---- */

/* Makes all blocks free. Those that were live are in any state. */
static void slab_clear(const struct mk_alloc *cache, struct slab *slab) {
    uint32_t words = (cache->blocks + 63) / 64, rest = cache->blocks % 64;
    for (uint32_t w = 0; w < words; w++) slab->free[w] = UINT64_MAX;
    if (rest) slab->free[words - 1] >>= 64 - rest;
    slab->words = UINT64_MAX >> (64 - words);
    slab->live = 0;
    slab->constructed = false;
    MK_ASAN_POISON((void *)slab->base, cache->slab_bytes - SLAB_PARENT_BYTES);
}

static void slab_drop(struct mk_alloc *cache, struct mk_thread *me, struct slab *slab) {
    void *memory = (void *)slab->base;
    MK_ASAN_UNPOISON(memory, cache->slab_bytes - SLAB_PARENT_BYTES);
    mk_mem_free(cache->parent, me, memory, cache->slab_bytes - SLAB_PARENT_BYTES, cache->slab_bytes);
    mk_mem_free(cache->parent, me, slab, slab_header_bytes(cache), _Alignof(struct slab));
}

/* Returns a slab that is on no list yet, or NULL. */
static struct slab *slab_make(struct mk_alloc *cache, struct mk_thread *me) {
    size_t bytes = cache->slab_bytes - SLAB_PARENT_BYTES;
    if (2 * (cache->slabs + 1) > cache->table_mask + 1 &&
        !slab_table_resize(cache, me, 2 * (cache->table_mask + 1))) {
        return NULL;
    }
    struct slab *slab = mk_mem_alloc(cache->parent, me, slab_header_bytes(cache), _Alignof(struct slab));
    if (!slab) return NULL;
    void *memory = mk_mem_alloc(cache->parent, me, bytes, cache->slab_bytes);
    if (!memory) {
        mk_mem_free(cache->parent, me, slab, slab_header_bytes(cache), _Alignof(struct slab));
        return NULL;
    }
    slab->base = (uintptr_t)memory;
    slab->first = (unsigned char *)memory + cache->colour * cache->colour_step;
    cache->colour = (cache->colour + 1) % cache->colours;
    slab_clear(cache, slab);
    cache->slabs++;
    slab_table_add(cache, slab);
    return slab;
}

MK_INLINE void slab_list_partial(struct mk_alloc *cache, struct slab *slab) {
    slab->prev = NULL;
    slab->next = cache->partial;
    if (slab->next) slab->next->prev = slab;
    cache->partial = slab;
}

MK_INLINE void slab_unlist_partial(struct mk_alloc *cache, struct slab *slab) {
    if (slab->next) slab->next->prev = slab->prev;
    if (slab->prev) {
        slab->prev->next = slab->next;
    } else {
        cache->partial = slab->next;
    }
}

/* Gives an empty slab, which is on no list, back to the parent. */
static void slab_release(struct mk_alloc *cache, struct mk_thread *me, struct slab *slab) {
    slab_table_remove(cache, slab);
    cache->slabs--;
    slab_drop(cache, me, slab);
}

MK_INLINE void slab_list_empty(struct mk_alloc *cache, struct slab *slab) {
    slab->next = cache->empty;
    cache->empty = slab;
    cache->empties++;
}

/* A partial slab has become empty. */
static void slab_retire(struct mk_alloc *cache, struct mk_thread *me, struct slab *slab) {
    slab_unlist_partial(cache, slab);
    if (cache->empties < SLAB_RESERVE) {
        slab_list_empty(cache, slab);
    } else {
        slab_release(cache, me, slab);
    }
}

/* Brings all blocks into the state in which they are handed out. Not to be repeated: they come back in it. */
static void slab_construct(const struct mk_alloc *cache, struct slab *slab) {
    if (slab->constructed || !cache->construct) return;
    for (uint32_t i = 0; i < cache->blocks; i++) {
        void *block = slab->first + i * cache->slot_bytes;
        MK_ASAN_UNPOISON(block, cache->block_bytes);
        cache->construct(block, cache->block_bytes);
        MK_ASAN_POISON(block, cache->block_bytes);
    }
    slab->constructed = true;
}

/* Puts an empty or a new slab onto the partial list, where a block is taken from it at once. */
static struct slab *slab_refill(struct mk_alloc *cache, struct mk_thread *me) {
    struct slab *slab = cache->empty;
    if (slab) {
        cache->empty = slab->next;
        cache->empties--;
    } else {
        slab = slab_make(cache, me);
        if (!slab) return NULL;
    }
    slab_construct(cache, slab);
    slab_list_partial(cache, slab);
    return slab;
}

/* Returns offset / slot_bytes. Exact: the inverse is too large by less than 1, so the quotient by less
 * than offset / 2^48, and that is below 1 / slot_bytes for slots up to 1 MiB. */
MK_INLINE uint64_t slab_index(const struct mk_alloc *cache, uint64_t offset) {
    return (offset * cache->slot_inverse) >> SLAB_INVERSE_SHIFT;
}

/* Takes up to `want` free blocks out of slabs and writes them to before `end`, the lowest one of a slab last.
 * Returns how many; fewer where there are some and the next one would take another slab. */
static uint32_t slab_take(struct mk_alloc *cache, struct mk_thread *me, void **end, uint32_t want) {
    uint32_t n = 0;
    while (n < want) {
        struct slab *slab = cache->partial;
        if (!slab && (n || !(slab = slab_refill(cache, me)))) break;
        unsigned word = (unsigned)__builtin_ctzll(slab->words);
        uint64_t free = slab->free[word];
        for (; n < want && free; free &= free - 1, n++, slab->live++) {
            *--end = slab->first + (64 * word + (unsigned)__builtin_ctzll(free)) * cache->slot_bytes;
        }
        slab->free[word] = free;
        if (free) continue;
        slab->words &= slab->words - 1;
        if (!slab->words) slab_unlist_partial(cache, slab);
    }
    return n;
}

/* Makes a block free again in its slab. */
static void slab_put(struct mk_alloc *cache, struct mk_thread *me, const void *block) {
    struct slab *slab = slab_of(cache, block);
    uint64_t index = slab_index(cache, (uint64_t)((const unsigned char *)block - slab->first));
    if (!slab->words) slab_list_partial(cache, slab);
    slab->words |= UINT64_C(1) << index / 64;
    slab->free[index / 64] |= UINT64_C(1) << index % 64;
    if (--slab->live == 0) slab_retire(cache, me, slab);
}

static void slab_put_all(struct mk_alloc *cache, struct mk_thread *me, void **round, size_t n) {
    for (size_t i = 0; i < n; i++) slab_put(cache, me, round[i]);
}

static void slab_release_empties(struct mk_alloc *cache, struct mk_thread *me) {
    for (struct slab *slab = cache->empty, *next; slab; slab = next) {
        next = slab->next;
        slab_release(cache, me, slab);
    }
    cache->empties = 0;
    cache->empty = NULL;
}

/* ---- magazines and their depot, under the lock ---- */

static size_t slab_magazine_bytes(const struct mk_alloc *cache) {
    return sizeof(struct slab_magazine) + cache->rounds * sizeof(void *);
}

static void slab_push_magazine(struct slab_magazine **list, struct slab_magazine *magazine) {
    magazine->next = *list;
    *list = magazine;
}

static struct slab_magazine *slab_pop_magazine(struct slab_magazine **list) {
    struct slab_magazine *magazine = *list;
    if (magazine) *list = magazine->next;
    return magazine;
}

static void slab_drop_magazine(struct mk_alloc *cache, struct mk_thread *me, struct slab_magazine *magazine) {
    size_t bytes = slab_magazine_bytes(cache);
    if (magazine) mk_mem_free(cache->parent, me, magazine, bytes, _Alignof(struct slab_magazine));
}

static void slab_drop_magazines(struct mk_alloc *cache, struct mk_thread *me, struct slab_magazine **list) {
    while (*list) slab_drop_magazine(cache, me, slab_pop_magazine(list));
}

/* Returns a magazine without blocks, or NULL. */
static struct slab_magazine *slab_get_magazine(struct mk_alloc *cache, struct mk_thread *me) {
    struct slab_magazine *magazine = slab_pop_magazine(&cache->spare);
    if (magazine) return magazine;
    return mk_mem_alloc(cache->parent, me, slab_magazine_bytes(cache), _Alignof(struct slab_magazine));
}

/* Empties full magazines of the depot until no more than so many are left. */
static void slab_trim_depot(struct mk_alloc *cache, struct mk_thread *me, uint32_t keep) {
    for (; cache->fulls > keep; cache->fulls--) {
        struct slab_magazine *magazine = slab_pop_magazine(&cache->full);
        slab_put_all(cache, me, magazine->round, cache->rounds);
        slab_push_magazine(&cache->spare, magazine);
    }
}

/* ---- magazines of a thread ---- */

MK_INLINE struct slab_thread *slab_thread_of(struct mk_alloc *cache, const struct mk_thread *me) {
    return &cache->thread[me ? me->id : cache->threads_max];
}

static void slab_load(const struct mk_alloc *cache, struct slab_thread *mine, struct slab_magazine *magazine,
                      bool full) {
    mine->loaded = magazine;
    mine->bottom = magazine->round;
    mine->end = magazine->round + cache->rounds;
    mine->top = full ? mine->end : mine->bottom;
}

/* The loaded one is full, or empty, and becomes the previous one. */
static void slab_load_next(const struct mk_alloc *cache, struct slab_thread *mine, struct slab_magazine *magazine,
                           bool full) {
    mine->previous = mine->loaded;
    mine->previous_full = mine->top == mine->end;
    slab_load(cache, mine, magazine, full);
}

/* Puts all blocks of both magazines into their slabs. Under the lock. */
static void slab_unload(struct mk_alloc *cache, struct mk_thread *me, struct slab_thread *mine) {
    slab_put_all(cache, me, mine->bottom, (size_t)(mine->top - mine->bottom));
    mine->top = mine->bottom;
    if (mine->previous_full) slab_put_all(cache, me, mine->previous->round, cache->rounds);
    mine->previous_full = false;
}

/* Fills the empty loaded magazine: by a full one of the depot, or out of slabs. Under the lock. */
static void slab_fill(struct mk_alloc *cache, struct mk_thread *me, struct slab_thread *mine) {
    struct slab_magazine *full = slab_pop_magazine(&cache->full);
    if (full) {
        cache->fulls--;
        slab_push_magazine(&cache->spare, mine->previous);
        slab_load_next(cache, mine, full, true);
        return;
    }
    uint32_t n = slab_take(cache, me, mine->end, cache->rounds);
    if (n < cache->rounds) memmove(mine->bottom, mine->end - n, n * sizeof *mine->bottom);
    mine->top = mine->bottom + n;
}

/* Loads an empty magazine, both being full: the older one goes to the depot, or its blocks go to their slabs. Under
 * the lock. */
static void slab_empty(struct mk_alloc *cache, struct mk_thread *me, struct slab_thread *mine) {
    struct slab_magazine *older = mine->previous, *empty = NULL;
    if (cache->fulls < SLAB_DEPOT(cache->inside)) empty = slab_get_magazine(cache, me);
    if (empty) {
        slab_push_magazine(&cache->full, older);
        cache->fulls++;
    } else {
        slab_put_all(cache, me, older->round, cache->rounds);
        empty = older;
    }
    slab_load_next(cache, mine, empty, false);
}

static int slab_thread_enter(struct mk_alloc *cache, struct mk_thread *me) {
    struct slab_thread *mine = slab_thread_of(cache, me);
    int failed = 0;
    pthread_mutex_lock(&cache->lock);
    if (cache->rounds && !mine->loaded) {
        struct slab_magazine *loaded = slab_get_magazine(cache, me);
        mine->previous = loaded ? slab_get_magazine(cache, me) : NULL;
        if (mine->previous) {
            slab_load(cache, mine, loaded, false);
        } else {
            slab_drop_magazine(cache, me, loaded);
            failed = -1;
        }
    }
    cache->inside += !failed;
    pthread_mutex_unlock(&cache->lock);
    return failed;
}

static void slab_thread_exit(struct mk_alloc *cache, struct mk_thread *me) {
    pthread_mutex_lock(&cache->lock);
    slab_unload(cache, me, slab_thread_of(cache, me));
    cache->inside--;
    slab_trim_depot(cache, me, SLAB_DEPOT(cache->inside));
    pthread_mutex_unlock(&cache->lock);
}

/* ---- the allocator ---- */

static size_t slab_bytes_of(uint32_t threads_max) {
    return sizeof(struct mk_alloc) + (threads_max + 1) * sizeof(struct slab_thread);
}

static void slab_destroy(struct mk_alloc *cache) {
    struct mk_mem *parent = cache->parent;
    for (uint64_t i = 0; i <= cache->table_mask; i++) {
        if (cache->table[i]) slab_drop(cache, NULL, cache->table[i]);
    }
    mk_mem_free(parent, NULL, cache->table, (cache->table_mask + 1) * sizeof *cache->table,
                _Alignof(struct slab *));
    for (uint32_t id = 0; id < cache->threads_max; id++) {
        slab_drop_magazine(cache, NULL, cache->thread[id].loaded);
        slab_drop_magazine(cache, NULL, cache->thread[id].previous);
    }
    slab_drop_magazines(cache, NULL, &cache->full);
    slab_drop_magazines(cache, NULL, &cache->spare);
    pthread_mutex_destroy(&cache->lock);
    mk_mem_free(parent, NULL, cache, slab_bytes_of(cache->threads_max), _Alignof(struct mk_alloc));
}

/* Works out how slabs and magazines are made up. */
static void slab_shape(struct mk_alloc *cache, const struct mk_config *cfg) {
    size_t align = cfg->object_align > SLAB_ALIGN ? cfg->object_align : SLAB_ALIGN;
    size_t slot_bytes = (cfg->object_bytes + align - 1) & -align, slab_bytes = cfg->params[SLAB_KIB] * 1024;
    while (slab_bytes / 2 >= SLAB_BLOCKS_MAX * slot_bytes) slab_bytes /= 2;
    while (slab_bytes < SLAB_BLOCKS_MIN * slot_bytes + SLAB_PARENT_BYTES) slab_bytes *= 2;
    size_t blocks = (slab_bytes - SLAB_PARENT_BYTES) / slot_bytes;
    uint64_t rounds = cfg->params[SLAB_ROUNDS], fit = SLAB_MAGAZINE_BYTES / slot_bytes;
    if (rounds > SLAB_ROUNDS_MAX) rounds = SLAB_ROUNDS_MAX;
    if (rounds > fit) rounds = fit ? fit : 1;
    cache->block_bytes = cfg->object_bytes;
    cache->slot_bytes = slot_bytes;
    cache->slot_inverse = ((UINT64_C(1) << SLAB_INVERSE_SHIFT) + slot_bytes - 1) / slot_bytes;
    cache->slab_bytes = slab_bytes;
    cache->slab_mask = ~(uintptr_t)(slab_bytes - 1);
    cache->blocks = (uint32_t)(blocks < SLAB_BLOCKS_MAX ? blocks : SLAB_BLOCKS_MAX);
    cache->colour_step = align > MK_CACHE_LINE ? align : MK_CACHE_LINE;
    size_t rest = slab_bytes - SLAB_PARENT_BYTES - cache->blocks * slot_bytes;
    cache->colours = (uint32_t)(rest / cache->colour_step + 1);
    cache->rounds = (uint32_t)rounds;
}

static int slab_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                       struct mk_err *err) {
    uint64_t kib = cfg->params[SLAB_KIB];
    if (kib == 0 || (kib & (kib - 1))) {
        return mk_fail(err, "slab_kib=%zu is not a power of two: take 16, 32 or 64", (size_t)kib);
    }
    if (cfg->object_bytes == 0 || cfg->object_bytes > SLAB_BLOCK_BYTES_MAX) {
        return mk_fail(err, "a slab serves blocks of 1 to %u bytes, not of %zu: take a general allocator for these",
                       SLAB_BLOCK_BYTES_MAX, cfg->object_bytes);
    }
    size_t bytes = slab_bytes_of(cfg->threads_max);
    struct mk_alloc *cache = mk_mem_zalloc(parent, NULL, bytes, _Alignof(struct mk_alloc));
    if (!cache) return mk_fail(err, "no memory for the cache of slabs");
    cache->parent = parent;
    cache->construct = cfg->construct;
    cache->threads_max = cfg->threads_max;
    slab_shape(cache, cfg);
    if (!slab_table_resize(cache, NULL, SLAB_TABLE_MIN)) {
        mk_mem_free(parent, NULL, cache, bytes, _Alignof(struct mk_alloc));
        return mk_fail(err, "no memory for the table of slabs");
    }
    pthread_mutex_init(&cache->lock, NULL);
    *out = cache;
    return 0;
}

/* The loaded magazine is empty, or there is none. */
static MK_NOINLINE void *slab_alloc_rare(struct mk_alloc *cache, struct mk_thread *me, struct slab_thread *mine) {
    void *block = NULL;
    if (mine->previous_full) {
        slab_load_next(cache, mine, mine->previous, true);
        return *--mine->top;
    }
    pthread_mutex_lock(&cache->lock);
    if (!mine->loaded) {
        slab_take(cache, me, &block + 1, 1);
    } else {
        slab_fill(cache, me, mine);
        if (mine->top != mine->bottom) block = *--mine->top;
    }
    pthread_mutex_unlock(&cache->lock);
    return block;
}

/* The loaded magazine is full, or there is none. */
static MK_NOINLINE void slab_free_rare(struct mk_alloc *cache, struct mk_thread *me, struct slab_thread *mine,
                                       void *block) {
    if (mine->loaded && !mine->previous_full) {
        slab_load_next(cache, mine, mine->previous, false);
        *mine->top++ = block;
        return;
    }
    pthread_mutex_lock(&cache->lock);
    if (!mine->loaded) {
        slab_put(cache, me, block);
    } else {
        slab_empty(cache, me, mine);
        *mine->top++ = block;
    }
    pthread_mutex_unlock(&cache->lock);
}

/* LIN alloc: none of its own: the block is in its thread's magazine, or comes to it under the lock. */
static inline void *slab_alloc(struct mk_alloc *cache, struct mk_thread *me, size_t bytes, size_t align) {
    struct slab_thread *mine = slab_thread_of(cache, me);
    void *block;
    (void)bytes, (void)align;
    if (MK_LIKELY(mine->top != mine->bottom)) {
        block = *--mine->top;
    } else {
        block = slab_alloc_rare(cache, me, mine);
        if (!block) return NULL;
    }
    mk_block_lent(block, cache->block_bytes, cache->slot_bytes);
    return block;
}

/* LIN free: none of its own: the block stays with its thread, or leaves it under the lock. */
static inline enum mk_status slab_free(struct mk_alloc *cache, struct mk_thread *me, void *block, size_t bytes,
                                       size_t align) {
    struct slab_thread *mine = slab_thread_of(cache, me);
    (void)bytes, (void)align;
    mk_block_returned(block, cache->slot_bytes);
    if (MK_LIKELY(mine->top != mine->end)) {
        *mine->top++ = block;
    } else {
        slab_free_rare(cache, me, mine, block);
    }
    return MK_HIT;
}

static void slab_flush(struct mk_alloc *cache, struct mk_thread *me) {
    pthread_mutex_lock(&cache->lock);
    slab_unload(cache, me, slab_thread_of(cache, me));
    slab_trim_depot(cache, me, 0);
    slab_drop_magazines(cache, me, &cache->spare);
    slab_release_empties(cache, me);
    pthread_mutex_unlock(&cache->lock);
}

/* Keeps the slabs: who drops everything at once is about to build again. */
static void slab_reset(struct mk_alloc *cache) {
    for (uint32_t id = 0; id < cache->threads_max; id++) {
        cache->thread[id].top = cache->thread[id].bottom;
        cache->thread[id].previous_full = false;
    }
    for (; cache->fulls; cache->fulls--) slab_push_magazine(&cache->spare, slab_pop_magazine(&cache->full));
    cache->partial = cache->empty = NULL;
    cache->empties = 0;
    for (uint64_t i = 0; i <= cache->table_mask; i++) {
        if (!cache->table[i]) continue;
        slab_clear(cache, cache->table[i]);
        slab_list_empty(cache, cache->table[i]);
    }
}

static size_t slab_footprint(struct mk_alloc *cache, void *block, size_t bytes) {
    (void)block, (void)bytes;
    return cache->slot_bytes;
}

static uint64_t slab_count(struct mk_alloc *cache) {
    uint64_t out = 0, kept = (uint64_t)cache->fulls * cache->rounds;
    for (uint64_t i = 0; i <= cache->table_mask; i++) {
        if (cache->table[i]) out += cache->table[i]->live;
    }
    for (uint32_t id = 0; id < cache->threads_max; id++) {
        const struct slab_thread *thread = &cache->thread[id];
        kept += (uint64_t)(thread->top - thread->bottom) + (thread->previous_full ? cache->rounds : 0);
    }
    return out - kept;
}

static size_t slab_stats(struct mk_alloc *cache, struct mk_stat *out, size_t room) {
    const struct mk_stat stats[] = {
        {"slabs", cache->slabs}, {"empty_slabs", cache->empties}, {"depot_magazines", cache->fulls}};
    size_t n = sizeof stats / sizeof *stats;
    memcpy(out, stats, (room < n ? room : n) * sizeof *stats);
    return n;
}

MK_ALLOC(slab, .summary = "slabs of blocks of one size, constructed once, behind magazines",
         .caps = MK_CONCURRENT | MK_FIXED_SIZE | MK_GROWS | MK_CROSS_FREE | MK_CONSTRUCTS,
         .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING}, .params = slab_params, .create = slab_create,
         .destroy = slab_destroy, .thread_enter = slab_thread_enter, .thread_exit = slab_thread_exit,
         .flush = slab_flush, .reset = slab_reset, .alloc = slab_alloc, .free = slab_free,
         .footprint = slab_footprint, .count = slab_count, .stats = slab_stats);
