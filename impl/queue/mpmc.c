/* queue/mpmc - a ring of slots with sequence numbers: threads take tickets, and a slot says whose turn it is.
 *
 * Source:     Vyukov, Bounded MPMC queue, 1024cores.net. Differs: where a slot's turn has not come, it is looked
 *             whether the queue is empty, or full, or whether another thread has the ticket and is not through,
 *             which is then waited for. The original answers empty in either case, also when later values are in.
 * Picture:    ring[] of slots { turn, value }, a power of two; ticket t is for slot t modulo its size
 *               turn = t          free for the enqueue with ticket t
 *                    = t + 1      has its value, for the dequeue with ticket t
 *                    = t + size   free again
 *             end, first: the next tickets, a cache line each
 * Parts:      none.
 * Progress:   blocking, all operations: a thread that is stopped between its ticket and its slot holds up those
 *             that need that slot next. Others go on.
 * Ordering:   linearizable; LIN below names the points. The order of values is that of tickets. Tickets, and the
 *             loads that answer empty and full, are in the one seq_cst order, so that two threads never see what
 *             happens to two queues in opposite orders. first is never above end, nor end above first + size: so
 *             what a load of one says, at its limit, holds for the other as well, whenever that was read.
 * Memory:     16 B * capacity, rounded up to a power of two, at least 2; + 384 B.
 * Limits:     no room for more than the capacity.
 * Kept:       (4, 9) as (3, 8), with full in the place of empty: what is full is not judged by histories, which
 *             take its word, and two queues would be needed to see it otherwise.
 */
#include "../queue.h"

#define MPMC_SIZE_MAX ((uint64_t)1 << 40)

struct mpmc_slot {
    MK_ATOMIC(uint64_t) turn;
    uint64_t value;
};

struct mk_queue {
    MK_ATOMIC(uint64_t) end MK_ALIGNED(2 * MK_CACHE_LINE);   /* counts up for ever */
    MK_ATOMIC(uint64_t) first MK_ALIGNED(2 * MK_CACHE_LINE); /* counts up for ever */
    struct mpmc_slot *ring MK_ALIGNED(2 * MK_CACHE_LINE);
    uint64_t mask; /* size - 1; the size is a power of two */
    struct mk_mem *mem;
};

static void mpmc_destroy(struct mk_queue *queue) {
    struct mk_mem *mem = queue->mem;
    mk_mem_free(mem, NULL, queue->ring, (queue->mask + 1) * sizeof *queue->ring, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, queue, sizeof *queue, _Alignof(struct mk_queue));
}

static int mpmc_create(struct mk_queue **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    uint64_t size = 2; /* of one, a slot that is full would look free for the next ticket */
    if (!cfg->capacity || cfg->capacity > MPMC_SIZE_MAX) {
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
        return mk_fail(err, "no memory for %llu slots; lower the capacity", (unsigned long long)size);
    }
    for (uint64_t i = 0; i < size; i++) atomic_init(&queue->ring[i].turn, i);
    *out = queue;
    return 0;
}

MK_TIMED enum mk_status mpmc_enqueue(struct mk_queue *queue, struct mk_thread *me, uint64_t value) {
    unsigned spins = 0;
    struct mpmc_slot *slot;
    (void)me;
    /* (1) relaxed-load: a guess, which the CAS checks */
    uint64_t ticket = atomic_load_explicit(&queue->end, memory_order_relaxed);
    for (;;) {
        slot = &queue->ring[ticket & queue->mask];
        /* (2) acquire-load synchronizes-with the release-store (10): the value that was there has been read */
        int64_t ahead = (int64_t)(atomic_load_explicit(&slot->turn, memory_order_acquire) - ticket);
        if (MK_LIKELY(ahead == 0)) {
            /* LIN enqueue miss: this CAS. */
            /* (3) seq_cst-CAS enforces a total order with the seq_cst-load (8): empty is not answered any more. On
             * failure relaxed: a guess again */
            if (atomic_compare_exchange_weak_explicit(&queue->end, &ticket, ticket + 1, memory_order_seq_cst,
                                                      memory_order_relaxed)) {
                break;
            }
            continue;
        }
        if (ahead < 0) {
            /* LIN enqueue hit: none, it is never answered. Full is answered by this load. */
            /* (4) seq_cst-load enforces a total order with the seq_cst-CAS (9): a ticket of ours that is `size`
             * ahead is the next one at this moment. No comparison but this: first may have gone past our ticket */
            if (ticket - atomic_load_explicit(&queue->first, memory_order_seq_cst) == queue->mask + 1) {
                return MK_NO_MEMORY;
            }
            mk_backoff(&spins);
        }
        /* (5) relaxed-load: as (1) */
        ticket = atomic_load_explicit(&queue->end, memory_order_relaxed);
    }
    slot->value = value;
    /* (6) release-store synchronizes-with the acquire-load (7): the value */
    atomic_store_explicit(&slot->turn, ticket + 1, memory_order_release);
    return MK_MISS;
}

