/* test_compose_mem.c - memory made of allocators: who serves what, what is counted, what is left. */
#include "test.h"

#include <pthread.h>
#include <stdlib.h>

#include "../harness/compose_mem.h"
#include "../harness/registry.h"

/* ---- allocators, real and made up ------------------------------------------------------------ */

/* Returns an allocator by name; ends the tests when it is not there. */
static const struct mk_impl *allocator(const char *name) {
    static bool open;
    struct mk_err err = {{0}};
    if (!open && mk_registry_open(&err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    open = true;
    const struct mk_impl *impl = mk_registry_find("alloc", name, "", 0);
    if (!impl) {
        fprintf(stderr, "there is no alloc/%s\n", name);
        exit(1);
    }
    return impl;
}

/* An allocator made for these tests: passes on to its parent, or to malloc where it has none, and keeps
 * books. `state` is what its functions get as self. */
struct fake {
    struct mk_mem *parent;
    uint64_t live, calls;
    uint64_t fails_at; /* of calls, from 1 */
    uint32_t created, destroyed;
    uint32_t entered, exited; /* calls */
    uint32_t inside[8];       /* by thread */
    uint32_t refuses_thread;  /* id + 1 */
    size_t object_bytes, object_align;
};

static struct fake fakes[2]; /* 0: general, 1: one size */

static void *fake_alloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    struct fake *fake = self;
    void *block = NULL;
    if (++fake->calls == fake->fails_at) return NULL;
    if (fake->parent) {
        block = mk_mem_alloc(fake->parent, me, bytes, align);
    } else if (posix_memalign(&block, align < sizeof block ? sizeof block : align, bytes)) {
        block = NULL;
    }
    fake->live += block != NULL;
    return block;
}

static void *fake_zalloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    void *block = fake_alloc(self, me, bytes, align);
    return block ? memset(block, 0, bytes) : NULL;
}

static void fake_free(void *self, struct mk_thread *me, void *block, size_t bytes, size_t align) {
    struct fake *fake = self;
    fake->live--;
    if (fake->parent) {
        mk_mem_free(fake->parent, me, block, bytes, align);
    } else {
        free(block);
    }
}

static int fake_create(struct fake *fake, void **self, struct mk_mem *parent, const struct mk_config *cfg) {
    fake->parent = parent;
    fake->created++;
    fake->object_bytes = cfg->object_bytes;
    fake->object_align = cfg->object_align;
    *self = fake;
    return 0;
}

static int general_create(void **self, struct mk_mem *parent, const struct mk_config *cfg, struct mk_err *err) {
    (void)err;
    return fake_create(&fakes[0], self, parent, cfg);
}

static int one_size_create(void **self, struct mk_mem *parent, const struct mk_config *cfg, struct mk_err *err) {
    (void)err;
    return fake_create(&fakes[1], self, parent, cfg);
}

static void fake_destroy(void *self) {
    ((struct fake *)self)->destroyed++;
}

static int fake_enter(void *self, struct mk_thread *me) {
    struct fake *fake = self;
    if (fake->refuses_thread == me->id + 1) return -1;
    fake->entered++;
    fake->inside[me->id]++;
    return 0;
}

static void fake_exit(void *self, struct mk_thread *me) {
    struct fake *fake = self;
    fake->exited++;
    fake->inside[me->id]--;
}

static void fake_flush(void *self, struct mk_thread *me) {
    (void)self, (void)me;
}

static void fake_as_mem(void *self, struct mk_mem *mem) {
    mem->self = self;
    mem->alloc = fake_alloc;
    mem->zalloc = fake_zalloc;
    mem->free = fake_free;
}

static const struct mk_kind fake_kind = {.name = "alloc"};

static struct mk_impl fake_impl(const char *name, uint64_t caps,
                                int (*create)(void **, struct mk_mem *, const struct mk_config *,
                                              struct mk_err *)) {
    struct mk_impl impl = {.kind = &fake_kind, .name = name, .caps = caps};
    impl.create = create;
    impl.destroy = fake_destroy;
    impl.thread_enter = fake_enter;
    impl.thread_exit = fake_exit;
    impl.flush = fake_flush;
    impl.as_mem = fake_as_mem;
    return impl;
}

static struct mk_impl fake_general(void) {
    memset(fakes, 0, sizeof fakes);
    return fake_impl("general", MK_CONCURRENT | MK_GROWS, general_create);
}

static struct mk_impl fake_one_size(void) {
    return fake_impl("one_size", MK_FIXED_SIZE | MK_GROWS, one_size_create);
}

/* ---- helpers --------------------------------------------------------------------------------- */

#define THREADS_MAX 4

