/* alloc_foreign_scribbles - writes into the youngest block when a thread frees a block of another.
 *
 * scenario: alloc_freed_by_others alloc_ping_pong
 * says: changed
 * flavours: release debug
 */
#include "../planted_conformance/alloc_base.h"

static void *noting_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    void *at = base_alloc(alloc, me, bytes, align);
    pthread_mutex_lock(&alloc->lock);
    alloc->room[0] = at;
    pthread_mutex_unlock(&alloc->lock);
    return at;
}

static enum mk_status scribbling_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                      size_t align) {
    pthread_mutex_lock(&alloc->lock);
    struct record *record = *base_find(alloc, block);
    if (record && record->owner != me->id && alloc->room[0]) *(volatile unsigned char *)alloc->room[0] = 0xee;
    if (alloc->room[0] == block) alloc->room[0] = NULL;
    pthread_mutex_unlock(&alloc->lock);
    return base_free(alloc, me, block, bytes, align);
}

MK_ALLOC(alloc_foreign_scribbles, BASE, .alloc = noting_alloc, .free = scribbling_free, .count = base_count);
