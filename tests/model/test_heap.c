/* test_heap.c - the checked heap of the model runtime: what is handed out, what may be touched, and what is said
 * when something else is. Bodies call the stand-ins directly, and touch memory as hooks do. */
#include "../test.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../../harness/model/libc.h"
#include "../../harness/model/runtime.h"

#define PAGE 4096u
#define LARGE ((size_t)64 << 20) /* so that the C library maps it */

/* ---- programs ------------------------------------------------------------------------------------ */

typedef void (*body_function)(void);

static body_function bodies[3]; /* of the threads, of which each ends before the next begins */
static void *shared[8];         /* what they tell each other, unseen by the runtime */

/* Makes the choices that are listed, then defaults. Threads go on as long as they can. */
static struct script {
    struct mk_chooser chooser;
    enum mk_choice_kind kind;
    uint32_t value[8];
    uint32_t n[8]; /* how many there were to choose from */
    uint32_t asked;
} script;

static uint32_t choose_thread(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    (void)chooser, (void)ready, (void)at;
    return usual;
}

static uint32_t choose_value(struct mk_chooser *chooser, enum mk_choice_kind kind, uint32_t n) {
    (void)chooser;
    if (kind != script.kind || script.asked == 8) return 0;
    script.n[script.asked] = n;
    return script.value[script.asked++];
}

static void run_body(void *arg, uint32_t number) {
    (void)arg;
    bodies[number]();
}

static struct mk_schedule_config config_of(enum mk_heap_policy policy) {
    memset(&script, 0, sizeof script);
    script.chooser = (struct mk_chooser){choose_thread, choose_value};
    script.kind = MK_CHOICE_BLOCK;
    return (struct mk_schedule_config){.chooser = &script.chooser, .heap = policy, .races = true};
}

static bool run_with(const struct mk_schedule_config *config, body_function first, body_function second) {
    struct mk_program program = {.name = "heap", .threads = second ? 2 : 1, .body = run_body, .steps_max = 1000000};
    bodies[0] = first;
    bodies[1] = second;
    free(mk_rt.failure.detail);
    mk_rt.failure.detail = NULL;
    return mk_rt_run(&program, config);
}

/* Runs two bodies (the second may be NULL), which must not fail. */
static void run(enum mk_heap_policy policy, body_function first, body_function second) {
    struct mk_schedule_config config = config_of(policy);
    if (run_with(&config, first, second)) CHECK_STR(mk_rt.failure.what, "no failure");
}

/* Runs two bodies, which must fail in this way, and say so. */
static void run_fails(enum mk_failure_kind kind, const char *what, body_function first, body_function second) {
    struct mk_schedule_config config = config_of(MK_HEAP_QUARANTINE);
    CHECK(run_with(&config, first, second));
    CHECK_EQ(mk_rt.failure.kind, kind);
    CHECK_STR(mk_rt.failure.what, what);
}

/* As a hook. */
static void touch(const void *at, size_t offset, size_t bytes, bool write) {
    uintptr_t address = (uintptr_t)at + offset, pc = (uintptr_t)__builtin_return_address(0);
    mk_heap_check(address, bytes, write, pc);
    mk_race_plain(address, bytes, write, pc);
}

static bool all_are(const void *at, size_t bytes, int value) {
    const unsigned char *byte = at;
    for (size_t i = 0; i < bytes; i++) {
        if (byte[i] != value) return false;
    }
    return true;
}

static bool same_memory(const void *a, const void *b) {
    return (uintptr_t)a == (uintptr_t)b;
}

static void nothing(void) {
}

/* ---- what is handed out -------------------------------------------------------------------------- */

static void various_sizes(void) {
    uintptr_t end = MK_HEAP_BASE;
    for (size_t bytes = 0; bytes < 5000; bytes = bytes * 5 / 4 + 1) {
        char *block = mk_model_malloc(bytes);
        CHECK((uintptr_t)block - MK_HEAP_BASE < MK_HEAP_BYTES);
        CHECK((uintptr_t)block >= end + 16);
        CHECK_EQ((uintptr_t)block % 16, 0);
        CHECK_EQ(mk_model_malloc_usable_size(block), bytes);
        if (bytes) touch(block, 0, bytes, true);
        if (bytes) touch(block, bytes - 1, 1, false);
        CHECK(all_are(block, bytes < 256 ? bytes : 256, 0xa5));
        end = (uintptr_t)block + bytes;
    }
}

TEST(blocks_are_apart_and_aligned) {
    run(MK_HEAP_QUARANTINE, various_sizes, NULL);
}

static void various_alignments(void) {
    for (size_t align = 8; align <= 65536; align *= 2) {
        void *block = NULL, *other = mk_model_aligned_alloc(align, 3 * align), *third = mk_model_memalign(align, 1);
        CHECK_EQ(mk_model_posix_memalign(&block, align, 40), 0);
        CHECK_EQ((uintptr_t)block % align, 0);
        CHECK_EQ((uintptr_t)other % align, 0);
        CHECK_EQ((uintptr_t)third % align, 0);
        touch(block, 0, 40, true);
        mk_model_free(block);
        mk_model_free(other);
        mk_model_free(third);
        mk_model_malloc(1);
    }
}

TEST(alignment_is_honoured) {
    run(MK_HEAP_QUARANTINE, various_alignments, NULL);
    run(MK_HEAP_LIFO, various_alignments, NULL);
}

static void wrong_alignments(void) {
    void *block = shared;
    errno = 0;
    CHECK_EQ(mk_model_posix_memalign(&block, 24, 8), EINVAL);
    CHECK_EQ(mk_model_posix_memalign(&block, 4, 8), EINVAL);
    CHECK_EQ(mk_model_posix_memalign(&block, 64, SIZE_MAX / 2), ENOMEM);
    CHECK_EQ(errno, 0);
    CHECK(same_memory(block, shared));
    CHECK(!mk_model_aligned_alloc(48, 96));
    CHECK_EQ(errno, EINVAL);
}

TEST(no_alignment_but_powers_of_two) {
    run(MK_HEAP_QUARANTINE, wrong_alignments, NULL);
}

static void allocate_and_keep(void) {
    shared[0] = mk_model_malloc(24);
    shared[1] = mk_model_malloc(5000);
    memset(shared[0], 1, 24);
    memset(shared[1], 1, 5000);
}

