/* alloc_twice - keeps the block freed last for whoever comes next, and takes it in two steps: two threads may get
 * the same one.
 *
 * case: threads
 * says: block
 * flavours: release debug
 */
#include "alloc_base.h"
#include <sched.h>

#define KEPT_BYTES 24

static void *sharing_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    if (bytes > KEPT_BYTES || align > 8) return base_alloc(alloc, me, bytes, align);
    pthread_mutex_lock(&alloc->lock);
    void *kept = alloc->room[0];
    pthread_mutex_unlock(&alloc->lock);
    if (!kept) return base_alloc(alloc, me, KEPT_BYTES, 8);
    sched_yield();
    pthread_mutex_lock(&alloc->lock);
    alloc->room[0] = NULL;
    alloc->count++;
    pthread_mutex_unlock(&alloc->lock);
    return kept;
}

/* Small blocks stay until the allocator is destroyed: who still writes into one must not hit the parent. */
static enum mk_status sharing_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                   size_t align) {
    if (bytes > KEPT_BYTES || align > 8) return base_free(alloc, me, block, bytes, align);
    pthread_mutex_lock(&alloc->lock);
    if (!alloc->room[0]) alloc->room[0] = block;
    alloc->count--;
    pthread_mutex_unlock(&alloc->lock);
    return MK_HIT;
}

MK_ALLOC(alloc_twice, .summary = "planted", .caps = MK_GROWS | MK_CONCURRENT | MK_CROSS_FREE, .create = base_create,
         .destroy = base_destroy, .alloc = sharing_alloc, .free = sharing_free, .count = base_count);
