/* stack_gives_back_first - a pop lets go of its node, and then reads the value in it.
 *
 * bug:       a push has the node meanwhile, and writes to it: its value comes out twice
 * finds:     shared | births | history | stack_*
 * rule:      oracle | tsan/data-race
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define TAKE take_late
#endif
#include "stack_nodes.h"

#ifndef TWIN
static uint64_t take_late(struct mk_stack *stack, uint32_t index) {
    base_link(stack, &stack->free, index);
    return node_of(stack, index)->value;
}
#endif

MK_STACK(stack_gives_back_first, NODES);
