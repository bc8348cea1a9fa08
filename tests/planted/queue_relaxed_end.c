/* queue_relaxed_end - a ring for one thread in and one out, whose index is published without an order.
 *
 * bug:       a value is taken out before it has arrived
 * finds:     pipe | history | queue_*
 * rule:      tsan/data-race | oracle
 * flavours:  tsan model
 * pressure:  any
 * single:    passes
 */
#include "../../impl/queue.h"

#ifdef TWIN
#define PUBLISHED memory_order_release
#else
#define PUBLISHED memory_order_relaxed
#endif

struct mk_queue {
    MK_ATOMIC(uint64_t) end MK_ALIGNED(MK_CACHE_LINE);
    MK_ATOMIC(uint64_t) first MK_ALIGNED(MK_CACHE_LINE);
    uint64_t size;
    struct mk_mem *mem;
    uint64_t ring[];
};

static size_t ring_bytes(uint64_t size) {
    return sizeof(struct mk_queue) + size * sizeof(uint64_t);
}

static void ring_destroy(struct mk_queue *queue) {
    mk_mem_free(queue->mem, NULL, queue, ring_bytes(queue->size), _Alignof(struct mk_queue));
}

static int ring_create(struct mk_queue **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    if (!cfg->capacity) return mk_fail(err, "a ring for no values");
    struct mk_queue *queue = mk_mem_zalloc(mem, NULL, ring_bytes(cfg->capacity), _Alignof(struct mk_queue));
    if (!queue) return mk_fail(err, "no memory for the queue");
    queue->mem = mem;
    queue->size = cfg->capacity;
    *out = queue;
    return 0;
}

static enum mk_status ring_enqueue(struct mk_queue *queue, struct mk_thread *me, uint64_t value) {
    uint64_t end = atomic_load_explicit(&queue->end, memory_order_relaxed);
    (void)me;
    if (end - atomic_load_explicit(&queue->first, memory_order_acquire) == queue->size) return MK_NO_MEMORY;
    queue->ring[end % queue->size] = value;
    atomic_store_explicit(&queue->end, end + 1, PUBLISHED);
    return MK_MISS;
}

static enum mk_status ring_dequeue(struct mk_queue *queue, struct mk_thread *me, uint64_t *value) {
    uint64_t first = atomic_load_explicit(&queue->first, memory_order_relaxed);
    (void)me;
    if (atomic_load_explicit(&queue->end, memory_order_acquire) == first) return MK_MISS;
    *value = queue->ring[first % queue->size];
    atomic_store_explicit(&queue->first, first + 1, memory_order_release);
    return MK_HIT;
}

static uint64_t ring_count(struct mk_queue *queue) {
    return atomic_load_explicit(&queue->end, memory_order_relaxed) -
           atomic_load_explicit(&queue->first, memory_order_relaxed);
}

static void ring_walk(struct mk_queue *queue, mk_visit_fn *visit, void *arg) {
    uint64_t first = atomic_load_explicit(&queue->first, memory_order_relaxed), n = ring_count(queue);
    for (uint64_t i = 0; i < n; i++) visit(arg, i, queue->ring[(first + i) % queue->size]);
}

MK_QUEUE(queue_relaxed_end, .summary = "planted", .caps = MK_ONE_EACH, .create = ring_create,
         .destroy = ring_destroy, .count = ring_count, .walk = ring_walk, .enqueue = ring_enqueue,
         .dequeue = ring_dequeue);
