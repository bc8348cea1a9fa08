/* queue/spsc - a ring for one thread that puts in and one that takes out; each remembers the other's index.
 *
 * Source:     Lamport, Specifying Concurrent Program Modules, TOPLAS 1983, for the ring of two indices; remembering
 *             the other's is MCRingBuffer's (Lee, Bu, Chandranmenon, IPDPS 2010), without its batches.
 * Picture:    { end, seen_first } | { first, seen_end } | { ring, mask }     two cache lines each
 *             ring[] of values, a power of two; the values are ring[first .. end) modulo its size
 *               end, seen_first    of the thread that puts in: where, and a value that first had
 *               first, seen_end    of the one that takes out, likewise
 * Parts:      none.
 * Progress:   wait-free, all operations.
 * Ordering:   linearizable, as far as happens-before tells: a thread that is told nothing by the other one but
 *             through the queue may find it full, or empty, for as long as it takes a store to arrive.
 * Memory:     8 B * capacity, rounded up to a power of two, + 384 B.
 * Limits:     one thread at a time puts in, and one takes out. No room for more than the capacity.
 */
#include "../queue.h"

#define SPSC_SIZE_MAX ((uint64_t)1 << 40)

struct mk_queue {
    MK_ATOMIC(uint64_t) end MK_ALIGNED(2 * MK_CACHE_LINE); /* counts up for ever */
    uint64_t seen_first;
    MK_ATOMIC(uint64_t) first MK_ALIGNED(2 * MK_CACHE_LINE); /* counts up for ever */
    uint64_t seen_end;
    uint64_t *ring MK_ALIGNED(2 * MK_CACHE_LINE);
    uint64_t mask; /* size - 1; the size is a power of two */
    struct mk_mem *mem;
};

static void spsc_destroy(struct mk_queue *queue) {
    struct mk_mem *mem = queue->mem;
    mk_mem_free(mem, NULL, queue->ring, (queue->mask + 1) * sizeof *queue->ring, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, queue, sizeof *queue, _Alignof(struct mk_queue));
}

static int spsc_create(struct mk_queue **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    uint64_t size = 1;
    if (!cfg->capacity || cfg->capacity > SPSC_SIZE_MAX) {
        return mk_fail(err, "a ring does not grow: give it a capacity of 1 to 2^40 values, not %llu",
                       (unsigned long long)cfg->capacity);
    }
    while (size < cfg->capacity) size *= 2;
    struct mk_queue *queue = mk_mem_zalloc(mem, NULL, sizeof *queue, _Alignof(struct mk_queue));
    if (!queue) return mk_fail(err, "no memory for the queue");
    queue->mem = mem;
    queue->mask = size - 1;
    queue->ring = mk_mem_alloc(mem, NULL, size * sizeof *queue->ring, MK_CACHE_LINE);
    if (!queue->ring) {
        mk_mem_free(mem, NULL, queue, sizeof *queue, _Alignof(struct mk_queue));
        return mk_fail(err, "no memory for %llu places; lower the capacity", (unsigned long long)size);
    }
    *out = queue;
    return 0;
}

MK_TIMED enum mk_status spsc_enqueue(struct mk_queue *queue, struct mk_thread *me, uint64_t value) {
    (void)me;
    /* (1) relaxed-load: only this thread changes it */
    uint64_t end = atomic_load_explicit(&queue->end, memory_order_relaxed);
    if (MK_UNLIKELY(end - queue->seen_first > queue->mask)) {
        /* LIN enqueue hit: none, it is never answered. Full is answered by this load. */
        /* (2) acquire-load synchronizes-with the release-store (6): the value that was there has been read */
        queue->seen_first = atomic_load_explicit(&queue->first, memory_order_acquire);
        if (end - queue->seen_first > queue->mask) return MK_NO_MEMORY;
    }
    queue->ring[end & queue->mask] = value;
    /* LIN enqueue miss: this store. */
    /* (3) release-store synchronizes-with the acquire-load (5): the value */
    atomic_store_explicit(&queue->end, end + 1, memory_order_release);
    return MK_MISS;
}

MK_TIMED enum mk_status spsc_dequeue(struct mk_queue *queue, struct mk_thread *me, uint64_t *value) {
    (void)me;
    /* (4) relaxed-load: only this thread changes it */
    uint64_t first = atomic_load_explicit(&queue->first, memory_order_relaxed);
    if (first == queue->seen_end) {
        /* LIN dequeue miss: this load. */
        /* (5) acquire-load synchronizes-with the release-store (3): the values up to there */
        queue->seen_end = atomic_load_explicit(&queue->end, memory_order_acquire);
        if (first == queue->seen_end) return MK_MISS;
    }
    *value = queue->ring[first & queue->mask];
    /* LIN dequeue hit: this store. */
    /* (6) release-store synchronizes-with the acquire-load (2): that the value has been read */
    atomic_store_explicit(&queue->first, first + 1, memory_order_release);
    return MK_HIT;
}

static uint64_t spsc_count(struct mk_queue *queue) {
    /* (7) relaxed-load: at quiescence */
    uint64_t end = atomic_load_explicit(&queue->end, memory_order_relaxed);
    /* (8) relaxed-load: at quiescence */
    return end - atomic_load_explicit(&queue->first, memory_order_relaxed);
}

static void spsc_walk(struct mk_queue *queue, mk_visit_fn *visit, void *arg) {
    /* (9) relaxed-load: at quiescence */
    uint64_t first = atomic_load_explicit(&queue->first, memory_order_relaxed), n = spsc_count(queue);
    for (uint64_t i = 0; i < n; i++) visit(arg, i, queue->ring[(first + i) & queue->mask]);
}

MK_QUEUE(spsc, .summary = "a ring for one thread that puts in and one that takes out", .caps = MK_ONE_EACH,
         .progress = {.enqueue = MK_WAIT_FREE, .dequeue = MK_WAIT_FREE}, .create = spsc_create,
         .destroy = spsc_destroy, .count = spsc_count, .walk = spsc_walk, .enqueue = spsc_enqueue,
         .dequeue = spsc_dequeue);