/* Appends to a chain of memory.chain_n links; returns the link, for its parameters. */
static struct mk_alloc_choice *link_to(struct mk_memory_config *config, struct mk_alloc_choice *chain,
                                       const struct mk_impl *impl) {
    config->chain = chain;
    chain[config->chain_n].impl = impl;
    return &chain[config->chain_n++];
}

static void link_failing(struct mk_memory_config *config, struct mk_alloc_choice *chain, uint64_t nth,
                         uint64_t every) {
    struct mk_alloc_choice *link = link_to(config, chain, allocator("failing"));
    link->params[0] = nth;
    link->params[1] = every;
}

static void link_slab(struct mk_memory_config *config, struct mk_alloc_choice *chain) {
    link_to(config, chain, allocator("slab"))->params[0] = 32;
}

static struct mk_memory_config plain(bool counted) {
    struct mk_memory_config config = {.fallback = allocator("libc"), .threads_max = THREADS_MAX};
    config.counted = counted;
    return config;
}

static struct mk_memory *opened(const struct mk_memory_config *config) {
    struct mk_err err = {{0}};
    struct mk_memory *memory = mk_memory_open(config, &err);
    if (!memory) {
        printf("%s\n", err.text);
        exit(1);
    }
    return memory;
}

static struct mk_mem_cache cache_of(struct mk_mem *mem, size_t bytes, size_t align) {
    struct mk_mem_cache cache;
    CHECK_EQ(mk_mem_cache_open(mem, &cache, bytes, align, NULL), 0);
    return cache;
}

static void expect_empty(struct mk_memory_figures left) {
    CHECK_EQ(left.requested_bytes, 0);
    CHECK_EQ(left.blocks, 0);
    CHECK_EQ(left.structure_bytes, 0);
    CHECK_EQ(left.structure_blocks, 0);
}

/* The door of an allocator as it opens it itself. */
static struct mk_mem own_door(const struct mk_impl *impl, size_t object_bytes) {
    struct mk_mem door = {0};
    void *self;
    struct mk_memory_config config = plain(false);
    struct mk_memory *memory = opened(&config);
    uint64_t params[MK_PARAMS_MAX] = {32};
    struct mk_config cfg = {.threads_max = 1, .params = params, .object_bytes = object_bytes};
    CHECK_EQ(impl->create(&self, mk_memory_mem(memory), &cfg, NULL), 0);
    impl->as_mem(self, &door);
    impl->destroy(self);
    mk_memory_close(memory);
    return door;
}

/* ---- who serves what --------------------------------------------------------------------------- */

TEST(uncounted_calls_are_the_allocators_own) {
    struct mk_memory_config config = plain(false);
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory), own = own_door(allocator("libc"), 0);
    struct mk_mem_cache cache = cache_of(mem, 40, 8);
    CHECK(mem->alloc == own.alloc);
    CHECK(mem->zalloc == own.zalloc);
    CHECK(mem->free == own.free);
    CHECK(cache.alloc == own.alloc);
    CHECK(cache.free == own.free);
    CHECK(cache.self == mem->self);
    CHECK_EQ(cache.bytes, 40);
    CHECK_EQ(cache.align, 8);
    CHECK_EQ(mem->threads_max, THREADS_MAX);
    mk_mem_cache_close(mem, &cache);
    mk_memory_close(memory);
}

TEST(fixed_size_serves_caches_alone) {
    struct mk_memory_config config = plain(false);
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    link_slab(&config, chain);
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory);
    struct mk_mem general = own_door(allocator("libc"), 0), slab = own_door(allocator("slab"), 48);
    struct mk_mem_cache a = cache_of(mem, 48, 16), b = cache_of(mem, 48, 16);
    struct mk_mem_cache large = cache_of(mem, 100000, 16), strict = cache_of(mem, 48, 8192);
    CHECK(mem->alloc == general.alloc);
    CHECK(a.alloc == slab.alloc);
    CHECK(a.free == slab.free);
    CHECK(b.alloc == slab.alloc);
    CHECK(a.self != b.self);
    CHECK(large.alloc == general.alloc);
    CHECK(strict.alloc == general.alloc);
    void *block = mk_mem_cache_alloc(&a, NULL);
    CHECK(block != NULL);
    mk_mem_cache_free(&a, NULL, block);
    mk_mem_cache_close(mem, &a);
    mk_mem_cache_close(mem, &large);
    mk_mem_cache_close(mem, &b);
    mk_mem_cache_close(mem, &strict);
    mk_memory_close(memory);
}

