/* stack_base.h - a sound stack, of which stack_*.c beside it break one thing each: a list behind one mutex. */
#ifndef STACK_BASE_H
#define STACK_BASE_H

#include <pthread.h>

#include "../../impl/stack.h"

#define LATE_MAX 64 /* threads */

struct node {
    struct node *next;
    uint64_t value;
};

struct mk_stack {
    pthread_mutex_t lock;
    struct node *top;
    uint64_t count;
    struct mk_mem *mem;
    struct node *late[LATE_MAX]; /* by thread, for who puts pushes off */
};

static int base_create(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_stack *stack = mk_mem_zalloc(mem, NULL, sizeof *stack, MK_CACHE_LINE);
    if (!stack) return mk_fail(err, "no memory for the stack");
    if (cfg->threads_max > LATE_MAX) {
        mk_mem_free(mem, NULL, stack, sizeof *stack, MK_CACHE_LINE);
        return mk_fail(err, "for %d threads at most", LATE_MAX);
    }
    stack->mem = mem;
    pthread_mutex_init(&stack->lock, NULL);
    *out = stack;
    return 0;
}

static void base_free(struct mk_stack *stack, struct mk_thread *me, struct node *node) {
    if (node) mk_mem_free(stack->mem, me, node, sizeof *node, 8);
}

static void base_destroy(struct mk_stack *stack) {
    for (struct node *node = stack->top, *next; node; node = next) {
        next = node->next;
        base_free(stack, NULL, node);
    }
    for (int i = 0; i < LATE_MAX; i++) base_free(stack, NULL, stack->late[i]);
    pthread_mutex_destroy(&stack->lock);
    mk_mem_free(stack->mem, NULL, stack, sizeof *stack, MK_CACHE_LINE);
}

static struct node *base_make(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    struct node *node = mk_mem_alloc(stack->mem, me, sizeof *node, 8);
    if (node) *node = (struct node){NULL, value};
    return node;
}

static void base_link(struct mk_stack *stack, struct node *node) {
    pthread_mutex_lock(&stack->lock);
    node->next = stack->top;
    stack->top = node;
    stack->count++;
    pthread_mutex_unlock(&stack->lock);
}

__attribute__((unused)) static enum mk_status base_push(struct mk_stack *stack, struct mk_thread *me,
                                                        uint64_t value) {
    struct node *node = base_make(stack, me, value);
    if (!node) return MK_NO_MEMORY;
    base_link(stack, node);
    return MK_MISS;
}

__attribute__((unused)) static enum mk_status base_pop(struct mk_stack *stack, struct mk_thread *me,
                                                       uint64_t *value) {
    pthread_mutex_lock(&stack->lock);
    struct node *node = stack->top;
    if (node) {
        stack->top = node->next;
        stack->count--;
    }
    pthread_mutex_unlock(&stack->lock);
    if (!node) return MK_MISS;
    *value = node->value;
    base_free(stack, me, node);
    return MK_HIT;
}

static uint64_t base_count(struct mk_stack *stack) {
    return stack->count;
}

static void base_walk(struct mk_stack *stack, mk_visit_fn *visit, void *arg) {
    uint64_t above = 0;
    for (const struct node *node = stack->top; node; node = node->next) visit(arg, above++, node->value);
}

#define BASE                                                                                                \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .create = base_create, .destroy = base_destroy, \
    .count = base_count, .walk = base_walk

#endif
