/* needs: liburcu-cds liburcu-memb | liburcu-dev */
/* stack/urcu_lfstack - the lock-free stack of userspace RCU, cds_lfs: a peer.
 *
 * Source:     liburcu (Mathieu Desnoyers): Treiber's stack; pops are in read-side sections, and nodes wait for a grace
 *             period before they are used again. Flavour memb.
 * Picture:    head -> node { next, value, rcu_head } -> node -> end
 * Parts:      none.
 * Progress:   lock-free, but for the allocator.
 * Ordering:   the library's.
 * Memory:     48 B a value by malloc.
 * Limits:     every pop hands a node to call_rcu, whose thread frees it. Memory is malloc's: rss tells.
 */
#include "../../stack.h"

#define _LGPL_SOURCE
#include "../urcu.h"

#include <stdlib.h>
#include <urcu/lfstack.h>

struct lfs_node {
    struct cds_lfs_node node;
    uint64_t value;
    struct rcu_head head;
};

struct mk_stack {
    struct __cds_lfs_stack stack MK_ALIGNED(2 * MK_CACHE_LINE);
    struct mk_mem *mem MK_ALIGNED(2 * MK_CACHE_LINE);
};

MK_INLINE struct lfs_node *lfs_of(struct cds_lfs_node *node) {
    return caa_container_of(node, struct lfs_node, node);
}

static void lfs_free(struct rcu_head *head) {
    free(caa_container_of(head, struct lfs_node, head));
}

static int lfs_create(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_stack *stack = mk_mem_zalloc(mem, NULL, sizeof *stack, _Alignof(struct mk_stack));
    (void)cfg;
    if (!stack) return mk_fail(err, "no memory for the stack");
    stack->mem = mem;
    __cds_lfs_init(&stack->stack);
    *out = stack;
    return 0;
}

static void lfs_destroy(struct mk_stack *stack) {
    for (struct cds_lfs_node *node; (node = __cds_lfs_pop(&stack->stack));) free(lfs_of(node));
    urcu_memb_barrier();
    mk_mem_free(stack->mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
}

static int lfs_thread_enter(struct mk_stack *stack, struct mk_thread *me) {
    (void)stack, (void)me;
    mk_urcu_enter();
    return 0;
}

static void lfs_thread_exit(struct mk_stack *stack, struct mk_thread *me) {
    (void)stack, (void)me;
    mk_urcu_exit();
}

static void lfs_flush(struct mk_stack *stack, struct mk_thread *me) {
    (void)stack, (void)me;
    urcu_memb_barrier();
}

/* LIN push: in the library. */
MK_TIMED enum mk_status lfs_push(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    struct lfs_node *node = malloc(sizeof *node);
    (void)me;
    if (!node) return MK_NO_MEMORY;
    cds_lfs_node_init(&node->node);
    node->value = value;
    cds_lfs_push(&stack->stack, &node->node);
    return MK_MISS;
}

/* LIN pop: in the library. */
MK_TIMED enum mk_status lfs_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    (void)me;
    urcu_memb_read_lock();
    struct cds_lfs_node *node = __cds_lfs_pop(&stack->stack);
    urcu_memb_read_unlock();
    if (!node) return MK_MISS;
    *value = lfs_of(node)->value;
    urcu_memb_call_rcu(&lfs_of(node)->head, lfs_free);
    return MK_HIT;
}

static void lfs_walk(struct mk_stack *stack, mk_visit_fn *visit, void *arg) {
    uint64_t n = 0;
    struct cds_lfs_head *head = stack->stack.head;
    for (struct cds_lfs_node *node = (struct cds_lfs_node *)head; node; node = node->next) {
        visit(arg, n++, lfs_of(node)->value);
    }
}

static void lfs_add(void *arg, uint64_t key, uint64_t value) {
    (void)key, (void)value;
    ++*(uint64_t *)arg;
}

static uint64_t lfs_count(struct mk_stack *stack) {
    uint64_t n = 0;
    lfs_walk(stack, lfs_add, &n);
    return n;
}

MK_STACK(urcu_lfstack, .summary = "peer: cds_lfs of liburcu, flavour memb, nodes by malloc and call_rcu",
         .caps = MK_CONCURRENT | MK_GROWS, .progress = {.push = MK_LOCK_FREE, .pop = MK_LOCK_FREE},
         .create = lfs_create, .destroy = lfs_destroy, .thread_enter = lfs_thread_enter,
         .thread_exit = lfs_thread_exit, .flush = lfs_flush, .count = lfs_count, .walk = lfs_walk, .push = lfs_push,
         .pop = lfs_pop);