TEST(a_general_allocator_stands_on_the_default_one) {
    struct mk_impl leaf = fake_general();
    struct mk_memory_config config = {.fallback = &leaf, .threads_max = 1};
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    link_to(&config, chain, allocator("arena"));
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory), arena = own_door(allocator("arena"), 0);
    struct mk_mem_cache cache = cache_of(mem, 40, 8);
    CHECK(mem->alloc == arena.alloc);
    CHECK(cache.alloc == arena.alloc);
    uint64_t before = fakes[0].live;
    unsigned char *first = mk_mem_alloc(mem, NULL, 40, 8), *second = mk_mem_cache_alloc(&cache, NULL);
    CHECK_EQ(fakes[0].live, before + 1); /* one block of the arena for both */
    CHECK(second == first + 40);
    mk_mem_cache_close(mem, &cache);
    mk_memory_close(memory);
    CHECK_EQ(fakes[0].live, 0);
    CHECK_EQ(fakes[0].destroyed, 1);
}

TEST(the_default_one_named_is_no_second_instance) {
    struct mk_impl leaf = fake_general();
    struct mk_memory_config config = {.fallback = &leaf, .threads_max = 1};
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    link_failing(&config, chain, 0, 0);
    link_to(&config, chain, &leaf);
    mk_memory_close(opened(&config));
    CHECK_EQ(fakes[0].created, 1);
}

TEST(blocks_of_the_object_size_come_from_the_fixed_size_one) {
    for (int wrapped = 0; wrapped < 2; wrapped++) {
        struct mk_impl leaf = fake_general(), one_size = fake_one_size();
        struct mk_memory_config config = {.fallback = &leaf, .threads_max = 1};
        struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
        if (wrapped) link_failing(&config, chain, 0, 0);
        link_to(&config, chain, &one_size);
        config.object_bytes = 24;
        config.object_align = 8;
        struct mk_memory *memory = opened(&config);
        struct mk_mem *mem = mk_memory_mem(memory);
        CHECK_EQ(fakes[1].object_bytes, 24);
        CHECK_EQ(fakes[1].object_align, 8);
        CHECK_EQ(fakes[1].live, 0); /* what the wrapper took for itself came from elsewhere */
        void *ours = mk_mem_alloc(mem, NULL, 24, 8), *other = mk_mem_zalloc(mem, NULL, 25, 8);
        CHECK_EQ(fakes[1].live, 1);
        mk_mem_free(mem, NULL, ours, 24, 8);
        mk_mem_free(mem, NULL, other, 25, 8);
        CHECK_EQ(fakes[1].live, 0);
        mk_memory_close(memory);
        CHECK_EQ(fakes[0].live, 0);
    }
}

/* ---- wrappers ---------------------------------------------------------------------------------- */

/* A wrapper with all parameters at `value`. */
static void link_wrapper(struct mk_memory_config *config, struct mk_alloc_choice *chain, const char *name,
                         uint64_t value) {
    link_to(config, chain, allocator(name));
    for (size_t i = 0; i < MK_PARAMS_MAX; i++) chain[config->chain_n - 1].params[i] = value;
}

TEST(a_fixed_size_allocator_is_made_for_what_its_wrappers_ask) {
    struct mk_impl leaf = fake_general(), one_size = fake_one_size();
    struct mk_memory_config config = {.fallback = &leaf, .threads_max = 1};
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    link_failing(&config, chain, 0, 0);
    link_wrapper(&config, chain, "guard", 0);
    link_wrapper(&config, chain, "cache_aligned", 0);
    link_to(&config, chain, &one_size);
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory);
    struct mk_mem_cache cache = cache_of(mem, 200, 8); /* of no size that a wrapper needs for itself */
    CHECK_EQ(fakes[1].object_bytes, 320); /* a note before it, a canary behind, whole lines */
    CHECK_EQ(fakes[1].object_align, 64);
    void *block = mk_mem_cache_alloc(&cache, NULL);
    CHECK_EQ(fakes[1].live, 1);
    mk_mem_cache_free(&cache, NULL, block);
    CHECK_EQ(fakes[1].live, 0);
    mk_mem_cache_close(mem, &cache);
    mk_memory_close(memory);
    CHECK_EQ(fakes[0].live, 0);
}

