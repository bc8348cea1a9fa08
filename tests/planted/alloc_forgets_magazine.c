/* alloc_forgets_magazine - a thread that leaves does not give back what is in its magazine.
 *
 * bug:       free blocks of threads that have gone are nobody's
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define THREAD_EXIT exit_with_magazine
#endif
#include "alloc_pool.h"

#ifndef TWIN
static void exit_with_magazine(struct mk_alloc *alloc, struct mk_thread *me) {
    MAGAZINE(alloc, me)->n = 0;
}
#endif

MK_ALLOC(alloc_forgets_magazine, POOL);
