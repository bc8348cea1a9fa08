/* alloc_shares_magazine - every second thread has the same magazine.
 *
 * bug:       what is to be a thread's own is not: two use it without a lock
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      tsan/data-race | oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define MAGAZINE magazine_of_two
#endif
#include "alloc_pool.h"

#ifndef TWIN
static struct magazine *magazine_of_two(struct mk_alloc *alloc, const struct mk_thread *me) {
    return &alloc->magazine[me->id / 2];
}
#endif

MK_ALLOC(alloc_shares_magazine, POOL);
