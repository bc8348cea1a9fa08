/* stack/null - does nothing: what streaming, dispatch and counting cost.
 *
 * Source:     none; the idea of a null data structure is ASCYLIB's and setbench's.
 * Picture:    one cache line of scratch words per thread.
 * Parts:      none.
 * Progress:   wait-free, all operations; nothing is stored.
 * Ordering:   none. Words are volatile so that each operation keeps a body of its own and dispatch
 *             cannot be folded away; threads scribble on lines of their own.
 * Memory:     64 B * threads_max.
 * Limits:     every pop misses; never ranked, never subtracted.
 */
#include "../stack.h"

struct null_line {
    volatile uint64_t pushed, popped;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_stack {
    struct mk_mem *mem;
    uint32_t threads_max;
    struct null_line *line;
};

static void null_destroy(struct mk_stack *stack) {
    struct mk_mem *mem = stack->mem;
    mk_mem_free(mem, NULL, stack->line, stack->threads_max * sizeof *stack->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
}

static int null_create(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_stack *stack = mk_mem_zalloc(mem, NULL, sizeof *stack, _Alignof(struct mk_stack));
    if (!stack) return mk_fail(err, "no memory for the stack");
    stack->mem = mem;
    stack->threads_max = cfg->threads_max;
    stack->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *stack->line, MK_CACHE_LINE);
    if (!stack->line) {
        mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
        return mk_fail(err, "no memory for %u thread lines", cfg->threads_max);
    }
    *out = stack;
    return 0;
}

/* LIN push: none, nothing is shared. */
static inline enum mk_status null_push(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    stack->line[me->id].pushed = value;
    return MK_MISS;
}

/* LIN pop miss: none, nothing is shared. */
static inline enum mk_status null_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    (void)value;
    stack->line[me->id].popped = me->id;
    return MK_MISS;
}

static uint64_t null_count(struct mk_stack *stack) {
    (void)stack;
    return 0;
}

static void null_walk(struct mk_stack *stack, mk_visit_fn *visit, void *arg) {
    (void)stack, (void)visit, (void)arg;
}

MK_STACK(null, .summary = "no stack at all: what the harness itself costs",
         .caps = MK_CONCURRENT | MK_GROWS | MK_FLOOR, .progress = {.push = MK_WAIT_FREE, .pop = MK_WAIT_FREE},
         .create = null_create, .destroy = null_destroy, .count = null_count, .walk = null_walk, .push = null_push,
         .pop = null_pop);