TEST(a_block_stays_where_it_is_if_all_below_let_it) {
    struct mk_memory_config config = plain(true);
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    link_wrapper(&config, chain, "metrics", 1);
    link_wrapper(&config, chain, "tracing", 1);
    link_wrapper(&config, chain, "cache_aligned", 0);
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory);
    CHECK(mem->resize && mem->usable && mem->footprint);
    unsigned char *block = mk_mem_alloc(mem, NULL, 100, 16);
    memset(block, 7, 100);
    uint64_t before = mk_memory_figures(memory).structure_bytes;
    CHECK(mk_mem_usable(mem, block, 100) >= 100);
    CHECK(mk_mem_footprint(mem, block, 100) >= 192); /* a note before it, whole lines */
    CHECK(mk_mem_resize(mem, NULL, block, 100, 16, 140, 16) == block);
    CHECK_EQ(mk_memory_figures(memory).requested_bytes, 140);
    CHECK_EQ(mk_memory_figures(memory).structure_bytes, before);
    block = mk_mem_resize(mem, NULL, block, 140, 16, 100000, 16);
    for (size_t i = 0; i < 100; i++) CHECK_EQ(block[i], 7);
    CHECK_EQ(mk_memory_figures(memory).requested_bytes, 100000);
    CHECK_EQ(mk_memory_figures(memory).blocks, 1);
    mk_mem_free(mem, NULL, block, 100000, 16);
    expect_empty(mk_memory_close(memory));
}

TEST(what_guards_have_met_is_told) {
    for (int fixed = 0; fixed < 2; fixed++) {
        struct mk_memory_config config = plain(false);
        struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
        link_wrapper(&config, chain, "guard", 10000);
        if (fixed) link_slab(&config, chain);
        struct mk_memory *memory = opened(&config);
        struct mk_mem *mem = mk_memory_mem(memory);
        struct mk_mem_cache cache = cache_of(mem, 40, 8);
        unsigned char *behind = mk_mem_cache_alloc(&cache, NULL), *well = mk_mem_cache_alloc(&cache, NULL);
        mk_mem_cache_free(&cache, NULL, well);
        CHECK_EQ(mk_memory_strays(memory), 0);
        behind[40] ^= 1;
        mk_mem_cache_free(&cache, NULL, behind);
        CHECK_EQ(mk_memory_strays(memory), 1);
        mk_mem_cache_close(mem, &cache);
        CHECK_EQ(mk_memory_strays(memory), 1);
        expect_empty(mk_memory_close(memory));
    }
}

TEST(a_resize_by_hand_where_there_is_none) {
    struct mk_impl leaf = fake_general();
    struct mk_memory_config config = {.fallback = &leaf, .threads_max = 1};
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory);
    unsigned char *block = mk_mem_alloc(mem, NULL, 10, 1);
    memset(block, 9, 10);
    fakes[0].fails_at = fakes[0].calls + 1;
    CHECK(mk_mem_resize(mem, NULL, block, 10, 1, 20, 1) == NULL);
    CHECK_EQ(fakes[0].live, 1);
    unsigned char *more = mk_mem_resize(mem, NULL, block, 10, 1, 20, 1);
    CHECK_EQ(fakes[0].live, 1);
    for (size_t i = 0; i < 10; i++) CHECK_EQ(more[i], 9);
    mk_mem_free(mem, NULL, more, 20, 1);
    mk_memory_close(memory);
    CHECK_EQ(fakes[0].live, 0);
}

TEST(wrappers_nest_outermost_first) {
    for (int fixed = 0; fixed < 2; fixed++) {
        struct mk_memory_config config = plain(false);
        struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
        link_failing(&config, chain, 5, 0); /* sees every call */
        link_failing(&config, chain, 3, 0); /* sees what the outer one takes for itself, and then every call */
        if (fixed) link_slab(&config, chain);
        struct mk_memory *memory = opened(&config);
        struct mk_mem *mem = mk_memory_mem(memory);
        struct mk_mem_cache cache = cache_of(mem, 64, 16);
        for (int call = 1; call <= 6; call++) {
            void *block = mk_mem_cache_alloc(&cache, NULL);
            CHECK_EQ(block == NULL, call == 2 || call == 5);
            if (block) mk_mem_cache_free(&cache, NULL, block);
        }
        mk_mem_cache_close(mem, &cache);
        mk_memory_close(memory);
    }
}

TEST(one_failing_counts_all_doors_of_a_general_allocator) {
    for (uint64_t nth = 1; nth <= 7; nth++) {
        struct mk_memory_config config = plain(true);
        struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
        void *block[6];
        link_failing(&config, chain, nth, 0);
        struct mk_memory *memory = opened(&config);
        struct mk_mem *mem = mk_memory_mem(memory);
        struct mk_mem_cache small = cache_of(mem, 24, 8), wide = cache_of(mem, 128, 64);
        struct mk_mem_cache *cache[] = {&small, &wide};
        for (uint64_t i = 0; i < 6; i++) {
            block[i] = i % 3 < 2 ? mk_mem_cache_alloc(cache[i % 3], NULL) : mk_mem_zalloc(mem, NULL, 100, 4);
            CHECK_EQ(block[i] == NULL, i + 1 == nth);
        }
        CHECK_EQ(mk_memory_figures(memory).calls, 6);
        CHECK_EQ(mk_memory_figures(memory).refused, nth <= 6);
        for (uint64_t i = 0; i < 6; i++) {
            if (block[i] && i % 3 < 2) mk_mem_cache_free(cache[i % 3], NULL, block[i]);
            if (block[i] && i % 3 == 2) mk_mem_free(mem, NULL, block[i], 100, 4);
        }
        mk_mem_cache_close(mem, &small);
        mk_mem_cache_close(mem, &wide);
        expect_empty(mk_memory_close(memory));
    }
}

