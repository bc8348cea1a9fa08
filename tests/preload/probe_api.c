/* probe_api.c - probes of what each function promises: contents, alignment, sizes, errno. */
#include "probe.h"

#include <malloc.h>

/* Sizes around each power of two and each multiple of 16 of the small ones. Returns 0 behind the last. */
static size_t size_number(size_t i, size_t most) {
    size_t size = i <= 1100 ? i : 0;
    if (i > 1100) {
        size_t power = (i - 1101) / 5 + 11, beside = (i - 1101) % 5;
        if (power > 40) return 0;
        size = (size_t)1 << power;
        size += (size_t[]){0, 1, 15, size / 2, size / 4 * 3}[beside];
    }
    return size <= most ? size : 0;
}
enum { SIZES_MOST = 1101 + 5 * 30, MIB = 1 << 20 };

static bool aligned(const void *at, size_t to) {
    return (uintptr_t)at % to == 0;
}

/* What C asks for: as much as an object of that size can need, at most 16. */
static size_t alignment_of(size_t size) {
    size_t alignment = 1;
    while (alignment < 16 && alignment * 2 <= size) alignment *= 2;
    return alignment;
}

static const char *const functions[] = {"malloc",        "calloc",   "realloc", "reallocarray", "free",
                                        "posix_memalign", "aligned_alloc", "memalign", "valloc",  "pvalloc",
                                        "malloc_usable_size"};

PROBE(one_file_has_all_functions) {
    const char *malloc_file = probe_file_of("malloc");
    char elsewhere[512] = "";
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const char *file = probe_file_of(functions[i]);
        if (file && strcmp(file, malloc_file) == 0) continue;
        strcat(strcat(elsewhere, " "), functions[i]);
    }
    if (elsewhere[0]) FAIL("malloc is in %s, but these are not:%s", malloc_file, elsewhere);
}

/* Blocks of all sizes at once, written to the last usable byte. */
PROBE(malloc_sizes) {
    static unsigned char *at[SIZES_MOST];
    for (size_t i = 0; i < SIZES_MOST; i++) {
        size_t size = size_number(i, 8 * MIB);
        at[i] = malloc(size);
        CHECK(at[i]);
        if (!aligned(at[i], alignment_of(size))) FAIL("malloc(%zu) gives %p", size, (void *)at[i]);
        size_t usable = malloc_usable_size(at[i]);
        if (usable < size) FAIL("malloc_usable_size is %zu of malloc(%zu)", usable, size);
        probe_fill(at[i], usable, i);
    }
    for (size_t i = 0; i < SIZES_MOST; i++) {
        size_t usable = malloc_usable_size(at[i]);
        probe_filled(at[i], usable, usable, i);
        free(at[i]);
    }
}

PROBE(malloc_alignment_16) {
    for (size_t size = 0; size < 5000; size++) {
        void *at = malloc(size), *zeroed = calloc(1, size), *grown = malloc(1);
        if (!aligned(at, 16)) FAIL("malloc(%zu) gives %p", size, at);
        if (!aligned(zeroed, 16)) FAIL("calloc(1, %zu) gives %p", size, zeroed);
        grown = realloc(grown, size + 1);
        if (!aligned(grown, 16)) FAIL("realloc to %zu gives %p", size + 1, grown);
        free(at);
        free(zeroed);
        free(grown);
    }
}

PROBE(zero_sizes) {
    enum { BLOCKS = 1000 };
    static void *at[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t zero = probe_hidden(0);
        at[i] = i % 4 == 0 ? malloc(zero) : i % 4 == 1 ? calloc(zero, 5) : i % 4 == 2 ? calloc(5, zero)
                                                                                     : realloc(NULL, zero);
        CHECK(at[i]);
        for (size_t j = 0; j < i; j++)
            if (at[i] == at[j]) FAIL("two blocks of no bytes are both at %p", at[i]);
    }
    for (size_t i = 0; i < BLOCKS; i++) free(at[i]);
}

static void check_zero(const unsigned char *at, size_t size, size_t count, size_t each) {
    for (size_t i = 0; i < size; i++)
        if (at[i]) FAIL("byte %zu of calloc(%zu, %zu) is %u", i, count, each, at[i]);
}

/* Also where a block has just been used and freed, over and over. */
PROBE(calloc_is_zero) {
    static const size_t each[] = {1, 3, 8, 24};
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < SIZES_MOST; i++) {
            size_t size = size_number(i, round ? 200000 : 4 * MIB);
            size_t unit = each[(i + round) % 4], count = size / unit;
            unsigned char *dirty[3];
            for (unsigned j = 0; j < 3; j++) {
                dirty[j] = malloc(size + j);
                CHECK(dirty[j]);
                memset(dirty[j], 0xdb, malloc_usable_size(dirty[j]));
            }
            for (unsigned j = 0; j < 3; j++) free(dirty[j]);
            unsigned char *at = calloc(count, unit), *other = calloc(count, unit);
            CHECK(at && other);
            check_zero(at, count * unit, count, unit);
            check_zero(other, count * unit, count, unit);
            memset(at, 0xdb, count * unit);
            free(at);
            free(other);
        }
    }
}

