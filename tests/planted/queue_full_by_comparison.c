/* queue_full_by_comparison - an enqueue answers full where its ticket is not below the first one plus the size, in
 * numbers without a sign: which it is as well where the first one has gone past the ticket since that was read.
 *
 * bug:       full is answered while there is room
 * finds:     pairs | queue_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define IS_FULL is_far_ahead
#endif
#include "queue_tickets.h"

#ifndef TWIN
static bool is_far_ahead(struct mk_queue *queue, uint64_t ticket) {
    return ticket - atomic_load_explicit(&queue->first, memory_order_seq_cst) > queue->mask;
}
#endif

MK_QUEUE(queue_full_by_comparison, TICKETS);
