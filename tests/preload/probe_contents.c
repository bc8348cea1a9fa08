/* probe_contents.c - blocks keep what is written to them and share no byte, whichever thread allocates and frees:
 * each carries the pattern of its token, and a map of the address space says which bytes are in a live block. */
#include "probe.h"

#include <malloc.h>
#include <sys/mman.h>

/* The map: a byte for each GRANULE bytes of the address space, in leaves of a MiB that are made when they are
 * met. */
enum { GRANULE = 8, LEAF_BITS = 20, ADDRESS_BITS = 48, LEAF = (1 << LEAF_BITS) / GRANULE };
static _Atomic(_Atomic(unsigned char) *) *leaves;

static void *pages(size_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) FAIL("no room for the map of live blocks");
    return at;
}

static _Atomic(unsigned char) *leaf_of(uintptr_t at) {
    CHECK(at >> ADDRESS_BITS == 0);
    _Atomic(_Atomic(unsigned char) *) *place = &leaves[at >> LEAF_BITS];
    _Atomic(unsigned char) *leaf = atomic_load(place);
    if (leaf) return leaf;
    _Atomic(unsigned char) *made = pages(LEAF);
    if (atomic_compare_exchange_strong(place, &leaf, made)) return made;
    munmap(made, LEAF);
    return leaf;
}

/* Turns the granules of a block from 1 - live to live. Of large blocks: those of both ends, and one in 64
 * between. */
static void mark(const void *block, size_t size, unsigned char live) {
    uintptr_t from = (uintptr_t)block / GRANULE, to = ((uintptr_t)block + size + GRANULE - 1) / GRANULE;
    enum { EDGE = 512 };
    for (uintptr_t i = from; i < to; i += i < from + EDGE || i + EDGE + 64 > to ? 1 : 64) {
        unsigned char was = atomic_exchange(&leaf_of(i * GRANULE)[i % LEAF], live);
        if (was == live)
            FAIL("the byte at %p, of a block of %zu at %p, is in %s live block", (void *)(i * GRANULE), size, block,
                 live ? "another" : "no");
    }
}

struct block {
    void *at;
    size_t size, usable;
    uint64_t token;
};
static atomic_ulong allocated, freed;

static void adopt(struct block *block, void *at, size_t size, uint64_t token) {
    if (!at) FAIL("no block of %zu bytes", size);
    *block = (struct block){at, size, malloc_usable_size(at), token};
    if (block->usable < size) FAIL("a block of %zu bytes has only %zu", size, block->usable);
    mark(at, block->usable, 1);
    probe_fill(at, block->usable, token);
}

static struct block make(uint64_t *random) {
    struct block block;
    uint64_t token = probe_random(random), way = probe_random(random) % 16;
    size_t size = probe_size(random, way == 15 ? 400000 : way > 12 ? 20000 : 600);
    size_t alignment = (size_t)8 << probe_random(random) % 8;
    void *at = NULL;
    if (way == 0) at = calloc(1, size);
    else if (way == 1 && posix_memalign(&at, alignment, size)) at = NULL;
    else if (way != 1) at = malloc(size);
    if (way == 0)
        for (size_t i = 0; i < size; i++)
            if (((unsigned char *)at)[i]) FAIL("a block of calloc(1, %zu) is not zero at %zu", size, i);
    adopt(&block, at, size, token);
    atomic_fetch_add(&allocated, 1);
    return block;
}

static void drop(struct block block) {
    if (!block.at) return;
    probe_filled(block.at, block.usable, block.usable, block.token);
    mark(block.at, block.usable, 0);
    free(block.at);
    atomic_fetch_add(&freed, 1);
}

/* What realloc does to the old block while it runs is its own affair: it is marked as dead before. */
static struct block resize(struct block block, uint64_t *random) {
    if (!block.at) return block;
    size_t size = probe_size(random, 2 * block.size + 16), kept = size < block.usable ? size : block.usable;
    uint64_t token = block.token;
    probe_filled(block.at, block.usable, block.usable, token);
    mark(block.at, block.usable, 0);
    void *at = realloc(block.at, size);
    if (!at) FAIL("no realloc from %zu to %zu bytes", block.size, size);
    probe_filled(at, block.usable, kept, token);
    adopt(&block, at, size, token + 1);
    return block;
}

enum { THREADS_MOST = 8, SLOTS = 4096, STEPS = 240000 };
static struct {
    pthread_mutex_t lock;
    struct block block;
} slot[SLOTS];

static struct worker {
    unsigned me, threads;
    bool shared;
    size_t steps;
} workers[THREADS_MOST];

