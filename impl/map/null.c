/* map/null - does nothing: what streaming, dispatch and counting cost.
 *
 * Source:     none; the idea of a null data structure is ASCYLIB's and setbench's.
 * Picture:    one cache line of scratch words per map.
 * Parts:      none.
 * Progress:   wait-free, all operations; nothing is stored.
 * Ordering:   none. Words are volatile so that each operation keeps a body of its own and dispatch
 *             cannot be folded away; threads scribble on lines of their own.
 * Memory:     64 B * threads_max.
 * Limits:     every get misses; never ranked, never subtracted.
 * values:     8 64 256 1024
 */
#include "../map.h"

struct null_line {
    volatile uint64_t read, written, removed;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_map {
    struct mk_mem *mem;
    uint32_t threads_max;
    struct null_line *line;
};

static void null_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    mk_mem_free(mem, NULL, map->line, map->threads_max * sizeof *map->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

static int null_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->threads_max = cfg->threads_max;
    map->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *map->line, MK_CACHE_LINE);
    if (!map->line) {
        mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
        return mk_fail(err, "no memory for %u thread lines", cfg->threads_max);
    }
    *out = map;
    return 0;
}

/* LIN get miss: none, nothing is shared. */
static inline bool null_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    value->word[0] = map->line[me->id].read ^ key;
    return false;
}

/* LIN put miss: none, nothing is shared. */
static inline enum mk_status null_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                      mk_value *previous) {
    (void)previous;
    map->line[me->id].written = key + value->word[0];
    return MK_MISS;
}

/* LIN remove miss: none, nothing is shared. */
static inline enum mk_status null_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)value;
    map->line[me->id].removed = key;
    return MK_MISS;
}

static uint64_t null_count(struct mk_map *map) {
    (void)map;
    return 0;
}

static void null_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    (void)map, (void)visit, (void)arg;
}

MK_MAP(null, .summary = "no map at all: what the harness itself costs", .caps = MK_CONCURRENT | MK_GROWS | MK_FLOOR,
       .progress = {.get = MK_WAIT_FREE, .put = MK_WAIT_FREE, .remove = MK_WAIT_FREE}, .create = null_create,
       .destroy = null_destroy, .count = null_count, .walk = null_walk, .get = null_get, .put = null_put,
       .remove = null_remove);
