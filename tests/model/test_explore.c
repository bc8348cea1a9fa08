/* test_explore.c - exploring: strategies, search, shrinking, and what is found out about a failure. */
#include "../../harness/model/explore_parts.h"
#include "../../harness/options.h"
#include "../../harness/rng.h"
#include "../test.h"

#include <stdlib.h>

/* ---- programs --------------------------------------------------------------------------------- */

enum { RELAXED = 0, SEQ_CST = 5 };

/* What programs share. Far enough apart that no two are of one cell. */
static uint64_t x[2], y[2], noise[16][2];
static uint64_t seen[4];

/* Calls stand for places in code: each has its own number, and a place has one order. */
static uint64_t load(uint64_t *at, int order, uintptr_t pc) {
    return mk_memory_load((uintptr_t)at, 8, order, 0x1000 + 0x100 * (uintptr_t)order + pc).low;
}

static void store(uint64_t *at, uint64_t value, int order, uintptr_t pc) {
    mk_memory_store((uintptr_t)at, 8, (struct mk_word){value, 0}, order, 0x2000 + 0x100 * (uintptr_t)order + pc);
}

static void clear(void *arg) {
    (void)arg;
    x[0] = y[0] = 0;
    memset(noise, 0, sizeof noise);
    memset(seen, 0, sizeof seen);
}

static void make_noise(uint32_t number, uint32_t times) {
    for (uint32_t i = 0; i < times; i++) store(&noise[number][0], i, RELAXED, 100 + number);
}

static void nothing(void *arg, uint32_t number) {
    (void)arg;
    (void)number;
}
static const struct mk_program empty = {.name = "empty", .threads = 2, .begin = clear, .body = nothing};

static void two_steps(void *arg, uint32_t number) {
    (void)arg;
    store(&noise[number][0], 1, RELAXED, 1);
    store(&noise[number][0], 2, RELAXED, 2);
}
static const struct mk_program steps = {.name = "steps", .threads = 2, .begin = clear, .body = two_steps};

/* Two threads each add 1 by a load and a store, among other things: arg says how many of these. */
static void add_one(void *arg, uint32_t number) {
    uint32_t times = arg ? *(const uint32_t *)arg : 0;
    make_noise(number, times);
    store(&x[0], load(&x[0], SEQ_CST, 1) + 1, SEQ_CST, 1);
    make_noise(number, times);
}

static void check_sum(void *arg) {
    (void)arg;
    uint64_t sum = load(&x[0], SEQ_CST, 2);
    if (sum != 2) mk_rt_fail(MK_FAIL_ORACLE, (uintptr_t)x, "the sum is %u, not 2", (unsigned)sum);
}
static uint32_t some_noise = 4, much_noise = 60;
static const struct mk_program lost_update = {.name = "lost update", .threads = 2, .arg = &some_noise,
                                              .begin = clear, .body = add_one, .end = check_sum};
static const struct mk_program noisy_update = {.name = "noisy update", .threads = 2, .arg = &much_noise,
                                               .begin = clear, .body = add_one, .end = check_sum};

/* Fails where a load lies between two stores, and the next load after the second: three accesses in order. */
static void in_between(void *arg, uint32_t number) {
    (void)arg;
    make_noise(number, 3);
    if (number == 0) {
        store(&x[0], 1, SEQ_CST, 1);
        make_noise(number, 3);
        store(&x[0], 2, SEQ_CST, 2);
    } else {
        uint64_t first = load(&x[0], SEQ_CST, 1);
        make_noise(number, 3);
        uint64_t second = load(&x[0], SEQ_CST, 2);
        if (first == 1 && second == 2) mk_rt_fail(MK_FAIL_ORACLE, (uintptr_t)x, "saw both");
    }
    make_noise(number, 3);
}
static const struct mk_program deep = {.name = "deep", .threads = 2, .begin = clear, .body = in_between};

/* Store buffering: arg is the memory order. outcomes: a bit for each pair of values that was read. */
static uint32_t outcomes;
static void buffer(void *arg, uint32_t number) {
    int order = *(const int *)arg;
    store(number ? &y[0] : &x[0], 1, order, number);
    seen[number] = load(number ? &x[0] : &y[0], order, number);
}
static void note_outcome(void *arg) {
    (void)arg;
    outcomes |= 1u << (2 * seen[0] + seen[1]);
}
static void fail_if_neither(void *arg) {
    note_outcome(arg);
    if (!seen[0] && !seen[1]) mk_rt_fail(MK_FAIL_ORACLE, 0, "neither store was seen");
}
static const int relaxed = RELAXED, seq_cst = SEQ_CST;
static struct mk_program buffering(const int *order, bool fails) {
    return (struct mk_program){.name = "store buffering", .threads = 2, .arg = (void *)(uintptr_t)order,
                               .begin = clear, .body = buffer, .end = fails ? fail_if_neither : note_outcome};
}

