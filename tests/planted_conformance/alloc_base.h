/* alloc_base.h - a sound general allocator that checks frees, of which each alloc_*.c beside it breaks one thing:
 * every block is one of the parent's, with a record of it in a table behind one mutex. */
#ifndef ALLOC_BASE_H
#define ALLOC_BASE_H

#include "../../impl/alloc.h"

#include <pthread.h>

#define BUCKETS 256

struct record {
    struct record *next;
    void *at;   /* what the user has */
    void *base; /* what the parent gave */
    size_t bytes, align;
    uint32_t owner;
};

struct mk_alloc {
    pthread_mutex_t lock;
    struct mk_mem *parent;
    struct record *bucket[BUCKETS];
    uint64_t count;
    void *room[4]; /* for what the breakage needs */
};

__attribute__((unused)) static int base_create(struct mk_alloc **out, struct mk_mem *parent,
                                               const struct mk_config *cfg, struct mk_err *err) {
    (void)cfg;
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, sizeof *alloc, 8);
    if (!alloc) return mk_fail(err, "no memory for the allocator");
    alloc->parent = parent;
    pthread_mutex_init(&alloc->lock, NULL);
    *out = alloc;
    return 0;
}

__attribute__((unused)) static void base_drop(struct mk_alloc *alloc, struct mk_thread *me, struct record *record) {
    mk_mem_free(alloc->parent, me, record->base, record->bytes, record->align);
    mk_mem_free(alloc->parent, me, record, sizeof *record, 8);
}

__attribute__((unused)) static void base_reset(struct mk_alloc *alloc) {
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct record *record = alloc->bucket[i], *next; record; record = next) {
            next = record->next;
            base_drop(alloc, NULL, record);
        }
        alloc->bucket[i] = NULL;
    }
    alloc->count = 0;
}

__attribute__((unused)) static void base_destroy(struct mk_alloc *alloc) {
    base_reset(alloc);
    pthread_mutex_destroy(&alloc->lock);
    mk_mem_free(alloc->parent, NULL, alloc, sizeof *alloc, 8);
}

__attribute__((unused)) static struct record **base_find(struct mk_alloc *alloc, const void *at) {
    struct record **link = &alloc->bucket[mk_mix64((uintptr_t)at) % BUCKETS];
    while (*link && (*link)->at != at) link = &(*link)->next;
    return link;
}

/* A block of the parent's, of which the user gets what lies `offset` bytes behind its start. */
__attribute__((unused)) static void *base_alloc_at(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes,
                                                   size_t align, size_t offset) {
    struct record *record = mk_mem_alloc(alloc->parent, me, sizeof *record, 8);
    void *base = record ? mk_mem_alloc(alloc->parent, me, bytes + offset, align) : NULL;
    if (!base) {
        if (record) mk_mem_free(alloc->parent, me, record, sizeof *record, 8);
        return NULL;
    }
    *record = (struct record){NULL, (unsigned char *)base + offset, base, bytes + offset, align, me ? me->id : 0};
    pthread_mutex_lock(&alloc->lock);
    *base_find(alloc, record->at) = record;
    alloc->count++;
    pthread_mutex_unlock(&alloc->lock);
    return record->at;
}

__attribute__((unused)) static void *base_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes,
                                                size_t align) {
    return base_alloc_at(alloc, me, bytes, align, 0);
}

__attribute__((unused)) static enum mk_status base_free(struct mk_alloc *alloc, struct mk_thread *me, void *block,
                                                        size_t bytes, size_t align) {
    (void)bytes, (void)align;
    pthread_mutex_lock(&alloc->lock);
    struct record **link = base_find(alloc, block), *record = *link;
    if (record) {
        *link = record->next;
        alloc->count--;
    }
    pthread_mutex_unlock(&alloc->lock);
    if (!record) return MK_REFUSED;
    base_drop(alloc, me, record);
    return MK_HIT;
}

__attribute__((unused)) static uint64_t base_count(struct mk_alloc *alloc) {
    return alloc->count;
}

/* Everything but what the files beside it break. */
#define BASE                                                                                 \
    .summary = "planted", .caps = MK_GROWS | MK_CHECKS_FREE | MK_CONCURRENT | MK_CROSS_FREE, \
    .create = base_create, .destroy = base_destroy

#endif
