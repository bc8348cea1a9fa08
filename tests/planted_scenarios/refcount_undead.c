/* refcount_undead - upgrades whatever still has memory, and does not count what is dead.
 *
 * scenario: refcount_upgrade_beside_drop
 * says: torn
 * flavours: release debug asan
 */
#define DROP careful_drop
#define UPGRADE undead_upgrade
#include "../planted/refcount_core.h"

static void careful_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    if (atomic_load_explicit(&object->count, memory_order_acquire)) core_drop(rc, me, object);
}

static bool undead_upgrade(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    core_upgrade(rc, me, object);
    return true;
}

MK_REFCOUNT(refcount_undead, CORE);