/* Message passing without order: data may be stale. */
static void pass(void *arg, uint32_t number) {
    (void)arg;
    if (number == 0) {
        store(&x[0], 1, RELAXED, 1);
        store(&y[0], 1, RELAXED, 2);
    } else if (load(&y[0], RELAXED, 1) == 1 && load(&x[0], RELAXED, 2) == 0) {
        mk_rt_fail(MK_FAIL_ORACLE, (uintptr_t)x, "a message without its data");
    }
}
static const struct mk_program passing = {.name = "message passing", .threads = 2, .begin = clear, .body = pass};

static void meet(void *arg, uint32_t number) {
    (void)arg;
    make_noise(number, 3);
    store(&x[0], 1, SEQ_CST, 1);
    load(&y[0], SEQ_CST, 1); /* nobody writes there */
    store(&x[0], 2, SEQ_CST, 2);
    make_noise(number, 3);
}
static const struct mk_program meeting = {.name = "meeting", .threads = 2, .begin = clear, .body = meet};

/* One thread waits for the other. */
static void wait_for_other(void *arg, uint32_t number) {
    (void)arg;
    make_noise(number, 3);
    if (number == 0) store(&x[0], 1, SEQ_CST, 1);
    while (number == 1 && !load(&x[0], SEQ_CST, 2)) mk_rt_yield(0x3000);
}
static const struct mk_program waiting = {.name = "waiting", .threads = 2, .begin = clear, .body = wait_for_other,
                                          .steps_max = 200};

static void fail_limit(void *arg) {
    (void)arg;
    mk_rt_fail(MK_FAIL_LIMIT, 0, "no room");
}
static const struct mk_program limited = {.name = "limited", .threads = 2, .begin = clear, .body = nothing,
                                          .end = fail_limit};

/* Something that outlives schedules decides what is done. */
static uint64_t calls;
static void count_calls(void *arg, uint32_t number) {
    (void)arg;
    if (number == 0) calls++;
    store(&noise[number][0], calls, RELAXED, 1);
    if (calls % 2) store(&x[0], 1, RELAXED, 2);
}
static void fail_odd(void *arg) {
    (void)arg;
    if (calls % 2) mk_rt_fail(MK_FAIL_ORACLE, 0, "odd");
}
static const struct mk_program remembering = {.name = "remembering", .threads = 2, .begin = clear,
                                              .body = count_calls, .end = fail_odd};

static uint64_t heaps_seen[3];
static void note_heap(void *arg) {
    (void)arg;
    heaps_seen[mk_rt.heap]++;
}
static const struct mk_program which_heap = {.name = "which heap", .threads = 2, .begin = clear, .body = nothing,
                                             .end = note_heap};

static struct mk_explored explore(const struct mk_program *program, struct mk_explore_config config) {
    struct mk_explored explored;
    mk_explore(program, &config, &explored);
    return explored;
}

/* ---- strategies ------------------------------------------------------------------------------- */

static struct mk_estimate some_estimate(void) {
    struct mk_estimate estimate = {.steps = 40, .addresses = 2, .address = {0x100, 0x200}};
    for (uint32_t i = 1; i < 6; i++) {
        estimate.of_thread[i] = 8;
        estimate.at[0][i] = estimate.at[1][i] = i;
    }
    return estimate;
}

/* As if threads stood at points of their own: some at places that the estimate names. */
static void set_scene(struct mk_rng *rng) {
    static const enum mk_act_kind acts[] = {MK_ACT_LOAD, MK_ACT_STORE, MK_ACT_RMW, MK_ACT_PAUSE, MK_ACT_BLOCK};
    mk_rt.n = MK_RT_THREADS;
    for (uint32_t i = 0; i < MK_RT_THREADS; i++) {
        struct mk_logical *thread = &mk_rt.thread[i];
        thread->number = i;
        thread->state = mk_rng_below(rng, 4) ? MK_THREAD_READY : MK_THREAD_ENDED;
        thread->act = acts[mk_rng_below(rng, 5)];
        thread->address = 0x100 * mk_rng_below(rng, 4);
    }
}

