/* stack/mutex - one mutex around a linked list: the baseline.
 *
 * Source:     the textbook's.
 * Picture:    top -> node {next, value} -> node -> NULL
 * Parts:      none.
 * Progress:   blocking, all operations. Nodes are allocated and freed outside of the lock.
 * Ordering:   linearizable: an operation is all that happens between one lock and its unlock.
 * Memory:     16 B * values, each rounded by the allocator.
 * Limits:     one thread at a time.
 */
#include "../stack.h"

#include <pthread.h>

struct mutex_node {
    struct mutex_node *next;
    uint64_t value;
};

struct mk_stack {
    pthread_mutex_t lock;
    struct mutex_node *top;
    uint64_t count;
    struct mk_mem *mem;
    struct mk_mem_cache nodes;
} MK_ALIGNED(MK_CACHE_LINE);

static void mutex_destroy(struct mk_stack *stack) {
    struct mk_mem *mem = stack->mem;
    for (struct mutex_node *node = stack->top, *next; node; node = next) {
        next = node->next;
        mk_mem_cache_free(&stack->nodes, NULL, node);
    }
    mk_mem_cache_close(mem, &stack->nodes);
    pthread_mutex_destroy(&stack->lock);
    mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
}

static int mutex_create(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg,
                        struct mk_err *err) {
    struct mk_stack *stack = mk_mem_zalloc(mem, NULL, sizeof *stack, _Alignof(struct mk_stack));
    (void)cfg;
    if (!stack) return mk_fail(err, "no memory for the stack");
    if (mk_mem_cache_open(mem, &stack->nodes, sizeof(struct mutex_node), _Alignof(struct mutex_node), err)) {
        mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
        return -1;
    }
    stack->mem = mem;
    pthread_mutex_init(&stack->lock, NULL);
    *out = stack;
    return 0;
}

/* LIN push: inside the lock. */
static enum mk_status mutex_push(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    struct mutex_node *node = mk_mem_cache_alloc(&stack->nodes, me);
    if (!node) return MK_NO_MEMORY;
    node->value = value;
    pthread_mutex_lock(&stack->lock);
    node->next = stack->top;
    stack->top = node;
    stack->count++;
    pthread_mutex_unlock(&stack->lock);
    return MK_MISS;
}

/* LIN pop hit, miss: inside the lock. */
static enum mk_status mutex_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    pthread_mutex_lock(&stack->lock);
    struct mutex_node *node = stack->top;
    if (node) {
        stack->top = node->next;
        stack->count--;
    }
    pthread_mutex_unlock(&stack->lock);
    if (!node) return MK_MISS;
    *value = node->value;
    mk_mem_cache_free(&stack->nodes, me, node);
    return MK_HIT;
}

static uint64_t mutex_count(struct mk_stack *stack) {
    pthread_mutex_lock(&stack->lock);
    uint64_t count = stack->count;
    pthread_mutex_unlock(&stack->lock);
    return count;
}

static void mutex_walk(struct mk_stack *stack, mk_visit_fn *visit, void *arg) {
    uint64_t above = 0;
    for (const struct mutex_node *node = stack->top; node; node = node->next) visit(arg, above++, node->value);
}

MK_STACK(mutex, .summary = "one mutex around a linked list: the baseline", .caps = MK_CONCURRENT | MK_GROWS,
         .progress = {.push = MK_BLOCKING, .pop = MK_BLOCKING}, .create = mutex_create, .destroy = mutex_destroy,
         .count = mutex_count, .walk = mutex_walk, .push = mutex_push, .pop = mutex_pop);