TEST(failing_counts_each_cache_of_a_fixed_size_allocator) {
    struct mk_memory_config config = plain(true);
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    link_failing(&config, chain, 2, 1);
    link_slab(&config, chain);
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory);
    struct mk_mem_cache a = cache_of(mem, 8, 8), b = cache_of(mem, 3000, 8);
    void *first = mk_mem_cache_alloc(&a, NULL), *second = mk_mem_cache_alloc(&b, NULL);
    void *third = mk_mem_alloc(mem, NULL, 8, 8);
    CHECK(first && second && third);
    CHECK(!mk_mem_cache_alloc(&a, NULL));
    CHECK(!mk_mem_cache_alloc(&b, NULL));
    CHECK(!mk_mem_alloc(mem, NULL, 8, 8));
    CHECK(!mk_mem_cache_alloc(&a, NULL));
    mk_mem_cache_free(&a, NULL, first);
    mk_mem_cache_free(&b, NULL, second);
    mk_mem_free(mem, NULL, third, 8, 8);
    mk_mem_cache_close(mem, &a);
    mk_mem_cache_close(mem, &b);
    expect_empty(mk_memory_close(memory));
}

/* Opens memory and a cache, uses both. Returns whether nothing was refused. */
static bool use(const struct mk_memory_config *config) {
    struct mk_err err = {{0}};
    struct mk_mem_cache cache;
    struct mk_memory *memory = mk_memory_open(config, &err);
    if (!memory) {
        CHECK(err.text[0] != '\0');
        return false;
    }
    struct mk_mem *mem = mk_memory_mem(memory);
    int failed = mk_mem_cache_open(mem, &cache, 40, 8, &err);
    CHECK_EQ(failed != 0, err.text[0] != '\0');
    void *node = failed ? NULL : mk_mem_cache_alloc(&cache, NULL), *table = mk_mem_alloc(mem, NULL, 512, 64);
    bool all = node && table;
    if (table) mk_mem_free(mem, NULL, table, 512, 64);
    if (node) mk_mem_cache_free(&cache, NULL, node);
    if (!failed) mk_mem_cache_close(mem, &cache);
    mk_memory_close(memory);
    return all;
}

TEST(nothing_is_lost_wherever_the_leaf_fails) {
    static const char *const inner[] = {"slab", "pool", "arena"};
    for (unsigned i = 0; i < 3; i++) {
        uint64_t nth = 0;
        bool all = false;
        while (!all && nth < 100) {
            struct mk_impl leaf = fake_general();
            struct mk_memory_config config = {.fallback = &leaf, .threads_max = 1, .counted = nth % 2};
            struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
            link_failing(&config, chain, 0, 0);
            link_to(&config, chain, allocator(inner[i]))->params[0] = 16;
            fakes[0].fails_at = ++nth;
            all = use(&config);
            CHECK_EQ(fakes[0].live, 0);
            CHECK_EQ(fakes[0].created, fakes[0].destroyed);
        }
        CHECK(all && nth > 2); /* it did fail before it went well */
    }
}

/* ---- counting ------------------------------------------------------------------------------------ */

