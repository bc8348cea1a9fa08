/* alloc/pool - blocks of one size out of growing chunks, the free ones on one intrusive list.
 *
 * Source:     the textbook memory pool; after the C1 listing's idea, with slots that can hold a link,
 *             slots linked only once they have been freed, unless link=eager, and chunks of doubling size.
 * Picture:    chunk 2 [ slot | slot | slot .. bump -> untouched .. | next, bytes ]
 *             chunk 1 [ slot | slot | slot .................... | next, bytes ]
 *             free -> slot -> slot -> slot        last freed, first out: its line is warm
 * Parts:      none.
 * Progress:   single-threaded; constant time but for the parent's.
 * Ordering:   none.
 * Memory:     s = roundup(max(bytes, 8), max(align, 8)) a block, 16 B a chunk; chunks of 4 KiB, 8 KiB,
 *             ... 1 MiB. Slots never handed out are never touched, unless link=eager. Chunks go back at
 *             destroy only.
 * Limits:     a foreign block is accepted and a double free makes the list a cycle: both are seen only
 *             under AddressSanitizer (which sees double free), and free takes the caller's word.
 */
#include "../alloc.h"

#define POOL_CHUNK_BYTES_MIN MK_TUNE(4096, 64)
#define POOL_CHUNK_BYTES_MAX MK_TUNE(1u << 20, 256)

struct pool_free {
    struct pool_free *next;
};

/* At the end of its chunk, so that slots of any alignment start where the chunk does. */
struct pool_chunk {
    struct pool_chunk *next;
    size_t bytes; /* all of it, this included */
};

struct mk_alloc {
    struct pool_free *free;
    unsigned char *bump, *end; /* slots of the newest chunk that were never handed out */
    size_t slot_bytes, block_bytes;
    size_t chunk_align;
    size_t next_chunk_bytes;
    bool eager;
    struct pool_chunk *chunks;
    struct mk_mem *parent;
};

enum { POOL_LINK };
enum { POOL_LAZY, POOL_EAGER };
static const struct mk_param pool_params[] = {
    {"link", MK_PARAM_CHOICE, "lazy", 0, 0, "lazy|eager",
     "slots are linked when they are first freed, or all of a new chunk at once"},
    {.name = NULL}};

static unsigned char *pool_chunk_start(struct pool_chunk *chunk) {
    return (unsigned char *)(chunk + 1) - chunk->bytes;
}

static void pool_destroy(struct mk_alloc *pool) {
    struct mk_mem *parent = pool->parent;
    for (struct pool_chunk *chunk = pool->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        MK_ASAN_UNPOISON(pool_chunk_start(chunk), chunk->bytes);
        mk_mem_free(parent, NULL, pool_chunk_start(chunk), chunk->bytes, pool->chunk_align);
    }
    mk_mem_free(parent, NULL, pool, sizeof *pool, _Alignof(struct mk_alloc));
}

static int pool_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                       struct mk_err *err) {
    size_t align = cfg->object_align > sizeof(struct pool_free) ? cfg->object_align : sizeof(struct pool_free);
    if (cfg->object_bytes == 0) return mk_fail(err, "a pool has to know the size of its blocks: object_bytes is 0");
    struct mk_alloc *pool = mk_mem_zalloc(parent, NULL, sizeof *pool, _Alignof(struct mk_alloc));
    if (!pool) return mk_fail(err, "no memory for the pool");
    pool->parent = parent;
    pool->block_bytes = cfg->object_bytes;
    pool->slot_bytes = (cfg->object_bytes + align - 1) & -align;
    pool->chunk_align = align > MK_CACHE_LINE ? align : MK_CACHE_LINE;
    pool->next_chunk_bytes = POOL_CHUNK_BYTES_MIN;
    pool->eager = cfg->params[POOL_LINK] == POOL_EAGER;
    *out = pool;
    return 0;
}

