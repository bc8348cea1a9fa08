/* probe_memory.c - memory that cannot be had, memory that goes back to the system, and what is resident beside what
 * is in use. Bounds are wide: they tell what is lost from what is spent. */
#include "probe.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

enum { MIB = 1 << 20, KIB = 1 << 10, LIMIT = 96 * MIB };

/* A list through the blocks themselves, so that the list needs no memory. */
struct link {
    struct link *next;
    size_t size;
};

static size_t free_all(struct link *list) {
    size_t count = 0;
    while (list) {
        struct link *next = list->next;
        probe_filled(list + 1, list->size - sizeof *list, list->size - sizeof *list, (uintptr_t)list);
        free(list);
        list = next;
        count++;
    }
    return count;
}

/* Allocates until there is no more. Returns how many bytes that were. */
static size_t exhaust(struct link **list, size_t size_most, bool mixed, uint64_t *random) {
    size_t bytes = 0;
    for (;;) {
        size_t size = mixed ? sizeof **list + probe_size(random, size_most) : size_most;
        errno = 0;
        struct link *block = malloc(size);
        if (!block) break;
        *block = (struct link){*list, size};
        probe_fill(block + 1, size - sizeof *block, (uintptr_t)block);
        *list = block;
        bytes += size;
    }
    CHECK_EQ(errno, ENOMEM);
    return bytes;
}

/* The other functions say so as well, and leave alone what is there. */
static void check_all_refuse(struct link *list) {
    void *out = &out;
    size_t much = (size_t)512 * MIB;
    CHECK_REFUSED(calloc(2, much / 2));
    CHECK_REFUSED(realloc(NULL, much));
    CHECK_REFUSED(reallocarray(NULL, 2, much / 2));
    CHECK_REFUSED(memalign(64, much));
    CHECK_REFUSED(aligned_alloc(4096, much));
    CHECK_REFUSED(valloc(much));
    CHECK_EQ(posix_memalign(&out, 64, much), ENOMEM);
    CHECK(out == &out);
    CHECK_REFUSED(realloc(list, much));
}

static void limit_to(int resource, size_t bytes) {
    struct rlimit limit;
    CHECK_EQ(getrlimit(resource, &limit), 0);
    limit.rlim_cur = bytes;
    CHECK_EQ(setrlimit(resource, &limit), 0);
}

static void exhaust_again(int resource, size_t size_most, bool mixed) {
    struct link *list = NULL;
    uint64_t random = 1;
    probe_exercise(1);
    limit_to(resource, (resource == RLIMIT_AS ? probe_reserved() : 0) + (size_t)LIMIT);
    size_t at_first = exhaust(&list, size_most, mixed, &random);
    if (at_first < (size_t)8 * MIB) FAIL("of %d bytes only %zu could be had", LIMIT, at_first);
    check_all_refuse(list);
    /* Some of it may stay in caches, but no more each time. */
    for (unsigned round = 0; round < 6; round++) {
        CHECK(free_all(list) > 0);
        list = NULL;
        random = 1;
        size_t now = exhaust(&list, size_most, mixed, &random);
        if (now < at_first - at_first / 5)
            FAIL("%zu bytes could be had at first, %zu after all were freed (round %u)", at_first, now, round);
    }
    free_all(list);
    probe_exercise(2);
    probe_note("%zu of %d MiB could be had", at_first / MIB, LIMIT / MIB);
}

PROBE(exhausted_by_64_bytes) {
    exhaust_again(RLIMIT_AS, 64, false);
}

PROBE(exhausted_by_1000_bytes) {
    exhaust_again(RLIMIT_AS, 1000, false);
}

PROBE(exhausted_by_70000_bytes) {
    exhaust_again(RLIMIT_AS, 70000, false);
}

PROBE(exhausted_by_3_mib) {
    exhaust_again(RLIMIT_AS, 3 * MIB, false);
}

PROBE(exhausted_by_mixed_sizes) {
    exhaust_again(RLIMIT_AS, 100000, true);
}

