/* stack_links.h - a sound stack, of which stack_*.c beside it break one thing each: nodes linked by pointers, protected
 * by hazard pointers while a pop looks at them, and retired by whoever popped them.
 */
#ifndef STACK_LINKS_H
#define STACK_LINKS_H

#define MK_PART_RECLAIM
#include "reclaim_hazards.h"

#include "../../impl/stack.h"

MK_RECLAIM(hazards, HAZARDS);

struct node {
    MK_RECLAIM_HEADER
    struct node *next;
    uint64_t value;
};

struct mk_stack {
    MK_ATOMIC(mk_link) top;
    struct mk_mem *mem;
    struct mk_reclaim *smr;
    struct mk_mem_cache nodes;
    struct mk_retire how;
};

/* What the files beside it break. */
#ifndef LOOK
#define LOOK base_look
#endif
#ifndef DROP
#define DROP base_drop
#endif
static mk_link LOOK(struct mk_stack *stack, struct mk_thread *me);
static void DROP(struct mk_stack *stack, struct mk_thread *me, struct node *node);

/* Returns what is on top, which stays allocated until the section ends. */
__attribute__((unused)) static mk_link base_look(struct mk_stack *stack, struct mk_thread *me) {
    return mk_protect(stack->smr, me, 0, &stack->top);
}

/* Nobody finds the node any more. */
__attribute__((unused)) static void base_drop(struct mk_stack *stack, struct mk_thread *me, struct node *node) {
    mk_retire(stack->smr, me, node, &stack->how);
}

static enum mk_status links_push(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    struct node *node = mk_mem_cache_alloc(&stack->nodes, me);
    if (!node) return MK_NO_MEMORY;
    mk_birth(stack->smr, me, node);
    node->value = value;
    mk_link top = atomic_load_explicit(&stack->top, memory_order_relaxed);
    do {
        node->next = (struct node *)top;
    } while (!atomic_compare_exchange_weak_explicit(&stack->top, &top, (mk_link)node, memory_order_seq_cst,
                                                    memory_order_relaxed));
    return MK_MISS;
}

static bool try_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value, enum mk_status *status) {
    mk_link top = LOOK(stack, me);
    struct node *node = (struct node *)top;
    *status = node ? MK_NO_MEMORY : MK_MISS;
    if (!node || !mk_reserve(stack->smr, me, 1)) return true;
    if (!atomic_compare_exchange_strong_explicit(&stack->top, &top, (mk_link)node->next, memory_order_seq_cst,
                                                 memory_order_relaxed)) {
        return false;
    }
    *value = node->value;
    *status = MK_HIT;
    DROP(stack, me, node);
    return true;
}

static enum mk_status links_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    enum mk_status status;
    mk_enter(stack->smr, me);
    while (!try_pop(stack, me, value, &status)) mk_pause();
    mk_leave(stack->smr, me);
    return status;
}

static void links_destroy(struct mk_stack *stack) {
    struct mk_mem *mem = stack->mem;
    if (stack->smr) mk_reclaim_here.destroy(stack->smr);
    struct node *node = (struct node *)atomic_load_explicit(&stack->top, memory_order_relaxed);
    for (struct node *next; node; node = next) {
        next = node->next;
        mk_mem_cache_free(&stack->nodes, NULL, node);
    }
    if (stack->nodes.alloc) mk_mem_cache_close(mem, &stack->nodes);
    mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
}

static int links_create(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg,
                        struct mk_err *err) {
    struct mk_stack *stack = mk_mem_zalloc(mem, NULL, sizeof *stack, _Alignof(struct mk_stack));
    if (!stack) return mk_fail(err, "no memory for the stack");
    stack->mem = mem;
    bool failed = mk_mem_cache_open(mem, &stack->nodes, sizeof(struct node), _Alignof(struct node), err) != 0;
    if (failed) stack->nodes.alloc = NULL;
    stack->how = (struct mk_retire){.cache = &stack->nodes, .bytes = sizeof(struct node)};
    if (!failed && mk_reclaim_here.create(&stack->smr, mem, cfg, err)) {
        stack->smr = NULL;
        failed = true;
    }
    if (failed) {
        links_destroy(stack);
        return -1;
    }
    *out = stack;
    return 0;
}

static int links_thread_enter(struct mk_stack *stack, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(stack->smr, me);
}

static void links_thread_exit(struct mk_stack *stack, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(stack->smr, me);
}

static void links_flush(struct mk_stack *stack, struct mk_thread *me) {
    mk_reclaim_here.flush(stack->smr, me);
}

static void links_walk(struct mk_stack *stack, mk_visit_fn *visit, void *arg) {
    uint64_t above = 0;
    const struct node *node = (const struct node *)atomic_load_explicit(&stack->top, memory_order_relaxed);
    for (; node; node = node->next) visit(arg, above++, node->value);
}

static uint64_t links_count(struct mk_stack *stack) {
    uint64_t n = 0;
    const struct node *node = (const struct node *)atomic_load_explicit(&stack->top, memory_order_relaxed);
    for (; node; node = node->next) n++;
    return n;
}

static size_t links_stats(struct mk_stack *stack, struct mk_stat *out, size_t room) {
    return mk_reclaim_here.stats(stack->smr, out, room);
}

#define LINKS                                                                                                 \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .create = links_create, .destroy = links_destroy, \
    .thread_enter = links_thread_enter, .thread_exit = links_thread_exit, .flush = links_flush,               \
    .count = links_count, .walk = links_walk, .stats = links_stats, .push = links_push, .pop = links_pop

#endif
