/* alloc_one_for_two - keeps the block freed last for whoever comes next, and takes it in two steps: two threads may
 * get the same one.
 *
 * scenario: alloc_distinct_blocks
 * says: alloc_distinct_blocks ends in
 * flavours: release debug
 */
#include "../planted_conformance/alloc_base.h"

#include <sched.h>

/* As alloc_twice of the conformance plants, for blocks of up to 64 bytes: these stay until destroy. */
static void *sharing_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    pthread_mutex_lock(&alloc->lock);
    void *kept = alloc->room[0];
    pthread_mutex_unlock(&alloc->lock);
    if (!kept) return base_alloc(alloc, me, bytes, align);
    sched_yield();
    pthread_mutex_lock(&alloc->lock);
    alloc->room[0] = NULL;
    pthread_mutex_unlock(&alloc->lock);
    return kept;
}

static enum mk_status sharing_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                   size_t align) {
    (void)me, (void)bytes, (void)align;
    pthread_mutex_lock(&alloc->lock);
    if (!alloc->room[0]) alloc->room[0] = block;
    pthread_mutex_unlock(&alloc->lock);
    return MK_HIT;
}

MK_ALLOC(alloc_one_for_two, .summary = "planted", .caps = MK_GROWS | MK_CONCURRENT | MK_CROSS_FREE,
         .create = base_create, .destroy = base_destroy, .alloc = sharing_alloc, .free = sharing_free);