/* A limit of what is writable, which address space that is only reserved does not count against. */
PROBE(exhausted_by_data_limit) {
    exhaust_again(RLIMIT_DATA, 5000, true);
}

static void *exhaust_in_thread(void *argument) {
    struct link *list = NULL;
    uint64_t random = (uintptr_t)argument;
    for (unsigned round = 0; round < 3; round++) {
        exhaust(&list, 20000, true, &random);
        free_all(list);
        list = NULL;
    }
    return NULL;
}

static void *exercise(void *argument) {
    probe_exercise(1);
    return argument;
}

/* Threads run out of memory together, and get by once it is free. */
PROBE(exhausted_by_threads) {
    pthread_t thread[4];
    for (uintptr_t i = 0; i < 4; i++) thread[i] = probe_thread(exercise, NULL);
    for (unsigned i = 0; i < 4; i++) CHECK_EQ(pthread_join(thread[i], NULL), 0);
    limit_to(RLIMIT_AS, probe_reserved() + (size_t)128 * MIB);
    for (uintptr_t i = 0; i < 4; i++) thread[i] = probe_thread(exhaust_in_thread, (void *)(i + 1));
    for (unsigned i = 0; i < 4; i++) CHECK_EQ(pthread_join(thread[i], NULL), 0);
    probe_exercise(3);
}

/* A thread whose first call comes when there is nothing left: it gets NULL, and can free what another allocated. */
static atomic_int stage;
static struct link *left_over;

static void reach(int next) {
    atomic_store(&stage, next);
}

static void wait_for(int wanted) {
    while (atomic_load(&stage) != wanted) usleep(100);
}

static void *begin_with_nothing(void *argument) {
    wait_for(1);
    void *small = malloc(probe_hidden(20000)), *more = calloc(100, 1000);
    free(small);
    free(more);
    free(malloc(16));
    CHECK_EQ(free_all(left_over), 100);
    reach(2);
    wait_for(3);
    for (size_t i = 0; i < 200; i++) {
        void *at = malloc(500);
        CHECK(at);
        probe_fill(at, 500, i);
        free(at);
    }
    return argument;
}

