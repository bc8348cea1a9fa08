/* refcount_forgets_queue - an owner that leaves forgets what others have handed to it.
 *
 * bug:       leak: objects that others dropped below zero wait for a thread that is gone
 * finds:     owners | births | shared | history | model | refcount_*
 * rule:      oracle | lsan/leak | crash
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define LEAVE forget
#endif
#include "refcount_owned.h"

#ifndef TWIN
static void forget(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *queue) {
    (void)rc, (void)me, (void)queue;
}
#endif

MK_REFCOUNT(refcount_forgets_queue, OWNED);
