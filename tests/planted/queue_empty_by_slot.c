/* queue_empty_by_slot - a dequeue answers empty where its slot has no value yet, as Vyukov's bounded queue does.
 *
 * bug:       empty is answered while a value is in that went in before: another enqueue has the ticket before and
 *            is not through
 * finds:     pairs | history | queue_*
 * rule:      oracle
 * scenario:  queue_own_value_is_in | empty
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define IS_EMPTY is_empty_here
#endif
#include "queue_tickets.h"

#ifndef TWIN
static bool is_empty_here(struct mk_queue *queue, uint64_t ticket) {
    (void)queue, (void)ticket;
    return true;
}
#endif

MK_QUEUE(queue_empty_by_slot, TICKETS);
