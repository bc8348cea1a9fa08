/* alloc_checks_then_frees - looks whether a block is live under the lock, and frees it under the lock, but not both
 * under one.
 *
 * scenario: alloc_two_free_one
 * says: both freed it
 */
#include "../planted_conformance/alloc_base.h"

#include <sched.h>

static enum mk_status racy_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                size_t align) {
    pthread_mutex_lock(&alloc->lock);
    bool live = *base_find(alloc, block) != NULL;
    pthread_mutex_unlock(&alloc->lock);
    if (!live) return MK_REFUSED;
    sched_yield();
    base_free(alloc, me, block, bytes, align);
    return MK_HIT;
}

MK_ALLOC(alloc_checks_then_frees, BASE, .alloc = base_alloc, .free = racy_free, .count = base_count);
