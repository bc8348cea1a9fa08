/* alloc_locks_own_list - who frees a block of another thread's locks its own list, and changes the other's.
 *
 * bug:       two threads change a list at once
 * finds:     handover | births | footprint | alloc_*
 * rule:      tsan/data-race | oracle | ?san/heap-use-after-free | ?san/segv | crash | hang
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define LOCK_OF lock_of_caller
#endif
#include "alloc_counting.h"

#ifndef TWIN
static pthread_mutex_t *lock_of_caller(struct mk_alloc *alloc, const struct mk_thread *me, const struct note *note) {
    (void)note;
    return &alloc->lane[base_lane(alloc, me)].lock;
}
#endif

MK_ALLOC(alloc_locks_own_list, COUNTING);
