/* stack_frees_at_once - a pop frees its node at once, without the reclaimer.
 *
 * bug:       freed under a pop that is about to read where it leads; and where it is allocated again at once, ABA
 * finds:     shared | births | history | stack_*
 * rule:      ?san/heap-use-after-free | tsan/data-race | ?san/segv | ?san/bus | crash | hang | oracle
 * flavours:  debug tsan asan model
 * pressure:  any
 * single:    passes
 * only:      debug, tsan, asan: the pop that follows it has to be held up between two instructions
 */
#ifndef TWIN
#define DROP drop_at_once
#endif
#include "stack_links.h"

#ifndef TWIN
static void drop_at_once(struct mk_stack *stack, struct mk_thread *me, struct node *node) {
    mk_mem_cache_free(&stack->nodes, me, node);
}
#endif

MK_STACK(stack_frees_at_once, LINKS);
