/* alloc_own_only - claims that others may free a block, and refuses them.
 *
 * case: handover
 * says: answers refused, not hit
 */
#include "alloc_base.h"

static enum mk_status jealous_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                   size_t align) {
    pthread_mutex_lock(&alloc->lock);
    struct record *record = *base_find(alloc, block);
    bool own = record && record->owner == me->id;
    pthread_mutex_unlock(&alloc->lock);
    return own ? base_free(alloc, me, block, bytes, align) : MK_REFUSED;
}

MK_ALLOC(alloc_own_only, BASE, .alloc = base_alloc, .free = jealous_free, .count = base_count);