/* Makes 200 choices of threads and as many of values; returns a digest of them. */
static uint64_t choose_often(struct mk_chooser *chooser, uint64_t seed, bool *legal) {
    static const enum mk_choice_kind kinds[] = {MK_CHOICE_AGE,    MK_CHOICE_SPURIOUS, MK_CHOICE_BLOCK,
                                                MK_CHOICE_REFUSE, MK_CHOICE_WAKE,     MK_CHOICE_FREEZE};
    struct mk_rng rng;
    uint64_t digest = 0;
    mk_rng_seed(&rng, seed);
    for (uint32_t i = 0; i < 200; i++) {
        set_scene(&rng);
        uint32_t ready = (uint32_t)mk_rng_below(&rng, 1u << MK_RT_THREADS);
        uint32_t at = (uint32_t)mk_rng_below(&rng, MK_RT_THREADS);
        if (!ready) ready = 1u << at;
        uint32_t usual = ready >> at & 1 ? at : (uint32_t)__builtin_ctz(ready);
        uint32_t goes = chooser->thread(chooser, ready, at, usual);
        *legal = *legal && goes < MK_RT_THREADS && ready >> goes & 1;
        uint32_t n = 2 + (uint32_t)mk_rng_below(&rng, 7);
        mk_rt.now = &mk_rt.thread[at];
        uint32_t value = chooser->value(chooser, kinds[i % 6], n);
        *legal = *legal && value < n;
        digest = mk_mix64(digest ^ goes ^ (uint64_t)value << 8);
    }
    mk_rt.now = NULL;
    return digest;
}

TEST(strategies_choose_who_is_ready) {
    struct mk_estimate estimate = some_estimate();
    mk_rt.refuse_one_in = 4;
    for (size_t i = 0; mk_strategies[i].name; i++) {
        struct mk_chooser *chooser = malloc(mk_strategies[i].bytes);
        bool legal = true;
        uint64_t same = 0;
        for (uint64_t seed = 0; seed < 200; seed++) {
            mk_strategies[i].begin(chooser, seed, &estimate);
            uint64_t first = choose_often(chooser, seed, &legal);
            memset(chooser, 0x5a, mk_strategies[i].bytes); /* nothing is left of the schedule before */
            mk_strategies[i].begin(chooser, seed, &estimate);
            CHECK(choose_often(chooser, seed, &legal) == first);
            mk_strategies[i].begin(chooser, seed + 1000, &estimate);
            same += choose_often(chooser, seed, &legal) == first;
        }
        if (!legal) mk_test_fail(__FILE__, __LINE__, "%s chose who is not ready", mk_strategies[i].name);
        if (same) mk_test_fail(__FILE__, __LINE__, "%s does not go by its seed", mk_strategies[i].name);
        free(chooser);
    }
}

TEST(strategies_without_an_estimate) {
    struct mk_estimate estimate = {0};
    for (size_t i = 0; mk_strategies[i].name; i++) {
        struct mk_chooser *chooser = malloc(mk_strategies[i].bytes);
        bool legal = true;
        mk_strategies[i].begin(chooser, 1, &estimate);
        choose_often(chooser, 1, &legal);
        CHECK(legal);
        free(chooser);
    }
}

TEST(estimate_knows_where_threads_meet) {
    struct mk_estimate estimate;
    struct mk_setting setting = {0};
    CHECK(!mk_estimate_make(&meeting, &setting, &estimate));
    CHECK_EQ(estimate.addresses, 1);
    CHECK_EQ(estimate.address[0], (uintptr_t)x);
    CHECK_EQ(estimate.at[0][1], 2);
    CHECK_EQ(estimate.at[0][2], 2);
    CHECK(estimate.steps >= 18);
    CHECK(estimate.of_thread[1] >= 9 && estimate.of_thread[2] >= 9);
}

/* Returns the first schedule of a strategy that fails, 1 and on; 0 for none of so many. */
static uint64_t first_failure(const struct mk_program *program, const char *strategy, uint64_t schedules) {
    struct mk_setting setting = {0};
    struct mk_portfolio portfolio;
    bool failed = mk_portfolio_open(&portfolio, program, &setting, strategy);
    if (failed) mk_failure_drop(&mk_rt.failure);
    uint64_t i = 0;
    for (failed = false; i < schedules && !failed; i++) failed = mk_portfolio_run(&portfolio, &setting, 1, i);
    if (failed) mk_failure_drop(&mk_rt.failure);
    mk_portfolio_close(&portfolio);
    return failed ? i : 0;
}

