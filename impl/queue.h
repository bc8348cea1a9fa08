/* queue.h - the contract of kind `queue`: values of 8 bytes, the first one in is the first one out.
 *
 * An implementation completes `struct mk_queue` and ends in MK_QUEUE(name, ...). Mandatory: create, destroy,
 * enqueue, dequeue, count, walk. Everything else may be left out; what is left out is skipped with that reason. In
 * C++17 give the fields in the order of struct mk_queue_def.
 *
 * Operations are linearizable unless .summary says otherwise. All 2^64 values are legal, and equal ones are, too.
 * `me` is a thread that thread_enter has seen (id below cfg->threads_max). With MK_CONCURRENT any thread may call
 * any operation. With MK_ONE_EACH alone, one thread at a time may enqueue and one may dequeue: the same, or two at
 * once; who comes next in a role has to be told by who had it (happens-before, as by a join). With neither, one
 * thread at a time may call anything.
 *
 * What cannot grow (no MK_GROWS) has room for cfg->capacity values at least, and refuses to be made for 0.
 */
#ifndef MK_QUEUE_H
#define MK_QUEUE_H

#include "mk.h"
#include "order.h"

enum mk_queue_op { MK_QUEUE_ENQUEUE, MK_QUEUE_DEQUEUE };

struct mk_queue; /* completed by the implementation */

struct mk_queue_progress {
    enum mk_progress enqueue, dequeue;
};

struct mk_queue_def {
    const char *summary; /* one line for `list` */
    uint64_t caps;
    uint64_t needs; /* capabilities its reclaim part must have */
    struct mk_queue_progress progress;
    const struct mk_param *params;

    /* Returns 0 and a new queue in *out, or -1 with err set and nothing kept. The caller owns the queue until
     * destroy; mem outlives it. Called by one thread. */
    int (*create)(struct mk_queue **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err);
    /* Frees everything. No other thread may be inside; all have exited. */
    void (*destroy)(struct mk_queue *queue);
    int (*thread_enter)(struct mk_queue *queue, struct mk_thread *me);
    void (*thread_exit)(struct mk_queue *queue, struct mk_thread *me);
    void (*flush)(struct mk_queue *queue, struct mk_thread *me);
    /* Returns the number of values; exact at quiescence. Time may be linear in it. */
    uint64_t (*count)(struct mk_queue *queue);
    /* Calls visit once for every value, the first one in first, at quiescence. key is how many are before it,
     * value_tag the value. */
    void (*walk)(struct mk_queue *queue, mk_visit_fn *visit, void *arg);
    size_t (*stats)(struct mk_queue *queue, struct mk_stat *out, size_t room);
    void (*hold)(struct mk_queue *queue, struct mk_thread *me);
    void (*unhold)(struct mk_queue *queue, struct mk_thread *me);

    /* Returns MK_MISS (it is in), or MK_NO_MEMORY: nothing changed, for memory was refused, or, without MK_GROWS,
     * the queue was full. */
    enum mk_status (*enqueue)(struct mk_queue *queue, struct mk_thread *me, uint64_t value);
    /* Returns MK_HIT and the value taken out in *value; else *value is untouched: MK_MISS (there was none), or
     * MK_NO_MEMORY (nothing changed). */
    enum mk_status (*dequeue)(struct mk_queue *queue, struct mk_thread *me, uint64_t *value);
};

static const struct mk_op_desc mk_queue_ops[] = {
    {"enqueue", MK_QUEUE_ENQUEUE, MK_NO_CODE, MK_OPERAND_FRESH, MK_EFFECT_ADD, 1, "put a value in at the end"},
    {"dequeue", MK_QUEUE_DEQUEUE, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_REMOVE, 1,
     "take out the value that went in first"},
    {"pair", MK_QUEUE_ENQUEUE, MK_QUEUE_DEQUEUE, MK_OPERAND_FRESH, MK_EFFECT_ADD, 1,
     "enqueue, then dequeue: two operations"},
    {NULL, 0, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_NONE, 0, NULL}};

