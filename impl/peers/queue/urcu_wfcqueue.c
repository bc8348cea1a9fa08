/* needs: liburcu-cds | liburcu-dev */
/* queue/urcu_wfcqueue - the queue of userspace RCU that is wait-free for those who enqueue, cds_wfcq: a peer.
 *
 * Source:     liburcu (Mathieu Desnoyers, Lai Jiangshan): whoever enqueues exchanges the tail, then links to it what went
 *             before; those who dequeue take turns by a mutex. Nobody reads a node that is out, so it is freed at once.
 * Picture:    head { node, mutex } -> node { next, value } -> node <- tail
 * Parts:      none.
 * Progress:   enqueue wait-free, but for the allocator; dequeue blocking: it has the mutex, and waits for a link.
 * Ordering:   the library's.
 * Memory:     16 B a value, rounded by the allocator.
 * Limits:     a dequeue that comes to a link that is not there yet looks ten times, then sleeps for 10 ms.
 */
#include "../../queue.h"

#define _LGPL_SOURCE
#include <urcu/wfcqueue.h>

struct wfq_node {
    struct cds_wfcq_node node;
    uint64_t value;
};

struct mk_queue {
    struct cds_wfcq_head head MK_ALIGNED(2 * MK_CACHE_LINE);
    struct cds_wfcq_tail tail MK_ALIGNED(2 * MK_CACHE_LINE);
    struct mk_mem_cache nodes MK_ALIGNED(2 * MK_CACHE_LINE);
    struct mk_mem *mem;
};

MK_INLINE struct wfq_node *wfq_of(struct cds_wfcq_node *node) {
    return caa_container_of(node, struct wfq_node, node);
}

static int wfq_create(struct mk_queue **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_queue *queue = mk_mem_zalloc(mem, NULL, sizeof *queue, _Alignof(struct mk_queue));
    (void)cfg;
    if (!queue) return mk_fail(err, "no memory for the queue");
    if (mk_mem_cache_open(mem, &queue->nodes, sizeof(struct wfq_node), _Alignof(struct wfq_node), err)) {
        mk_mem_free(mem, NULL, queue, sizeof *queue, _Alignof(struct mk_queue));
        return -1;
    }
    queue->mem = mem;
    cds_wfcq_init(&queue->head, &queue->tail);
    *out = queue;
    return 0;
}

/* LIN enqueue: in the library. */
MK_TIMED enum mk_status wfq_enqueue(struct mk_queue *queue, struct mk_thread *me, uint64_t value) {
    struct wfq_node *node = mk_mem_cache_alloc(&queue->nodes, me);
    if (!node) return MK_NO_MEMORY;
    cds_wfcq_node_init(&node->node);
    node->value = value;
    cds_wfcq_enqueue(&queue->head, &queue->tail, &node->node);
    return MK_MISS;
}

/* LIN dequeue: in the library. */
MK_TIMED enum mk_status wfq_dequeue(struct mk_queue *queue, struct mk_thread *me, uint64_t *value) {
    struct cds_wfcq_node *node = cds_wfcq_dequeue_blocking(&queue->head, &queue->tail);
    if (!node) return MK_MISS;
    *value = wfq_of(node)->value;
    mk_mem_cache_free(&queue->nodes, me, wfq_of(node));
    return MK_HIT;
}

static void wfq_destroy(struct mk_queue *queue) {
    struct mk_mem *mem = queue->mem;
    uint64_t value;
    while (wfq_dequeue(queue, NULL, &value) == MK_HIT) continue;
    cds_wfcq_destroy(&queue->head, &queue->tail);
    mk_mem_cache_close(mem, &queue->nodes);
    mk_mem_free(mem, NULL, queue, sizeof *queue, _Alignof(struct mk_queue));
}

static void wfq_walk(struct mk_queue *queue, mk_visit_fn *visit, void *arg) {
    struct cds_wfcq_node *node;
    uint64_t n = 0;
    __cds_wfcq_for_each_blocking(&queue->head, &queue->tail, node) visit(arg, n++, wfq_of(node)->value);
}

static void wfq_add(void *arg, uint64_t key, uint64_t value) {
    (void)key, (void)value;
    ++*(uint64_t *)arg;
}

static uint64_t wfq_count(struct mk_queue *queue) {
    uint64_t n = 0;
    wfq_walk(queue, wfq_add, &n);
    return n;
}

MK_QUEUE(urcu_wfcqueue, .summary = "peer: cds_wfcq of liburcu, dequeues behind its mutex",
         .caps = MK_CONCURRENT | MK_GROWS, .progress = {.enqueue = MK_WAIT_FREE, .dequeue = MK_BLOCKING},
         .create = wfq_create, .destroy = wfq_destroy, .count = wfq_count, .walk = wfq_walk, .enqueue = wfq_enqueue,
         .dequeue = wfq_dequeue);
