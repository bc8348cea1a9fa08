/* needs: ck | libck-dev */
/* queue/ck_ring - the ring of Concurrency Kit, ck_ring, for many on both sides: a peer.
 *
 * Source:     Concurrency Kit (Samy Al Bahra).
 * Picture:    head, tail, buffer[] of pointers: here the values themselves
 * Parts:      none.
 * Progress:   enqueue blocking (it waits for those before it to publish), dequeue lock-free.
 * Ordering:   the library's.
 * Memory:     8 B a slot, a power of two of them.
 * Limits:     never grows; one slot is always free.
 */
#include "../../queue.h"

#include <ck_ring.h>

struct mk_queue {
    ck_ring_t ring;
    ck_ring_buffer_t *buffer;
    struct mk_mem *mem;
    unsigned slots;
};

static int ckr_create(struct mk_queue **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    if (!cfg->capacity) return mk_fail(err, "a ring needs a capacity: it does not grow");
    if (cfg->capacity >= 1u << 30) return mk_fail(err, "a ring of 2^30 values or more is not foreseen");
    struct mk_queue *queue = mk_mem_zalloc(mem, NULL, sizeof *queue, 2 * MK_CACHE_LINE);
    if (!queue) return mk_fail(err, "no memory for the queue");
    queue->mem = mem;
    for (queue->slots = 2; queue->slots < cfg->capacity + 1; queue->slots *= 2) continue;
    queue->buffer = mk_mem_zalloc(mem, NULL, queue->slots * sizeof *queue->buffer, MK_CACHE_LINE);
    if (!queue->buffer) {
        unsigned slots = queue->slots;
        mk_mem_free(mem, NULL, queue, sizeof *queue, 2 * MK_CACHE_LINE);
        return mk_fail(err, "no memory for %u slots", slots);
    }
    ck_ring_init(&queue->ring, queue->slots);
    *out = queue;
    return 0;
}

static void ckr_destroy(struct mk_queue *queue) {
    struct mk_mem *mem = queue->mem;
    mk_mem_free(mem, NULL, queue->buffer, queue->slots * sizeof *queue->buffer, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, queue, sizeof *queue, 2 * MK_CACHE_LINE);
}

/* LIN enqueue: in the library. */
MK_TIMED enum mk_status ckr_enqueue(struct mk_queue *queue, struct mk_thread *me, uint64_t value) {
    (void)me;
    return ck_ring_enqueue_mpmc(&queue->ring, queue->buffer, (void *)value) ? MK_MISS : MK_NO_MEMORY;
}

/* LIN dequeue: in the library. */
MK_TIMED enum mk_status ckr_dequeue(struct mk_queue *queue, struct mk_thread *me, uint64_t *value) {
    void *word;
    (void)me;
    if (!ck_ring_dequeue_mpmc(&queue->ring, queue->buffer, &word)) return MK_MISS;
    *value = (uint64_t)word;
    return MK_HIT;
}

static uint64_t ckr_count(struct mk_queue *queue) {
    return ck_ring_size(&queue->ring);
}

static void ckr_walk(struct mk_queue *queue, mk_visit_fn *visit, void *arg) {
    unsigned n = ck_ring_size(&queue->ring), first = queue->ring.c_head;
    for (unsigned i = 0; i < n; i++) {
        visit(arg, i, (uint64_t)queue->buffer[(first + i) & (queue->slots - 1)].value);
    }
}

MK_QUEUE(ck_ring, .summary = "peer: ck_ring of Concurrency Kit, many on both sides", .caps = MK_CONCURRENT,
         .progress = {.enqueue = MK_BLOCKING, .dequeue = MK_LOCK_FREE}, .create = ckr_create, .destroy = ckr_destroy,
         .count = ckr_count, .walk = ckr_walk, .enqueue = ckr_enqueue, .dequeue = ckr_dequeue);
