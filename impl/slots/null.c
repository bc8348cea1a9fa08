/* slots/null - takes nothing and gives nothing back: what streaming, dispatch, cells and touching a record cost.
 *
 * Source:     none.
 * Picture:    per thread [ words | record ]: every handle is this one record's.
 * Parts:      none.
 * Progress:   wait-free, all operations.
 * Ordering:   none. Words are volatile so that each operation keeps a body of its own; threads
 *             scribble on lines of their own.
 * Memory:     (value + 16 B, to whole lines) * threads_max.
 * Limits:     a record holds what its thread wrote last; nothing is refused; never ranked, never
 *             subtracted.
 * values:     8 64 256 1024
 */
#include "../slots.h"

struct null_line {
    volatile uint64_t taken, given;
    mk_slot record;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_slots {
    struct mk_mem *mem;
    uint32_t threads_max;
    struct null_line *line; /* by id */
};

static void null_destroy(struct mk_slots *slots) {
    struct mk_mem *mem = slots->mem;
    mk_mem_free(mem, NULL, slots->line, slots->threads_max * sizeof *slots->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, slots, sizeof *slots, _Alignof(struct mk_slots));
}

static int null_create(struct mk_slots **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_slots *slots = mk_mem_zalloc(mem, NULL, sizeof *slots, _Alignof(struct mk_slots));
    if (!slots) return mk_fail(err, "no memory for the slots");
    slots->mem = mem;
    slots->threads_max = cfg->threads_max;
    slots->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *slots->line, MK_CACHE_LINE);
    if (!slots->line) {
        mk_mem_free(mem, NULL, slots, sizeof *slots, _Alignof(struct mk_slots));
        return mk_fail(err, "no memory for the lines of %u threads", cfg->threads_max);
    }
    *out = slots;
    return 0;
}

/* LIN take hit: none, nothing is shared. */
static inline enum mk_status null_take(struct mk_slots *slots, struct mk_thread *me, uint64_t *handle) {
    struct null_line *line = &slots->line[me->id];
    uint64_t taken = line->taken + 1;
    line->taken = taken;
    *handle = taken;
    return MK_HIT;
}

/* LIN at hit: none, nothing is shared. */
static inline mk_slot *null_at(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    (void)handle;
    return &slots->line[me->id].record;
}

/* LIN give hit: none, nothing is shared. */
static inline enum mk_status null_give(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    slots->line[me->id].given = handle;
    return MK_HIT;
}

static uint64_t null_count(struct mk_slots *slots) {
    (void)slots;
    return 0;
}

MK_SLOTS(null, .summary = "no slots at all: what the harness itself costs",
         .caps = MK_CONCURRENT | MK_GROWS | MK_FLOOR,
         .progress = {.take = MK_WAIT_FREE, .give = MK_WAIT_FREE, .at = MK_WAIT_FREE}, .create = null_create,
         .destroy = null_destroy, .count = null_count, .take = null_take, .at = null_at, .give = null_give);