TEST(counts_are_exact) {
    struct mk_memory_config config = plain(true);
    const struct mk_impl *leaf = allocator("libc");
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory);
    struct mk_mem_cache cache = cache_of(mem, 24, 8);
    static const size_t bytes[] = {1, 24, 100, 4096, 70000};
    unsigned char *block[5];
    uint64_t requested = 0, structure = 0, peak;
    for (unsigned i = 0; i < 5; i++) {
        block[i] = i % 2 ? mk_mem_zalloc(mem, NULL, bytes[i], 1) : mk_mem_alloc(mem, NULL, bytes[i], 1u << 3 * i);
        CHECK(block[i] != NULL);
        CHECK(i % 2 == 0 || (block[i][0] == 0 && block[i][bytes[i] - 1] == 0));
        requested += bytes[i];
        structure += leaf->footprint(NULL, block[i], bytes[i]);
        CHECK_EQ(mk_memory_figures(memory).requested_bytes, requested);
        CHECK_EQ(mk_memory_figures(memory).structure_bytes, structure);
    }
    CHECK(structure > requested);
    peak = structure;
    structure -= leaf->footprint(NULL, block[4], bytes[4]);
    mk_mem_free(mem, NULL, block[4], bytes[4], 1u << 12);
    block[4] = mk_mem_cache_alloc(&cache, NULL);
    structure += leaf->footprint(NULL, block[4], 24);
    struct mk_memory_figures figures = mk_memory_figures(memory);
    CHECK_EQ(figures.requested_bytes, requested - 70000 + 24);
    CHECK_EQ(figures.requested_peak_bytes, requested);
    CHECK_EQ(figures.structure_bytes, structure);
    CHECK_EQ(figures.structure_peak_bytes, peak);
    CHECK_EQ(figures.blocks, 5);
    CHECK_EQ(figures.structure_blocks, 5);
    CHECK_EQ(figures.calls, 6);
    CHECK_EQ(figures.refused, 0);
    mk_mem_cache_free(&cache, NULL, block[4]);
    for (unsigned i = 0; i < 4; i++) mk_mem_free(mem, NULL, block[i], bytes[i], i % 2 ? 1 : 1u << 3 * i);
    mk_mem_cache_close(mem, &cache);
    figures = mk_memory_close(memory);
    expect_empty(figures);
    CHECK_EQ(figures.structure_peak_bytes, peak);
}

TEST(a_leaf_without_footprints_is_rounded) {
    struct mk_impl leaf = fake_general();
    struct mk_memory_config config = {.fallback = &leaf, .threads_max = 1, .counted = true};
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory);
    void *small = mk_mem_alloc(mem, NULL, 1, 1), *even = mk_mem_alloc(mem, NULL, 24, 8);
    void *odd = mk_mem_alloc(mem, NULL, 25, 8);
    CHECK_EQ(mk_memory_figures(memory).structure_bytes, 16 + 32 + 48);
    mk_mem_free(mem, NULL, small, 1, 1);
    mk_mem_free(mem, NULL, even, 24, 8);
    mk_mem_free(mem, NULL, odd, 25, 8);
    expect_empty(mk_memory_close(memory));
}

TEST(a_fixed_size_allocator_is_counted_on_both_sides) {
    struct mk_memory_config config = plain(true);
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    void *block[3000];
    link_slab(&config, chain);
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory);
    struct mk_mem_cache cache = cache_of(mem, 64, 16);
    uint64_t empty = mk_memory_figures(memory).structure_bytes;
    CHECK(empty > 0 && empty < 1024); /* the instance itself */
    for (int i = 0; i < 3000; i++) block[i] = mk_mem_cache_alloc(&cache, NULL);
    struct mk_memory_figures figures = mk_memory_figures(memory);
    CHECK_EQ(figures.requested_bytes, 3000 * 64);
    CHECK_EQ(figures.blocks, 3000);
    CHECK(figures.structure_bytes > 3000 * 64); /* 6 slabs of 511 blocks, some 100 B of header each */
    CHECK(figures.structure_bytes < 7 * 32768);
    for (int i = 0; i < 3000; i++) mk_mem_cache_free(&cache, NULL, block[i]);
    CHECK_EQ(mk_memory_figures(memory).requested_bytes, 0);
    CHECK(mk_memory_figures(memory).structure_bytes > 4 * 32000); /* in reserve */
    mk_memory_flush(memory, NULL);
    CHECK(mk_memory_figures(memory).structure_bytes < empty + 1024); /* its table has grown */
    mk_mem_cache_close(mem, &cache);
    CHECK_EQ(mk_memory_figures(memory).structure_bytes, 0);
    expect_empty(mk_memory_close(memory));
}

TEST(close_tells_what_is_left) {
    struct mk_memory_config config = plain(true);
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    link_slab(&config, chain);
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory);
    struct mk_mem_cache cache = cache_of(mem, 24, 8); /* left open, its block not freed */
    void *kept = mk_mem_alloc(mem, NULL, 100, 8);
    CHECK(mk_mem_cache_alloc(&cache, NULL) != NULL);
    uint64_t footprint = allocator("libc")->footprint(NULL, kept, 100);
    struct mk_memory_figures left = mk_memory_close(memory);
    CHECK_EQ(left.requested_bytes, 124);
    CHECK_EQ(left.blocks, 2);
    CHECK_EQ(left.structure_bytes, footprint);
    CHECK_EQ(left.structure_blocks, 1);
    free(kept); /* the leaf is the C library's */
}