static void calloc_after_that(void) {
    char *small = mk_model_calloc(4, 6), *large = mk_model_calloc(1, 5000), *huge = mk_model_calloc(1, 1 << 20);
    CHECK(same_memory(small, shared[0]));
    CHECK(same_memory(large, shared[1]));
    CHECK(all_are(small, 24, 0));
    CHECK(all_are(large, 5000, 0));
    CHECK(all_are(huge, 1 << 20, 0));
    memset(huge, 1, 1 << 20);
}

TEST(every_schedule_finds_the_same_heap) {
    run(MK_HEAP_QUARANTINE, allocate_and_keep, NULL);
    CHECK_EQ(mk_heap_live(), 2);
    run(MK_HEAP_QUARANTINE, calloc_after_that, NULL);
    CHECK_EQ(mk_heap_live(), 3);
    run(MK_HEAP_QUARANTINE, calloc_after_that, NULL);
}

static void calloc_of_used_memory(void) {
    void *block = mk_model_malloc(100);
    memset(block, 7, 100);
    mk_model_free(block);
    void *zeroes = mk_model_calloc(1, 100);
    CHECK(same_memory(block, zeroes));
    CHECK(all_are(zeroes, 100, 0));
}

TEST(calloc_zeroes_what_is_reused) {
    run(MK_HEAP_LIFO, calloc_of_used_memory, NULL);
}

static void impossible_sizes(void) {
    errno = 0;
    CHECK(!mk_model_calloc(SIZE_MAX / 2, 3));
    CHECK_EQ(errno, ENOMEM);
    CHECK(!mk_model_malloc(SIZE_MAX));
    CHECK(!mk_model_malloc((size_t)PTRDIFF_MAX + 1));
    CHECK(!mk_model_reallocarray(NULL, SIZE_MAX / 2, 3));
    CHECK(!mk_model_aligned_alloc((size_t)1 << 63, 1));
}

static void more_than_there_is(void) {
    size_t blocks = 0;
    while (mk_model_malloc(1 << 20)) blocks++;
    CHECK(blocks >= 32 && blocks < 64);
    CHECK_EQ(errno, ENOMEM);
    CHECK(!mk_model_malloc(1 << 20));
    CHECK(mk_model_malloc(1) != NULL); /* there is room for small ones yet */
}

TEST(a_schedule_has_so_much_memory_and_no_more) {
    run(MK_HEAP_QUARANTINE, impossible_sizes, NULL);
    uint64_t before = mk_rt.limits;
    run(MK_HEAP_QUARANTINE, more_than_there_is, NULL);
    CHECK_EQ(mk_rt.limits - before, 2);
    run(MK_HEAP_QUARANTINE, more_than_there_is, NULL);
}

static void allocate_thrice(void) {
    errno = 0;
    shared[0] = mk_model_malloc(1);
    CHECK_EQ(errno, 0);
    shared[1] = mk_model_malloc(1);
    CHECK_EQ(errno, ENOMEM);
    shared[2] = mk_model_malloc(1);
}

TEST(memory_is_refused_where_the_chooser_likes) {
    struct mk_schedule_config config = config_of(MK_HEAP_QUARANTINE);
    config.refuse_one_in = 16;
    script.kind = MK_CHOICE_REFUSE;
    script.value[1] = 1;
    CHECK(!run_with(&config, allocate_thrice, NULL));
    CHECK(shared[0] && !shared[1] && shared[2]);
    CHECK_EQ(script.asked, 3);
    CHECK_EQ(script.n[0], 2);
    CHECK_EQ(mk_heap_live(), 2);
    CHECK_EQ(mk_rt.made_n, 1);
    CHECK_EQ(mk_rt.made[0].kind, MK_CHOICE_REFUSE);
    config = config_of(MK_HEAP_QUARANTINE);
    script.kind = MK_CHOICE_REFUSE;
    CHECK(!run_with(&config, various_sizes, NULL));
    CHECK_EQ(script.asked, 0);
}

/* ---- policies ------------------------------------------------------------------------------------ */

static void free_and_allocate(void) {
    void *freed[3];
    for (int i = 0; i < 3; i++) freed[i] = mk_model_malloc(40);
    for (int i = 0; i < 3; i++) mk_model_free(freed[i]);
    for (int i = 0; i < 4; i++) {
        shared[i] = mk_model_malloc(i == 1 ? 33 : 40);
        for (int j = 0; j < 3; j++) {
            if (same_memory(shared[i], freed[j])) shared[i] = (void *)(uintptr_t)(j + 1);
        }
    }
}

/* Which of the three freed ones each allocation got; 0: another one. */
static void check_got(uintptr_t first, uintptr_t second, uintptr_t third, uintptr_t fourth) {
    uintptr_t wanted[4] = {first, second, third, fourth};
    for (int i = 0; i < 4; i++) CHECK_EQ((uintptr_t)shared[i] < 4 ? (uintptr_t)shared[i] : 0, wanted[i]);
}

TEST(quarantine_hands_out_nothing_again) {
    run(MK_HEAP_QUARANTINE, free_and_allocate, NULL);
    check_got(0, 0, 0, 0);
    CHECK_EQ(script.asked, 0);
}

TEST(last_freed_first_handed_out) {
    run(MK_HEAP_LIFO, free_and_allocate, NULL);
    check_got(3, 2, 1, 0);
    CHECK_EQ(script.asked, 0);
    run(MK_HEAP_LIFO, free_and_allocate, NULL); /* of the schedule before nothing is left */
    check_got(3, 2, 1, 0);
}

TEST(the_chooser_says_what_is_handed_out_again) {
    struct mk_schedule_config config = config_of(MK_HEAP_RANDOM);
    script.value[0] = 2;
    script.value[2] = 1;
    CHECK(!run_with(&config, free_and_allocate, NULL));
    check_got(2, 0, 3, 0);
    CHECK_EQ(script.asked, 4);
    CHECK_EQ(script.n[0], 4);
    CHECK_EQ(script.n[1], 3);
    CHECK_EQ(script.n[3], 2);
}

static void many_freed(void) {
    void *freed[9];
    for (int i = 0; i < 9; i++) freed[i] = mk_model_malloc(40);
    for (int i = 0; i < 9; i++) mk_model_free(freed[i]);
    CHECK(same_memory(mk_model_malloc(40), freed[5]));
}

TEST(the_chooser_is_offered_four) {
    struct mk_schedule_config config = config_of(MK_HEAP_RANDOM);
    script.value[0] = 4;
    CHECK(!run_with(&config, many_freed, NULL));
    CHECK_EQ(script.n[0], 5);
}

