/* alloc_slab.h - a sound cache of constructed blocks of one size, of which alloc_slab_*.c beside it break one thing
 * each: slabs under a lock, a loaded and a previous magazine of each thread's own, and a depot with room for one
 * full magazine, which threads put there and take from there without the lock. Slabs stay, and are constructed when
 * the first block is taken from them, and once more after a reset.
 */
#ifndef ALLOC_SLAB_H
#define ALLOC_SLAB_H

#include <pthread.h>

#include "../../impl/alloc.h"

#define SLAB_BLOCKS MK_TUNE(64u, 4u)
#define ROUNDS MK_TUNE(8u, 1u)

struct slab {
    struct slab *next;
    unsigned char *blocks;
    uint64_t free; /* a bit a block */
    bool constructed;
};

struct magazine {
    uint32_t n; /* the previous one has all or none */
    void *round[ROUNDS];
};

struct thread_magazines {
    struct magazine *loaded, *previous;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    void (*construct)(void *block, size_t bytes);
    size_t block_bytes, slot_bytes, align;
    uint32_t threads_max;
    struct thread_magazines *thread;   /* by id */
    MK_ATOMIC(struct magazine *) full; /* the depot */
    pthread_mutex_t lock;              /* of what follows */
    struct slab *slabs;
};

/* What the files beside it break. */
#ifndef TAKE_FULL
#define TAKE_FULL base_take_full
#endif
#ifndef SWAP
#define SWAP base_swap
#endif
#ifndef THREAD_EXIT
#define THREAD_EXIT base_thread_exit
#endif
#ifndef CLEAR
#define CLEAR base_clear
#endif
#ifndef ALLOC
#define ALLOC slab_alloc
#endif
static struct magazine *TAKE_FULL(struct mk_alloc *alloc);
static void SWAP(struct thread_magazines *mine);
static void THREAD_EXIT(struct mk_alloc *alloc, struct mk_thread *me);
static void CLEAR(struct slab *slab);

/* ---- slabs, under the lock ------------------------------------------------------------------- */

/* All of its blocks are free, and those that were live in any state. */
__attribute__((unused)) static void base_clear(struct slab *slab) {
    slab->free = UINT64_MAX >> (64 - SLAB_BLOCKS);
    slab->constructed = false;
}

static size_t blocks_bytes(const struct mk_alloc *alloc) {
    return SLAB_BLOCKS * alloc->slot_bytes;
}

static struct slab *make_slab(struct mk_alloc *alloc, struct mk_thread *me) {
    struct slab *slab = mk_mem_zalloc(alloc->parent, me, sizeof *slab, 8);
    if (!slab) return NULL;
    slab->blocks = mk_mem_alloc(alloc->parent, me, blocks_bytes(alloc), alloc->align);
    if (!slab->blocks) {
        mk_mem_free(alloc->parent, me, slab, sizeof *slab, 8);
        return NULL;
    }
    base_clear(slab);
    slab->next = alloc->slabs;
    alloc->slabs = slab;
    return slab;
}

static void drop_slab(struct mk_alloc *alloc, struct mk_thread *me, struct slab *slab) {
    mk_mem_free(alloc->parent, me, slab->blocks, blocks_bytes(alloc), alloc->align);
    mk_mem_free(alloc->parent, me, slab, sizeof *slab, 8);
}

static void construct_slab(const struct mk_alloc *alloc, struct slab *slab) {
    for (uint32_t i = 0; alloc->construct && !slab->constructed && i < SLAB_BLOCKS; i++) {
        alloc->construct(slab->blocks + i * alloc->slot_bytes, alloc->block_bytes);
    }
    slab->constructed = true;
}

static void *take_block(struct mk_alloc *alloc, struct mk_thread *me) {
    struct slab *slab = alloc->slabs;
    while (slab && !slab->free) slab = slab->next;
    if (!slab && !(slab = make_slab(alloc, me))) return NULL;
    construct_slab(alloc, slab);
    unsigned index = (unsigned)__builtin_ctzll(slab->free);
    slab->free &= slab->free - 1;
    return slab->blocks + index * alloc->slot_bytes;
}