TEST(lost_update_is_found_by_each_strategy) {
    for (size_t i = 0; mk_strategies[i].name; i++) {
        if (first_failure(&lost_update, mk_strategies[i].name, 2000)) continue;
        mk_test_fail(__FILE__, __LINE__, "not by %s", mk_strategies[i].name);
    }
}

TEST(lost_update_takes_one_decision) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct mk_explored explored =
            explore(&lost_update, (struct mk_explore_config){.seed = seed, .schedules = 2000});
        CHECK(explored.failed);
        CHECK_EQ(explored.failure.kind, MK_FAIL_ORACLE);
        CHECK_STR(explored.failure.what, "the sum is 1, not 2");
        CHECK_EQ(explored.failed_after, explored.schedules);
        CHECK_EQ(explored.decisions.n, 1);
        CHECK(explored.under[MK_MEMORY_SC] && explored.under[MK_MEMORY_TSO] && explored.under[MK_MEMORY_C11]);
        mk_explored_free(&explored);
    }
}

TEST(deep_bug_is_found_by_the_portfolio) {
    CHECK(first_failure(&deep, NULL, 2000) > 0);
    struct mk_explored explored =
        explore(&deep, (struct mk_explore_config){.seed = 1, .schedules = 2000, .count_on = true});
    size_t by = 0;
    for (size_t i = 0; i < explored.strategies_n; i++) by += explored.strategy[i].failures > 0;
    CHECK(by >= 4);
    CHECK(explored.decisions.n >= 2 && explored.decisions.n <= 4);
    mk_explored_free(&explored);
}

TEST(portfolio_gives_each_its_share) {
    struct mk_explored explored = explore(&empty, (struct mk_explore_config){.seed = 1, .schedules = 1000});
    uint32_t all = 0;
    CHECK(!explored.failed);
    CHECK_EQ(explored.schedules, 1000);
    for (size_t i = 0; mk_strategies[i].name; i++) {
        all += mk_strategies[i].share;
        CHECK_STR(explored.strategy[i].name, mk_strategies[i].name);
        CHECK_EQ(explored.strategy[i].schedules, 10 * mk_strategies[i].share);
        CHECK_EQ(explored.strategy[i].failures, 0);
    }
    CHECK_EQ(all, 100);
    mk_explored_free(&explored);
}

TEST(heaps_take_turns) {
    memset(heaps_seen, 0, sizeof heaps_seen);
    struct mk_explore_config config = {.schedules = 300, .heaps = true, .setting.heap = MK_HEAP_LIFO};
    struct mk_explored explored = explore(&which_heap, config);
    CHECK_EQ(heaps_seen[MK_HEAP_QUARANTINE], 100);
    CHECK_EQ(heaps_seen[MK_HEAP_LIFO], 100 + 1); /* by the first policy: what estimates are from */
    CHECK_EQ(heaps_seen[MK_HEAP_RANDOM], 100);
    mk_explored_free(&explored);
}

/* ---- limits ----------------------------------------------------------------------------------- */

static volatile sig_atomic_t stop;
static void stop_now(void *arg) {
    (void)arg;
    stop = mk_rt.generation % 50 == 0;
}

TEST(explore_stops) {
    struct mk_program program = empty;
    program.end = stop_now;
    struct mk_explored explored = explore(&program, (struct mk_explore_config){.stop = &stop});
    CHECK(explored.schedules <= 50);
    mk_explored_free(&explored);
    explored = explore(&empty, (struct mk_explore_config){.seconds = 0.02});
    CHECK(explored.schedules > 0);
    CHECK_EQ(explored.schedules % 64, 0);
    mk_explored_free(&explored);
    explored = explore(&empty, (struct mk_explore_config){.schedules = 1});
    CHECK_EQ(explored.schedules, 1);
    CHECK_EQ(explored.distinct, 1);
    mk_explored_free(&explored);
}