PROBE(exhausted_before_a_thread_begins) {
    struct link *list = NULL;
    uint64_t random = 1;
    pthread_t thread = probe_thread(begin_with_nothing, NULL);
    limit_to(RLIMIT_AS, probe_reserved() + (size_t)64 * MIB);
    exhaust(&list, 3000, true, &random);
    exhaust(&list, 32, false, &random);
    struct link *last = list;
    for (unsigned i = 1; i < 100; i++) last = last->next;
    left_over = list;
    list = last->next;
    last->next = NULL;
    reach(1);
    wait_for(2);
    free_all(list);
    reach(3);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* 128 MiB of small blocks, of which a few stay. */
enum { MANY = 500000, STAY = 64 };

static void **fill_small(size_t *live) {
    void **at = malloc(MANY * sizeof *at);
    uint64_t random = 1;
    CHECK(at);
    *live = 0;
    for (size_t i = 0; i < MANY; i++) {
        size_t size = 16 + probe_random(&random) % 500;
        CHECK(at[i] = malloc(size));
        memset(at[i], 1, size);
        *live += size;
    }
    return at;
}

/* Some allocators give memory back by and by, while they are called. */
static size_t resident_after(unsigned ms) {
    struct timespec wait = {0, 10000000};
    for (unsigned i = 0; i < ms / 10; i++) {
        nanosleep(&wait, NULL);
        for (unsigned j = 0; j < 100; j++) free(malloc(probe_hidden(100 + j)));
    }
    return probe_resident();
}

PROBE(memory_goes_back) {
    size_t before = probe_resident(), live;
    void **at = fill_small(&live);
    size_t peak = probe_resident();
    if (peak - before > 2 * live) FAIL("%zu bytes are resident for %zu", peak - before, live);
    for (size_t i = 0; i < MANY; i++) {
        if (i % (MANY / STAY) == 0) continue;
        free(at[i]);
        at[i] = NULL;
    }
    size_t freed = probe_resident();
    size_t later = resident_after(1000);
    malloc_trim(0);
    size_t trimmed = probe_resident();
    probe_note("resident for %zu KiB: %zu KiB; after free %zu KiB, later %zu KiB, after malloc_trim %zu KiB",
               live / KIB, (peak - before) / KIB, (freed - before) / KIB, (later - before) / KIB,
               (trimmed - before) / KIB);
    if (trimmed - before > (peak - before) / 2)
        FAIL("%zu of %zu bytes are still resident, and nearly all is freed", trimmed - before, peak - before);
    for (size_t i = 0; i < MANY; i++) free(at[i]);
    free(at);
}

/* Each size in turn, all freed before the next: what one size had, the next one gets. */
PROBE(memory_of_growing_sizes) {
    enum { EACH = 32 * MIB };
    size_t before = probe_resident(), peak = 0;
    static void *at[EACH / 16];
    for (size_t size = 16; size <= 256 * KIB; size += size / 2) {
        size_t count = EACH / size;
        for (size_t i = 0; i < count; i++) {
            CHECK(at[i] = malloc(size));
            memset(at[i], 1, size);
        }
        size_t now = probe_resident();
        if (now > peak) peak = now;
        for (size_t i = 0; i < count; i++) free(at[i]);
    }
    double ratio = (double)(peak - before) / (EACH + sizeof at);
    probe_note("resident %.2f times what was live", ratio);
    if (ratio > 3) FAIL("resident is %.2f times the %d bytes that were live", ratio, EACH);
}

PROBE(memory_of_a_growing_block) {
    size_t before = probe_resident(), size = 100;
    unsigned char *at = malloc(size);
    while (size < (size_t)64 * MIB) {
        probe_fill(at, size, size);
        size_t next = size + size / 10 + 1;
        CHECK(at = realloc(at, next));
        probe_filled(at, size, size, size);
        size = next;
    }
    memset(at, 1, size);
    double ratio = (double)(probe_resident() - before) / (double)size;
    probe_note("resident %.2f times the block", ratio);
    if (ratio > 3) FAIL("resident is %.2f times the %zu bytes of the block", ratio, size);
    free(at);
}

/* Large blocks come and go: none stays. */
PROBE(memory_of_large_blocks) {
    size_t before = probe_resident();
    uint64_t random = 1;
    for (unsigned i = 0; i < 2000; i++) {
        size_t size = MIB + probe_random(&random) % (64 * MIB);
        unsigned char *at = malloc(size);
        CHECK(at);
        at[0] = at[size / 2] = at[size - 1] = 1;
        free(at);
    }
    ssize_t more = (ssize_t)(probe_resident() - before);
    probe_note("%zd KiB stay", more / KIB);
    if (more > 80 * MIB) FAIL("%zd bytes stay of large blocks that were freed", more);
}

/* Locked into memory, as programs that must not wait for pages are: what is reserved ahead must not all become
 * resident, and pages that the system does not take back are not zero. */
PROBE(memory_locked) {
    if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
        probe_note("no right to lock memory");
        return;
    }
    size_t before = probe_resident(), live;
    for (unsigned round = 0; round < 3; round++) {
        void **at = fill_small(&live);
        size_t peak = probe_resident();
        if (peak - before > 3 * live) FAIL("%zu bytes are resident for %zu", peak - before, live);
        for (size_t i = 0; i < MANY; i++) free(at[i]);
        free(at);
        malloc_trim(0);
        for (size_t size = 16; size < 3 * MIB; size *= 2) {
            for (unsigned i = 0; i < 50; i++) {
                unsigned char *zeroed = calloc(1, size), *other = malloc(size);
                CHECK(zeroed && other);
                for (size_t j = 0; j < size; j++)
                    if (zeroed[j]) FAIL("byte %zu of calloc(1, %zu) is %u", j, size, zeroed[j]);
                memset(zeroed, 1, size);
                memset(other, 1, size);
                free(other);
                free(zeroed);
            }
        }
    }
}
