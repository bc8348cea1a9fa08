/* alloc_keeps_foreign - what another thread frees is kept until the allocator is destroyed.
 *
 * case: footprint
 * says: bytes from its parent
 */
#include "alloc_base.h"

static enum mk_status possessive_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                      size_t align) {
    pthread_mutex_lock(&alloc->lock);
    struct record **link = base_find(alloc, block), *record = *link;
    bool foreign = record && record->owner != me->id;
    if (foreign) {
        *link = record->next;
        alloc->count--;
        record->next = alloc->room[0];
        alloc->room[0] = record;
    }
    pthread_mutex_unlock(&alloc->lock);
    return foreign ? MK_HIT : base_free(alloc, me, block, bytes, align);
}

static void late_destroy(struct mk_alloc *alloc) {
    for (struct record *record = alloc->room[0], *next; record; record = next) {
        next = record->next;
        base_drop(alloc, NULL, record);
    }
    base_destroy(alloc);
}

MK_ALLOC(alloc_keeps_foreign, .summary = "planted",
         .caps = MK_GROWS | MK_CHECKS_FREE | MK_CONCURRENT | MK_CROSS_FREE, .create = base_create,
         .destroy = late_destroy, .alloc = base_alloc, .free = possessive_free, .count = base_count);
