/* alloc/slab - blocks of one size in slabs that come and go; refuses foreign and double frees.
 *
 * Source:     Bonwick, "The Slab Allocator: An Object-Caching Kernel Memory Allocator", USENIX 1994, in
 *             its off-slab form: a slab holds blocks alone, its header is found by hashing the slab's
 *             address. Differs: a two-level bitmap in place of the list of bufctls, and no constructed
 *             objects, as the contract has no constructor.
 * Picture:    slab, aligned to its size: [ block 0 | block 1 | ... | block n-1 | rest ]
 *             table: hash(address of slab) -> header { base, list links, live, words, free[w] }
 *             words: bit w set = free[w] is not 0;  free[w]: bit b set = block 64 w + b is free
 *             partial -> header <-> header      empty -> header      full: in the table alone
 *             last -> the block freed last, live as its slab sees it, and the next to be handed out
 *             (Headers inside the slabs, all at the same offset, would share a set of the cache.)
 * Parts:      none.
 * Progress:   single-threaded; constant time but for the parent's, and for the table when it doubles.
 * Ordering:   none.
 * Memory:     s = roundup(bytes, align) a block; a slab of z bytes (slab_kib, less where that is more
 *             than 4096 blocks, more where it is less than 8) holds n = min(4096, (z - 16) / s) blocks
 *             and has a header of 40 B + 8 B * roundup(n, 64) / 64; 16 to 32 B of table a slab. Empty slabs
 *             go back to the parent, all but 4 and those that reset has emptied; flush gives these back.
 * Limits:     blocks up to 1 MiB.
 */
#include "../alloc.h"

#define SLAB_BLOCKS_MAX MK_TUNE(4096, 4) /* as many as two levels of 64 bits can tell apart */
#define SLAB_BLOCKS_MIN MK_TUNE(8, 2)
#define SLAB_BLOCK_BYTES_MAX (1u << 20)
/* Left over at the end of a slab: a parent with a header of so many bytes before each block can
 * then place slabs one right behind another, instead of leaving a hole of a slab between two. With
 * glibc that holds up to 32 KiB, hence the preset; the address space of larger ones is mapped twice. */
#define SLAB_PARENT_BYTES 16
#define SLAB_RESERVE MK_TUNE(4, 1)
#define SLAB_TABLE_MIN MK_TUNE(8, 2)
#define SLAB_INVERSE_SHIFT 48

/* The header of a slab. */
struct slab {
    uintptr_t base;           /* address of the slab */
    uint64_t words;           /* which of free[] have a free block */
    struct slab *next, *prev; /* on the partial list; on the empty one, next alone */
    uint32_t live;            /* blocks that are not free */
    uint64_t free[];          /* a bit a block */
};

struct mk_alloc {
    void *last;           /* NULL: none. While its lines are warm, no bit need be turned */
    struct slab *partial; /* some blocks are free, some are live */
    struct slab *empty;   /* all blocks are free */
    struct slab **table;  /* open addressing, at most half full */
    uint64_t table_mask;
    unsigned table_shift;
    uint32_t blocks;       /* a slab */
    uintptr_t slab_mask;   /* of the bits that make a slab's address */
    uint64_t slot_inverse; /* ceil(2^48 / slot_bytes): division by multiplication, see slab_index */
    size_t slot_bytes, block_bytes, slab_bytes;
    uint32_t empties, slabs;
    struct mk_mem *parent;
};

