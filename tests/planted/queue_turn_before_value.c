/* queue_turn_before_value - an enqueue says that its slot has a value, and then writes it.
 *
 * bug:       a dequeue takes out the value that was in the slot a lap ago
 * finds:     shared | pipe | pairs | births | history | queue_*
 * rule:      oracle
 * flavours:  debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define FILL fill_late
#endif
#include "queue_tickets.h"

#ifndef TWIN
static void fill_late(struct mk_queue *queue, struct slot *slot, uint64_t ticket, uint64_t value) {
    (void)queue;
    atomic_store_explicit(&slot->turn, ticket + 1, memory_order_release);
    atomic_store_explicit(&slot->value, value, memory_order_release);
}
#endif

MK_QUEUE(queue_turn_before_value, TICKETS);
