/* alloc_slab_keeps_previous - a thread that leaves gives its loaded magazine back, and forgets the previous one.
 *
 * bug:       what is in the previous magazine is nobody's
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define THREAD_EXIT exit_with_previous
#endif
#include "alloc_slab.h"

#ifndef TWIN
static void exit_with_previous(struct mk_alloc *alloc, struct mk_thread *me) {
    struct thread_magazines *mine = &alloc->thread[me->id];
    pthread_mutex_lock(&alloc->lock);
    put_blocks(alloc, mine->loaded);
    pthread_mutex_unlock(&alloc->lock);
    mine->previous->n = 0;
}
#endif

MK_ALLOC(alloc_slab_keeps_previous, SLAB);
