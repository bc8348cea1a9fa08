/* slots_forgets_magazine - a thread that leaves does not give back what is in its magazine.
 *
 * bug:       free slots of threads that have gone are nobody's
 * finds:     threads | handover | births | shared | full | many | history | slots_*
 * rule:      oracle
 * scenario:  slots_threads_leave | slots_threads_leave ends in
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define THREAD_EXIT exit_with_magazine
#endif
#include "slots_slab.h"

#ifndef TWIN
static void exit_with_magazine(struct mk_slots *slots, struct mk_thread *me) {
    MAGAZINE(slots, me)->n = 0;
}
#endif

MK_SLOTS(slots_forgets_magazine, SLAB, .take = slab_take, .give = slab_give);
