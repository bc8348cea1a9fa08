/* reclaim_batch_plain_look - looks whether a thread is inside, and at its era, by loads.
 *
 * bug:       who is passed over need not find the nodes unlinked: one is freed that is read
 * finds:     shared | births | history | reclaim_*
 * rule:      oracle
 * flavours:  model
 * pressure:  any
 * single:    passes
 * only:      model: the load would have to come before the unlink, which no x86 lets happen, as that is an exchange
 */
#ifndef TWIN
#define MAY_HOLD seems_to_hold
#endif
#include "reclaim_batches.h"

#ifndef TWIN
static bool seems_to_hold(struct record *record, uint64_t oldest) {
    return atomic_load_explicit(&record->head, memory_order_acquire) != OUTSIDE &&
           atomic_load_explicit(&record->era, memory_order_acquire) >= oldest;
}
#endif

MK_RECLAIM(reclaim_batch_plain_look, BATCHES);