static void other_size_or_alignment(void) {
    mk_model_malloc(48); /* so that the next one is not aligned by chance */
    void *block = mk_model_malloc(48), *large = mk_model_malloc(1500);
    mk_model_free(block);
    mk_model_free(large);
    CHECK(!same_memory(mk_model_malloc(49), block));
    CHECK(!same_memory(mk_model_aligned_alloc(4096, 48), block));
    CHECK(!same_memory(mk_model_malloc(32), block));
    CHECK(same_memory(mk_model_malloc(33), block));
    touch(block, 0, 33, true);
    CHECK(same_memory(mk_model_malloc(1400), large));
    touch(large, 0, 1400, true);
}

TEST(only_blocks_of_one_size_class_are_reused) {
    run(MK_HEAP_LIFO, other_size_or_alignment, NULL);
}

static void behind_what_is_reused(void) {
    mk_model_free(mk_model_malloc(48));
    touch(mk_model_malloc(33), 32, 2, true);
}

TEST(a_reused_block_ends_where_it_was_asked_to) {
    struct mk_schedule_config config = config_of(MK_HEAP_LIFO);
    CHECK(run_with(&config, behind_what_is_reused, NULL));
    CHECK_STR(mk_rt.failure.what, "thread 0 writes 2 bytes, of which the last one lies behind a block of 33 bytes");
}

/* Bodies that follow each other, though nothing but the heap orders them. */
static void write_and_free(void) {
    shared[1] = mk_model_malloc(8);
    shared[0] = mk_model_malloc(40);
    touch(shared[1], 0, 8, true);
    touch(shared[0], 0, 40, true);
    mk_model_free(shared[0]);
}

static void allocate_and_read(void) {
    void *block = mk_model_malloc(40);
    touch(block, 0, 40, true);
    touch(shared[1], 0, 8, false);
}

TEST(a_free_happens_before_the_memory_is_handed_out_again) {
    struct mk_schedule_config config = config_of(MK_HEAP_LIFO);
    run(MK_HEAP_LIFO, write_and_free, allocate_and_read);
    config.heap = MK_HEAP_QUARANTINE;
    CHECK(run_with(&config, write_and_free, allocate_and_read));
    CHECK_EQ(mk_rt.failure.kind, MK_FAIL_RACE);
}

static void free_often(void) {
    mk_model_malloc(40);
    for (int i = 0; i < 20; i++) mk_model_free(mk_model_malloc(8));
}

static void write_a_block(void) {
    shared[0] = mk_model_malloc(40);
    touch(shared[0], 0, 40, true);
}

static void free_own_and_read(void) {
    mk_model_free(mk_model_malloc(8));
    mk_model_malloc(8);
    touch(shared[0], 0, 40, false);
}

TEST(what_frees_of_earlier_schedules_ordered_is_forgotten) {
    struct mk_schedule_config config = config_of(MK_HEAP_LIFO);
    run(MK_HEAP_LIFO, free_often, NULL);
    CHECK(run_with(&config, write_a_block, free_own_and_read));
    CHECK_EQ(mk_rt.failure.kind, MK_FAIL_RACE);
}

static void calloc_and_publish(void) {
    shared[0] = mk_model_calloc(1, 64);
}

static void read_published(void) {
    touch(shared[0], 56, 8, false);
}

TEST(zeroes_are_written_by_who_asked_for_them) {
    struct mk_schedule_config config = config_of(MK_HEAP_QUARANTINE);
    CHECK(run_with(&config, calloc_and_publish, read_published));
    CHECK_EQ(mk_rt.failure.kind, MK_FAIL_RACE);
    CHECK_EQ(mk_rt.failure.there.thread, 1);
    CHECK(mk_rt.failure.there.write);
}

/* ---- what must not be touched -------------------------------------------------------------------- */

static void free_a_block(void) {
    shared[0] = mk_model_malloc(64);
    touch(shared[0], 16, 8, true);
    mk_model_free(shared[0]);
    CHECK(all_are(shared[0], 64, 0xdd));
}

static void read_freed(void) {
    touch(shared[0], 16, 8, false);
}

static void free_and_write(void) {
    free_a_block();
    touch(shared[0], 0, 4, true);
}

TEST(use_after_free_tells_both_sides) {
    run_fails(MK_FAIL_USE_AFTER_FREE,
              "thread 1 reads 8 bytes, 16 bytes into a block of 64 bytes, after thread 0 has freed it",
              free_a_block, read_freed);
    CHECK_EQ(mk_rt.failure.thread, 2);
    CHECK_EQ(mk_rt.failure.address, (uintptr_t)shared[0] + 16);
    CHECK_EQ(mk_rt.failure.here.thread, 2);
    CHECK_EQ(mk_rt.failure.here.bytes, 8);
    CHECK(!mk_rt.failure.here.write && !mk_rt.failure.here.freed && mk_rt.failure.here.pc);
    CHECK_EQ(mk_rt.failure.there.thread, 1);
    CHECK(mk_rt.failure.there.freed && mk_rt.failure.there.pc);
    CHECK(mk_rt.failure.there.step > 0 && mk_rt.failure.there.step <= mk_rt.failure.here.step);
    CHECK(mk_rt.failure.detail && strstr(mk_rt.failure.detail, "a block was allocated by thread 0 at step "));
    CHECK(mk_rt.failure.detail && strstr(mk_rt.failure.detail, "a block was freed by thread 0 at step "));
    run_fails(MK_FAIL_USE_AFTER_FREE, "thread 0 writes 4 bytes of a block of 64 bytes, after thread 0 has freed it",
              free_and_write, NULL);
    CHECK(mk_rt.failure.here.write);
}

static void allocate_shared(void) {
    shared[0] = mk_model_malloc(64);
}

static void read_shared(void) {
    allocate_shared();
    touch(shared[0], 0, 8, false);
}

static void free_shared(void) {
    mk_model_free(shared[0]);
}

TEST(a_free_that_nothing_orders_after_a_use_fails) {
    struct mk_schedule_config config = config_of(MK_HEAP_QUARANTINE);
    CHECK(run_with(&config, read_shared, free_shared));
    CHECK_EQ(mk_rt.failure.kind, MK_FAIL_USE_AFTER_FREE);
    CHECK(mk_rt.failure.here.freed);
    CHECK_EQ(mk_rt.failure.there.thread, 1);
}

static size_t at_offset, of_bytes;

static void touch_outside(void) {
    mk_model_malloc(100);
    shared[0] = mk_model_malloc(20);
    mk_model_malloc(100);
    touch(shared[0], at_offset, of_bytes, true);
}