TEST(limits_are_no_failures) {
    struct mk_explored explored = explore(&limited, (struct mk_explore_config){.schedules = 50});
    CHECK(!explored.failed);
    CHECK(explored.limits >= 50);
    CHECK_EQ(explored.strategy[0].failures, 0);
    mk_explored_free(&explored);
    explored = explore(&limited, (struct mk_explore_config){.exhaustive = true});
    CHECK(!explored.failed && !explored.complete);
    mk_explored_free(&explored);
}

TEST(failures_are_counted_by_strategy) {
    struct mk_explored explored =
        explore(&lost_update, (struct mk_explore_config){.seed = 3, .schedules = 1000, .count_on = true});
    uint64_t schedules = 0, failures = 0;
    CHECK(explored.failed);
    CHECK(explored.schedules >= 1000 && explored.failed_after < 100);
    for (size_t i = 0; i < explored.strategies_n; i++) {
        schedules += explored.strategy[i].schedules;
        failures += explored.strategy[i].failures;
        CHECK(explored.strategy[i].failures > 0);
    }
    CHECK_EQ(schedules, explored.schedules);
    CHECK(failures < schedules);
    mk_explored_free(&explored);
}

TEST(same_seed_same_outcome) {
    struct mk_explore_config config = {.seed = 7, .schedules = 500};
    struct mk_explored one = explore(&passing, config), other = explore(&passing, config);
    CHECK(one.failed && other.failed);
    CHECK_EQ(one.failed_after, other.failed_after);
    CHECK_EQ(one.decisions.n, other.decisions.n);
    CHECK(!memcmp(one.decisions.at, other.decisions.at, one.decisions.n * sizeof *one.decisions.at));
    mk_explored_free(&one);
    mk_explored_free(&other);
}

TEST(distinct_is_close) {
    struct mk_distinct *distinct = calloc(1, sizeof *distinct);
    uint64_t n = 0;
    CHECK_EQ(mk_distinct_count(distinct), 0);
    for (uint64_t want = 1; want <= 3000000; want *= 3) {
        for (; n < want; n++) {
            mk_distinct_add(distinct, n);
            mk_distinct_add(distinct, n / 2);
        }
        uint64_t got = mk_distinct_count(distinct);
        CHECK(got * 50 >= want * 49 && got * 50 <= want * 51);
        if (want < 100) CHECK_EQ(got, want);
    }
    free(distinct);
}

/* ---- search ----------------------------------------------------------------------------------- */

/* How many schedules two threads of `points` points each have, up to so many preemptions: at each of its points the
 * one at work may be left for the other, unless that has ended; who begins is free. */
static uint64_t count_by_hand(uint32_t at_work, uint32_t other, uint32_t preemptions) {
    if (!at_work) return 1; /* it ends, and the other one goes on alone */
    uint64_t goes_on = count_by_hand(at_work - 1, other, preemptions);
    /* The point is behind whoever is left: it goes on to the next one. */
    return goes_on + (preemptions ? count_by_hand(other, at_work - 1, preemptions - 1) : 0);
}

TEST(count_by_hand) {
    /* k preemptions: the first thread is left at ceil(k / 2) of its points, the other one at floor(k / 2). */
    CHECK_EQ(2 * count_by_hand(3, 3, 0), 2);
    CHECK_EQ(2 * count_by_hand(3, 3, 1), 2 * (1 + 3));
    CHECK_EQ(2 * count_by_hand(3, 3, 2), 2 * (1 + 3 + 9));
    CHECK_EQ(2 * count_by_hand(3, 3, 6), 70); /* 8 over 4: all orders of 4 parts each */
}

TEST(search_makes_every_schedule_once) {
    for (uint32_t preemptions = 0; preemptions < 8; preemptions++) {
        struct mk_explored explored =
            explore(&steps, (struct mk_explore_config){.exhaustive = true, .preemptions = preemptions});
        CHECK(explored.complete && !explored.failed);
        CHECK_EQ(explored.schedules, 2 * count_by_hand(3, 3, preemptions)); /* 2 accesses and the end */
        CHECK_EQ(explored.distinct, explored.schedules);
        CHECK_EQ(explored.limits, 0);
        mk_explored_free(&explored);
    }
}

static uint32_t outcomes_of(const int *order, enum mk_memory_model memory, uint32_t stale) {
    struct mk_program program = buffering(order, false);
    outcomes = 0;
    struct mk_explored explored =
        explore(&program, (struct mk_explore_config){.exhaustive = true, .preemptions = 10, .stale = stale,
                                                     .setting.memory = memory});
    CHECK(explored.complete && !explored.failed);
    mk_explored_free(&explored);
    return outcomes;
}

