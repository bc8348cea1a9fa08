/* stack_nodes.h - a sound stack, of which stack_*.c beside it break one thing each: nodes in chunks that are never freed,
 * named by index, on one of two lists without locks (Treiber 1986, with a tag against reuse): the stack, and the free
 * ones.
 */
#ifndef STACK_NODES_H
#define STACK_NODES_H

#include <pthread.h>

#include "../../impl/stack.h"

#define CHUNK_NODES MK_TUNE(64, 2)
#define CHUNKS_MAX 4096
#define NONE UINT32_MAX

struct node {
    uint64_t value;
    MK_ATOMIC(uint32_t) next; /* index, or NONE */
};

/* Tag << 32 | index of the first, or NONE. */
typedef MK_ATOMIC(uint64_t) list;

struct mk_stack {
    list top, free;
    MK_ATOMIC(uint32_t) chunks; /* how many there are */
    MK_ATOMIC(struct node *) chunk[CHUNKS_MAX];
    pthread_mutex_t lock; /* of making chunks */
    struct mk_mem *mem;
};

/* What the files beside it break. */
#ifndef LINK
#define LINK base_link
#endif
#ifndef UNLINK
#define UNLINK base_unlink
#endif
#ifndef TAKE
#define TAKE base_take
#endif
static void LINK(struct mk_stack *stack, list *at, uint32_t index);
static bool UNLINK(struct mk_stack *stack, list *at, uint32_t *index);
static uint64_t TAKE(struct mk_stack *stack, uint32_t index);

static struct node *node_of(struct mk_stack *stack, uint32_t index) {
    return atomic_load_explicit(&stack->chunk[index / CHUNK_NODES], memory_order_acquire) + index % CHUNK_NODES;
}

/* ---- a list ---------------------------------------------------------------------------------- */

/* The list with another first node: its tag tells it from every one before. */
static uint64_t list_of(uint64_t before, uint32_t first) {
    return ((before >> 32) + 1) << 32 | first;
}

__attribute__((unused)) static void base_link(struct mk_stack *stack, list *at, uint32_t index) {
    uint64_t was = atomic_load_explicit(at, memory_order_relaxed);
    do {
        atomic_store_explicit(&node_of(stack, index)->next, (uint32_t)was, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(at, &was, list_of(was, index), memory_order_release,
                                                    memory_order_relaxed));
}

/* Returns whether there was a node, which is *index then. */
__attribute__((unused)) static bool base_unlink(struct mk_stack *stack, list *at, uint32_t *index) {
    uint64_t was = atomic_load_explicit(at, memory_order_acquire);
    while ((uint32_t)was != NONE) {
        uint32_t next = atomic_load_explicit(&node_of(stack, (uint32_t)was)->next, memory_order_relaxed);
        if (!atomic_compare_exchange_weak_explicit(at, &was, list_of(was, next), memory_order_acquire,
                                                   memory_order_acquire)) {
            continue;
        }
        *index = (uint32_t)was;
        return true;
    }
    return false;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Makes a chunk, all but one of whose nodes become free. Returns that one, or NONE. */
static uint32_t make_chunk(struct mk_stack *stack, struct mk_thread *me) {
    uint32_t index = NONE;
    pthread_mutex_lock(&stack->lock);
    uint32_t n = atomic_load_explicit(&stack->chunks, memory_order_relaxed);
    bool made = base_unlink(stack, &stack->free, &index); /* by somebody else, meanwhile */
    struct node *nodes =
        made || n == CHUNKS_MAX ? NULL : mk_mem_zalloc(stack->mem, me, CHUNK_NODES * sizeof *nodes, 8);
    if (nodes) {
        atomic_store_explicit(&stack->chunk[n], nodes, memory_order_release);
        atomic_store_explicit(&stack->chunks, n + 1, memory_order_relaxed);
        index = n * CHUNK_NODES;
        for (uint32_t i = 1; i < CHUNK_NODES; i++) base_link(stack, &stack->free, index + i);
    }
    pthread_mutex_unlock(&stack->lock);
    return index;
}

/* The value of a node that is ours; it becomes free. */
__attribute__((unused)) static uint64_t base_take(struct mk_stack *stack, uint32_t index) {
    uint64_t value = node_of(stack, index)->value;
    base_link(stack, &stack->free, index);
    return value;
}

static enum mk_status nodes_push(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    uint32_t index = NONE;
    if (!base_unlink(stack, &stack->free, &index)) index = make_chunk(stack, me);
    if (index == NONE) return MK_NO_MEMORY;
    node_of(stack, index)->value = value;
    LINK(stack, &stack->top, index);
    return MK_MISS;
}

static enum mk_status nodes_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    uint32_t index;
    (void)me;
    if (!UNLINK(stack, &stack->top, &index)) return MK_MISS;
    *value = TAKE(stack, index);
    return MK_HIT;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void nodes_destroy(struct mk_stack *stack) {
    struct mk_mem *mem = stack->mem;
    for (uint32_t i = 0; i < atomic_load_explicit(&stack->chunks, memory_order_relaxed); i++) {
        struct node *nodes = atomic_load_explicit(&stack->chunk[i], memory_order_relaxed);
        mk_mem_free(mem, NULL, nodes, CHUNK_NODES * sizeof *nodes, 8);
    }
    pthread_mutex_destroy(&stack->lock);
    mk_mem_free(mem, NULL, stack, sizeof *stack, MK_CACHE_LINE);
}

static int nodes_create(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg,
                        struct mk_err *err) {
    struct mk_stack *stack = mk_mem_zalloc(mem, NULL, sizeof *stack, MK_CACHE_LINE);
    (void)cfg;
    if (!stack) return mk_fail(err, "no memory for the stack");
    stack->mem = mem;
    atomic_store_explicit(&stack->top, NONE, memory_order_relaxed);
    atomic_store_explicit(&stack->free, NONE, memory_order_relaxed);
    pthread_mutex_init(&stack->lock, NULL);
    *out = stack;
    return 0;
}

static void nodes_walk(struct mk_stack *stack, mk_visit_fn *visit, void *arg) {
    uint64_t above = 0;
    uint32_t at = (uint32_t)atomic_load_explicit(&stack->top, memory_order_relaxed);
    for (; at != NONE; at = atomic_load_explicit(&node_of(stack, at)->next, memory_order_relaxed)) {
        visit(arg, above++, node_of(stack, at)->value);
    }
}

static void count_one(void *arg, uint64_t above, uint64_t value) {
    (void)above, (void)value;
    ++*(uint64_t *)arg;
}

static uint64_t nodes_count(struct mk_stack *stack) {
    uint64_t n = 0;
    nodes_walk(stack, count_one, &n);
    return n;
}

#define NODES                                                                                                 \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS,                                                   \
    .progress = {.push = MK_BLOCKING, .pop = MK_LOCK_FREE}, .create = nodes_create, .destroy = nodes_destroy, \
    .count = nodes_count, .walk = nodes_walk, .push = nodes_push, .pop = nodes_pop

#endif