PROBE(calloc_overflow) {
    size_t half = probe_hidden(SIZE_MAX / 2 + 1), most = probe_hidden(SIZE_MAX);
    CHECK_REFUSED(calloc(half, 2));
    CHECK_REFUSED(calloc(2, half));
    CHECK_REFUSED(calloc(most, most));
    CHECK_REFUSED(calloc(most / 8 + 1, 8));
    CHECK_REFUSED(calloc(probe_hidden((size_t)1 << 33), (size_t)1 << 31));
    CHECK_REFUSED(calloc(most / 16 + 2, 16));
    CHECK_REFUSED(calloc(1, most));
    CHECK_REFUSED(calloc(most, 1));
}

/* Lazily zero: pages of a large one are not touched. */
PROBE(calloc_large_touches_nothing) {
    size_t size = (size_t)512 * MIB, before = probe_resident();
    unsigned char *at = calloc(size / 8, 8);
    CHECK(at);
    size_t after = probe_resident();
    if (after > before + 64 * MIB) FAIL("calloc of %zu bytes made %zu bytes resident", size, after - before);
    for (size_t i = 0; i < size; i += 16 * MIB) CHECK_EQ(at[i], 0);
    free(at);
}

/* Up and down by turns, small and large. */
PROBE(realloc_keeps_contents) {
    uint64_t random = 1;
    for (unsigned chain = 0; chain < 40; chain++) {
        size_t size = probe_size(&random, 100), most = chain % 2 ? 3000 : 4 * MIB;
        unsigned char *at = malloc(size);
        CHECK(at);
        for (unsigned step = 0; step < 100; step++) {
            probe_fill(at, size, step);
            size_t next = probe_size(&random, most);
            unsigned char *moved = realloc(at, next);
            if (!moved) FAIL("realloc from %zu to %zu bytes gives NULL", size, next);
            CHECK(aligned(moved, alignment_of(next)));
            CHECK(malloc_usable_size(moved) >= next);
            probe_filled(moved, size, size < next ? size : next, step);
            at = moved;
            size = next;
        }
        free(at);
    }
}

/* Every pair of neighbouring sizes, and of blocks that were asked for with an alignment. */
PROBE(realloc_small_steps) {
    for (size_t size = 1; size < 3000; size += 1 + size / 64) {
        for (size_t next = size / 2; next < 2 * size + 2; next += 1 + size / 16) {
            void *at = malloc(size), *wide = NULL;
            CHECK(posix_memalign(&wide, 64, size) == 0);
            probe_fill(at, size, size);
            probe_fill(wide, size, size + 1);
            at = realloc(at, next + 1);
            wide = realloc(wide, next + 1);
            CHECK(at && wide);
            probe_filled(at, size, size < next + 1 ? size : next + 1, size);
            probe_filled(wide, size, size < next + 1 ? size : next + 1, size + 1);
            free(at);
            free(wide);
        }
    }
}

PROBE(realloc_of_nothing) {
    unsigned char *at = realloc(NULL, 1000);
    CHECK(at);
    probe_fill(at, 1000, 1);
    probe_filled(at, 1000, 1000, 1);
    free(at);
    at = reallocarray(NULL, 10, 100);
    CHECK(at);
    probe_fill(at, 1000, 2);
    free(at);
}

/* As glibc has it: frees, and returns NULL. That it frees shows in what is resident. */
PROBE(realloc_to_nothing) {
    size_t before = probe_resident();
    for (unsigned i = 0; i < 20000; i++) {
        void *at = malloc(10000);
        CHECK(at);
        memset(at, 1, 10000);
        CHECK(realloc(at, probe_hidden(0)) == NULL);
    }
    size_t grown = probe_resident() - before;
    if ((ssize_t)grown > 20 * MIB) FAIL("realloc(p, 0) of 20000 blocks leaves %zu bytes behind", grown);
}