static struct block exchange(size_t i, struct block with) {
    CHECK_EQ(pthread_mutex_lock(&slot[i].lock), 0);
    struct block was = slot[i].block;
    slot[i].block = with;
    CHECK_EQ(pthread_mutex_unlock(&slot[i].lock), 0);
    return was;
}

static void *replace_at_random(void *argument) {
    struct worker *w = argument;
    uint64_t random = w->me + 1;
    for (size_t step = 0; step < w->steps; step++) {
        size_t i = probe_random(&random) % SLOTS;
        if (!w->shared) i = i / w->threads * w->threads + w->me;
        if (i >= SLOTS) continue;
        struct block none = {NULL, 0, 0, 0};
        switch (probe_random(&random) % 8) {
        case 0: drop(exchange(i, none)); break;
        case 1: drop(exchange(i, resize(exchange(i, none), &random))); break;
        default: drop(exchange(i, make(&random)));
        }
    }
    return NULL;
}

static void make_map(void) {
    leaves = pages(sizeof *leaves << (ADDRESS_BITS - LEAF_BITS));
    for (size_t i = 0; i < SLOTS; i++) CHECK_EQ(pthread_mutex_init(&slot[i].lock, NULL), 0);
}

static void drop_all(void) {
    for (size_t i = 0; i < SLOTS; i++) drop(slot[i].block);
    CHECK_EQ(freed, allocated);
    probe_note("%lu blocks", freed);
}

static void replace_with(unsigned threads, bool shared) {
    pthread_t thread[THREADS_MOST];
    make_map();
    for (unsigned t = 0; t < threads; t++) {
        workers[t] = (struct worker){t, threads, shared, STEPS / threads};
        thread[t] = probe_thread(replace_at_random, &workers[t]);
    }
    for (unsigned t = 0; t < threads; t++) CHECK_EQ(pthread_join(thread[t], NULL), 0);
    drop_all();
}

PROBE(contents_one_thread) {
    replace_with(1, false);
}

PROBE(contents_8_threads_alone) {
    replace_with(8, false);
}

PROBE(contents_8_threads_hand_over) {
    replace_with(8, true);
}

/* Threads that end and are followed by others, while their blocks go on from slot to slot. */
enum { LIVES = 400, STEPS_OF_A_LIFE = STEPS / LIVES, AT_ONCE = 6 };

PROBE(contents_threads_come_and_go) {
    static struct worker lives[LIVES];
    pthread_t thread[AT_ONCE];
    make_map();
    for (unsigned i = 0; i < LIVES; i++) {
        if (i >= AT_ONCE) CHECK_EQ(pthread_join(thread[i % AT_ONCE], NULL), 0);
        lives[i] = (struct worker){i, 1, true, STEPS_OF_A_LIFE};
        thread[i % AT_ONCE] = probe_thread(replace_at_random, &lives[i]);
    }
    for (unsigned i = 0; i < AT_ONCE; i++) CHECK_EQ(pthread_join(thread[i], NULL), 0);
    drop_all();
}

/* Through three threads: one allocates, one grows, one frees; each block at most once on its way. */
enum { CHAIN_BLOCKS = 100000, WINDOW = 2000 };
static struct block chain[CHAIN_BLOCKS];
static atomic_size_t made, grown, gone;

static void wait_until(const atomic_size_t *mark_of_it, size_t at_least) {
    while (atomic_load(mark_of_it) < at_least) usleep(50);
}

static void *grow_each(void *argument) {
    uint64_t random = (uintptr_t)argument;
    for (size_t i = 0; i < CHAIN_BLOCKS; i++) {
        wait_until(&made, i + 1);
        chain[i] = resize(chain[i], &random);
        atomic_store(&grown, i + 1);
    }
    return NULL;
}

static void *free_each(void *argument) {
    for (size_t i = 0; i < CHAIN_BLOCKS; i++) {
        wait_until(&grown, i + 1);
        drop(chain[i]);
        atomic_store(&gone, i + 1);
    }
    return argument;
}

PROBE(contents_passed_along) {
    uint64_t random = 3;
    make_map();
    pthread_t grows = probe_thread(grow_each, &random), frees = probe_thread(free_each, NULL);
    for (size_t i = 0; i < CHAIN_BLOCKS; i++) {
        if (i >= WINDOW) wait_until(&gone, i - WINDOW);
        chain[i] = make(&random);
        atomic_store(&made, i + 1);
    }
    CHECK_EQ(pthread_join(grows, NULL), 0);
    CHECK_EQ(pthread_join(frees, NULL), 0);
    drop_all();
}
