/* stack_gives_up - a pop that comes second answers that there was nothing.
 *
 * bug:       a CAS that failed is taken for an empty stack
 * finds:     history | stack_never_misses | stack_push_order
 * rule:      oracle
 * scenario:  stack_never_misses | missed
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define UNLINK unlink_once
#endif
#include "stack_nodes.h"

#ifndef TWIN
static bool unlink_once(struct mk_stack *stack, list *at, uint32_t *index) {
    uint64_t was = atomic_load_explicit(at, memory_order_acquire);
    if ((uint32_t)was == NONE) return false;
    uint32_t next = atomic_load_explicit(&node_of(stack, (uint32_t)was)->next, memory_order_relaxed);
    *index = (uint32_t)was;
    return atomic_compare_exchange_strong_explicit(at, &was, list_of(was, next), memory_order_acquire,
                                                   memory_order_relaxed);
}
#endif

MK_STACK(stack_gives_up, NODES);