PROBE(realloc_failure_leaves_the_block) {
    static const size_t sizes[] = {1, 100, 5000, 100000, 5 * MIB};
    size_t huge = probe_hidden(PTRDIFF_MAX), most = probe_hidden(SIZE_MAX);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *at = malloc(sizes[i]);
        CHECK(at);
        probe_fill(at, sizes[i], i);
        CHECK_REFUSED(realloc(at, huge));
        CHECK_REFUSED(realloc(at, huge + 1));
        CHECK_REFUSED(realloc(at, most));
        CHECK_REFUSED(realloc(at, most - 100));
        CHECK_REFUSED(reallocarray(at, most / 2 + 1, 2));
        CHECK_REFUSED(reallocarray(at, most / 8 + 3, 8));
        probe_filled(at, sizes[i], sizes[i], i);
        free(at);
    }
}

PROBE(reallocarray_multiplies) {
    size_t count = 1;
    uint64_t *at = NULL;
    for (; count < 100000; count *= 3) {
        at = reallocarray(at, count, sizeof *at);
        CHECK(at);
        for (size_t i = count / 3; i < count; i++) at[i] = i;
    }
    for (size_t i = 0; i < count / 3; i++) CHECK_EQ(at[i], i);
    free(at);
}

PROBE(posix_memalign_refuses) {
    static const size_t wrong[] = {0, 1, 2, 3, 4, 6, 7, 9, 12, 24, 48, 100, 4095, 4097, SIZE_MAX};
    void *untouched = &untouched, *out = untouched;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        errno = 77;
        int error = posix_memalign(&out, probe_hidden(wrong[i]), 100);
        if (error != EINVAL) FAIL("posix_memalign with alignment %zu returns %d, not EINVAL", wrong[i], error);
        CHECK_EQ(errno, 77);
        CHECK(out == untouched);
    }
    static const size_t much[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX, SIZE_MAX - 63, SIZE_MAX - 4096};
    for (size_t i = 0; i < sizeof much / sizeof much[0]; i++) {
        for (size_t alignment = 8; alignment <= MIB; alignment *= 8) {
            int error = posix_memalign(&out, alignment, probe_hidden(much[i]));
            if (error != ENOMEM) FAIL("posix_memalign(%zu, %zu) returns %d, not ENOMEM", alignment, much[i], error);
            CHECK(out == untouched);
        }
    }
}

static void *by_posix_memalign(size_t alignment, size_t size) {
    void *at = NULL;
    errno = 77;
    int error = posix_memalign(&at, alignment < sizeof at ? sizeof at : alignment, size);
    if (error) FAIL("posix_memalign(%zu, %zu) returns %d", alignment, size, error);
    CHECK_EQ(errno, 77);
    return at;
}

/* Many alive at once, of each alignment up to 4 MiB, written to the last usable byte, some grown. */
static void alignments(void *(*allocate)(size_t alignment, size_t size)) {
    static const size_t sizes[] = {0, 1, 8, 17, 64, 100, 500, 1024, 4000, 4096, 10000, 70000, 300000};
    enum { SIZES = sizeof sizes / sizeof sizes[0], POWERS = 23 };
    static unsigned char *at[POWERS][SIZES];
    for (size_t p = 0; p < POWERS; p++) {
        for (size_t i = 0; i < SIZES; i++) {
            size_t alignment = (size_t)1 << p;
            at[p][i] = allocate(alignment, sizes[i]);
            if (!at[p][i] || !aligned(at[p][i], alignment))
                FAIL("%zu bytes aligned to %zu are at %p", sizes[i], alignment, (void *)at[p][i]);
            CHECK(malloc_usable_size(at[p][i]) >= sizes[i]);
            probe_fill(at[p][i], malloc_usable_size(at[p][i]), p * SIZES + i);
        }
    }
    for (size_t p = 0; p < POWERS; p++) {
        for (size_t i = 0; i < SIZES; i++) {
            size_t usable = malloc_usable_size(at[p][i]);
            probe_filled(at[p][i], usable, usable, p * SIZES + i);
            if (i % 2) {
                at[p][i] = realloc(at[p][i], usable + 100);
                CHECK(at[p][i]);
                probe_filled(at[p][i], usable, usable, p * SIZES + i);
            }
            free(at[p][i]);
        }
    }
}

PROBE(posix_memalign_alignments) {
    alignments(by_posix_memalign);
}

PROBE(aligned_alloc_alignments) {
    alignments(aligned_alloc);
}

PROBE(memalign_alignments) {
    alignments(memalign);
}

PROBE(memalign_huge_alignments) {
    for (size_t alignment = 8 * (size_t)MIB; alignment <= 1024 * (size_t)MIB; alignment *= 2) {
        unsigned char *at[2] = {memalign(alignment, 100), aligned_alloc(alignment, 3 * MIB)};
        for (unsigned i = 0; i < 2; i++) {
            if (!at[i] || !aligned(at[i], alignment))
                FAIL("a block aligned to %zu is at %p", alignment, (void *)at[i]);
        }
        probe_fill(at[0], 100, 0);
        probe_fill(at[1], 3 * MIB, 1);
        for (unsigned i = 0; i < 2; i++) free(at[i]);
    }
    size_t grown = probe_resident();
    if (grown > 64 * MIB) FAIL("%zu bytes are resident after blocks of large alignment", grown);
}