TEST(uncounted_figures_are_zero) {
    struct mk_memory_config config = plain(false);
    struct mk_memory *memory = opened(&config);
    void *block = mk_mem_alloc(mk_memory_mem(memory), NULL, 100, 8);
    CHECK_EQ(mk_memory_figures(memory).requested_bytes, 0);
    CHECK_EQ(mk_memory_figures(memory).calls, 0);
    mk_mem_free(mk_memory_mem(memory), NULL, block, 100, 8);
    mk_memory_close(memory);
}

#define CHURN_OPS 20000

struct churn {
    struct mk_memory *memory;
    struct mk_mem_cache *cache;
    struct mk_thread me;
    pthread_t thread;
};

static void *churn(void *arg) {
    struct churn *mine = arg;
    struct mk_mem *mem = mk_memory_mem(mine->memory);
    void *node[16] = {NULL}, *table;
    CHECK_EQ(mk_memory_thread_enter(mine->memory, &mine->me, NULL), 0);
    for (uint64_t i = 0; i < CHURN_OPS; i++) {
        uint64_t at = mk_mix64(i + mine->me.id) % 16;
        if (node[at]) mk_mem_cache_free(mine->cache, &mine->me, node[at]);
        node[at] = mk_mem_cache_alloc(mine->cache, &mine->me);
    }
    for (int i = 0; i < 16; i++) {
        if (node[i]) mk_mem_cache_free(mine->cache, &mine->me, node[i]);
    }
    table = mk_mem_zalloc(mem, &mine->me, 5000, 64);
    if (table) mk_mem_free(mem, &mine->me, table, 5000, 64);
    mk_memory_thread_exit(mine->memory, &mine->me);
    return NULL;
}

static struct mk_memory_figures churn_all(const struct mk_memory_config *config) {
    struct mk_memory *memory = opened(config);
    struct mk_mem_cache cache = cache_of(mk_memory_mem(memory), 40, 8);
    struct churn worker[THREADS_MAX];
    memset(worker, 0, sizeof worker);
    for (uint32_t t = 0; t < THREADS_MAX; t++) {
        worker[t].memory = memory;
        worker[t].cache = &cache;
        worker[t].me.id = t;
        CHECK_EQ(pthread_create(&worker[t].thread, NULL, churn, &worker[t]), 0);
    }
    for (uint32_t t = 0; t < THREADS_MAX; t++) pthread_join(worker[t].thread, NULL);
    mk_mem_cache_close(mk_memory_mem(memory), &cache);
    return mk_memory_close(memory);
}

TEST(counts_are_exact_with_threads) {
    struct mk_memory_config config = plain(true);
    struct mk_memory_figures figures = churn_all(&config);
    expect_empty(figures);
    CHECK_EQ(figures.calls, THREADS_MAX * (CHURN_OPS + 1));
    CHECK_EQ(figures.refused, 0);
    CHECK(figures.requested_peak_bytes >= 5000);
    CHECK(figures.requested_peak_bytes <= THREADS_MAX * (16 * 40 + 5000));
}

TEST(one_call_fails_with_threads) {
    struct mk_memory_config config = plain(true);
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    link_failing(&config, chain, CHURN_OPS, 0);
    struct mk_memory_figures figures = churn_all(&config);
    expect_empty(figures);
    CHECK_EQ(figures.calls, THREADS_MAX * (CHURN_OPS + 1));
    CHECK_EQ(figures.refused, 1);
}

/* ---- threads --------------------------------------------------------------------------------------- */

TEST(later_caches_know_the_threads_that_are_there) {
    struct mk_impl leaf = fake_general(), one_size = fake_one_size();
    struct mk_memory_config config = {.fallback = &leaf, .threads_max = THREADS_MAX};
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    struct mk_thread two = {.id = 2}, three = {.id = 3}, zero = {.id = 0};
    link_to(&config, chain, &one_size);
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory);
    CHECK_EQ(mk_memory_thread_enter(memory, &two, NULL), 0);
    CHECK_EQ(mk_memory_thread_enter(memory, &three, NULL), 0);
    mk_memory_thread_exit(memory, &three);
    CHECK_EQ(fakes[0].inside[2], 1);
    CHECK_EQ(fakes[0].inside[3], 0);
    struct mk_mem_cache cache = cache_of(mem, 24, 8);
    CHECK_EQ(fakes[1].inside[2], 1);
    CHECK_EQ(fakes[1].inside[3], 0);
    CHECK_EQ(mk_memory_thread_enter(memory, &zero, NULL), 0);
    CHECK_EQ(fakes[1].inside[0], 1);
    mk_memory_thread_exit(memory, &two);
    CHECK_EQ(fakes[1].inside[2], 0);
    mk_mem_cache_close(mem, &cache); /* with thread 0 still there */
    CHECK_EQ(fakes[1].inside[0], 0);
    CHECK_EQ(fakes[0].inside[0], 1);
    mk_memory_thread_exit(memory, &zero);
    mk_memory_close(memory);
    for (int i = 0; i < 2; i++) {
        CHECK(fakes[i].entered > 0);
        CHECK_EQ(fakes[i].entered, fakes[i].exited);
        CHECK_EQ(fakes[i].created, fakes[i].destroyed);
    }
}

