/* alloc_pages.h - a sound allocator for blocks of one size, of which alloc_*.c beside it break one thing each: pages
 * that belong to threads; each has a list of free blocks for its owner and one, without locks, for all others, who
 * gather what they free of one page and put it there at once. Pages of threads that leave wait for another one. Links
 * lie in the header of the page, which the address of a block leads to.
 */
#ifndef ALLOC_PAGES_H
#define ALLOC_PAGES_H

#include <pthread.h>

#include "../../impl/alloc.h"

#define PAGE_BLOCKS MK_TUNE(16u, 3u)
#define BATCH_BLOCKS MK_TUNE(4u, 2u)
#define NOBODY UINT32_MAX
#define NONE UINT32_MAX

struct page {
    MK_ATOMIC(uint32_t) owner;  /* an id, or NOBODY */
    MK_ATOMIC(uint32_t) remote; /* the first block that others have freed, or NONE */
    uint32_t free;              /* the first block that is free for the owner, or NONE */
    uint32_t next[PAGE_BLOCKS];
    struct page *next_owned; /* of the same thread, or of those that nobody has */
    struct page *next_page;  /* of all */
    unsigned char *blocks;
};

/* Blocks of one page that a thread has freed and not handed over yet. */
struct batch {
    struct page *page;
    uint32_t first, last, n;
};

struct thread_pages {
    struct page *owned;
    struct batch batch;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    size_t slot_bytes, align, page_bytes;
    uint32_t threads_max;
    struct thread_pages *thread; /* by id */
    pthread_mutex_t lock;        /* of what follows */
    struct page *all, *left;     /* all pages; those that nobody has */
};

/* What the files beside it break. */
#ifndef PUT_REMOTE
#define PUT_REMOTE base_put_remote
#endif
#ifndef COLLECT
#define COLLECT base_collect
#endif
#ifndef HAND_OVER
#define HAND_OVER base_hand_over
#endif
#ifndef ADOPT
#define ADOPT base_adopt
#endif
static void PUT_REMOTE(struct page *page, uint32_t first, uint32_t last);
static void COLLECT(struct page *page);
static void HAND_OVER(struct batch *batch);
static void ADOPT(struct page *page);

static struct page *page_of(const struct mk_alloc *alloc, const void *block) {
    return (struct page *)((uintptr_t)block & -(uintptr_t)alloc->page_bytes);
}

static uint32_t index_of(const struct mk_alloc *alloc, const struct page *page, const void *block) {
    return (uint32_t)((size_t)((const unsigned char *)block - page->blocks) / alloc->slot_bytes);
}

/* ---- the list of a page that all others put blocks on ---------------------------------------- */

/* Puts a chain of blocks on it, linked already but for the last one. */
__attribute__((unused)) static void base_put_remote(struct page *page, uint32_t first, uint32_t last) {
    uint32_t head = atomic_load_explicit(&page->remote, memory_order_relaxed);
    do {
        page->next[last] = head;
    } while (!atomic_compare_exchange_weak_explicit(&page->remote, &head, first, memory_order_release,
                                                    memory_order_relaxed));
}

/* Makes all of it free for the owner, who has none. */
__attribute__((unused)) static void base_collect(struct page *page) {
    page->free = atomic_exchange_explicit(&page->remote, NONE, memory_order_acquire);
}

__attribute__((unused)) static void base_hand_over(struct batch *batch) {
    if (batch->n) PUT_REMOTE(batch->page, batch->first, batch->last);
    batch->n = 0;
}

static void gather(struct batch *batch, struct page *page, uint32_t index) {
    if (batch->page != page) HAND_OVER(batch);
    if (batch->n) {
        page->next[index] = batch->first;
    } else {
        batch->last = index;
    }
    batch->page = page;
    batch->first = index;
    if (++batch->n == BATCH_BLOCKS) HAND_OVER(batch);
}

/* ---- pages ----------------------------------------------------------------------------------- */

static struct page *make_page(struct mk_alloc *alloc, struct mk_thread *me) {
    struct page *page = mk_mem_alloc(alloc->parent, me, alloc->page_bytes, alloc->page_bytes);
    if (!page) return NULL;
    atomic_init(&page->owner, me->id);
    atomic_init(&page->remote, NONE);
    page->free = 0;
    for (uint32_t i = 0; i < PAGE_BLOCKS; i++) page->next[i] = i + 1 < PAGE_BLOCKS ? i + 1 : NONE;
    page->blocks = (unsigned char *)(((uintptr_t)(page + 1) + alloc->align - 1) & -(uintptr_t)alloc->align);
    page->next_page = alloc->all;
    alloc->all = page;
    return page;
}

/* A page of a thread that has left is another one's now. */
__attribute__((unused)) static void base_adopt(struct page *page) {
    if (page->free == NONE) COLLECT(page);
}