static const struct mk_kind mk_kind_queue
    __attribute__((unused)) = {"queue", "values of 8 bytes, first in, first out", mk_queue_ops, false};

/* ---- the timed loops: inlined into every implementation's file ---------------------------- */

/* Any mix. Outcomes are added, never branched on. */
MK_INLINE void mk_queue_batch(const struct mk_queue_def *def, struct mk_queue *queue, struct mk_thread *me,
                              const uint64_t *stream, size_t n, struct mk_tally *tally) {
    uint64_t sum = 0, failed = 0, taken = 0;
    for (const uint64_t *at = stream, *end = stream + n; at < end; at++) {
        enum mk_status status;
        if (MK_CODE(*at) == MK_QUEUE_ENQUEUE) {
            status = def->enqueue(queue, me, MK_OPERAND(*at));
        } else {
            uint64_t value = 0;
            status = def->dequeue(queue, me, &value);
            sum += value;
            taken += status == MK_HIT;
        }
        failed += status > MK_HIT;
    }
    tally->hits[MK_QUEUE_DEQUEUE] += taken;
    tally->failed += failed;
    tally->sum += sum;
}

/* Runs of one operation: no dispatch left. */
MK_INLINE void mk_queue_run_enqueue(const struct mk_queue_def *def, struct mk_queue *queue, struct mk_thread *me,
                                    const uint64_t *stream, size_t n, struct mk_tally *tally) {
    uint64_t failed = 0;
    for (size_t i = 0; i < n; i++) failed += def->enqueue(queue, me, MK_OPERAND(stream[i])) > MK_HIT;
    tally->failed += failed;
}

MK_INLINE void mk_queue_run_dequeue(const struct mk_queue_def *def, struct mk_queue *queue, struct mk_thread *me,
                                    size_t n, struct mk_tally *tally) {
    uint64_t sum = 0, failed = 0, taken = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t value = 0;
        enum mk_status status = def->dequeue(queue, me, &value);
        sum += value;
        taken += status == MK_HIT;
        failed += status > MK_HIT;
    }
    tally->hits[MK_QUEUE_DEQUEUE] += taken;
    tally->failed += failed;
    tally->sum += sum;
}

/* The checked door. */
static inline void mk_queue_step(const struct mk_queue_def *def, struct mk_queue *queue, struct mk_thread *me,
                                 const struct mk_op *op, struct mk_result *result) {
    result->value = 0;
    result->previous = 0;
    switch (op->code) {
    case MK_QUEUE_ENQUEUE: result->status = def->enqueue(queue, me, op->value); break;
    case MK_QUEUE_DEQUEUE: result->status = def->dequeue(queue, me, &result->value); break;
    default: result->status = MK_REFUSED; break;
    }
}

/* ---- the doors: what the harness calls, made of this file's definition --------------------- */

MK_DEFINE_LATER(struct mk_queue_def, mk_queue_here);

MK_DOOR int mk_queue_create(void **self, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_queue *queue = NULL;
    if (mk_queue_here.create(&queue, mem, cfg, err)) return -1;
    *self = queue;
    return 0;
}

MK_DOOR void mk_queue_destroy(void *self) {
    mk_queue_here.destroy((struct mk_queue *)self);
}

MK_DOOR int mk_queue_thread_enter(void *self, struct mk_thread *me) {
    return mk_queue_here.thread_enter ? mk_queue_here.thread_enter((struct mk_queue *)self, me) : 0;
}

MK_DOOR void mk_queue_thread_exit(void *self, struct mk_thread *me) {
    if (mk_queue_here.thread_exit) mk_queue_here.thread_exit((struct mk_queue *)self, me);
}

MK_DOOR void mk_queue_flush(void *self, struct mk_thread *me) {
    if (mk_queue_here.flush) mk_queue_here.flush((struct mk_queue *)self, me);
}

MK_DOOR uint64_t mk_queue_count(void *self) {
    return mk_queue_here.count((struct mk_queue *)self);
}

