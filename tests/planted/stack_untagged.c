/* stack_untagged - the tag stays as it is: a node that was popped and pushed anew looks as if nothing had happened.
 *
 * bug:       ABA: top goes on with a node that is free, or is lost together with what was pushed meanwhile
 * finds:     shared | births | history | stack_*
 * rule:      oracle | tsan/data-race | hang
 * flavours:  debug tsan model
 * pressure:  points
 * single:    passes
 * only:      debug, tsan: it takes a wait between two instructions, and the points where threads are made to wait
 */
#ifndef TWIN
#define LINK link_untagged
#define UNLINK unlink_untagged
#endif
#include "stack_nodes.h"

#ifndef TWIN
static void link_untagged(struct mk_stack *stack, list *at, uint32_t index) {
    uint64_t was = atomic_load_explicit(at, memory_order_relaxed);
    do {
        atomic_store_explicit(&node_of(stack, index)->next, (uint32_t)was, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(at, &was, index, memory_order_release, memory_order_relaxed));
}

static bool unlink_untagged(struct mk_stack *stack, list *at, uint32_t *index) {
    uint64_t was = atomic_load_explicit(at, memory_order_acquire);
    while ((uint32_t)was != NONE) {
        uint32_t next = atomic_load_explicit(&node_of(stack, (uint32_t)was)->next, memory_order_relaxed);
        if (!atomic_compare_exchange_weak_explicit(at, &was, next, memory_order_acquire, memory_order_acquire))
            continue;
        *index = (uint32_t)was;
        return true;
    }
    return false;
}
#endif

MK_STACK(stack_untagged, NODES);
