/* map_relaxed_unlock - unlocks by a relaxed store.
 *
 * bug:       release is missing: what was done under the lock is not ordered before the next to take it
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      tsan/data-race
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 * only:      tsan: on x86 every access has the order that is missing here, whatever the source says
 */
#define LOCK spin_lock
#define UNLOCK spin_unlock
#include "map_striped.h"

static void spin_lock(struct stripe *stripe) {
    unsigned spins = 0;
    while (atomic_exchange_explicit(&stripe->busy, 1, memory_order_acquire)) mk_backoff(&spins);
}

static void spin_unlock(struct stripe *stripe) {
#ifdef TWIN
    atomic_store_explicit(&stripe->busy, 0, memory_order_release);
#else
    atomic_store_explicit(&stripe->busy, 0, memory_order_relaxed);
#endif
}

MK_MAP(map_relaxed_unlock, STRIPED);