/* Not a power of two: refused, or rounded up to one. */
PROBE(memalign_odd_alignments) {
    static const size_t odd[] = {0, 3, 5, 24, 48, 100, 1000, 5000};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        void *at = memalign(probe_hidden(odd[i]), 100);
        CHECK(!at || aligned(at, 8));
        if (at) probe_fill(at, 100, 1);
        free(at);
    }
    size_t half = probe_hidden(SIZE_MAX / 2 + 1), most = probe_hidden(SIZE_MAX);
    CHECK(!memalign(half, 1));
    CHECK(!memalign(most, 1));
    CHECK(!aligned_alloc(half, half));
}

PROBE(valloc_and_pvalloc) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), most = probe_hidden(SIZE_MAX);
    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        void *v = valloc(size), *p = pvalloc(size);
        CHECK(v && p);
        CHECK(aligned(v, page) && aligned(p, page));
        CHECK(malloc_usable_size(v) >= size);
        CHECK(malloc_usable_size(p) >= (size + page - 1) / page * page);
        probe_fill(v, malloc_usable_size(v), 1);
        probe_fill(p, malloc_usable_size(p), 2);
        free(v);
        free(p);
    }
    free(pvalloc(0));
    free(valloc(0));
    CHECK_REFUSED(valloc(most));
    CHECK_REFUSED(pvalloc(most));
    CHECK_REFUSED(pvalloc(most - page + 1));
}

PROBE(impossible_sizes) {
    static const size_t much[] = {PTRDIFF_MAX,     (size_t)PTRDIFF_MAX + 1, SIZE_MAX / 2 + 4096, SIZE_MAX - 4096,
                                  SIZE_MAX - 4095, SIZE_MAX - 64,           SIZE_MAX - 15,       SIZE_MAX - 1,
                                  SIZE_MAX};
    for (size_t i = 0; i < sizeof much / sizeof much[0]; i++) {
        size_t size = probe_hidden(much[i]);
        CHECK_REFUSED(malloc(size));
        CHECK_REFUSED(calloc(size, 1));
        CHECK_REFUSED(calloc(1, size));
        CHECK_REFUSED(realloc(NULL, size));
        CHECK_REFUSED(reallocarray(NULL, size, 1));
        CHECK_REFUSED(memalign(4096, size));
        CHECK_REFUSED(aligned_alloc(64, size));
        CHECK_REFUSED(valloc(size));
        probe_exercise(i);
    }
}

PROBE(usable_size) {
    CHECK_EQ(malloc_usable_size(NULL), 0);
    enum { BLOCKS = 400 };
    static void *at[BLOCKS];
    for (size_t size = 1; size < 40000; size += 1 + size / 8) {
        for (size_t i = 0; i < BLOCKS; i++) {
            at[i] = malloc(size);
            CHECK(at[i] && malloc_usable_size(at[i]) >= size);
            probe_fill(at[i], malloc_usable_size(at[i]), i);
        }
        for (size_t i = 0; i < BLOCKS; i++) {
            size_t usable = malloc_usable_size(at[i]);
            probe_filled(at[i], usable, usable, i);
            free(at[i]);
        }
    }
}

PROBE(free_keeps_errno) {
    enum { BLOCKS = 3000 };
    static void *at[BLOCKS];
    free(NULL);
    for (unsigned round = 0; round < 3; round++) {
        uint64_t random = round;
        for (size_t i = 0; i < BLOCKS; i++) CHECK(at[i] = malloc(probe_size(&random, i % 100 ? 5000 : 3 * MIB)));
        for (size_t i = 0; i < BLOCKS; i++) {
            errno = 77;
            free(at[i]);
            if (errno != 77) FAIL("free of block %zu sets errno to %d", i, errno);
        }
    }
    errno = 77;
    free(NULL);
    CHECK_EQ(errno, 77);
}

/* Extras of glibc that programs call: they may do nothing, but do no harm. */
PROBE(extras_do_no_harm) {
    void *at = malloc(100);
    probe_fill(at, 100, 1);
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 1 << 17);
    mallopt(M_TRIM_THRESHOLD, 1 << 17);
    malloc_trim(0);
    (void)mallinfo2();
    FILE *out = fopen("/dev/null", "w");
    CHECK(out);
    malloc_info(0, out);
    fclose(out);
    probe_exercise(1);
    malloc_trim(0);
    probe_filled(at, 100, 100, 1);
    free(at);
}