enum { SLAB_KIB };
static const struct mk_param slab_params[] = {
    {"slab_kib", MK_PARAM_NUMBER, "32", 4, 1024, "16|32|64", "size of a slab in KiB, a power of two"},
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

/* Makes all blocks free. */
static void slab_clear(const struct mk_alloc *cache, struct slab *slab) {
    uint32_t words = (cache->blocks + 63) / 64, rest = cache->blocks % 64;
    for (uint32_t w = 0; w < words; w++) slab->free[w] = UINT64_MAX;
    if (rest) slab->free[words - 1] >>= 64 - rest;
    slab->words = UINT64_MAX >> (64 - words);
    slab->live = 0;
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
static MK_NOINLINE void slab_retire(struct mk_alloc *cache, struct mk_thread *me, struct slab *slab) {
    slab_unlist_partial(cache, slab);
    if (cache->empties < SLAB_RESERVE) {
        slab_list_empty(cache, slab);
    } else {
        slab_release(cache, me, slab);
    }
}

/* Puts an empty or a new slab onto the partial list, where a block is taken from it at once. */
static MK_NOINLINE struct slab *slab_refill(struct mk_alloc *cache, struct mk_thread *me) {
    struct slab *slab = cache->empty;
    if (slab) {
        cache->empty = slab->next;
        cache->empties--;
    } else {
        slab = slab_make(cache, me);
        if (!slab) return NULL;
    }
    slab_list_partial(cache, slab);
    return slab;
}

/* ---- the allocator ---- */

static void slab_destroy(struct mk_alloc *cache) {
    struct mk_mem *parent = cache->parent;
    for (uint64_t i = 0; i <= cache->table_mask; i++) {
        if (cache->table[i]) slab_drop(cache, NULL, cache->table[i]);
    }
    mk_mem_free(parent, NULL, cache->table, (cache->table_mask + 1) * sizeof *cache->table,
                _Alignof(struct slab *));
    mk_mem_free(parent, NULL, cache, sizeof *cache, _Alignof(struct mk_alloc));
}

static int slab_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                       struct mk_err *err) {
    size_t align = cfg->object_align ? cfg->object_align : 1;
    size_t slot_bytes = (cfg->object_bytes + align - 1) & -align;
    size_t slab_bytes = cfg->params[SLAB_KIB] * 1024;
    if (slab_bytes == 0 || (slab_bytes & (slab_bytes - 1))) {
        return mk_fail(err, "slab_kib=%zu is not a power of two: take 16, 32 or 64", slab_bytes / 1024);
    }
    if (cfg->object_bytes == 0 || cfg->object_bytes > SLAB_BLOCK_BYTES_MAX) {
        return mk_fail(err, "a slab serves blocks of 1 to %u bytes, not of %zu: take a general allocator for these",
                       SLAB_BLOCK_BYTES_MAX, cfg->object_bytes);
    }
    while (slab_bytes / 2 >= SLAB_BLOCKS_MAX * slot_bytes) slab_bytes /= 2;
    while (slab_bytes < SLAB_BLOCKS_MIN * slot_bytes + SLAB_PARENT_BYTES) slab_bytes *= 2;
    size_t blocks = (slab_bytes - SLAB_PARENT_BYTES) / slot_bytes;

    struct mk_alloc *cache = mk_mem_zalloc(parent, NULL, sizeof *cache, _Alignof(struct mk_alloc));
    if (!cache) return mk_fail(err, "no memory for the cache of slabs");
    cache->parent = parent;
    cache->block_bytes = cfg->object_bytes;
    cache->slot_bytes = slot_bytes;
    cache->slot_inverse = ((UINT64_C(1) << SLAB_INVERSE_SHIFT) + slot_bytes - 1) / slot_bytes;
    cache->slab_bytes = slab_bytes;
    cache->slab_mask = ~(uintptr_t)(slab_bytes - 1);
    cache->blocks = (uint32_t)(blocks < SLAB_BLOCKS_MAX ? blocks : SLAB_BLOCKS_MAX);
    if (!slab_table_resize(cache, NULL, SLAB_TABLE_MIN)) {
        mk_mem_free(parent, NULL, cache, sizeof *cache, _Alignof(struct mk_alloc));
        return mk_fail(err, "no memory for the table of slabs");
    }
    *out = cache;
    return 0;
}

/* Returns offset / slot_bytes. Exact: the inverse is too large by less than 1, so the quotient by less
 * than offset / 2^48, and that is below 1 / slot_bytes for slots up to 1 MiB. */
MK_INLINE uint64_t slab_index(const struct mk_alloc *cache, uint64_t offset) {
    return (offset * cache->slot_inverse) >> SLAB_INVERSE_SHIFT;
}

/* Takes the first free block of the first partial slab. */
static MK_NOINLINE void *slab_take(struct mk_alloc *cache, struct mk_thread *me) {
    struct slab *slab = cache->partial ? cache->partial : slab_refill(cache, me);
    if (!slab) return NULL;
    unsigned word = (unsigned)__builtin_ctzll(slab->words);
    uint64_t free = slab->free[word];
    unsigned index = 64 * word + (unsigned)__builtin_ctzll(free);
    slab->free[word] = free &= free - 1;
    slab->live++;
    if (!free) {
        slab->words &= slab->words - 1;
        if (!slab->words) slab_unlist_partial(cache, slab);
    }
    return (void *)(slab->base + index * cache->slot_bytes);
}

/* Makes a block free again in its slab. */
static MK_NOINLINE void slab_put(struct mk_alloc *cache, struct mk_thread *me, struct slab *slab, uint64_t index) {
    if (!slab->words) slab_list_partial(cache, slab);
    slab->words |= UINT64_C(1) << index / 64;
    slab->free[index / 64] |= UINT64_C(1) << index % 64;
    if (--slab->live == 0) slab_retire(cache, me, slab);
}

/* LIN alloc: none, single-threaded. */
static inline void *slab_alloc(struct mk_alloc *cache, struct mk_thread *me, size_t bytes, size_t align) {
    (void)bytes, (void)align;
    void *block = cache->last;
    cache->last = NULL;
    if (MK_UNLIKELY(!block)) {
        block = slab_take(cache, me);
        if (!block) return NULL;
    }
    mk_block_lent(block, cache->block_bytes, cache->slot_bytes);
    return block;
}

/* Refuses what is not the start of a live block of this cache.
 * LIN free: none, single-threaded. */
static inline enum mk_status slab_free(struct mk_alloc *cache, struct mk_thread *me, void *block, size_t bytes,
                                       size_t align) {
    (void)bytes, (void)align;
    struct slab *slab = slab_of(cache, block);
    if (MK_UNLIKELY(!slab)) return MK_REFUSED;
    uint64_t offset = (uintptr_t)block - slab->base;
    uint64_t index = slab_index(cache, offset);
    if (MK_UNLIKELY(index >= cache->blocks || index * cache->slot_bytes != offset)) return MK_REFUSED;
    if (MK_UNLIKELY(slab->free[index / 64] >> index % 64 & 1)) return MK_REFUSED;
    if (MK_LIKELY(!cache->last)) {
        mk_block_returned(block, cache->slot_bytes);
        cache->last = block;
        return MK_HIT;
    }
    if (block == cache->last) return MK_REFUSED;
    mk_block_returned(block, cache->slot_bytes);
    slab_put(cache, me, slab, index);
    return MK_HIT;
}

static void slab_flush(struct mk_alloc *cache, struct mk_thread *me) {
    if (cache->last) {
        struct slab *slab = slab_of(cache, cache->last);
        slab_put(cache, me, slab, slab_index(cache, (uintptr_t)cache->last - slab->base));
        cache->last = NULL;
    }
    for (struct slab *slab = cache->empty, *next; slab; slab = next) {
        next = slab->next;
        slab_release(cache, me, slab);
    }
    cache->empties = 0;
    cache->empty = NULL;
}

/* Keeps the slabs: who drops everything at once is about to build again. */
static void slab_reset(struct mk_alloc *cache) {
    cache->last = NULL;
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
    uint64_t live = 0;
    for (uint64_t i = 0; i <= cache->table_mask; i++) {
        if (cache->table[i]) live += cache->table[i]->live;
    }
    return live - (cache->last != NULL);
}

static size_t slab_stats(struct mk_alloc *cache, struct mk_stat *out, size_t room) {
    const struct mk_stat stats[] = {{"slabs", cache->slabs}, {"empty_slabs", cache->empties}};
    size_t n = sizeof stats / sizeof *stats;
    memcpy(out, stats, (room < n ? room : n) * sizeof *stats);
    return n;
}

MK_ALLOC(slab, .summary = "slabs of blocks of one size, given back when empty; checks frees",
         .caps = MK_FIXED_SIZE | MK_GROWS | MK_CHECKS_FREE, .params = slab_params, .create = slab_create,
         .destroy = slab_destroy, .flush = slab_flush, .reset = slab_reset, .alloc = slab_alloc, .free = slab_free,
         .footprint = slab_footprint, .count = slab_count, .stats = slab_stats);
