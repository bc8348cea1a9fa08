/* needs: liburcu-cds | liburcu-dev */
/* stack/urcu_wfstack - the stack of userspace RCU that is wait-free for those who push, cds_wfs: a peer.
 *
 * Source:     liburcu (Mathieu Desnoyers): a push exchanges the head, then links what was there; pops take turns by a
 *             mutex. Nobody reads a node that is out, so it is freed at once.
 * Picture:    { head, mutex } -> node { next, value } -> node -> end
 * Parts:      none.
 * Progress:   push wait-free, but for the allocator; pop blocking: it has the mutex, and waits for a link.
 * Ordering:   the library's.
 * Memory:     16 B a value, rounded by the allocator.
 * Limits:     a pop that comes to a link that is not there yet looks ten times, then sleeps for 10 ms.
 */
#include "../../stack.h"

#define _LGPL_SOURCE
#include <urcu/wfstack.h>

struct wfs_node {
    struct cds_wfs_node node;
    uint64_t value;
};

struct mk_stack {
    struct cds_wfs_stack stack MK_ALIGNED(2 * MK_CACHE_LINE);
    struct mk_mem_cache nodes MK_ALIGNED(2 * MK_CACHE_LINE);
    struct mk_mem *mem;
};

MK_INLINE struct wfs_node *wfs_of(struct cds_wfs_node *node) {
    return caa_container_of(node, struct wfs_node, node);
}

static int wfs_create(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_stack *stack = mk_mem_zalloc(mem, NULL, sizeof *stack, _Alignof(struct mk_stack));
    (void)cfg;
    if (!stack) return mk_fail(err, "no memory for the stack");
    if (mk_mem_cache_open(mem, &stack->nodes, sizeof(struct wfs_node), _Alignof(struct wfs_node), err)) {
        mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
        return -1;
    }
    stack->mem = mem;
    cds_wfs_init(&stack->stack);
    *out = stack;
    return 0;
}

/* LIN push: in the library. */
MK_TIMED enum mk_status wfs_push(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    struct wfs_node *node = mk_mem_cache_alloc(&stack->nodes, me);
    if (!node) return MK_NO_MEMORY;
    cds_wfs_node_init(&node->node);
    node->value = value;
    cds_wfs_push(&stack->stack, &node->node);
    return MK_MISS;
}

/* LIN pop: in the library. */
MK_TIMED enum mk_status wfs_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    struct cds_wfs_node *node = cds_wfs_pop_blocking(&stack->stack);
    if (!node) return MK_MISS;
    *value = wfs_of(node)->value;
    mk_mem_cache_free(&stack->nodes, me, wfs_of(node));
    return MK_HIT;
}

static void wfs_destroy(struct mk_stack *stack) {
    struct mk_mem *mem = stack->mem;
    uint64_t value;
    while (wfs_pop(stack, NULL, &value) == MK_HIT) continue;
    cds_wfs_destroy(&stack->stack);
    mk_mem_cache_close(mem, &stack->nodes);
    mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
}

static void wfs_walk(struct mk_stack *stack, mk_visit_fn *visit, void *arg) {
    struct cds_wfs_node *node;
    uint64_t n = 0;
    if (cds_wfs_empty(&stack->stack)) return;
    cds_wfs_for_each_blocking(stack->stack.head, node) visit(arg, n++, wfs_of(node)->value);
}

static void wfs_add(void *arg, uint64_t key, uint64_t value) {
    (void)key, (void)value;
    ++*(uint64_t *)arg;
}

static uint64_t wfs_count(struct mk_stack *stack) {
    uint64_t n = 0;
    wfs_walk(stack, wfs_add, &n);
    return n;
}

MK_STACK(urcu_wfstack, .summary = "peer: cds_wfs of liburcu, pops behind its mutex", .caps = MK_CONCURRENT | MK_GROWS,
         .progress = {.push = MK_WAIT_FREE, .pop = MK_BLOCKING}, .create = wfs_create, .destroy = wfs_destroy,
         .count = wfs_count, .walk = wfs_walk, .push = wfs_push, .pop = wfs_pop);
