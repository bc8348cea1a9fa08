/* stack_puts_pushes_off - keeps a value back until its thread comes again, so that the next one arrives before it.
 *
 * scenario: stack_push_order
 * says: stack_push_order ends in
 */
#include "stack_base.h"

static void bring(struct mk_stack *stack, struct mk_thread *me) {
    struct node *late = stack->late[me->id];
    stack->late[me->id] = NULL;
    if (late) base_link(stack, late);
}

/* Every other value is kept back. */
static enum mk_status late_push(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    struct node *node = base_make(stack, me, value);
    if (!node) return MK_NO_MEMORY;
    if (!stack->late[me->id]) {
        stack->late[me->id] = node;
        return MK_MISS;
    }
    base_link(stack, node);
    sched_yield();
    bring(stack, me);
    return MK_MISS;
}

static enum mk_status late_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    bring(stack, me);
    return base_pop(stack, me, value);
}

MK_STACK(stack_puts_pushes_off, BASE, .push = late_push, .pop = late_pop);