static void check_outside(ptrdiff_t offset, size_t bytes, const char *what) {
    at_offset = (size_t)offset;
    of_bytes = bytes;
    run_fails(MK_FAIL_BOUNDS, what, touch_outside, NULL);
    CHECK_EQ(mk_rt.failure.address, (uintptr_t)shared[0] + at_offset);
}

TEST(bounds_are_those_of_what_was_asked_for) {
    check_outside(20, 1, "thread 0 writes 1 byte, directly behind a block of 20 bytes");
    check_outside(24, 8, "thread 0 writes 8 bytes, 4 bytes behind a block of 20 bytes");
    check_outside(16, 8, "thread 0 writes 8 bytes, of which the last 4 lie behind a block of 20 bytes");
    check_outside(0, 200, "thread 0 writes 200 bytes, of which the last 180 lie behind a block of 20 bytes");
    check_outside(-1, 1, "thread 0 writes 1 byte, 1 byte before a block of 20 bytes");
    check_outside(-4, 8, "thread 0 writes 8 bytes, 4 bytes before a block of 20 bytes");
    check_outside(1 << 20, 8, "thread 0 writes 8 bytes of heap memory that was never handed out");
}

static void touch_empty(void) {
    shared[0] = mk_model_malloc(0);
    shared[1] = mk_model_malloc(0);
    CHECK(shared[0] && shared[1] && !same_memory(shared[0], shared[1]));
    touch(shared[0], 0, 1, false);
}

TEST(an_empty_block_has_an_address_and_no_bytes) {
    run_fails(MK_FAIL_BOUNDS, "thread 0 reads 1 byte of a block of 0 bytes", touch_empty, NULL);
}

/* The cache of what was found last must not outlive a block. */
static void touch_free_touch(void) {
    char *block[64];
    for (int i = 0; i < 64; i++) block[i] = mk_model_malloc(16);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 64; i++) touch(block[i], 8, 8, true);
    }
    for (int i = 0; i < 64; i++) CHECK_EQ(mk_heap_room((uintptr_t)block[i] + 4), 12);
    mk_model_free(block[7]);
    for (int i = 0; i < 64; i++) CHECK_EQ(mk_heap_room((uintptr_t)block[i]), i == 7 ? 0 : 16);
    touch(block[8], 0, 16, true);
    touch(block[7], 8, 8, true);
}

TEST(what_is_cached_is_true) {
    run_fails(MK_FAIL_USE_AFTER_FREE,
              "thread 0 writes 8 bytes, 8 bytes into a block of 16 bytes, after thread 0 has freed it",
              touch_free_touch, NULL);
}

static void touch_free_touch_with_many(void) {
    shared[0] = mk_model_malloc(16);
    touch(shared[0], 0, 8, true);
    for (int i = 0; i < 40000; i++) CHECK(mk_model_malloc(16) != NULL);
    mk_model_free(shared[0]);
    touch(shared[0], 0, 8, true);
}

TEST(what_is_cached_is_true_when_the_books_grow) {
    run_fails(MK_FAIL_USE_AFTER_FREE, "thread 0 writes 8 bytes of a block of 16 bytes, after thread 0 has freed it",
              touch_free_touch_with_many, NULL);
}

static void touch_of_before(void) {
    touch(shared[0], 0, 8, false);
}

TEST(a_block_does_not_outlive_its_schedule) {
    run(MK_HEAP_QUARANTINE, read_shared, NULL);
    run_fails(MK_FAIL_BOUNDS, "thread 0 reads 8 bytes of heap memory that was never handed out", touch_of_before,
              NULL);
}

/* ---- what must not be freed ---------------------------------------------------------------------- */

static void free_twice(void) {
    free_a_block();
    mk_model_free(shared[0]);
}

static void free_inside(void) {
    mk_model_free((char *)mk_model_malloc(64) + 16);
}

static void free_nowhere(void) {
    mk_model_free((void *)(MK_HEAP_BASE + ((uintptr_t)1 << 25)));
}

