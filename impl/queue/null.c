/* queue/null - does nothing: what streaming, dispatch and counting cost.
 *
 * Source:     none; the idea of a null data structure is ASCYLIB's and setbench's.
 * Picture:    one cache line of scratch words per thread.
 * Parts:      none.
 * Progress:   wait-free, all operations; nothing is stored.
 * Ordering:   none. Words are volatile so that each operation keeps a body of its own and dispatch
 *             cannot be folded away; threads scribble on lines of their own.
 * Memory:     64 B * threads_max.
 * Limits:     it is always empty; never ranked, never subtracted.
 */
#include "../queue.h"

struct null_line {
    volatile uint64_t put_in, taken;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_queue {
    struct mk_mem *mem;
    uint32_t threads_max;
    struct null_line *line;
};

static void null_destroy(struct mk_queue *queue) {
    struct mk_mem *mem = queue->mem;
    mk_mem_free(mem, NULL, queue->line, queue->threads_max * sizeof *queue->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, queue, sizeof *queue, _Alignof(struct mk_queue));
}

static int null_create(struct mk_queue **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_queue *queue = mk_mem_zalloc(mem, NULL, sizeof *queue, _Alignof(struct mk_queue));
    if (!queue) return mk_fail(err, "no memory for the queue");
    queue->mem = mem;
    queue->threads_max = cfg->threads_max;
    queue->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *queue->line, MK_CACHE_LINE);
    if (!queue->line) {
        mk_mem_free(mem, NULL, queue, sizeof *queue, _Alignof(struct mk_queue));
        return mk_fail(err, "no memory for %u thread lines", cfg->threads_max);
    }
    *out = queue;
    return 0;
}

/* LIN enqueue miss: none, nothing is shared. */
static inline enum mk_status null_enqueue(struct mk_queue *queue, struct mk_thread *me, uint64_t value) {
    queue->line[me->id].put_in = value;
    return MK_MISS;
}

/* LIN dequeue miss: none, nothing is shared. */
static inline enum mk_status null_dequeue(struct mk_queue *queue, struct mk_thread *me, uint64_t *value) {
    (void)value;
    queue->line[me->id].taken = 0;
    return MK_MISS;
}

static uint64_t null_count(struct mk_queue *queue) {
    (void)queue;
    return 0;
}

static void null_walk(struct mk_queue *queue, mk_visit_fn *visit, void *arg) {
    (void)queue, (void)visit, (void)arg;
}

MK_QUEUE(null, .summary = "no queue at all: what the harness itself costs",
         .caps = MK_CONCURRENT | MK_GROWS | MK_FLOOR,
         .progress = {.enqueue = MK_WAIT_FREE, .dequeue = MK_WAIT_FREE}, .create = null_create,
         .destroy = null_destroy, .count = null_count, .walk = null_walk, .enqueue = null_enqueue,
         .dequeue = null_dequeue);
