/* stack_store_for_cas - a pop that has found a node stores the next one, whatever is on top by then.
 *
 * bug:       two pops take the same node, and what is pushed meanwhile is lost
 * finds:     shared | births | history | stack_*
 * rule:      oracle | tsan/data-race | hang
 * scenario:  stack_two_pop_one | stack_
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define UNLINK unlink_by_store
#endif
#include "stack_nodes.h"

#ifndef TWIN
static bool unlink_by_store(struct mk_stack *stack, list *at, uint32_t *index) {
    uint64_t was = atomic_load_explicit(at, memory_order_acquire);
    if ((uint32_t)was == NONE) return false;
    uint32_t next = atomic_load_explicit(&node_of(stack, (uint32_t)was)->next, memory_order_relaxed);
    atomic_store_explicit(at, list_of(was, next), memory_order_release);
    *index = (uint32_t)was;
    return true;
}
#endif

MK_STACK(stack_store_for_cas, NODES);
