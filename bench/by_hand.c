/* by_hand.c - what the harness's loop is held against: the work of the map floor, in loops written
 * out by hand for exactly this stream, without any of the contract's machinery. A plug-in:
 * scripts/bench builds and loads it. It describes itself to the harness without the contract's macro, because
 * that macro is what is under test.
 */
#include <memkit/map.h>

struct line {
    volatile uint64_t read, written, removed;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_map {
    struct mk_mem *mem;
    uint32_t threads;
    struct line *line;
};

static int by_hand_create(void **self, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, 16);
    if (!map) return mk_fail(err, "no memory");
    map->mem = mem;
    map->threads = cfg->threads_max;
    map->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *map->line, MK_CACHE_LINE);
    *self = map;
    return map->line ? 0 : mk_fail(err, "no memory");
}

static void by_hand_destroy(void *self) {
    struct mk_map *map = self;
    mk_mem_free(map->mem, NULL, map->line, map->threads * sizeof *map->line, MK_CACHE_LINE);
    mk_mem_free(map->mem, NULL, map, sizeof *map, 16);
}

static int by_hand_enter(void *self, struct mk_thread *me) {
    (void)self, (void)me;
    return 0;
}

static void by_hand_exit(void *self, struct mk_thread *me) {
    (void)self, (void)me;
}

static uint64_t by_hand_count(void *self) {
    (void)self;
    return 0;
}

static void by_hand_walk(void *self, mk_visit_fn *visit, void *arg) {
    (void)self, (void)visit, (void)arg;
}

static void by_hand_gets(void *self, struct mk_thread *me, const uint64_t *word, size_t n, struct mk_tally *tally) {
    struct line *line = &((struct mk_map *)self)->line[me->id];
    uint64_t sum = 0;
    for (const uint64_t *end = word + n; word < end; word++) sum += line->read ^ *word >> MK_CODE_BITS;
    tally->sum += sum;
}

static void by_hand_any(void *self, struct mk_thread *me, const uint64_t *word, size_t n, struct mk_tally *tally) {
    struct line *line = &((struct mk_map *)self)->line[me->id];
    uint64_t sum = 0;
    for (const uint64_t *end = word + n; word < end; word++) {
        uint64_t key = *word >> MK_CODE_BITS;
        switch (*word & MK_CODE_MASK) {
        case MK_MAP_GET: sum += line->read ^ key; break;
        case MK_MAP_PUT: line->written = key + mk_value_tag(key); break;
        default: line->removed = key; break;
        }
    }
    tally->sum += sum;
}

static void by_hand_step(void *self, struct mk_thread *me, const struct mk_op *op, struct mk_result *result) {
    (void)self, (void)me, (void)op;
    memset(result, 0, sizeof *result);
}

static void by_hand_describe(struct mk_impl *impl) {
    impl->kind = &mk_kind_map;
    impl->value_bytes = 8;
    impl->summary = "the floor's work in hand-written loops";
    impl->caps = MK_CONCURRENT | MK_GROWS | MK_FLOOR | MK_TEST_ONLY;
    impl->offers = impl->must_offer = 1u << MK_MAP_GET | 1u << MK_MAP_PUT | 1u << MK_MAP_REMOVE;
    impl->create = by_hand_create;
    impl->destroy = by_hand_destroy;
    impl->thread_enter = by_hand_enter;
    impl->thread_exit = by_hand_exit;
    impl->count = by_hand_count;
    impl->walk = by_hand_walk;
    impl->batch = by_hand_any;
    impl->batch_of[MK_MAP_GET] = by_hand_gets;
    impl->step = by_hand_step;
}

MK_REGISTER("by_hand", by_hand_describe);