/* Returns another page for the thread, with a free block, or NULL. */
static struct page *another_page(struct mk_alloc *alloc, struct mk_thread *me) {
    pthread_mutex_lock(&alloc->lock);
    struct page *page = NULL, **link = &alloc->left;
    while (*link && !page) {
        struct page *left = *link;
        ADOPT(left);
        if (left->free == NONE) {
            link = &left->next_owned;
        } else {
            *link = left->next_owned;
            atomic_store_explicit(&left->owner, me->id, memory_order_relaxed);
            page = left;
        }
    }
    if (!page) page = make_page(alloc, me);
    pthread_mutex_unlock(&alloc->lock);
    if (!page) return NULL;
    page->next_owned = alloc->thread[me->id].owned;
    alloc->thread[me->id].owned = page;
    return page;
}

/* ---- operations ------------------------------------------------------------------------------ */

static void *pages_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    struct page *page = alloc->thread[me->id].owned;
    (void)bytes, (void)align;
    for (; page; page = page->next_owned) {
        if (page->free == NONE) COLLECT(page);
        if (page->free != NONE) break;
    }
    if (!page) page = another_page(alloc, me);
    if (!page) return NULL;
    uint32_t index = page->free;
    page->free = page->next[index];
    return page->blocks + index * alloc->slot_bytes;
}

static enum mk_status pages_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                 size_t align) {
    struct page *page = page_of(alloc, block);
    uint32_t index = index_of(alloc, page, block);
    (void)bytes, (void)align;
    if (atomic_load_explicit(&page->owner, memory_order_relaxed) == me->id) {
        page->next[index] = page->free;
        page->free = index;
    } else {
        gather(&alloc->thread[me->id].batch, page, index);
    }
    return MK_HIT;
}

static void pages_thread_exit(struct mk_alloc *alloc, struct mk_thread *me) {
    struct thread_pages *mine = &alloc->thread[me->id];
    HAND_OVER(&mine->batch);
    pthread_mutex_lock(&alloc->lock);
    for (struct page *page = mine->owned, *next; page; page = next) {
        next = page->next_owned;
        atomic_store_explicit(&page->owner, NOBODY, memory_order_relaxed);
        page->next_owned = alloc->left;
        alloc->left = page;
    }
    pthread_mutex_unlock(&alloc->lock);
    mine->owned = NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Returns how many blocks a list has, at most as many as a page. */
static uint64_t length(const struct page *page, uint32_t index) {
    uint64_t n = 0;
    for (; index != NONE && n < PAGE_BLOCKS; index = page->next[index]) n++;
    return n;
}

/* At quiescence. */
static uint64_t pages_count(struct mk_alloc *alloc) {
    uint64_t count = 0;
    for (const struct page *page = alloc->all; page; page = page->next_page) {
        count += PAGE_BLOCKS - length(page, page->free);
        count -= length(page, atomic_load_explicit(&page->remote, memory_order_relaxed));
    }
    for (uint32_t id = 0; id < alloc->threads_max; id++) count -= alloc->thread[id].batch.n;
    return count;
}

static void pages_destroy(struct mk_alloc *alloc) {
    struct mk_mem *parent = alloc->parent;
    for (struct page *page = alloc->all, *next; page; page = next) {
        next = page->next_page;
        mk_mem_free(parent, NULL, page, alloc->page_bytes, alloc->page_bytes);
    }
    pthread_mutex_destroy(&alloc->lock);
    mk_mem_free(parent, NULL, alloc->thread, alloc->threads_max * sizeof *alloc->thread, MK_CACHE_LINE);
    mk_mem_free(parent, NULL, alloc, sizeof *alloc, MK_CACHE_LINE);
}

static int pages_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                        struct mk_err *err) {
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, sizeof *alloc, MK_CACHE_LINE);
    if (!alloc) return mk_fail(err, "no memory for the pages");
    alloc->parent = parent;
    alloc->threads_max = cfg->threads_max;
    alloc->align = cfg->object_align ? cfg->object_align : 1;
    alloc->slot_bytes = (cfg->object_bytes + alloc->align - 1) & -alloc->align;
    size_t needed = sizeof(struct page) + alloc->align + PAGE_BLOCKS * alloc->slot_bytes;
    for (alloc->page_bytes = MK_CACHE_LINE; alloc->page_bytes < needed;) alloc->page_bytes *= 2;
    alloc->thread = mk_mem_zalloc(parent, NULL, cfg->threads_max * sizeof *alloc->thread, MK_CACHE_LINE);
    if (!alloc->thread) {
        mk_mem_free(parent, NULL, alloc, sizeof *alloc, MK_CACHE_LINE);
        return mk_fail(err, "no memory for the pages of %u threads", cfg->threads_max);
    }
    pthread_mutex_init(&alloc->lock, NULL);
    *out = alloc;
    return 0;
}

#define PAGES                                                                                             \
    .summary = "planted", .caps = MK_FIXED_SIZE | MK_GROWS | MK_CONCURRENT | MK_CROSS_FREE,               \
    .create = pages_create, .destroy = pages_destroy, .thread_exit = pages_thread_exit, .alloc = pages_alloc, \
    .free = pages_free, .count = pages_count

#endif