TEST(search_finds_the_outcomes_of_store_buffering) {
    enum { NEITHER = 1 << 0, OTHERS = 1 << 1 | 1 << 2 | 1 << 3 };
    CHECK_EQ(outcomes_of(&seq_cst, MK_MEMORY_C11, 2), OTHERS);
    CHECK_EQ(outcomes_of(&seq_cst, MK_MEMORY_TSO, 2), OTHERS);
    CHECK_EQ(outcomes_of(&relaxed, MK_MEMORY_C11, 2), NEITHER | OTHERS);
    CHECK_EQ(outcomes_of(&relaxed, MK_MEMORY_TSO, 2), NEITHER | OTHERS);
    CHECK_EQ(outcomes_of(&relaxed, MK_MEMORY_SC, 2), OTHERS);
    CHECK_EQ(outcomes_of(&relaxed, MK_MEMORY_C11, 0), OTHERS);
}

TEST(search_finds_failures) {
    struct mk_explore_config config = {.exhaustive = true, .preemptions = 0};
    struct mk_explored explored = explore(&lost_update, config);
    CHECK(explored.complete && !explored.failed); /* it takes a preemption */
    mk_explored_free(&explored);
    config.preemptions = 1;
    explored = explore(&lost_update, config);
    CHECK(explored.failed && !explored.complete);
    CHECK_EQ(explored.decisions.n, 1);
    mk_explored_free(&explored);
    config.schedules = 3;
    explored = explore(&steps, config);
    CHECK(!explored.failed && !explored.complete);
    CHECK_EQ(explored.schedules, 3);
    mk_explored_free(&explored);
}

TEST(search_with_loops_that_wait) {
    struct mk_explored explored =
        explore(&waiting, (struct mk_explore_config){.exhaustive = true, .preemptions = 2});
    CHECK(!explored.failed && explored.complete);
    mk_explored_free(&explored);
}

/* ---- failures --------------------------------------------------------------------------------- */

TEST(failures_come_again) {
    static const struct mk_program *const programs[] = {&lost_update, &deep, &passing, &noisy_update};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct mk_explored explored =
            explore(programs[i], (struct mk_explore_config){.seed = i, .schedules = 5000});
        uint64_t hash = 0;
        CHECK(explored.failed);
        for (uint32_t again = 0; explored.failed && again < 100; again++) {
            CHECK(mk_replay(programs[i], &explored.setting, &explored.decisions, NULL));
            CHECK_EQ(mk_rt.failure.kind, explored.failure.kind);
            if (again) CHECK(mk_rt.hash == hash);
            hash = mk_rt.hash;
            mk_failure_drop(&mk_rt.failure);
        }
        mk_explored_free(&explored);
    }
}

TEST(shrinking_leaves_few_decisions) {
    struct mk_setting setting = {0};
    struct mk_portfolio portfolio;
    struct mk_failure like = {.kind = MK_FAIL_ORACLE};
    struct mk_decisions decisions = {0};
    bool failed = mk_portfolio_open(&portfolio, &noisy_update, &setting, "random");
    if (failed) mk_failure_drop(&mk_rt.failure);
    for (uint64_t i = 0; i < 10000 && !decisions.n; i++) {
        failed = mk_portfolio_run(&portfolio, &setting, 1, i);
        if (failed && mk_rt.made_n >= 40) decisions = mk_decisions_made();
        if (failed) mk_failure_drop(&mk_rt.failure);
    }
    mk_portfolio_close(&portfolio);
    CHECK(decisions.n >= 40);
    uint64_t replays = mk_shrink(&noisy_update, &setting, &decisions, &like);
    CHECK(replays > 0 && replays <= 2000);
    CHECK(decisions.n >= 1 && decisions.n <= 4);
    CHECK(mk_replay(&noisy_update, &setting, &decisions, NULL));
    CHECK_EQ(mk_rt.failure.kind, MK_FAIL_ORACLE);
    mk_failure_drop(&mk_rt.failure);
    /* Nothing is shrunk to what fails otherwise, or not at all. */
    size_t n = decisions.n;
    like.kind = MK_FAIL_RACE;
    CHECK_EQ(mk_shrink(&noisy_update, &setting, &decisions, &like), 1);
    CHECK_EQ(decisions.n, n);
    free(decisions.at);
}