TEST(a_thread_enters_everywhere_or_nowhere) {
    struct mk_impl leaf = fake_general(), one_size = fake_one_size();
    struct mk_memory_config config = {.fallback = &leaf, .threads_max = THREADS_MAX};
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    struct mk_thread one = {.id = 1}, two = {.id = 2};
    struct mk_mem_cache refused;
    struct mk_err err = {{0}};
    link_to(&config, chain, &one_size);
    struct mk_memory *memory = opened(&config);
    struct mk_mem *mem = mk_memory_mem(memory);
    struct mk_mem_cache cache = cache_of(mem, 24, 8);
    fakes[1].refuses_thread = 1 + 1;
    CHECK(mk_memory_thread_enter(memory, &one, &err) != 0);
    CHECK_STR(err.text, "alloc/one_size has no place for thread 1");
    CHECK_EQ(fakes[0].inside[1], 0);
    mk_mem_cache_close(mem, &cache);
    CHECK_EQ(mk_memory_thread_enter(memory, &two, &err), 0);
    CHECK_EQ(mk_memory_thread_enter(memory, &one, &err), 0); /* no cache is open that could refuse */
    fakes[1].refuses_thread = 2 + 1;
    CHECK(mk_mem_cache_open(mem, &refused, 24, 8, &err) != 0);
    CHECK_EQ(fakes[1].inside[1], 0);
    CHECK_EQ(fakes[1].created, fakes[1].destroyed);
    mk_memory_thread_exit(memory, &one);
    mk_memory_thread_exit(memory, &two);
    mk_memory_close(memory);
    CHECK_EQ(fakes[0].live, 0);
}

TEST(a_thread_enters_a_whole_stack_or_none_of_it) {
    struct mk_impl leaf = fake_general(), outer = fake_impl("outer", MK_CONCURRENT, one_size_create);
    struct mk_memory_config config = {.fallback = &leaf, .threads_max = THREADS_MAX};
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    struct mk_thread one = {.id = 1};
    link_to(&config, chain, &outer);
    struct mk_memory *memory = opened(&config);
    fakes[1].refuses_thread = 1 + 1;
    CHECK(mk_memory_thread_enter(memory, &one, NULL) != 0);
    CHECK_EQ(fakes[0].entered, 1);
    CHECK_EQ(fakes[0].inside[1], 0);
    mk_memory_close(memory);
}

/* ---- what makes no sense --------------------------------------------------------------------------- */

static void expect_refused(const struct mk_memory_config *config, const char *part_of_reason) {
    struct mk_err err = {{0}};
    struct mk_memory *memory = mk_memory_open(config, &err);
    CHECK(memory == NULL);
    if (memory) mk_memory_close(memory);
    CHECK(strstr(err.text, part_of_reason) != NULL);
}

TEST(senseless_chains_are_refused) {
    struct mk_memory_config config = plain(false);
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX + 1] = {{0}};
    link_to(&config, chain, allocator("null"));
    expect_refused(&config, "alloc/null keeps nothing");
    config.chain_n = 0;
    link_slab(&config, chain);
    link_to(&config, chain, allocator("libc"));
    expect_refused(&config, "alloc/slab wraps nothing");
    config.chain_n = 0;
    for (int i = 0; i < MK_ALLOC_CHAIN_MAX + 1; i++) link_failing(&config, chain, 0, 0);
    expect_refused(&config, "a chain of 5 allocators");
    config = plain(false);
    config.fallback = NULL;
    expect_refused(&config, "no allocator is the default one");
}

TEST(what_an_allocator_refuses_is_passed_on) {
    struct mk_memory_config config = plain(false);
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX] = {{0}};
    struct mk_mem_cache cache;
    struct mk_err err = {{0}};
    link_to(&config, chain, allocator("slab"))->params[0] = 48;
    struct mk_memory *memory = opened(&config);
    CHECK(mk_mem_cache_open(mk_memory_mem(memory), &cache, 24, 8, &err) != 0);
    CHECK(strstr(err.text, "alloc/slab: slab_kib=48 is not a power of two") != NULL);
    mk_memory_close(memory);
}
