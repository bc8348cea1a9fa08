/* queue/mutex - one mutex around a ring that doubles when it is full: the baseline.
 *
 * Source:     the textbook's; what std::deque or std::queue under a std::mutex amounts to.
 * Picture:    ring[] of values, a power of two; the values are ring[first .. end) modulo its size
 * Parts:      none.
 * Progress:   blocking, all operations.
 * Ordering:   linearizable: an operation is all that happens between one lock and its unlock.
 * Memory:     8 B * the most values there ever were, up to twice that; both rings while it grows. Not given back
 *             before destroy.
 * Limits:     one thread at a time; an enqueue that grows the ring copies it while the others wait.
 */
#include "../queue.h"

#include <pthread.h>

#define MUTEX_SIZE_MIN MK_TUNE(64, 1)
#define MUTEX_SIZE_MAX ((uint64_t)1 << 60)

struct mk_queue {
    pthread_mutex_t lock;
    uint64_t *ring;
    uint64_t size;       /* a power of two */
    uint64_t first, end; /* count up for ever */
    struct mk_mem *mem;
};

static void mutex_free_ring(struct mk_queue *queue, struct mk_thread *me) {
    mk_mem_free(queue->mem, me, queue->ring, queue->size * sizeof *queue->ring, MK_CACHE_LINE);
}

static void mutex_destroy(struct mk_queue *queue) {
    struct mk_mem *mem = queue->mem;
    mutex_free_ring(queue, NULL);
    pthread_mutex_destroy(&queue->lock);
    mk_mem_free(mem, NULL, queue, sizeof *queue, MK_CACHE_LINE);
}

static int mutex_create(struct mk_queue **out, struct mk_mem *mem, const struct mk_config *cfg,
                        struct mk_err *err) {
    struct mk_queue *queue = mk_mem_zalloc(mem, NULL, sizeof *queue, MK_CACHE_LINE);
    (void)cfg;
    if (!queue) return mk_fail(err, "no memory for the queue");
    queue->mem = mem;
    queue->size = MUTEX_SIZE_MIN;
    queue->ring = mk_mem_alloc(mem, NULL, queue->size * sizeof *queue->ring, MK_CACHE_LINE);
    if (!queue->ring) {
        mk_mem_free(mem, NULL, queue, sizeof *queue, MK_CACHE_LINE);
        return mk_fail(err, "no memory for the first ring");
    }
    pthread_mutex_init(&queue->lock, NULL);
    *out = queue;
    return 0;
}

MK_INLINE uint64_t *mutex_at(const struct mk_queue *queue, uint64_t place) {
    return &queue->ring[place & (queue->size - 1)];
}

/* Doubles the ring. False: no memory, nothing changed. */
static MK_NOINLINE bool mutex_grow(struct mk_queue *queue, struct mk_thread *me) {
    uint64_t size = queue->size * 2, n = queue->end - queue->first;
    if (size > MUTEX_SIZE_MAX) return false;
    uint64_t *ring = mk_mem_alloc(queue->mem, me, size * sizeof *ring, MK_CACHE_LINE);
    if (!ring) return false;
    for (uint64_t i = 0; i < n; i++) ring[i] = *mutex_at(queue, queue->first + i);
    mutex_free_ring(queue, me);
    queue->ring = ring;
    queue->size = size;
    queue->first = 0;
    queue->end = n;
    return true;
}

/* LIN enqueue miss: inside the lock. LIN enqueue hit: none, it is never answered. */
static inline enum mk_status mutex_enqueue(struct mk_queue *queue, struct mk_thread *me, uint64_t value) {
    enum mk_status status = MK_NO_MEMORY;
    pthread_mutex_lock(&queue->lock);
    if (queue->end - queue->first < queue->size || mutex_grow(queue, me)) {
        *mutex_at(queue, queue->end++) = value;
        status = MK_MISS;
    }
    pthread_mutex_unlock(&queue->lock);
    return status;
}

/* LIN dequeue hit, miss: inside the lock. */
static inline enum mk_status mutex_dequeue(struct mk_queue *queue, struct mk_thread *me, uint64_t *value) {
    enum mk_status status = MK_MISS;
    (void)me;
    pthread_mutex_lock(&queue->lock);
    if (queue->first != queue->end) {
        *value = *mutex_at(queue, queue->first++);
        status = MK_HIT;
    }
    pthread_mutex_unlock(&queue->lock);
    return status;
}

static uint64_t mutex_count(struct mk_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    uint64_t count = queue->end - queue->first;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

static void mutex_walk(struct mk_queue *queue, mk_visit_fn *visit, void *arg) {
    for (uint64_t at = queue->first; at != queue->end; at++) visit(arg, at - queue->first, *mutex_at(queue, at));
}

MK_QUEUE(mutex, .summary = "one mutex around a ring that grows: the baseline",
         .caps = MK_CONCURRENT | MK_GROWS | MK_DEFAULT,
         .progress = {.enqueue = MK_BLOCKING, .dequeue = MK_BLOCKING}, .create = mutex_create,
         .destroy = mutex_destroy, .count = mutex_count, .walk = mutex_walk, .enqueue = mutex_enqueue,
         .dequeue = mutex_dequeue);