TEST(decisions_that_mean_nothing_are_passed_over) {
    struct mk_decision list[] = {{.thread = 0, .kind = 't', .step = 1, .value = 9},  /* not ready */
                                 {.thread = 1, .kind = 'r', .step = 1, .value = 3},  /* another kind */
                                 {.thread = 1, .kind = 't', .step = 2, .value = 1},  /* the default */
                                 {.thread = 2, .kind = 't', .step = 900, .value = 1} /* never comes */};
    struct mk_decisions decisions = {list, 4}, none = {NULL, 0};
    struct mk_setting setting = {0};
    uint32_t applied[4] = {1, 1, 1, 1};
    CHECK(!mk_replay(&steps, &setting, &none, NULL));
    uint64_t hash = mk_rt.hash;
    CHECK(!mk_replay_applied(&steps, &setting, &decisions, NULL, applied));
    CHECK(mk_rt.hash == hash);
    for (int i = 0; i < 4; i++) CHECK(!applied[i]);
}

TEST(memory_models_that_are_affected) {
    struct mk_program program = buffering(&relaxed, true);
    struct mk_explored explored = explore(&program, (struct mk_explore_config){.seed = 1, .schedules = 5000});
    CHECK(explored.failed);
    CHECK(explored.under[MK_MEMORY_C11] && explored.under[MK_MEMORY_TSO] && !explored.under[MK_MEMORY_SC]);
    mk_explored_free(&explored);
    explored = explore(&passing, (struct mk_explore_config){.seed = 1, .schedules = 5000});
    CHECK(explored.failed);
    CHECK(explored.under[MK_MEMORY_C11] && !explored.under[MK_MEMORY_TSO] && !explored.under[MK_MEMORY_SC]);
    mk_explored_free(&explored);
    struct mk_explore_config config = {.seed = 1, .schedules = 5000, .setting.memory = MK_MEMORY_TSO};
    explored = explore(&program, config);
    CHECK(explored.failed);
    CHECK(explored.under[MK_MEMORY_C11] && explored.under[MK_MEMORY_TSO] && !explored.under[MK_MEMORY_SC]);
    mk_explored_free(&explored);
    config.setting.memory = MK_MEMORY_SC;
    explored = explore(&program, config);
    CHECK(!explored.failed);
    mk_explored_free(&explored);
}

TEST(nondeterminism_is_named) {
    struct mk_explored explored = explore(&remembering, (struct mk_explore_config){.seed = 1, .schedules = 100});
    CHECK(explored.failed);
    CHECK_EQ(explored.failure.kind, MK_FAIL_NONDETERMINISM);
    CHECK(strstr(explored.failure.what, "thread 0 at step") != NULL);
    CHECK(strstr(explored.failure.what, "in the other") != NULL);
    CHECK(explored.failure.detail && strstr(explored.failure.detail, "random number") &&
          strstr(explored.failure.detail, "found as: odd"));
    CHECK_EQ(explored.replays, 0);
    mk_explored_free(&explored);
}

TEST(who_waits_for_a_stopped_thread_is_not_lock_free) {
    struct mk_explore_config config = {.seed = 1, .schedules = 2000, .setting.freezes = true};
    struct mk_explored explored = explore(&waiting, config);
    CHECK(explored.failed);
    CHECK_EQ(explored.failure.kind, MK_FAIL_NOT_LOCK_FREE);
    CHECK_EQ(explored.decisions.n, 1);
    if (explored.decisions.n) CHECK_EQ(explored.decisions.at[0].kind, MK_CHOICE_FREEZE);
    mk_explored_free(&explored);
    explored = explore(&steps, config);
    CHECK(!explored.failed);
    mk_explored_free(&explored);
    config.exhaustive = true;
    explored = explore(&steps, config);
    CHECK(!explored.failed && explored.complete);
    /* Who begins, and nobody is stopped, or one of two at one of its 3 points. */
    CHECK_EQ(explored.schedules, 2 * (1 + 2 * 3));
    mk_explored_free(&explored);
}

TEST(the_command_line_knows_every_strategy) {
    for (const struct mk_strategy *at = mk_strategies; at->name; at++) {
        char *words[] = {(char *)"stress", (char *)"--strategy", (char *)at->name, (char *)"w.json", NULL};
        struct mk_options options;
        CHECK_EQ(mk_options_read(4, words, &options), 0);
        mk_options_free(&options);
    }
}
