/* slots_shares_magazine - every second thread has the same magazine.
 *
 * bug:       what is to be a thread's own is not: two use it without a lock
 * finds:     threads | handover | births | shared | history | slots_*
 * rule:      tsan/data-race | oracle | crash | hang
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define MAGAZINE magazine_of_two
#endif
#include "slots_slab.h"

#ifndef TWIN
static struct magazine *magazine_of_two(struct mk_slots *slots, const struct mk_thread *me) {
    return &slots->magazine[me->id / 2];
}
#endif

MK_SLOTS(slots_shares_magazine, SLAB, .take = slab_take, .give = slab_give);
