/* test_schedule.c - one schedule and what it leaves behind: release sequences, races outside of bodies, what is told
 * apart by the number of a schedule, and variables that are written between schedules.
 */
#include "../test.h"

#include <signal.h>

#include "../../harness/model/explore.h"
#include "../../harness/model/reset.h"

enum { RELAXED = 0, ACQUIRE = 2, RELEASE = 3, SEQ_CST = 5 };

/* What programs share. Far enough apart that no two are of one cell. */
static uint64_t x[2], y[2], flag[2];

/* Calls stand for places in code: each has its own number, and a place has one order. */
static uint64_t load(uint64_t *at, int order, uintptr_t pc) {
    return mk_memory_load((uintptr_t)at, 8, order, 0x1000 + 0x100 * (uintptr_t)order + pc).low;
}

static void store(uint64_t *at, uint64_t value, int order, uintptr_t pc) {
    mk_memory_store((uintptr_t)at, 8, (struct mk_word){value, 0}, order, 0x2000 + 0x100 * (uintptr_t)order + pc);
}

static void exchange(uint64_t *at, uint64_t value, int order, uintptr_t pc) {
    mk_memory_rmw((uintptr_t)at, 8, MK_RMW_EXCHANGE, (struct mk_word){value, 0}, order,
                  0x3000 + 0x100 * (uintptr_t)order + pc);
}

static void clear(void *arg) {
    (void)arg;
    x[0] = y[0] = flag[0] = 0;
}

static void nothing(void *arg, uint32_t number) {
    (void)arg, (void)number;
}

static struct mk_explored explore(const struct mk_program *program, struct mk_explore_config config) {
    struct mk_explored explored;
    mk_explore(program, &config, &explored);
    return explored;
}

static bool fails(const struct mk_program *program, enum mk_failure_kind kind) {
    struct mk_explore_config config = {.seed = 1, .schedules = 3000, .setting.races = true};
    struct mk_explored explored = explore(program, config);
    bool failed = explored.failed;
    if (failed && explored.failure.kind != kind) {
        mk_test_fail(__FILE__, __LINE__, "%s: %s", program->name, explored.failure.what);
    }
    mk_explored_free(&explored);
    return failed;
}

/* ---- release sequences ------------------------------------------------------------------------ */

/* Each of `releasers` threads writes data of its own and releases the flag, one behind the other; then thread 0 stores
 * to it again, relaxed. Who acquires that has what thread 0 released (C11), whoever has released since. */
static uint32_t releasers;
static uint64_t data[4][2];

static void release_in_turn(void *arg, uint32_t number) {
    (void)arg;
    if (number < releasers) {
        while (number && load(&flag[0], RELAXED, number) != number) mk_rt_yield(0x4000);
        mk_race_plain((uintptr_t)&data[number][0], 8, true, 0x5000 + number);
        exchange(&flag[0], number + 1, RELEASE, number);
        if (number) return;
        while (load(&flag[0], RELAXED, 10) != releasers) mk_rt_yield(0x4001);
        store(&flag[0], 100, RELAXED, 11);
    } else if (load(&flag[0], ACQUIRE, 12) == 100) {
        mk_race_plain((uintptr_t)&data[*(uint32_t *)arg][0], 8, false, 0x5100);
    }
}

TEST(a_release_sequence_goes_on_behind_those_of_others) {
    for (releasers = 1; releasers <= 4; releasers++) {
        uint32_t whose = 0;
        struct mk_program program = {.name = "sequence", .threads = releasers + 1, .arg = &whose, .begin = clear,
                                     .body = release_in_turn};
        CHECK(!fails(&program, MK_FAIL_RACE));
        whose = 1; /* the store of thread 0 ends the sequence of thread 1 */
        if (releasers == 2) CHECK(fails(&program, MK_FAIL_RACE));
    }
}

/* ---- who is alone ------------------------------------------------------------------------------- */

static void write_x(void *arg) {
    (void)arg;
    mk_race_plain((uintptr_t)&x[0], 8, true, 0x5200);
}

static void begin_helper(void *arg) {
    clear(arg);
    mk_rt_spawn(write_x, NULL);
}

static void read_x(void *arg) {
    (void)arg;
    mk_race_plain((uintptr_t)&x[0], 8, false, 0x5201);
}

/* Bodies are joined by the runtime, other threads by the program alone. */
TEST(the_end_races_with_threads_that_nobody_joined) {
    struct mk_program program = {.name = "left alone", .threads = 1, .begin = begin_helper, .body = nothing,
                                 .end = read_x};
    CHECK(fails(&program, MK_FAIL_RACE));
}

/* ---- the number of a schedule -------------------------------------------------------------------- */

static void write_each(void *arg, uint32_t number) {
    (void)arg;
    mk_race_plain((uintptr_t)(number ? &y[0] : &x[0]), 8, true, 0x5300 + number);
}

static void read_both(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_race_plain((uintptr_t)&x[0], 8, false, 0x5310);
    mk_race_plain((uintptr_t)&y[0], 8, false, 0x5311);
}

/* What was touched by a schedule 2^32 schedules ago is not taken for something of this one. */
TEST(numbers_of_schedules_begin_anew) {
    struct mk_program writes = {.name = "writes", .threads = 2, .begin = clear, .body = write_each};
    struct mk_program reads = {.name = "reads", .threads = 3, .begin = clear, .body = read_both};
    struct mk_setting setting = {.races = true};
    struct mk_decisions none = {NULL, 0};
    mk_rt.generation = UINT32_MAX;
    CHECK(!mk_replay(&writes, &setting, &none, NULL));
    CHECK_EQ(mk_rt.generation, 1);
    mk_rt.generation = UINT32_MAX;
    CHECK(!mk_replay(&reads, &setting, &none, NULL));
    CHECK_EQ(mk_rt.generation, 1);
}

/* ---- told to stop ------------------------------------------------------------------------------- */

static volatile sig_atomic_t stop;

static void stop_soon(void *arg) {
    (void)arg;
    stop = 1;
}

TEST(an_exploration_ends_when_told_to) {
    struct mk_program program = {.name = "stops", .threads = 2, .begin = clear, .body = nothing, .end = stop_soon};
    struct mk_explored explored = explore(&program, (struct mk_explore_config){.schedules = 100000, .stop = &stop});
    CHECK_EQ(explored.schedules, 1);
    mk_explored_free(&explored);
}

/* ---- what counts ---------------------------------------------------------------------------------- */

static uint64_t counted;

static void count(void *arg) {
    clear(arg);
    counted += !mk_rt.aside;
}

static void pass(void *arg, uint32_t number) {
    if (number == 0) {
        store(&x[0], 1, RELAXED, 40);
        store(&y[0], 1, RELAXED, 41);
    } else if (load(&y[0], RELAXED, 42) == 1 && load(&x[0], RELAXED, 43) == 0 && arg) {
        mk_rt_fail(MK_FAIL_ORACLE, 0, "a message without its data");
    }
}

/* Neither estimates nor shrinking nor a look at other memory models count as schedules that were explored. */
TEST(programs_count_what_is_explored) {
    struct mk_program program = {.name = "counts", .threads = 2, .begin = count, .body = pass};
    for (int failing = 0; failing < 2; failing++) {
        program.arg = failing ? &program : NULL;
        counted = 0;
        struct mk_explored explored = explore(&program, (struct mk_explore_config){.seed = 1, .schedules = 300});
        CHECK_EQ(explored.failed, failing);
        CHECK_EQ(counted, explored.schedules);
        mk_explored_free(&explored);
    }
}
