/* test_reset.c - variables of implementations are at the begin of each schedule what they were when they were
 * registered: initialised ones, zero ones, thread-locals; of a plug-in and of the program. */
#include "../test.h"

#include <stdlib.h>

#include "../../harness/check/scenarios.h"
#include "../../harness/model/reset.h"
#include "../plant.h"

#define CALLS 3
#define THREADS 3

/* ---- schedules ------------------------------------------------------------------------------------ */

/* Nothing remarkable happens. */
static uint32_t usual_thread(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    (void)chooser, (void)ready, (void)at;
    return usual;
}

static uint32_t usual_value(struct mk_chooser *chooser, enum mk_choice_kind kind, uint32_t n) {
    (void)chooser, (void)kind, (void)n;
    return 0;
}

static void run(const struct mk_program *program) {
    static struct mk_chooser chooser = {usual_thread, usual_value};
    struct mk_schedule_config config = {.chooser = &chooser};
    CHECK(!mk_rt_run(program, &config));
    if (mk_rt.failure.kind) printf("    %s\n", mk_rt.failure.what);
}

/* ---- a plug-in ------------------------------------------------------------------------------------ */

/* What the plug-in's hash says of the keys 0 (its first page) and 4095 (its last), by thread. */
struct said {
    const struct mk_impl *impl;
    void *self;
    uint64_t of[THREADS][CALLS];
};

static uint64_t call(const struct said *said, uint64_t key) {
    struct mk_op op = {.code = 0, .key = key};
    struct mk_result result;
    said->impl->step(said->self, NULL, &op, &result);
    return result.value;
}

static void body(void *arg, uint32_t number) {
    struct said *said = arg;
    for (size_t i = 0; i < CALLS; i++) said->of[number][i] = call(said, i % 2 ? 4095 : 0);
}

static void touch_nothing(void *arg, uint32_t number) {
    (void)arg, (void)number;
}

static void *memory(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    (void)self, (void)me;
    return aligned_alloc(align < 16 ? 16 : align, (bytes + 63) / 64 * 64);
}

static void no_more(void *self, struct mk_thread *me, void *block, size_t bytes, size_t align) {
    (void)self, (void)me, (void)bytes, (void)align;
    free(block);
}

/* Loads it, once. Returns whether that went well. */
static bool open_counting(struct said *said) {
    static struct mk_mem mem = {.alloc = memory, .free = no_more};
    struct mk_config config = {.threads_max = THREADS};
    struct mk_err err = {""};
    memset(said, 0, sizeof *said);
    CHECK_EQ(mk_registry_open(&err), 0);
    if (!mk_registry_find("hash", "hash_counts", "", 0) && plant_load("plugins", "hash_counts", &err)) {
        mk_test_fail(__FILE__, __LINE__, "%s", err.text);
        return false;
    }
    said->impl = mk_registry_find("hash", "hash_counts", "", 0);
    return said->impl && said->impl->create(&said->self, &mem, &config, &err) == 0;
}

TEST(variables_of_a_plugin) {
    struct said first, said;
    struct mk_program program = {.name = "counts", .threads = 1, .arg = &said, .body = body};
    if (!open_counting(&said)) return;
    run(&program);
    first = said;
    CHECK(first.of[0][1] > first.of[0][0]); /* it does count */
    for (int i = 0; i < 3; i++) {
        run(&program);
        CHECK_EQ(memcmp(said.of, first.of, sizeof said.of), 0);
    }
    /* Nothing but the begin of a schedule sets them back. */
    CHECK(call(&said, 0) > first.of[0][0] + 1);
    run(&program);
    CHECK_EQ(memcmp(said.of, first.of, sizeof said.of), 0);
    /* What is written between schedules alone is set back as well. */
    struct mk_program idle = {.name = "idle", .threads = 1, .body = touch_nothing};
    run(&idle);
    call(&said, 0);
    call(&said, 4095);
    run(&program);
    CHECK_EQ(memcmp(said.of, first.of, sizeof said.of), 0);
    said.impl->destroy(said.self);
}

TEST(thread_locals_of_each_thread) {
    struct said first, said;
    struct mk_program program = {.name = "counts", .threads = THREADS, .arg = &said, .body = body};
    if (!open_counting(&said)) return;
    run(&program);
    first = said;
    for (uint32_t i = 1; i <= THREADS; i++) {
        program.threads = i;
        memset(said.of, 0, sizeof said.of);
        run(&program);
        CHECK_EQ(memcmp(said.of, first.of, i * sizeof said.of[0]), 0);
    }
    said.impl->destroy(said.self);
}

/* ---- the program ---------------------------------------------------------------------------------- */

struct played {
    const struct mk_scenario *scenario;
    struct mk_actor actor[2];
    unsigned outcome;
};

static void play(void *arg, uint32_t number) {
    struct played *played = arg;
    played->scenario->body(&played->actor[number]);
}

static void look(void *arg) {
    struct played *played = arg;
    played->outcome = played->scenario->after(&played->actor[0], played->actor);
}

/* counter_atomic_lost counts to 2 in a variable of its own. */
TEST(variables_of_the_program) {
    static struct played played;
    struct mk_program program = {.name = "counts", .threads = 2, .arg = &played, .body = play, .end = look};
    struct mk_err err;
    CHECK_EQ(mk_registry_open(&err), 0);
    played.scenario = mk_scenario_of("counter_atomic_lost");
    CHECK(played.scenario);
    if (!played.scenario) return;
    for (int i = 0; i < 3; i++) {
        played.outcome = 99;
        run(&program);
        CHECK_EQ(played.outcome, 0);
    }
    /* Beyond 2, since the schedule is over. */
    played.scenario->body(&played.actor[0]);
    look(&played);
    CHECK_EQ(played.outcome, 1);
}
