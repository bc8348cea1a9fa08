/* needs: liburcu-cds liburcu-memb | liburcu-dev */
/* queue/urcu_lfqueue - the lock-free queue of userspace RCU, cds_lfq: a peer.
 *
 * Source:     liburcu (Mathieu Desnoyers), after Michael and Scott; both operations are in read-side sections, and nodes
 *             wait for a grace period before they are freed. Flavour memb.
 * Picture:    head -> node { next, dummy, value, rcu_head } -> dummy -> node <- tail
 * Parts:      none.
 * Progress:   lock-free, but for the allocator.
 * Ordering:   the library's.
 * Memory:     40 B a value by malloc; the queue is never without a node: an empty one has a dummy, of 40 B.
 * Limits:     every dequeue hands a node to call_rcu, whose thread frees it; one that empties the queue makes a dummy.
 *             Memory is malloc's: rss tells. Without any for a dummy the library ends the program.
 */
#include "../../queue.h"

#define _LGPL_SOURCE
#include "../urcu.h"

#include <stdlib.h>
#include <urcu/rculfqueue.h>

struct lfq_node {
    struct cds_lfq_node_rcu node;
    uint64_t value;
    struct rcu_head head;
};

struct mk_queue {
    struct cds_lfq_queue_rcu queue MK_ALIGNED(2 * MK_CACHE_LINE);
    struct mk_mem *mem MK_ALIGNED(2 * MK_CACHE_LINE);
};

MK_INLINE struct lfq_node *lfq_of(struct cds_lfq_node_rcu *node) {
    return caa_container_of(node, struct lfq_node, node);
}

static void lfq_free(struct rcu_head *head) {
    free(caa_container_of(head, struct lfq_node, head));
}

static int lfq_create(struct mk_queue **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_queue *queue = mk_mem_zalloc(mem, NULL, sizeof *queue, _Alignof(struct mk_queue));
    (void)cfg;
    if (!queue) return mk_fail(err, "no memory for the queue");
    queue->mem = mem;
    cds_lfq_init_rcu(&queue->queue, urcu_memb_call_rcu);
    *out = queue;
    return 0;
}

static int lfq_thread_enter(struct mk_queue *queue, struct mk_thread *me) {
    (void)queue, (void)me;
    mk_urcu_enter();
    return 0;
}

static void lfq_thread_exit(struct mk_queue *queue, struct mk_thread *me) {
    (void)queue, (void)me;
    mk_urcu_exit();
}

static void lfq_flush(struct mk_queue *queue, struct mk_thread *me) {
    (void)queue, (void)me;
    urcu_memb_barrier();
}

/* LIN enqueue: in the library. */
MK_TIMED enum mk_status lfq_enqueue(struct mk_queue *queue, struct mk_thread *me, uint64_t value) {
    struct lfq_node *node = malloc(sizeof *node);
    (void)me;
    if (!node) return MK_NO_MEMORY;
    cds_lfq_node_init_rcu(&node->node);
    node->value = value;
    urcu_memb_read_lock();
    cds_lfq_enqueue_rcu(&queue->queue, &node->node);
    urcu_memb_read_unlock();
    return MK_MISS;
}

/* LIN dequeue: in the library. */
MK_TIMED enum mk_status lfq_dequeue(struct mk_queue *queue, struct mk_thread *me, uint64_t *value) {
    (void)me;
    urcu_memb_read_lock();
    struct cds_lfq_node_rcu *node = cds_lfq_dequeue_rcu(&queue->queue);
    urcu_memb_read_unlock();
    if (!node) return MK_MISS;
    *value = lfq_of(node)->value;
    urcu_memb_call_rcu(&lfq_of(node)->head, lfq_free);
    return MK_HIT;
}

static void lfq_destroy(struct mk_queue *queue) {
    uint64_t value;
    mk_urcu_enter();
    while (lfq_dequeue(queue, NULL, &value) == MK_HIT) continue;
    urcu_memb_barrier();
    cds_lfq_destroy_rcu(&queue->queue);
    mk_urcu_exit();
    mk_mem_free(queue->mem, NULL, queue, sizeof *queue, _Alignof(struct mk_queue));
}

static void lfq_walk(struct mk_queue *queue, mk_visit_fn *visit, void *arg) {
    uint64_t n = 0;
    for (struct cds_lfq_node_rcu *node = queue->queue.head; node; node = node->next) {
        if (!node->dummy) visit(arg, n++, lfq_of(node)->value);
    }
}

static void lfq_add(void *arg, uint64_t key, uint64_t value) {
    (void)key, (void)value;
    ++*(uint64_t *)arg;
}

static uint64_t lfq_count(struct mk_queue *queue) {
    uint64_t n = 0;
    lfq_walk(queue, lfq_add, &n);
    return n;
}

MK_QUEUE(urcu_lfqueue, .summary = "peer: cds_lfq of liburcu, flavour memb, nodes by malloc and call_rcu",
         .caps = MK_CONCURRENT | MK_GROWS, .progress = {.enqueue = MK_LOCK_FREE, .dequeue = MK_LOCK_FREE},
         .create = lfq_create, .destroy = lfq_destroy, .thread_enter = lfq_thread_enter,
         .thread_exit = lfq_thread_exit, .flush = lfq_flush, .count = lfq_count, .walk = lfq_walk,
         .enqueue = lfq_enqueue, .dequeue = lfq_dequeue);
