/* queue_frees_before_reading - a dequeue gives its slot to the enqueue of the next lap, and then reads the value.
 *
 * bug:       takes out the value of the next lap, which comes out again, and loses its own
 * finds:     shared | pipe | pairs | births | history | queue_*
 * rule:      oracle
 * scenario:  queue_in_order | another order
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define DRAIN drain_late
#endif
#include "queue_tickets.h"

#ifndef TWIN
static uint64_t drain_late(struct mk_queue *queue, struct slot *slot, uint64_t ticket) {
    atomic_store_explicit(&slot->turn, ticket + queue->mask + 1, memory_order_seq_cst);
    return atomic_load_explicit(&slot->value, memory_order_acquire);
}
#endif

MK_QUEUE(queue_frees_before_reading, TICKETS);
