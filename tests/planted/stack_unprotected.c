/* stack_unprotected - a pop follows what it has loaded, inside a section but unprotected.
 *
 * bug:       the node may have been freed before it is read
 * finds:     shared | births | history | stack_*
 * rule:      ?san/heap-use-after-free | tsan/data-race | ?san/segv | ?san/bus | crash | hang | oracle
 * flavours:  debug tsan asan model
 * pressure:  any
 * single:    passes
 * only:      debug, tsan, asan: a node is freed long after it was retired, mostly, so that it takes a wait
 */
#ifndef TWIN
#define LOOK look_unprotected
#endif
#include "stack_links.h"

#ifndef TWIN
static mk_link look_unprotected(struct mk_stack *stack, struct mk_thread *me) {
    (void)me;
    return atomic_load_explicit(&stack->top, memory_order_seq_cst);
}
#endif

MK_STACK(stack_unprotected, LINKS);