static bool pool_grow(struct mk_alloc *pool, struct mk_thread *me) {
    size_t room = pool->next_chunk_bytes - sizeof(struct pool_chunk);
    size_t slots = room > pool->slot_bytes ? room / pool->slot_bytes : 1;
    size_t bytes = slots * pool->slot_bytes + sizeof(struct pool_chunk);
    unsigned char *start = mk_mem_alloc(pool->parent, me, bytes, pool->chunk_align);
    if (!start) return false;
    struct pool_chunk *chunk = (struct pool_chunk *)(start + bytes) - 1;
    chunk->next = pool->chunks;
    chunk->bytes = bytes;
    pool->chunks = chunk;
    pool->bump = start;
    pool->end = (unsigned char *)chunk;
    if (pool->next_chunk_bytes < POOL_CHUNK_BYTES_MAX) pool->next_chunk_bytes *= 2;
    MK_ASAN_POISON(start, slots * pool->slot_bytes);
    return true;
}

/* Puts all slots that were never handed out onto the free list, the first one first. */
static void pool_link_fresh(struct mk_alloc *pool) {
    for (unsigned char *at = pool->end; at != pool->bump;) {
        struct pool_free *slot = (struct pool_free *)(at -= pool->slot_bytes);
        MK_ASAN_UNPOISON(slot, sizeof *slot);
        slot->next = pool->free;
        MK_ASAN_POISON(slot, sizeof *slot);
        pool->free = slot;
    }
    pool->bump = pool->end;
}

static MK_NOINLINE void *pool_alloc_fresh(struct mk_alloc *pool, struct mk_thread *me) {
    if (pool->bump == pool->end && !pool_grow(pool, me)) return NULL;
    void *block = pool->bump;
    pool->bump += pool->slot_bytes;
    if (pool->eager) pool_link_fresh(pool);
    mk_block_lent(block, pool->block_bytes, pool->slot_bytes);
    return block;
}

/* LIN alloc: none, single-threaded. */
static inline void *pool_alloc(struct mk_alloc *pool, struct mk_thread *me, size_t bytes, size_t align) {
    (void)bytes, (void)align;
    struct pool_free *slot = pool->free;
    if (MK_UNLIKELY(!slot)) return pool_alloc_fresh(pool, me);
    MK_ASAN_UNPOISON(slot, sizeof *slot);
    pool->free = slot->next;
    mk_block_lent(slot, pool->block_bytes, pool->slot_bytes);
    return slot;
}

/* LIN free: none, single-threaded. */
static inline enum mk_status pool_free(struct mk_alloc *pool, struct mk_thread *me, void *block, size_t bytes,
                                       size_t align) {
    (void)me, (void)bytes, (void)align;
    struct pool_free *slot = block;
    mk_block_returned(slot, pool->slot_bytes);
    MK_ASAN_UNPOISON(slot, sizeof *slot);
    slot->next = pool->free;
    MK_ASAN_POISON(slot, sizeof *slot);
    pool->free = slot;
    return MK_HIT;
}

static size_t pool_footprint(struct mk_alloc *pool, void *block, size_t bytes) {
    (void)block, (void)bytes;
    return pool->slot_bytes;
}

static uint64_t pool_count(struct mk_alloc *pool) {
    uint64_t live = 0;
    for (struct pool_chunk *chunk = pool->chunks; chunk; chunk = chunk->next) {
        live += (chunk->bytes - sizeof *chunk) / pool->slot_bytes;
    }
    live -= (size_t)(pool->end - pool->bump) / pool->slot_bytes;
    for (struct pool_free *slot = pool->free, *next; slot; slot = next, live--) {
        MK_ASAN_UNPOISON(slot, sizeof *slot);
        next = slot->next;
        MK_ASAN_POISON(slot, sizeof *slot);
    }
    return live;
}

MK_ALLOC(pool, .summary = "one size, growing chunks, one free list", .caps = MK_FIXED_SIZE | MK_GROWS,
         .params = pool_params, .create = pool_create, .destroy = pool_destroy, .alloc = pool_alloc,
         .free = pool_free, .footprint = pool_footprint, .count = pool_count);