static void put_block(struct mk_alloc *alloc, const void *block) {
    struct slab *slab = alloc->slabs;
    while ((uintptr_t)block - (uintptr_t)slab->blocks >= blocks_bytes(alloc)) slab = slab->next;
    slab->free |= UINT64_C(1) << ((uintptr_t)block - (uintptr_t)slab->blocks) / alloc->slot_bytes;
}

static void put_blocks(struct mk_alloc *alloc, struct magazine *magazine) {
    while (magazine->n) put_block(alloc, magazine->round[--magazine->n]);
}

/* ---- magazines ------------------------------------------------------------------------------- */

static struct magazine *make_magazine(struct mk_alloc *alloc, struct mk_thread *me) {
    return mk_mem_zalloc(alloc->parent, me, sizeof(struct magazine), 8);
}

static void drop_magazine(struct mk_alloc *alloc, struct mk_thread *me, struct magazine *magazine) {
    if (magazine) mk_mem_free(alloc->parent, me, magazine, sizeof *magazine, 8);
}

__attribute__((unused)) static struct magazine *base_take_full(struct mk_alloc *alloc) {
    return atomic_exchange_explicit(&alloc->full, NULL, memory_order_acquire);
}

/* Returns whether there was room. */
static bool put_full(struct mk_alloc *alloc, struct magazine *magazine) {
    struct magazine *none = NULL;
    return atomic_compare_exchange_strong_explicit(&alloc->full, &none, magazine, memory_order_release,
                                                   memory_order_relaxed);
}

__attribute__((unused)) static void base_swap(struct thread_magazines *mine) {
    struct magazine *loaded = mine->loaded;
    mine->loaded = mine->previous;
    mine->previous = loaded;
}

/* Puts at least one block into the empty loaded magazine, the previous one being empty, too, if there is one. */
static void refill(struct mk_alloc *alloc, struct mk_thread *me, struct thread_magazines *mine) {
    struct magazine *full = TAKE_FULL(alloc);
    if (full) {
        drop_magazine(alloc, me, mine->loaded);
        mine->loaded = full;
        return;
    }
    pthread_mutex_lock(&alloc->lock);
    void *block = take_block(alloc, me);
    pthread_mutex_unlock(&alloc->lock);
    if (block) mine->loaded->round[mine->loaded->n++] = block;
}

/* Makes room in the loaded magazine, both being full. */
static void spill(struct mk_alloc *alloc, struct mk_thread *me, struct thread_magazines *mine) {
    struct magazine *empty = make_magazine(alloc, me);
    if (empty && put_full(alloc, mine->previous)) {
        mine->previous = empty;
    } else {
        drop_magazine(alloc, me, empty);
        pthread_mutex_lock(&alloc->lock);
        put_blocks(alloc, mine->previous);
        pthread_mutex_unlock(&alloc->lock);
    }
    base_swap(mine);
}

/* ---- operations ------------------------------------------------------------------------------ */

static void *slab_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    struct thread_magazines *mine = &alloc->thread[me->id];
    (void)bytes, (void)align;
    if (!mine->loaded->n && mine->previous->n) SWAP(mine);
    if (!mine->loaded->n) refill(alloc, me, mine);
    return mine->loaded->n ? mine->loaded->round[--mine->loaded->n] : NULL;
}

static enum mk_status slab_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                size_t align) {
    struct thread_magazines *mine = &alloc->thread[me->id];
    (void)bytes, (void)align;
    if (mine->loaded->n == ROUNDS && !mine->previous->n) base_swap(mine);
    if (mine->loaded->n == ROUNDS) spill(alloc, me, mine);
    mine->loaded->round[mine->loaded->n++] = block;
    return MK_HIT;
}

static int slab_thread_enter(struct mk_alloc *alloc, struct mk_thread *me) {
    struct thread_magazines *mine = &alloc->thread[me->id];
    if (!mine->loaded) mine->loaded = make_magazine(alloc, me);
    if (!mine->previous) mine->previous = make_magazine(alloc, me);
    return mine->loaded && mine->previous ? 0 : -1;
}

