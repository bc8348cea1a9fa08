/* list/null - does nothing: what streaming, dispatch and counting cost.
 *
 * Source:     none; the idea of a null data structure is ASCYLIB's and setbench's.
 * Picture:    one cache line of scratch words per thread.
 * Parts:      none.
 * Progress:   wait-free, all operations; nothing is stored.
 * Ordering:   none. Words are volatile so that each operation keeps a body of its own and dispatch
 *             cannot be folded away; threads scribble on lines of their own.
 * Memory:     64 B * threads_max.
 * Limits:     nothing is ever found; never ranked, never subtracted.
 */
#include "../list.h"

struct null_line {
    volatile uint64_t looked_up, inserted, removed;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_list {
    struct mk_mem *mem;
    uint32_t threads_max;
    struct null_line *line;
};

static void null_destroy(struct mk_list *list) {
    struct mk_mem *mem = list->mem;
    mk_mem_free(mem, NULL, list->line, list->threads_max * sizeof *list->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, list, sizeof *list, _Alignof(struct mk_list));
}

static int null_create(struct mk_list **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_list *list = mk_mem_zalloc(mem, NULL, sizeof *list, _Alignof(struct mk_list));
    if (!list) return mk_fail(err, "no memory for the list");
    list->mem = mem;
    list->threads_max = cfg->threads_max;
    list->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *list->line, MK_CACHE_LINE);
    if (!list->line) {
        mk_mem_free(mem, NULL, list, sizeof *list, _Alignof(struct mk_list));
        return mk_fail(err, "no memory for %u thread lines", cfg->threads_max);
    }
    *out = list;
    return 0;
}

/* LIN contains miss: none, nothing is shared. */
static inline bool null_contains(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    list->line[me->id].looked_up = key;
    return false;
}

/* LIN insert miss: none, nothing is shared. */
static inline enum mk_status null_insert(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    list->line[me->id].inserted = key;
    return MK_MISS;
}

/* LIN remove miss: none, nothing is shared. */
static inline enum mk_status null_remove(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    list->line[me->id].removed = key;
    return MK_MISS;
}

static uint64_t null_count(struct mk_list *list) {
    (void)list;
    return 0;
}

static void null_walk(struct mk_list *list, mk_visit_fn *visit, void *arg) {
    (void)list, (void)visit, (void)arg;
}

MK_LIST(null, .summary = "no list at all: what the harness itself costs",
        .caps = MK_CONCURRENT | MK_GROWS | MK_FLOOR,
        .progress = {.contains = MK_WAIT_FREE, .insert = MK_WAIT_FREE, .remove = MK_WAIT_FREE},
        .create = null_create, .destroy = null_destroy, .count = null_count, .walk = null_walk,
        .contains = null_contains, .insert = null_insert, .remove = null_remove);