MK_DOOR void mk_queue_walk(void *self, mk_visit_fn *visit, void *arg) {
    mk_queue_here.walk((struct mk_queue *)self, visit, arg);
}

MK_DOOR size_t mk_queue_stats(void *self, struct mk_stat *out, size_t room) {
    return mk_queue_here.stats((struct mk_queue *)self, out, room);
}

MK_DOOR void mk_queue_hold(void *self, struct mk_thread *me) {
    mk_queue_here.hold((struct mk_queue *)self, me);
}

MK_DOOR void mk_queue_unhold(void *self, struct mk_thread *me) {
    mk_queue_here.unhold((struct mk_queue *)self, me);
}

MK_DOOR void mk_queue_batch_any(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                struct mk_tally *tally) {
    mk_queue_batch(&mk_queue_here, (struct mk_queue *)self, me, stream, n, tally);
}

MK_DOOR void mk_queue_batch_enqueue(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                    struct mk_tally *tally) {
    mk_queue_run_enqueue(&mk_queue_here, (struct mk_queue *)self, me, stream, n, tally);
}

MK_DOOR void mk_queue_batch_dequeue(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                    struct mk_tally *tally) {
    (void)stream;
    mk_queue_run_dequeue(&mk_queue_here, (struct mk_queue *)self, me, n, tally);
}

MK_DOOR void mk_queue_step_any(void *self, struct mk_thread *me, const struct mk_op *op, struct mk_result *result) {
    mk_queue_step(&mk_queue_here, (struct mk_queue *)self, me, op, result);
}

MK_DOOR void mk_queue_describe(struct mk_impl *impl) {
    impl->kind = &mk_kind_queue;
    impl->summary = mk_queue_here.summary;
    impl->caps = mk_queue_here.caps;
    impl->needs = mk_queue_here.needs;
#ifdef MK_PART_RECLAIM
    impl->provides = mk_reclaim_here.caps;
    if (impl->provides & MK_FLOOR) impl->caps &= ~(uint64_t)MK_CONCURRENT; /* that part protects nobody */
#endif
    impl->params = mk_queue_here.params;
    impl->offers =
        (mk_queue_here.enqueue ? 1u << MK_QUEUE_ENQUEUE : 0) | (mk_queue_here.dequeue ? 1u << MK_QUEUE_DEQUEUE : 0);
    impl->must_offer = 1u << MK_QUEUE_ENQUEUE | 1u << MK_QUEUE_DEQUEUE;
    impl->must_count = true;
    impl->progress[MK_QUEUE_ENQUEUE] = (uint8_t)mk_queue_here.progress.enqueue;
    impl->progress[MK_QUEUE_DEQUEUE] = (uint8_t)mk_queue_here.progress.dequeue;
    impl->create = mk_queue_here.create ? mk_queue_create : NULL;
    impl->destroy = mk_queue_here.destroy ? mk_queue_destroy : NULL;
    impl->thread_enter = mk_queue_thread_enter;
    impl->thread_exit = mk_queue_thread_exit;
    impl->flush = mk_queue_flush;
    impl->count = mk_queue_here.count ? mk_queue_count : NULL;
    impl->walk = mk_queue_here.walk ? mk_queue_walk : NULL;
    impl->stats = mk_queue_here.stats ? mk_queue_stats : NULL;
    impl->hold = mk_queue_here.hold ? mk_queue_hold : NULL;
    impl->unhold = mk_queue_here.unhold ? mk_queue_unhold : NULL;
    impl->batch = mk_queue_batch_any;
    impl->batch_of[MK_QUEUE_ENQUEUE] = mk_queue_batch_enqueue;
    impl->batch_of[MK_QUEUE_DEQUEUE] = mk_queue_batch_dequeue;
    impl->step = mk_queue_step_any;
}

/* Registers this file's queue under NAME, which must be the file's name. */
#define MK_QUEUE(NAME, ...)                                     \
    MK_DEFINE(struct mk_queue_def, mk_queue_here, __VA_ARGS__); \
    MK_REGISTER(#NAME, mk_queue_describe)

#endif
