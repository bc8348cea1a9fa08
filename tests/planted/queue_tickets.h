/* queue_tickets.h - a sound queue, of which queue_*.c beside it break one thing each: a ring of slots with sequence
 * numbers, as in Vyukov's bounded queue, in which a thread whose slot's turn has not come looks whether the queue
 * is full, or empty, and else waits.
 */
#ifndef QUEUE_TICKETS_H
#define QUEUE_TICKETS_H

#include "../../impl/queue.h"

struct slot {
    MK_ATOMIC(uint64_t) turn; /* t: free for ticket t; t + 1: has its value; t + size: free again */
    MK_ATOMIC(uint64_t) value;
};

struct mk_queue {
    MK_ATOMIC(uint64_t) end MK_ALIGNED(MK_CACHE_LINE);
    MK_ATOMIC(uint64_t) first MK_ALIGNED(MK_CACHE_LINE);
    struct slot *ring MK_ALIGNED(MK_CACHE_LINE);
    uint64_t mask;
    struct mk_mem *mem;
};

/* What the files beside it break. */
#ifndef IS_FULL
#define IS_FULL base_is_full
#endif
#ifndef IS_EMPTY
#define IS_EMPTY base_is_empty
#endif
#ifndef FILL
#define FILL base_fill
#endif
#ifndef DRAIN
#define DRAIN base_drain
#endif
static bool IS_FULL(struct mk_queue *queue, uint64_t ticket);
static bool IS_EMPTY(struct mk_queue *queue, uint64_t ticket);
static void FILL(struct mk_queue *queue, struct slot *slot, uint64_t ticket, uint64_t value);
static uint64_t DRAIN(struct mk_queue *queue, struct slot *slot, uint64_t ticket);

__attribute__((unused)) static bool base_is_full(struct mk_queue *queue, uint64_t ticket) {
    return ticket - atomic_load_explicit(&queue->first, memory_order_seq_cst) == queue->mask + 1;
}

__attribute__((unused)) static bool base_is_empty(struct mk_queue *queue, uint64_t ticket) {
    return atomic_load_explicit(&queue->end, memory_order_seq_cst) == ticket;
}

__attribute__((unused)) static void base_fill(struct mk_queue *queue, struct slot *slot, uint64_t ticket,
                                              uint64_t value) {
    (void)queue;
    atomic_store_explicit(&slot->value, value, memory_order_relaxed);
    atomic_store_explicit(&slot->turn, ticket + 1, memory_order_release);
}

__attribute__((unused)) static uint64_t base_drain(struct mk_queue *queue, struct slot *slot, uint64_t ticket) {
    uint64_t value = atomic_load_explicit(&slot->value, memory_order_relaxed);
    atomic_store_explicit(&slot->turn, ticket + queue->mask + 1, memory_order_release);
    return value;
}

/* Takes the next ticket of *tickets whose slot is at turn `ticket + ahead`. Returns the slot, and the ticket in
 * *ticket; NULL if the queue says that there will be none. */
static struct slot *take_ticket(struct mk_queue *queue, MK_ATOMIC(uint64_t) * tickets, uint64_t ahead,
                                bool (*none)(struct mk_queue *, uint64_t), uint64_t *ticket) {
    *ticket = atomic_load_explicit(tickets, memory_order_relaxed);
    for (unsigned spins = 0;;) {
        struct slot *slot = &queue->ring[*ticket & queue->mask];
        int64_t off = (int64_t)(atomic_load_explicit(&slot->turn, memory_order_acquire) - (*ticket + ahead));
        if (off == 0) {
            if (atomic_compare_exchange_weak_explicit(tickets, ticket, *ticket + 1, memory_order_seq_cst,
                                                      memory_order_relaxed)) {
                return slot;
            }
            continue;
        }
        if (off < 0 && none(queue, *ticket)) return NULL;
        if (off < 0) mk_backoff(&spins);
        *ticket = atomic_load_explicit(tickets, memory_order_relaxed);
    }
}

static enum mk_status tickets_enqueue(struct mk_queue *queue, struct mk_thread *me, uint64_t value) {
    uint64_t ticket;
    struct slot *slot = take_ticket(queue, &queue->end, 0, IS_FULL, &ticket);
    (void)me;
    if (slot) FILL(queue, slot, ticket, value);
    return slot ? MK_MISS : MK_NO_MEMORY;
}

static enum mk_status tickets_dequeue(struct mk_queue *queue, struct mk_thread *me, uint64_t *value) {
    uint64_t ticket;
    struct slot *slot = take_ticket(queue, &queue->first, 1, IS_EMPTY, &ticket);
    (void)me;
    if (slot) *value = DRAIN(queue, slot, ticket);
    return slot ? MK_HIT : MK_MISS;
}

static uint64_t tickets_count(struct mk_queue *queue) {
    return atomic_load_explicit(&queue->end, memory_order_relaxed) -
           atomic_load_explicit(&queue->first, memory_order_relaxed);
}

static void tickets_walk(struct mk_queue *queue, mk_visit_fn *visit, void *arg) {
    uint64_t first = atomic_load_explicit(&queue->first, memory_order_relaxed), n = tickets_count(queue);
    for (uint64_t i = 0; i < n; i++) {
        visit(arg, i, atomic_load_explicit(&queue->ring[(first + i) & queue->mask].value, memory_order_relaxed));
    }
}

static void tickets_destroy(struct mk_queue *queue) {
    struct mk_mem *mem = queue->mem;
    mk_mem_free(mem, NULL, queue->ring, (queue->mask + 1) * sizeof *queue->ring, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, queue, sizeof *queue, _Alignof(struct mk_queue));
}

static int tickets_create(struct mk_queue **out, struct mk_mem *mem, const struct mk_config *cfg,
                          struct mk_err *err) {
    uint64_t size = 2;
    if (!cfg->capacity) return mk_fail(err, "a ring for no values");
    while (size < cfg->capacity) size *= 2;
    struct mk_queue *queue = mk_mem_zalloc(mem, NULL, sizeof *queue, _Alignof(struct mk_queue));
    if (!queue) return mk_fail(err, "no memory for the queue");
    queue->mem = mem;
    queue->mask = size - 1;
    queue->ring = mk_mem_zalloc(mem, NULL, size * sizeof *queue->ring, MK_CACHE_LINE);
    if (!queue->ring) {
        mk_mem_free(mem, NULL, queue, sizeof *queue, _Alignof(struct mk_queue));
        return mk_fail(err, "no memory for the ring");
    }
    for (uint64_t i = 0; i < size; i++) atomic_init(&queue->ring[i].turn, i);
    *out = queue;
    return 0;
}

#define TICKETS                                                                                        \
    .summary = "planted", .caps = MK_CONCURRENT, .create = tickets_create, .destroy = tickets_destroy, \
    .count = tickets_count, .walk = tickets_walk, .enqueue = tickets_enqueue, .dequeue = tickets_dequeue

#endif
