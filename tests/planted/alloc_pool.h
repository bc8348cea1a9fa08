/* alloc_pool.h - a sound allocator for blocks of one size, of which alloc_*.c beside it break one thing each:
 * chunks of 64 blocks, a shared list of free ones without locks (Treiber 1986, by index, with a tag against
 * reuse), and a magazine of free ones for each thread. Links and states lie outside of the blocks. Refuses double
 * and foreign frees.
 */
#ifndef ALLOC_POOL_H
#define ALLOC_POOL_H

#include <pthread.h>

#include "../../impl/alloc.h"

#define CHUNK_BLOCKS MK_TUNE(64, 8)
#define CHUNKS_MAX 4096
#define MAGAZINE_BLOCKS 1
#define NONE UINT32_MAX

struct chunk {
    unsigned char *base;
    MK_ATOMIC(uint64_t) live;                   /* a bit a block */
    MK_ATOMIC(uint32_t) next[CHUNK_BLOCKS];     /* on the free list: index, or NONE */
};

/* Of one thread. */
struct magazine {
    uint32_t n, index[MAGAZINE_BLOCKS];
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    size_t slot_bytes, align;
    uint32_t threads_max;
    struct magazine *magazine;             /* by id */
    MK_ATOMIC(uint64_t) free;              /* the list: tag << 32 | index of the first, or NONE */
    MK_ATOMIC(uint32_t) chunks;            /* how many there are */
    MK_ATOMIC(struct chunk *) chunk[CHUNKS_MAX];
    pthread_mutex_t lock;                  /* of making chunks */
};

/* What the files beside it break. */
#ifndef ALIGN
#define ALIGN(align) (align)
#endif
#ifndef PUSH
#define PUSH base_push
#endif
#ifndef POP
#define POP base_pop
#endif
#ifndef TAKE_BACK
#define TAKE_BACK base_take_back
#endif
#ifndef MAGAZINE
#define MAGAZINE base_magazine
#endif
#ifndef THREAD_EXIT
#define THREAD_EXIT base_thread_exit
#endif
static void PUSH(struct mk_alloc *alloc, uint32_t index);
static uint32_t POP(struct mk_alloc *alloc);
static bool TAKE_BACK(struct mk_alloc *alloc, uint32_t index);
static struct magazine *MAGAZINE(struct mk_alloc *alloc, const struct mk_thread *me);

static struct chunk *chunk_of(struct mk_alloc *alloc, uint32_t index) {
    return atomic_load_explicit(&alloc->chunk[index / CHUNK_BLOCKS], memory_order_acquire);
}

static MK_ATOMIC(uint32_t) *next_of(struct mk_alloc *alloc, uint32_t index) {
    return &chunk_of(alloc, index)->next[index % CHUNK_BLOCKS];
}

/* ---- the shared list ------------------------------------------------------------------------- */

/* The list with another first block: its tag tells it from every one before. */
static uint64_t list_of(uint64_t before, uint32_t first) {
    return ((before >> 32) + 1) << 32 | first;
}

__attribute__((unused)) static void base_push(struct mk_alloc *alloc, uint32_t index) {
    uint64_t list = atomic_load_explicit(&alloc->free, memory_order_relaxed);
    do {
        atomic_store_explicit(next_of(alloc, index), (uint32_t)list, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&alloc->free, &list, list_of(list, index), memory_order_release,
                                                    memory_order_relaxed));
}

/* Returns a free block, or NONE. */
__attribute__((unused)) static uint32_t base_pop(struct mk_alloc *alloc) {
    uint64_t list = atomic_load_explicit(&alloc->free, memory_order_acquire);
    while ((uint32_t)list != NONE) {
        uint32_t next = atomic_load_explicit(next_of(alloc, (uint32_t)list), memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&alloc->free, &list, list_of(list, next), memory_order_acquire,
                                                  memory_order_acquire)) {
            return (uint32_t)list;
        }
    }
    return NONE;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static size_t chunk_bytes(const struct mk_alloc *alloc) {
    return CHUNK_BLOCKS * alloc->slot_bytes;
}

/* Makes a chunk, all but one of whose blocks go to the list. Returns that one, or NONE. The lock is held. */
static uint32_t make_chunk(struct mk_alloc *alloc, struct mk_thread *me) {
    uint32_t n = atomic_load_explicit(&alloc->chunks, memory_order_relaxed), index = POP(alloc);
    if (index != NONE || n == CHUNKS_MAX) return index; /* somebody else has made one meanwhile */
    struct chunk *chunk = mk_mem_zalloc(alloc->parent, me, sizeof *chunk, 8);
    if (!chunk) return NONE;
    chunk->base = mk_mem_alloc(alloc->parent, me, chunk_bytes(alloc), alloc->align);
    if (!chunk->base) {
        mk_mem_free(alloc->parent, me, chunk, sizeof *chunk, 8);
        return NONE;
    }
    atomic_store_explicit(&alloc->chunk[n], chunk, memory_order_release);
    atomic_store_explicit(&alloc->chunks, n + 1, memory_order_release);
    for (uint32_t i = 1; i < CHUNK_BLOCKS; i++) PUSH(alloc, n * CHUNK_BLOCKS + i);
    return n * CHUNK_BLOCKS;
}