__attribute__((unused)) static void base_thread_exit(struct mk_alloc *alloc, struct mk_thread *me) {
    struct thread_magazines *mine = &alloc->thread[me->id];
    pthread_mutex_lock(&alloc->lock);
    put_blocks(alloc, mine->loaded);
    put_blocks(alloc, mine->previous);
    pthread_mutex_unlock(&alloc->lock);
}

/* At quiescence. */
static void slab_reset(struct mk_alloc *alloc) {
    struct magazine *full = base_take_full(alloc);
    drop_magazine(alloc, NULL, full);
    for (uint32_t id = 0; id < alloc->threads_max; id++) {
        if (alloc->thread[id].loaded) alloc->thread[id].loaded->n = 0;
        if (alloc->thread[id].previous) alloc->thread[id].previous->n = 0;
    }
    for (struct slab *slab = alloc->slabs; slab; slab = slab->next) CLEAR(slab);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* At quiescence. */
static uint64_t slab_count(struct mk_alloc *alloc) {
    struct magazine *full = atomic_load_explicit(&alloc->full, memory_order_relaxed);
    uint64_t count = 0;
    for (struct slab *slab = alloc->slabs; slab; slab = slab->next) {
        count += SLAB_BLOCKS;
        for (uint64_t free = slab->free; free; free &= free - 1) count--;
    }
    for (uint32_t id = 0; id < alloc->threads_max; id++) {
        if (alloc->thread[id].loaded) count -= alloc->thread[id].loaded->n;
        if (alloc->thread[id].previous) count -= alloc->thread[id].previous->n;
    }
    return full ? count - full->n : count;
}

static void slab_destroy(struct mk_alloc *alloc) {
    struct mk_mem *parent = alloc->parent;
    for (struct slab *slab = alloc->slabs, *next; slab; slab = next) {
        next = slab->next;
        drop_slab(alloc, NULL, slab);
    }
    drop_magazine(alloc, NULL, atomic_load_explicit(&alloc->full, memory_order_relaxed));
    for (uint32_t id = 0; id < alloc->threads_max; id++) {
        drop_magazine(alloc, NULL, alloc->thread[id].loaded);
        drop_magazine(alloc, NULL, alloc->thread[id].previous);
    }
    pthread_mutex_destroy(&alloc->lock);
    mk_mem_free(parent, NULL, alloc->thread, alloc->threads_max * sizeof *alloc->thread, MK_CACHE_LINE);
    mk_mem_free(parent, NULL, alloc, sizeof *alloc, MK_CACHE_LINE);
}

static int slab_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                       struct mk_err *err) {
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, sizeof *alloc, MK_CACHE_LINE);
    if (!alloc) return mk_fail(err, "no memory for the cache");
    alloc->parent = parent;
    alloc->construct = cfg->construct;
    alloc->threads_max = cfg->threads_max;
    alloc->align = cfg->object_align ? cfg->object_align : 1;
    alloc->block_bytes = cfg->object_bytes;
    alloc->slot_bytes = (cfg->object_bytes + alloc->align - 1) & -alloc->align;
    alloc->thread = mk_mem_zalloc(parent, NULL, cfg->threads_max * sizeof *alloc->thread, MK_CACHE_LINE);
    if (!alloc->thread) {
        mk_mem_free(parent, NULL, alloc, sizeof *alloc, MK_CACHE_LINE);
        return mk_fail(err, "no memory for the magazines of %u threads", cfg->threads_max);
    }
    atomic_init(&alloc->full, NULL);
    pthread_mutex_init(&alloc->lock, NULL);
    *out = alloc;
    return 0;
}

#define SLAB                                                                                              \
    .summary = "planted", .caps = MK_FIXED_SIZE | MK_GROWS | MK_CONCURRENT | MK_CROSS_FREE | MK_CONSTRUCTS, \
    .create = slab_create, .destroy = slab_destroy, .thread_enter = slab_thread_enter,                    \
    .thread_exit = THREAD_EXIT, .reset = slab_reset, .alloc = ALLOC, .free = slab_free, .count = slab_count

#endif
