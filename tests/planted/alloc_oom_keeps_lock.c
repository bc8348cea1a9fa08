/* alloc_oom_keeps_lock - an alloc that finds no memory for its record returns with the lock.
 *
 * bug:       the lock is kept on the way out when memory is refused
 * finds:     no_memory | threads | handover | births | footprint | alloc_*
 * rule:      hang
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    fails
 */
#include "../planted_conformance/alloc_base.h"

static void *alloc_in_lock(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    void *base = mk_mem_alloc(alloc->parent, me, bytes, align);
    if (!base) return NULL;
    pthread_mutex_lock(&alloc->lock);
    struct record *record = mk_mem_alloc(alloc->parent, me, sizeof *record, 8);
    if (!record) {
#ifdef TWIN
        pthread_mutex_unlock(&alloc->lock);
#endif
        mk_mem_free(alloc->parent, me, base, bytes, align);
        return NULL;
    }
    *record = (struct record){NULL, base, base, bytes, align, me ? me->id : 0};
    *base_find(alloc, base) = record;
    alloc->count++;
    pthread_mutex_unlock(&alloc->lock);
    return base;
}

MK_ALLOC(alloc_oom_keeps_lock, BASE, .alloc = alloc_in_lock, .free = base_free, .count = base_count);