/* Returns which block an address is, or NONE. */
static uint32_t index_of(struct mk_alloc *alloc, const void *block) {
    uint32_t n = atomic_load_explicit(&alloc->chunks, memory_order_acquire);
    for (uint32_t i = 0; i < n; i++) {
        size_t offset = (uintptr_t)block - (uintptr_t)chunk_of(alloc, i * CHUNK_BLOCKS)->base;
        if (offset >= chunk_bytes(alloc)) continue;
        if (offset % alloc->slot_bytes) return NONE;
        return i * CHUNK_BLOCKS + (uint32_t)(offset / alloc->slot_bytes);
    }
    return NONE;
}

/* ---- operations ------------------------------------------------------------------------------ */

__attribute__((unused)) static struct magazine *base_magazine(struct mk_alloc *alloc, const struct mk_thread *me) {
    return &alloc->magazine[me->id];
}

static void lend(struct mk_alloc *alloc, uint32_t index) {
    uint64_t bit = (uint64_t)1 << index % CHUNK_BLOCKS;
    atomic_fetch_or_explicit(&chunk_of(alloc, index)->live, bit, memory_order_relaxed);
}

/* Returns whether the block was live. */
__attribute__((unused)) static bool base_take_back(struct mk_alloc *alloc, uint32_t index) {
    uint64_t bit = (uint64_t)1 << index % CHUNK_BLOCKS;
    return atomic_fetch_and_explicit(&chunk_of(alloc, index)->live, ~bit, memory_order_relaxed) & bit;
}

static void *pool_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    struct magazine *magazine = MAGAZINE(alloc, me);
    uint32_t index;
    (void)bytes, (void)align;
    if (magazine->n) {
        index = magazine->index[--magazine->n];
    } else if ((index = POP(alloc)) == NONE) {
        pthread_mutex_lock(&alloc->lock);
        index = make_chunk(alloc, me);
        pthread_mutex_unlock(&alloc->lock);
        if (index == NONE) return NULL;
    }
    lend(alloc, index);
    return chunk_of(alloc, index)->base + index % CHUNK_BLOCKS * alloc->slot_bytes;
}

static enum mk_status pool_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                size_t align) {
    uint32_t index = index_of(alloc, block);
    (void)bytes, (void)align;
    if (index == NONE || !TAKE_BACK(alloc, index)) return MK_REFUSED;
    struct magazine *magazine = MAGAZINE(alloc, me);
    if (magazine->n < MAGAZINE_BLOCKS) {
        magazine->index[magazine->n++] = index;
    } else {
        PUSH(alloc, index);
    }
    return MK_HIT;
}

/* What is in its magazine goes to the list. */
__attribute__((unused)) static void base_thread_exit(struct mk_alloc *alloc, struct mk_thread *me) {
    struct magazine *magazine = MAGAZINE(alloc, me);
    while (magazine->n) PUSH(alloc, magazine->index[--magazine->n]);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* What is neither on the list nor in a magazine. At quiescence. */
static uint64_t pool_count(struct mk_alloc *alloc) {
    uint64_t count = (uint64_t)CHUNK_BLOCKS * atomic_load_explicit(&alloc->chunks, memory_order_relaxed);
    for (uint32_t id = 0; id < alloc->threads_max; id++) count -= alloc->magazine[id].n;
    uint32_t index = (uint32_t)atomic_load_explicit(&alloc->free, memory_order_relaxed);
    for (; index != NONE && count; count--) {
        index = atomic_load_explicit(next_of(alloc, index), memory_order_relaxed);
    }
    return count;
}

static void pool_destroy(struct mk_alloc *alloc) {
    struct mk_mem *parent = alloc->parent;
    uint32_t n = atomic_load_explicit(&alloc->chunks, memory_order_relaxed);
    for (uint32_t i = 0; i < n; i++) {
        struct chunk *chunk = chunk_of(alloc, i * CHUNK_BLOCKS);
        mk_mem_free(parent, NULL, chunk->base, chunk_bytes(alloc), alloc->align);
        mk_mem_free(parent, NULL, chunk, sizeof *chunk, 8);
    }
    pthread_mutex_destroy(&alloc->lock);
    mk_mem_free(parent, NULL, alloc->magazine, alloc->threads_max * sizeof *alloc->magazine, MK_CACHE_LINE);
    mk_mem_free(parent, NULL, alloc, sizeof *alloc, MK_CACHE_LINE);
}

static int pool_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                       struct mk_err *err) {
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, sizeof *alloc, MK_CACHE_LINE);
    if (!alloc) return mk_fail(err, "no memory for the pool");
    alloc->parent = parent;
    alloc->threads_max = cfg->threads_max;
    alloc->align = ALIGN(cfg->object_align ? cfg->object_align : 1);
    alloc->slot_bytes = (cfg->object_bytes + alloc->align - 1) & -alloc->align;
    alloc->magazine = mk_mem_zalloc(parent, NULL, cfg->threads_max * sizeof *alloc->magazine, MK_CACHE_LINE);
    if (!alloc->magazine) {
        mk_mem_free(parent, NULL, alloc, sizeof *alloc, MK_CACHE_LINE);
        return mk_fail(err, "no memory for the magazines of %u threads", cfg->threads_max);
    }
    atomic_init(&alloc->free, NONE);
    pthread_mutex_init(&alloc->lock, NULL);
    *out = alloc;
    return 0;
}

#define POOL                                                                                                 \
    .summary = "planted", .caps = MK_FIXED_SIZE | MK_GROWS | MK_CONCURRENT | MK_CROSS_FREE | MK_CHECKS_FREE, \
    .create = pool_create, .destroy = pool_destroy, .thread_exit = THREAD_EXIT, .alloc = pool_alloc,         \
    .free = pool_free, .count = pool_count

#endif