static void free_a_mapping(void) {
    mk_model_free(mk_model_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void reallocate_freed(void) {
    free_a_block();
    mk_model_realloc(shared[0], 100);
}

static void size_of_freed(void) {
    free_a_block();
    mk_model_malloc_usable_size(shared[0]);
}

TEST(bad_frees_fail) {
    run_fails(MK_FAIL_BAD_FREE, "thread 1 frees a block of 64 bytes that thread 0 has freed already", free_a_block,
              free_shared);
    CHECK_EQ(mk_rt.failure.there.thread, 1);
    CHECK(mk_rt.failure.there.freed && mk_rt.failure.here.freed);
    run_fails(MK_FAIL_BAD_FREE, "thread 0 frees a block of 64 bytes that thread 0 has freed already", free_twice,
              NULL);
    run_fails(MK_FAIL_BAD_FREE, "thread 0 frees an address that lies 16 bytes into a block of 64 bytes",
              free_inside, NULL);
    run_fails(MK_FAIL_BAD_FREE, "thread 0 frees an address of the heap that was never handed out", free_nowhere,
              NULL);
    run_fails(MK_FAIL_BAD_FREE, "thread 0 frees a mapping of 4096 bytes, which is not what it was handed out as",
              free_a_mapping, NULL);
    run_fails(MK_FAIL_BAD_FREE, "thread 0 reallocates a block of 64 bytes that thread 0 has freed already",
              reallocate_freed, NULL);
    run_fails(MK_FAIL_BAD_FREE, "thread 0 asks for the size of a block of 64 bytes that thread 0 has freed already",
              size_of_freed, NULL);
}

static void free_nothing(void) {
    mk_model_free(NULL);
}

static void free_from_before(void) {
    mk_model_free(shared[0]);
    shared[1] = mk_model_malloc(8);
}

TEST(blocks_from_outside_a_schedule_belong_to_the_c_library) {
    run(MK_HEAP_QUARANTINE, free_nothing, NULL);
    size_t before = mallinfo2().hblks;
    shared[0] = mk_model_malloc(LARGE);
    CHECK_EQ(mallinfo2().hblks, before + 1);
    CHECK((uintptr_t)shared[0] - MK_HEAP_BASE >= MK_HEAP_BYTES);
    CHECK(mk_model_malloc_usable_size(shared[0]) >= LARGE);
    run(MK_HEAP_QUARANTINE, free_from_before, NULL);
    CHECK_EQ(mallinfo2().hblks, before);
    CHECK((uintptr_t)shared[1] - MK_HEAP_BASE < MK_HEAP_BYTES);
    memset(shared[1], 3, 8);
    char *moved = mk_model_realloc(shared[1], 16);
    CHECK((uintptr_t)moved - MK_HEAP_BASE >= MK_HEAP_BYTES && all_are(moved, 8, 3));
    mk_model_free(moved);
    mk_model_free(shared[1]); /* the schedule is over: it is gone already */
}

/* ---- realloc ------------------------------------------------------------------------------------- */

static void reallocate(void) {
    char *block = mk_model_realloc(NULL, 10), *larger, *smaller;
    memset(block, 5, 10);
    larger = mk_model_realloc(block, 300);
    CHECK(!same_memory(larger, block));
    CHECK(all_are(larger, 10, 5));
    CHECK_EQ(mk_model_malloc_usable_size(larger), 300);
    smaller = mk_model_reallocarray(larger, 2, 3);
    CHECK(all_are(smaller, 6, 5));
    CHECK_EQ(mk_heap_room((uintptr_t)larger), 0);
    CHECK_EQ(mk_heap_live(), 1);
    CHECK(!mk_model_realloc(smaller, 0));
    CHECK_EQ(mk_heap_live(), 0);
}

static void keep_the_old_address(void) {
    char *block = mk_model_malloc(10);
    mk_model_realloc(block, 11);
    touch(block, 0, 1, false);
}

static void reallocate_refused(void) {
    char *block = mk_model_malloc(10);
    CHECK(!mk_model_realloc(block, 11));
    touch(block, 0, 10, true);
    mk_model_free(block);
}

TEST(realloc_moves) {
    run(MK_HEAP_QUARANTINE, reallocate, NULL);
    run(MK_HEAP_LIFO, reallocate, NULL);
    run_fails(MK_FAIL_USE_AFTER_FREE, "thread 0 reads 1 byte of a block of 10 bytes, after thread 0 has freed it",
              keep_the_old_address, NULL);
    struct mk_schedule_config config = config_of(MK_HEAP_QUARANTINE);
    config.refuse_one_in = 2;
    script.kind = MK_CHOICE_REFUSE;
    script.value[1] = 1;
    CHECK(!run_with(&config, reallocate_refused, NULL));
}

/* ---- what is told -------------------------------------------------------------------------------- */

static void check_described(size_t offset, const char *begin, const char *end) {
    char text[300];
    mk_heap_describe((uintptr_t)shared[0] + offset, text, sizeof text);
    CHECK_EQ(strncmp(text, begin, strlen(begin)), 0);
    CHECK(strlen(text) >= strlen(end) && strstr(text, "{pc 0x"));
    if (strstr(text, end) == NULL) CHECK_STR(text, end);
}

static void describe_live(void) {
    check_described(0, "block of 64 bytes, allocated by thread 0 at {pc 0x", "}");
    check_described(24, "24 bytes into a block of 64 bytes, allocated by thread 0 at {pc 0x", "}");
    check_described(64, "directly behind a block of 64 bytes, allocated by thread 0 at {pc 0x", "}");
    free_shared();
    check_described(0, "block of 64 bytes, allocated by thread 0 at {pc 0x", ", freed by thread 1 at {pc 0x");
}

TEST(a_block_is_described_during_and_after_a_schedule) {
    char text[100] = "x";
    run(MK_HEAP_QUARANTINE, allocate_shared, describe_live);
    check_described(63, "63 bytes into a block of 64 bytes, allocated by thread 0 at {pc 0x",
                    ", freed by thread 1 at {pc 0x");
    mk_heap_describe((uintptr_t)text, text, sizeof text);
    CHECK_STR(text, "");
    mk_heap_describe(MK_HEAP_BASE + MK_HEAP_BYTES - 1, text, sizeof text);
    CHECK_STR(text, "");
}

static void leak_some(void) {
    size_t bytes;
    mk_model_free(mk_model_malloc(1));
    CHECK_EQ(mk_heap_oldest(&bytes), 0);
    shared[0] = mk_model_malloc(2);
    mk_model_malloc(3);
    mk_model_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TEST(leaks_are_counted_and_the_oldest_named) {
    size_t bytes = 0;
    run(MK_HEAP_LIFO, leak_some, NULL);
    CHECK_EQ(mk_heap_live(), 2);
    CHECK_EQ(mk_heap_oldest(&bytes), (uintptr_t)shared[0]);
    CHECK_EQ(bytes, 2);
    run(MK_HEAP_LIFO, nothing, NULL);
    CHECK_EQ(mk_heap_live(), 0);
}

static char told[400];

static void listen(struct mk_event_sink *sink, const struct mk_event_info *info) {
    size_t at = strlen(told);
    (void)sink;
    if (!info->text || !strcmp(info->text, "join")) return;
    snprintf(told + at, sizeof told - at, "%u %s %u%s%s; ", info->thread, info->text, info->bytes,
             info->failed ? " failed" : "",
             info->act == MK_ACT_ALLOC ? " alloc" : info->act == MK_ACT_FREE ? " free" : "");
    if (!info->failed) CHECK(info->address && info->pc);
}

static void allocate_free_refuse(void) {
    mk_model_free(mk_model_malloc(12));
    CHECK(!mk_model_malloc(SIZE_MAX));
}

TEST(whoever_listens_is_told) {
    struct mk_event_sink sink = {.event = listen};
    struct mk_schedule_config config = config_of(MK_HEAP_QUARANTINE);
    config.sink = &sink;
    told[0] = '\0';
    CHECK(!run_with(&config, allocate_free_refuse, NULL));
    CHECK(strstr(told, "1 malloc 12 alloc; 1 free 12 free; 1 malloc 4294967295 failed alloc; ") != NULL);
}

/* ---- pages --------------------------------------------------------------------------------------- */

static char *map(size_t bytes) {
    void *low = mk_model_mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return low == MAP_FAILED ? NULL : low;
}

static void map_and_cut(void) {
    char *low = map(8 * PAGE - 5), *other = map(PAGE);
    CHECK_EQ((uintptr_t)low % PAGE, 0);
    CHECK(other >= low + 9 * PAGE);
    CHECK(all_are(low, 8 * PAGE, 0));
    touch(low, 0, 8 * PAGE, true);
    memset(low, 9, 8 * PAGE);
    CHECK_EQ(mk_model_munmap(low, PAGE), 0);
    CHECK_EQ(mk_model_munmap(low + 7 * PAGE, PAGE), 0);
    CHECK_EQ(mk_model_munmap(low + 3 * PAGE, 1), 0);
    touch(low, PAGE, 2 * PAGE, true);
    touch(low, 4 * PAGE, 3 * PAGE, true);
    touch(other, 0, PAGE, true);
    CHECK(all_are(low + PAGE, 2 * PAGE, 9));
    CHECK_EQ(mk_model_munmap(low + PAGE, 2 * PAGE), 0);
    CHECK_EQ(mk_model_munmap(low + 4 * PAGE, 3 * PAGE), 0);
    CHECK_EQ(mk_model_munmap(other, PAGE), 0);
    CHECK_EQ(mk_model_munmap(other + 1, PAGE), -1);
    CHECK_EQ(errno, EINVAL);
}

static void touch_unmapped(void) {
    char *low = map(8 * PAGE);
    mk_model_munmap(low + 3 * PAGE, PAGE);
    touch(low, 3 * PAGE - 1, 2, true);
}

static void unmap_unmapped(void) {
    char *low = map(8 * PAGE);
    mk_model_munmap(low + 3 * PAGE, PAGE);
    mk_model_munmap(low + 2 * PAGE, 3 * PAGE);
}

static void unmap_nothing(void) {
    mk_model_munmap((void *)(MK_HEAP_BASE + MK_HEAP_BYTES / 2), PAGE);
}

TEST(pages_are_mapped_and_cut) {
    run(MK_HEAP_QUARANTINE, map_and_cut, NULL);
    run(MK_HEAP_LIFO, map_and_cut, NULL);
    run(MK_HEAP_LIFO, map_and_cut, NULL);
    run_fails(MK_FAIL_BOUNDS, "thread 0 writes 2 bytes, of which the last one lies behind a mapping of 12288 bytes",
              touch_unmapped, NULL);
    run_fails(MK_FAIL_BAD_FREE, "thread 0 unmaps a mapping of 4096 bytes that thread 0 has freed already",
              unmap_unmapped, NULL);
    run_fails(MK_FAIL_BAD_FREE, "thread 0 unmaps an address of the heap that was never handed out", unmap_nothing,
              NULL);
}

/* An access may cross from one part of a mapping to the next. */
static void cross_parts(void) {
    char *low = map(4 * PAGE);
    mk_model_munmap(low + PAGE, PAGE);
    mk_model_munmap(low + 3 * PAGE, PAGE);
    char *again = map(PAGE), *other = map(PAGE);
    CHECK(same_memory(again, low + 3 * PAGE));
    CHECK(same_memory(other, low + PAGE));
    CHECK(all_are(again, PAGE, 0) && all_are(other, PAGE, 0));
    touch(low, 0, 4 * PAGE, true);
    touch(low, PAGE - 4, 8, true);
}

/* 9 and 10 pages are of one class. */
static void map_more(void) {
    char *low = map(9 * PAGE);
    mk_model_munmap(low, 9 * PAGE);
    CHECK(!same_memory(map(10 * PAGE), low));
    CHECK(same_memory(map(9 * PAGE), low));
}

TEST(parts_of_mappings_are_reused) {
    run(MK_HEAP_LIFO, cross_parts, NULL);
    run(MK_HEAP_LIFO, map_more, NULL);
}

static void map_and_grow(void) {
    CHECK(!map(PAGE));
    CHECK_EQ(errno, ENOMEM);
    CHECK(same_memory(mk_model_sbrk(8), (void *)-1));
    CHECK(!same_memory(mk_model_sbrk(8), (void *)-1));
}

TEST(pages_are_refused_where_the_chooser_likes) {
    struct mk_schedule_config config = config_of(MK_HEAP_QUARANTINE);
    config.refuse_one_in = 2;
    script.kind = MK_CHOICE_REFUSE;
    script.value[0] = script.value[1] = 1;
    CHECK(!run_with(&config, map_and_grow, NULL));
}

static void advise(void) {
    char *low = map(512 * PAGE);
    memset(low, 1, 512 * PAGE);
    touch(low, 0, 512, true);
    CHECK_EQ(mk_model_madvise(low, PAGE, MADV_WILLNEED), 0);
    CHECK(all_are(low, PAGE, 1));
    CHECK_EQ(mk_model_madvise(low + PAGE, 2 * PAGE, MADV_DONTNEED), 0);
    CHECK(all_are(low, PAGE, 1) && all_are(low + PAGE, 2 * PAGE, 0) && all_are(low + 3 * PAGE, PAGE, 1));
    CHECK_EQ(mk_model_madvise(low + 4 * PAGE, 500 * PAGE, MADV_FREE), 0);
    CHECK(all_are(low + 4 * PAGE, 500 * PAGE, 0) && all_are(low + 504 * PAGE, PAGE, 1));
    CHECK(same_memory(mk_model_mmap(low, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), low));
    CHECK(all_are(low, PAGE, 0));
    CHECK_EQ(mk_model_mprotect(low, PAGE, PROT_NONE), 0);
    CHECK(same_memory(mk_model_mremap(low, 512 * PAGE, 1024 * PAGE, MREMAP_MAYMOVE), MAP_FAILED));
    CHECK(same_memory(mk_model_mremap(low, 512 * PAGE, 2 * PAGE, 0), low));
    CHECK_EQ(mk_heap_room((uintptr_t)low), 2 * PAGE);
    CHECK_EQ(mk_model_getpagesize(), PAGE);
}

static void map_what_is_no_memory(void) {
    CHECK(same_memory(mk_model_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 0, 0), MAP_FAILED));
    CHECK(!map(0));
    CHECK_EQ(errno, EINVAL);
    CHECK(!map(SIZE_MAX));
    CHECK(!map((size_t)1 << 40));
    CHECK_EQ(errno, ENOMEM);
}

static void advise_unmapped(void) {
    char *low = map(2 * PAGE);
    mk_model_madvise(low, 3 * PAGE, MADV_DONTNEED);
}

static void map_in_place_of_unmapped(void) {
    char *low = map(2 * PAGE);
    mk_model_munmap(low, PAGE);
    mk_model_mmap(low, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void write_page(void) {
    shared[0] = map(PAGE);
    touch(shared[0], 0, 8, true);
}

static void drop_page(void) {
    mk_model_madvise(shared[0], PAGE, MADV_DONTNEED);
}

TEST(pages_are_zero_after_dontneed) {
    run(MK_HEAP_QUARANTINE, advise, NULL);
    run(MK_HEAP_QUARANTINE, advise, NULL);
    run(MK_HEAP_QUARANTINE, map_what_is_no_memory, NULL);
    run_fails(MK_FAIL_BOUNDS,
              "thread 0 writes 12288 bytes, of which the last 4096 lie behind a mapping of 8192 bytes",
              advise_unmapped, NULL);
    run_fails(MK_FAIL_USE_AFTER_FREE,
              "thread 0 writes 4096 bytes of a mapping of 4096 bytes, after thread 0 has freed it",
              map_in_place_of_unmapped, NULL);
    struct mk_schedule_config config = config_of(MK_HEAP_QUARANTINE);
    CHECK(run_with(&config, write_page, drop_page));
    CHECK_EQ(mk_rt.failure.kind, MK_FAIL_USE_AFTER_FREE);
}

static void move_break(void) {
    char *low = mk_model_sbrk(0);
    CHECK(same_memory(mk_model_sbrk(1000), low));
    CHECK(same_memory(mk_model_sbrk(1000), low + 1000));
    touch(low, 0, 2000, true);
    CHECK(all_are(low, 2000, 0));
    memset(low, 4, 2000);
    CHECK(same_memory(mk_model_sbrk(-1500), low + 2000));
    CHECK(same_memory(mk_model_sbrk(1500), low + 500));
    CHECK(all_are(low, 500, 4) && all_are(low + 500, 1500, 0));
    CHECK(same_memory(mk_model_sbrk(-3000), (void *)-1));
    CHECK(same_memory(mk_model_sbrk(1 << 30), (void *)-1));
    CHECK_EQ(errno, ENOMEM);
    CHECK(same_memory(mk_model_sbrk(0), low + 2000));
    shared[0] = low;
}

static void touch_behind_break(void) {
    char *low = mk_model_sbrk(100);
    mk_model_sbrk(-10);
    touch(low, 90, 1, false);
}

static void write_below_break(void) {
    touch(mk_model_sbrk(100), 0, 100, true);
}

static void lower_break(void) {
    mk_model_sbrk(-10);
}

TEST(the_break_moves) {
    run(MK_HEAP_QUARANTINE, move_break, NULL);
    run(MK_HEAP_QUARANTINE, move_break, NULL);
    run_fails(MK_FAIL_BOUNDS, "thread 0 reads 1 byte, directly behind the break area of 90 bytes",
              touch_behind_break, NULL);
    struct mk_schedule_config config = config_of(MK_HEAP_QUARANTINE);
    CHECK(run_with(&config, write_below_break, lower_break));
    CHECK_EQ(mk_rt.failure.kind, MK_FAIL_USE_AFTER_FREE);
}

/* ---- bytes and strings --------------------------------------------------------------------------- */

static void copy_and_compare(void) {
    char *a = mk_model_malloc(16), *b = mk_model_malloc(16), *c;
    CHECK(same_memory(mk_model_memset(a, 'a', 15), a));
    a[15] = '\0';
    CHECK(same_memory(mk_model_memcpy(b, a, 16), b));
    CHECK_EQ(mk_model_memcmp(a, b, 16), 0);
    CHECK_EQ(mk_model_strlen(b), 15);
    CHECK_EQ(mk_model_strnlen(b, 4), 4);
    CHECK(same_memory(mk_model_memmove(b + 1, b, 4), b + 1));
    CHECK_EQ(mk_model_strcmp(a, b), 0);
    b[3] = 'b';
    CHECK(mk_model_strcmp(a, b) < 0);
    CHECK_EQ(mk_model_strncmp(a, b, 3), 0);
    CHECK(same_memory(mk_model_strchr(b, 'b'), b + 3));
    CHECK(same_memory(mk_model_strrchr(b, 'a'), b + 14));
    CHECK(same_memory(mk_model_strstr(b, "ba"), b + 3));
    CHECK(same_memory(mk_model_memchr(b, 'b', 1000), b + 3)); /* it reads no further */
    c = mk_model_strdup("word");
    CHECK_STR(c, "word");
    CHECK_EQ(mk_model_malloc_usable_size(c), 5);
    c = mk_model_strndup("word", 2);
    CHECK_STR(c, "wo");
    CHECK(same_memory(mk_model_strcpy(a, "abc"), a));
    CHECK(same_memory(mk_model_strcat(a, "def"), a));
    CHECK(same_memory(mk_model_strncat(a, "ghijkl", 2), a));
    CHECK_STR(a, "abcdefgh");
    CHECK(same_memory(mk_model_stpcpy(a, "xy"), a + 2));
    mk_model_strncpy(b, "pq", 16);
    CHECK(all_are(b + 2, 14, 0) && b[0] == 'p' && b[1] == 'q');
    CHECK(same_memory(mk_model_mempcpy(b, "no", 2), b + 2));
    CHECK_EQ(mk_model_snprintf(b, 4, "%d", 123456), 6);
    CHECK_STR(b, "123");
    mk_model_bzero(b, 16);
    CHECK(all_are(b, 16, 0));
    mk_model_explicit_bzero(a, 16);
    CHECK_EQ(mk_model_bcmp(a, b, 16), 0);
}

static char *unterminated(void) {
    char *text = mk_model_malloc(5);
    memset(text, 'x', 5);
    return text;
}

static void length_without_end(void) {
    mk_model_strlen(unterminated());
}

static void compare_without_end(void) {
    mk_model_strcmp("xxxxxxxxxxxx", unterminated());
}

static void copy_too_much(void) {
    mk_model_strcpy(unterminated(), "12345");
}

static void print_too_much(void) {
    mk_model_snprintf(unterminated(), 8, "%s", "123456");
}

static void read_too_much(void) {
    char all[8];
    mk_model_memcpy(all, unterminated(), 8);
}

static void print_what_fits(void) {
    mk_model_snprintf(unterminated(), 1000, "%d", 1234);
    CHECK_EQ(mk_model_strncmp(unterminated(), "xxxxx", 5), 0);
    CHECK_EQ(mk_model_strnlen(unterminated(), 5), 5);
    char *copy = mk_model_strndup(unterminated(), 5);
    CHECK_STR(copy, "xxxxx");
}

static void set_shared(void) {
    allocate_shared();
    mk_model_memset(shared[0], 1, 64);
}

static void compare_shared(void) {
    mk_model_memcmp(shared[0], "xyz", 3);
}

TEST(bytes_and_strings_touch_what_they_read_and_write) {
    run(MK_HEAP_QUARANTINE, copy_and_compare, NULL);
    run(MK_HEAP_QUARANTINE, print_what_fits, NULL);
    run_fails(MK_FAIL_BOUNDS, "thread 0 reads 6 bytes, of which the last one lies behind a block of 5 bytes",
              length_without_end, NULL);
    run_fails(MK_FAIL_BOUNDS, "thread 0 reads 6 bytes, of which the last one lies behind a block of 5 bytes",
              compare_without_end, NULL);
    run_fails(MK_FAIL_BOUNDS, "thread 0 writes 6 bytes, of which the last one lies behind a block of 5 bytes",
              copy_too_much, NULL);
    run_fails(MK_FAIL_BOUNDS, "thread 0 writes 7 bytes, of which the last 2 lie behind a block of 5 bytes",
              print_too_much, NULL);
    run_fails(MK_FAIL_BOUNDS, "thread 0 reads 8 bytes, of which the last 3 lie behind a block of 5 bytes",
              read_too_much, NULL);
    struct mk_schedule_config config = config_of(MK_HEAP_QUARANTINE);
    CHECK(run_with(&config, set_shared, compare_shared));
    CHECK_EQ(mk_rt.failure.kind, MK_FAIL_RACE);
    CHECK_EQ(mk_rt.failure.here.bytes, 3);
    CHECK_EQ(mk_model_strlen("four"), 4); /* outside of schedules too */
}

/* A variable of an implementation, as scripts/model_object places them. */
static char variable[16] __attribute__((section("mk_model_data"))) = "as it was";

static void set_variable(void) {
    CHECK_STR(variable, "as it was");
    mk_model_strcpy(variable, "changed");
}

TEST(variables_that_are_written_to_are_set_back) {
    run(MK_HEAP_QUARANTINE, set_variable, NULL);
    run(MK_HEAP_QUARANTINE, set_variable, NULL);
}

/* ---- at random ----------------------------------------------------------------------------------- */

#define SLOTS 200

static uint64_t random_state;
static uint64_t all_addresses; /* a hash */

static uint32_t draw(uint32_t below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

static struct {
    unsigned char *at;
    size_t bytes;
    unsigned char mark;
} slots[SLOTS];

static void fill_slot(uint32_t i) {
    slots[i].bytes = draw(8) ? draw(200) : draw(20000);
    slots[i].mark = (unsigned char)draw(255);
    slots[i].at = draw(4) ? mk_model_malloc(slots[i].bytes)
                          : mk_model_aligned_alloc((size_t)16 << draw(10), slots[i].bytes);
    if (!slots[i].at) return;
    if (slots[i].bytes) touch(slots[i].at, 0, slots[i].bytes, true);
    memset(slots[i].at, slots[i].mark, slots[i].bytes);
    all_addresses = (all_addresses ^ (uintptr_t)slots[i].at) * 0x9e3779b97f4a7c15u;
}

/* Blocks keep what was written into them: none overlaps another one. */
static void churn(void) {
    memset(slots, 0, sizeof slots);
    for (int round = 0; round < 3000; round++) {
        uint32_t i = draw(SLOTS);
        if (!slots[i].at) {
            fill_slot(i);
            continue;
        }
        size_t bytes = slots[i].bytes;
        CHECK_EQ(mk_heap_room((uintptr_t)slots[i].at), bytes);
        CHECK(all_are(slots[i].at, bytes, slots[i].mark));
        if (bytes) touch(slots[i].at, draw((uint32_t)bytes), 1, false);
        mk_model_free(slots[i].at);
        slots[i].at = NULL;
    }
    size_t live = 0;
    for (uint32_t i = 0; i < SLOTS; i++) live += slots[i].at != NULL;
    CHECK_EQ(mk_heap_live(), live);
}

static uint32_t choose_at_random(struct mk_chooser *chooser, enum mk_choice_kind kind, uint32_t n) {
    (void)chooser, (void)kind;
    return draw(n);
}

static uint64_t churn_with(enum mk_heap_policy policy, uint64_t seed) {
    struct mk_schedule_config config = config_of(policy);
    script.chooser.value = choose_at_random;
    random_state = seed;
    all_addresses = 0;
    if (run_with(&config, churn, NULL)) CHECK_STR(mk_rt.failure.what, "no failure");
    return all_addresses;
}

TEST(no_two_blocks_overlap_and_all_of_it_repeats) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        for (int policy = MK_HEAP_QUARANTINE; policy <= MK_HEAP_RANDOM; policy++) {
            uint64_t first = churn_with((enum mk_heap_policy)policy, seed);
            CHECK(first == churn_with((enum mk_heap_policy)policy, seed));
        }
    }
}

/* Mappings are taken, cut and unmapped in parts; a list of pages says which of them there ought to be. */
static unsigned char *page_at[64];

static void churn_pages(void) {
    memset(page_at, 0, sizeof page_at);
    for (int round = 0; round < 300; round++) {
        uint32_t i = draw(64), n = 1 + draw(8);
        if (i + n > 64) n = 64 - i;
        bool free_slots = true, one_run = true;
        for (uint32_t j = i; j < i + n; j++) {
            free_slots &= !page_at[j];
            one_run &= page_at[j] && (j == i || page_at[j] == page_at[j - 1] + PAGE);
        }
        if (free_slots) {
            unsigned char *low = (unsigned char *)map(n * PAGE);
            CHECK(all_are(low, n * PAGE, 0));
            memset(low, (int)i, n * PAGE);
            for (uint32_t j = 0; j < n; j++) page_at[i + j] = low + j * PAGE;
        } else if (one_run) {
            CHECK_EQ(mk_model_munmap(page_at[i], n * PAGE), 0);
            for (uint32_t j = i; j < i + n; j++) page_at[j] = NULL;
        }
        for (uint32_t j = 0; j < 64; j++) {
            if (page_at[j]) touch(page_at[j], 8, 8, true);
            if (page_at[j]) CHECK(mk_heap_room((uintptr_t)page_at[j]) >= PAGE);
        }
    }
}

TEST(pages_that_are_cut_at_random_stay_apart) {
    for (int policy = MK_HEAP_QUARANTINE; policy <= MK_HEAP_RANDOM; policy++) {
        for (uint64_t seed = 1; seed <= 20; seed++) {
            struct mk_schedule_config config = config_of((enum mk_heap_policy)policy);
            script.chooser.value = choose_at_random;
            random_state = seed;
            if (run_with(&config, churn_pages, NULL)) CHECK_STR(mk_rt.failure.what, "no failure");
        }
    }
}