MK_TIMED enum mk_status mpmc_dequeue(struct mk_queue *queue, struct mk_thread *me, uint64_t *value) {
    unsigned spins = 0;
    struct mpmc_slot *slot;
    (void)me;
    /* (11) relaxed-load: a guess, which the CAS checks */
    uint64_t ticket = atomic_load_explicit(&queue->first, memory_order_relaxed);
    for (;;) {
        slot = &queue->ring[ticket & queue->mask];
        /* (7) acquire-load synchronizes-with the release-store (6): the value */
        int64_t ahead = (int64_t)(atomic_load_explicit(&slot->turn, memory_order_acquire) - (ticket + 1));
        if (MK_LIKELY(ahead == 0)) {
            /* LIN dequeue hit: this CAS. */
            /* (9) seq_cst-CAS enforces a total order with the seq_cst-load (4): full is not answered any more. On
             * failure relaxed: a guess again */
            if (atomic_compare_exchange_weak_explicit(&queue->first, &ticket, ticket + 1, memory_order_seq_cst,
                                                      memory_order_relaxed)) {
                break;
            }
            continue;
        }
        if (ahead < 0) {
            /* LIN dequeue miss: this load. */
            /* (8) seq_cst-load enforces a total order with the seq_cst-CAS (3): a ticket of ours that nobody has
             * put in for is the first one at this moment */
            if (atomic_load_explicit(&queue->end, memory_order_seq_cst) == ticket) return MK_MISS;
            mk_backoff(&spins);
        }
        /* (12) relaxed-load: as (11) */
        ticket = atomic_load_explicit(&queue->first, memory_order_relaxed);
    }
    *value = slot->value;
    /* (10) release-store synchronizes-with the acquire-load (2): that the value has been read */
    atomic_store_explicit(&slot->turn, ticket + queue->mask + 1, memory_order_release);
    return MK_HIT;
}

static uint64_t mpmc_count(struct mk_queue *queue) {
    /* (13) relaxed-load: at quiescence */
    uint64_t end = atomic_load_explicit(&queue->end, memory_order_relaxed);
    /* (14) relaxed-load: at quiescence */
    return end - atomic_load_explicit(&queue->first, memory_order_relaxed);
}

static void mpmc_walk(struct mk_queue *queue, mk_visit_fn *visit, void *arg) {
    /* (15) relaxed-load: at quiescence */
    uint64_t first = atomic_load_explicit(&queue->first, memory_order_relaxed), n = mpmc_count(queue);
    for (uint64_t i = 0; i < n; i++) visit(arg, i, queue->ring[(first + i) & queue->mask].value);
}

MK_QUEUE(mpmc, .summary = "a ring of slots that say whose turn it is", .caps = MK_CONCURRENT,
         .progress = {.enqueue = MK_BLOCKING, .dequeue = MK_BLOCKING}, .create = mpmc_create,
         .destroy = mpmc_destroy, .count = mpmc_count, .walk = mpmc_walk, .enqueue = mpmc_enqueue,
         .dequeue = mpmc_dequeue);
