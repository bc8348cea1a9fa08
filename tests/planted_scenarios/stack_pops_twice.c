/* stack_pops_twice - looks at the top and takes it off in two steps, each under the lock, but not both under one.
 *
 * scenario: stack_two_pop_one
 * says: both got it
 */
#include "stack_base.h"

static enum mk_status racy_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    uint64_t ignored;
    pthread_mutex_lock(&stack->lock);
    bool there = stack->top != NULL;
    if (there) *value = stack->top->value;
    pthread_mutex_unlock(&stack->lock);
    if (!there) return MK_MISS;
    sched_yield();
    base_pop(stack, me, &ignored);
    return MK_HIT;
}

MK_STACK(stack_pops_twice, BASE, .push = base_push, .pop = racy_pop);
