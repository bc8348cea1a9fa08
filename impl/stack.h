/* stack.h - the contract of kind `stack`: values of 8 bytes, the last one in is the first one out.
 *
 * An implementation completes `struct mk_stack` and ends in MK_STACK(name, ...). Mandatory: create, destroy, push,
 * pop, count, walk. Everything else may be left out; what is left out is skipped with that reason. In C++17 give
 * the fields in the order of struct mk_stack_def.
 *
 * Operations are linearizable unless .summary says otherwise. All 2^64 values are legal, and equal ones are, too.
 * `me` is a thread that thread_enter has seen (id below cfg->threads_max).
 */
#ifndef MK_STACK_H
#define MK_STACK_H

#include "mk.h"
#include "order.h"

enum mk_stack_op { MK_STACK_PUSH, MK_STACK_POP };

struct mk_stack; /* completed by the implementation */

struct mk_stack_progress {
    enum mk_progress push, pop;
};

struct mk_stack_def {
    const char *summary; /* one line for `list` */
    uint64_t caps;
    uint64_t needs; /* capabilities its reclaim part must have */
    struct mk_stack_progress progress;
    const struct mk_param *params;

    /* Returns 0 and a new stack in *out, or -1 with err set and nothing kept. The caller owns the stack until
     * destroy; mem outlives it. Called by one thread. */
    int (*create)(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err);
    /* Frees everything. No other thread may be inside; all have exited. */
    void (*destroy)(struct mk_stack *stack);
    int (*thread_enter)(struct mk_stack *stack, struct mk_thread *me);
    void (*thread_exit)(struct mk_stack *stack, struct mk_thread *me);
    void (*flush)(struct mk_stack *stack, struct mk_thread *me);
    /* Returns the number of values; exact at quiescence. Time may be linear in it. */
    uint64_t (*count)(struct mk_stack *stack);
    /* Calls visit once for every value, the last one in first, at quiescence. key is how many lie above it,
     * value_tag the value. */
    void (*walk)(struct mk_stack *stack, mk_visit_fn *visit, void *arg);
    size_t (*stats)(struct mk_stack *stack, struct mk_stat *out, size_t room);
    void (*hold)(struct mk_stack *stack, struct mk_thread *me);
    void (*unhold)(struct mk_stack *stack, struct mk_thread *me);

    /* Returns MK_MISS (it is in), or MK_NO_MEMORY (nothing changed). */
    enum mk_status (*push)(struct mk_stack *stack, struct mk_thread *me, uint64_t value);
    /* Returns MK_HIT and the value taken out in *value; else *value is untouched: MK_MISS (there was none), or
     * MK_NO_MEMORY (nothing changed). */
    enum mk_status (*pop)(struct mk_stack *stack, struct mk_thread *me, uint64_t *value);
};

static const struct mk_op_desc mk_stack_ops[] = {
    {"push", MK_STACK_PUSH, MK_NO_CODE, MK_OPERAND_FRESH, MK_EFFECT_ADD, 1, "put a value on top"},
    {"pop", MK_STACK_POP, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_REMOVE, 1, "take the top value off"},
    {"pair", MK_STACK_PUSH, MK_STACK_POP, MK_OPERAND_FRESH, MK_EFFECT_ADD, 1, "push, then pop: two operations"},
    {NULL, 0, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_NONE, 0, NULL}};

static const struct mk_kind mk_kind_stack
    __attribute__((unused)) = {"stack", "values of 8 bytes, last in, first out", mk_stack_ops, false};

/* ---- the timed loops: inlined into every implementation's file ---------------------------- */

/* Any mix. Outcomes are added, never branched on. */
MK_INLINE void mk_stack_batch(const struct mk_stack_def *def, struct mk_stack *stack, struct mk_thread *me,
                              const uint64_t *stream, size_t n, struct mk_tally *tally) {
    uint64_t sum = 0, failed = 0, popped = 0;
    for (const uint64_t *at = stream, *end = stream + n; at < end; at++) {
        enum mk_status status;
        if (MK_CODE(*at) == MK_STACK_PUSH) {
            status = def->push(stack, me, MK_OPERAND(*at));
        } else {
            uint64_t value = 0;
            status = def->pop(stack, me, &value);
            sum += value;
            popped += status == MK_HIT;
        }
        failed += status > MK_HIT;
    }
    tally->hits[MK_STACK_POP] += popped;
    tally->failed += failed;
    tally->sum += sum;
}

/* Runs of one operation: no dispatch left. */
MK_INLINE void mk_stack_run_push(const struct mk_stack_def *def, struct mk_stack *stack, struct mk_thread *me,
                                 const uint64_t *stream, size_t n, struct mk_tally *tally) {
    uint64_t failed = 0;
    for (size_t i = 0; i < n; i++) failed += def->push(stack, me, MK_OPERAND(stream[i])) > MK_HIT;
    tally->failed += failed;
}

MK_INLINE void mk_stack_run_pop(const struct mk_stack_def *def, struct mk_stack *stack, struct mk_thread *me,
                                size_t n, struct mk_tally *tally) {
    uint64_t sum = 0, failed = 0, popped = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t value = 0;
        enum mk_status status = def->pop(stack, me, &value);
        sum += value;
        popped += status == MK_HIT;
        failed += status > MK_HIT;
    }
    tally->hits[MK_STACK_POP] += popped;
    tally->failed += failed;
    tally->sum += sum;
}

