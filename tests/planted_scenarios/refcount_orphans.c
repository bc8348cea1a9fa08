/* refcount_orphans - an owner that leaves forgets what others have handed to it.
 *
 * scenario: refcount_owners_leave
 * says: never ends
 */
#define LEAVE forget
#include "../planted/refcount_owned.h"

static void forget(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *queue) {
    (void)rc, (void)me, (void)queue;
}

MK_REFCOUNT(refcount_orphans, OWNED);
