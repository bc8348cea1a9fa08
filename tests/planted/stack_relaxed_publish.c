/* stack_relaxed_publish - a push links its node without publishing what is in it.
 *
 * bug:       a pop reads the value that the node had before
 * finds:     shared | births | history | stack_*
 * rule:      tsan/data-race | oracle
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 * only:      tsan: x86 stores in order
 */
#ifndef TWIN
#define LINK link_relaxed
#endif
#include "stack_nodes.h"

#ifndef TWIN
static void link_relaxed(struct mk_stack *stack, list *at, uint32_t index) {
    uint64_t was = atomic_load_explicit(at, memory_order_relaxed);
    do {
        atomic_store_explicit(&node_of(stack, index)->next, (uint32_t)was, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(at, &was, list_of(was, index), memory_order_relaxed,
                                                    memory_order_relaxed));
}
#endif

MK_STACK(stack_relaxed_publish, NODES);