/* The checked door. */
static inline void mk_stack_step(const struct mk_stack_def *def, struct mk_stack *stack, struct mk_thread *me,
                                 const struct mk_op *op, struct mk_result *result) {
    result->value = 0;
    result->previous = 0;
    switch (op->code) {
    case MK_STACK_PUSH: result->status = def->push(stack, me, op->value); break;
    case MK_STACK_POP: result->status = def->pop(stack, me, &result->value); break;
    default: result->status = MK_REFUSED; break;
    }
}

/* ---- the doors: what the harness calls, made of this file's definition --------------------- */

MK_DEFINE_LATER(struct mk_stack_def, mk_stack_here);

MK_DOOR int mk_stack_create(void **self, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_stack *stack = NULL;
    if (mk_stack_here.create(&stack, mem, cfg, err)) return -1;
    *self = stack;
    return 0;
}

MK_DOOR void mk_stack_destroy(void *self) {
    mk_stack_here.destroy((struct mk_stack *)self);
}

MK_DOOR int mk_stack_thread_enter(void *self, struct mk_thread *me) {
    return mk_stack_here.thread_enter ? mk_stack_here.thread_enter((struct mk_stack *)self, me) : 0;
}

MK_DOOR void mk_stack_thread_exit(void *self, struct mk_thread *me) {
    if (mk_stack_here.thread_exit) mk_stack_here.thread_exit((struct mk_stack *)self, me);
}

MK_DOOR void mk_stack_flush(void *self, struct mk_thread *me) {
    if (mk_stack_here.flush) mk_stack_here.flush((struct mk_stack *)self, me);
}

MK_DOOR uint64_t mk_stack_count(void *self) {
    return mk_stack_here.count((struct mk_stack *)self);
}

MK_DOOR void mk_stack_walk(void *self, mk_visit_fn *visit, void *arg) {
    mk_stack_here.walk((struct mk_stack *)self, visit, arg);
}

MK_DOOR size_t mk_stack_stats(void *self, struct mk_stat *out, size_t room) {
    return mk_stack_here.stats((struct mk_stack *)self, out, room);
}

MK_DOOR void mk_stack_hold(void *self, struct mk_thread *me) {
    mk_stack_here.hold((struct mk_stack *)self, me);
}

MK_DOOR void mk_stack_unhold(void *self, struct mk_thread *me) {
    mk_stack_here.unhold((struct mk_stack *)self, me);
}

MK_DOOR void mk_stack_batch_any(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                struct mk_tally *tally) {
    mk_stack_batch(&mk_stack_here, (struct mk_stack *)self, me, stream, n, tally);
}

MK_DOOR void mk_stack_batch_push(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                 struct mk_tally *tally) {
    mk_stack_run_push(&mk_stack_here, (struct mk_stack *)self, me, stream, n, tally);
}

MK_DOOR void mk_stack_batch_pop(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                struct mk_tally *tally) {
    (void)stream;
    mk_stack_run_pop(&mk_stack_here, (struct mk_stack *)self, me, n, tally);
}

MK_DOOR void mk_stack_step_any(void *self, struct mk_thread *me, const struct mk_op *op, struct mk_result *result) {
    mk_stack_step(&mk_stack_here, (struct mk_stack *)self, me, op, result);
}

MK_DOOR void mk_stack_describe(struct mk_impl *impl) {
    impl->kind = &mk_kind_stack;
    impl->summary = mk_stack_here.summary;
    impl->caps = mk_stack_here.caps;
    impl->needs = mk_stack_here.needs;
#ifdef MK_PART_RECLAIM
    impl->provides = mk_reclaim_here.caps;
    if (impl->provides & MK_FLOOR) impl->caps &= ~(uint64_t)MK_CONCURRENT; /* that part protects nobody */
#endif
    impl->params = mk_stack_here.params;
    impl->offers = (mk_stack_here.push ? 1u << MK_STACK_PUSH : 0) | (mk_stack_here.pop ? 1u << MK_STACK_POP : 0);
    impl->must_offer = 1u << MK_STACK_PUSH | 1u << MK_STACK_POP;
    impl->must_count = true;
    impl->progress[MK_STACK_PUSH] = (uint8_t)mk_stack_here.progress.push;
    impl->progress[MK_STACK_POP] = (uint8_t)mk_stack_here.progress.pop;
    impl->create = mk_stack_here.create ? mk_stack_create : NULL;
    impl->destroy = mk_stack_here.destroy ? mk_stack_destroy : NULL;
    impl->thread_enter = mk_stack_thread_enter;
    impl->thread_exit = mk_stack_thread_exit;
    impl->flush = mk_stack_flush;
    impl->count = mk_stack_here.count ? mk_stack_count : NULL;
    impl->walk = mk_stack_here.walk ? mk_stack_walk : NULL;
    impl->stats = mk_stack_here.stats ? mk_stack_stats : NULL;
    impl->hold = mk_stack_here.hold ? mk_stack_hold : NULL;
    impl->unhold = mk_stack_here.unhold ? mk_stack_unhold : NULL;
    impl->batch = mk_stack_batch_any;
    impl->batch_of[MK_STACK_PUSH] = mk_stack_batch_push;
    impl->batch_of[MK_STACK_POP] = mk_stack_batch_pop;
    impl->step = mk_stack_step_any;
}

/* Registers this file's stack under NAME, which must be the file's name. */
#define MK_STACK(NAME, ...)                                     \
    MK_DEFINE(struct mk_stack_def, mk_stack_here, __VA_ARGS__); \
    MK_REGISTER(#NAME, mk_stack_describe)

#endif
