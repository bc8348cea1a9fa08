/* refcount_upgrades_blindly - upgrades by an addition, once it has seen that the object is alive.
 *
 * bug:       check, then act: between the two the last reference is dropped, and the object is counted back from
 *            the dead, to end once more
 * finds:     refcount_upgrade_beside_drop | shared | births
 * rule:      oracle | ?san/heap-use-after-free | asan/double-free | tsan/data-race | ?san/segv | ?san/bus | crash
 *            | hang
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define UPGRADE blind_upgrade
#endif
#include "refcount_core.h"

#ifndef TWIN
static bool blind_upgrade(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    if (!atomic_load_explicit(&object->count, memory_order_relaxed)) return false;
    atomic_fetch_add_explicit(&object->count, 1, memory_order_relaxed);
    return true;
}
#endif

MK_REFCOUNT(refcount_upgrades_blindly, CORE);
