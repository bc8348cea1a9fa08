/* alloc_never_reuses - keeps what is freed until it is destroyed.
 *
 * case: reuse
 * says: were ever live
 */
#include "alloc_base.h"

static enum mk_status keeping_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                   size_t align) {
    pthread_mutex_lock(&alloc->lock);
    struct record **link = base_find(alloc, block), *record = *link;
    if (record) {
        *link = record->next;
        alloc->count--;
        record->next = alloc->room[0];
        alloc->room[0] = record;
    }
    pthread_mutex_unlock(&alloc->lock);
    (void)me, (void)bytes, (void)align;
    return record ? MK_HIT : MK_REFUSED;
}

static void late_destroy(struct mk_alloc *alloc) {
    for (struct record *record = alloc->room[0], *next; record; record = next) {
        next = record->next;
        base_drop(alloc, NULL, record);
    }
    base_destroy(alloc);
}

MK_ALLOC(alloc_never_reuses, .summary = "planted", .caps = MK_GROWS | MK_CHECKS_FREE, .create = base_create,
         .destroy = late_destroy, .alloc = base_alloc, .free = keeping_free, .count = base_count);
