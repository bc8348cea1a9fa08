/* test_pressure.c - pressures do what they say, and what is sound stands them all. */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "../harness/check/conform.h"
#include "../harness/registry.h"

static const struct mk_pressure *pressure(const char *name) {
    const struct mk_pressure *found = mk_pressure_of(name);
    if (!found) mk_test_fail(__FILE__, __LINE__, "there is no pressure %s", name);
    return found ? found : &mk_pressures[0];
}

/* Returns one of a kind, to be put to the test: its default, or that of the name. */
static bool open_one(const char *kind, const char *name, struct mk_conform_unit **list, size_t *n,
                     const struct mk_conform_unit **found) {
    struct mk_err err = {{0}};
    const struct mk_impl *impl;
    *found = NULL;
    if (mk_registry_open(&err) || mk_conform_list(kind, list, n, &err)) {
        mk_test_fail(__FILE__, __LINE__, "%s", err.text);
        return false;
    }
    impl = name ? mk_registry_find(kind, name, "", 0) : mk_registry_default(kind);
    for (size_t i = 0; i < *n && !*found; i++) {
        if ((*list)[i].composition.impl == impl) *found = &(*list)[i];
    }
    return *found != NULL;
}

TEST(calm_comes_first_and_others_are_found_by_name) {
    CHECK_STR(mk_pressures[0].name, "calm");
    CHECK(!mk_pressure_of("no such"));
    for (const struct mk_pressure *at = mk_pressures; at->name; at++) {
        CHECK(mk_pressure_of(at->name) == at);
        CHECK(at->help && at->help[0]);
    }
}

TEST(what_cannot_be_applied_says_why) {
    struct mk_impl none = {.name = "none"};
    const char *why = mk_pressure_skips(pressure("points"), &none);
#ifdef MK_POINTS
    CHECK(!why);
#else
    CHECK(why && strstr(why, "--flavour"));
#endif
    CHECK(mk_pressure_skips(pressure("stalls"), &none) != NULL);
    CHECK(!mk_pressure_skips(pressure("calm"), &none));
}

TEST(a_crowd_is_more_threads_than_pus_but_not_without_end) {
    struct mk_pressure huge = {.name = "huge", .crowd = 100000};
    cpu_set_t allowed;
    CHECK_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    uint32_t pus = (uint32_t)CPU_COUNT(&allowed);
    CHECK_EQ(mk_pressure_threads(pressure("calm"), 3), 3);
    if (pus <= 64) CHECK_EQ(mk_pressure_threads(pressure("crowd"), 1), 4 * pus);
    CHECK_EQ(mk_pressure_threads(pressure("crowd"), 1000), 1000);
    CHECK_EQ(mk_pressure_threads(&huge, 2), 256);
}

/* ---- one thread, looked at ------------------------------------------------------------------- */

static struct {
    int before, within, after; /* PUs it may run on */
    cpu_set_t where;
    volatile bool done;
} seen;

static int pus_allowed(cpu_set_t *set) {
    return sched_getaffinity(0, sizeof *set, set) ? -1 : CPU_COUNT(set);
}

static void *look_at_pus(void *arg) {
    cpu_set_t other;
    (void)arg;
    seen.before = pus_allowed(&other);
    mk_pressure_enter(0);
    seen.within = pus_allowed(&seen.where);
    mk_pressure_leave();
    seen.after = pus_allowed(&other);
    return NULL;
}

static void run_one(const struct mk_pressure *under, uint64_t seed, void *(*body)(void *)) {
    pthread_t thread;
    mk_pressure_begin(under, seed);
    CHECK_EQ(pthread_create(&thread, NULL, body, NULL), 0);
    pthread_join(thread, NULL);
    mk_pressure_end();
}

TEST(one_pu_binds_and_lets_go_again) {
    cpu_set_t first;
    run_one(pressure("one_pu"), 1, look_at_pus);
    first = seen.where;
    CHECK_EQ(seen.within, 1);
    CHECK_EQ(seen.after, seen.before);
    run_one(pressure("one_pu"), 1, look_at_pus);
    CHECK(CPU_EQUAL(&first, &seen.where));
    run_one(pressure("calm"), 1, look_at_pus);
    CHECK_EQ(seen.within, seen.before);
}

/* Works without a system call until it has been interrupted often: a thread that is stopped nowhere never ends. */
static void *work_until_interrupted(void *arg) {
    struct timespec cpu;
    uint64_t last = 0, jumps = 0;
    (void)arg;
    mk_pressure_enter(0);
    while (jumps < 20) {
        clock_gettime(CLOCK_MONOTONIC, &cpu);
        uint64_t now = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
        jumps += last && now - last > 10000;
        last = now;
    }
    mk_pressure_leave();
    seen.done = true;
    return NULL;
}

TEST(signals_stop_a_thread_and_are_gone_afterwards) {
    struct sigaction before, after;
    sigaction(SIGRTMIN, NULL, &before);
    seen.done = false;
    run_one(pressure("interrupts"), 5, work_until_interrupted);
    sigaction(SIGRTMIN, NULL, &after);
    CHECK(seen.done);
    CHECK(before.sa_handler == after.sa_handler);
}

/* ---- points ---------------------------------------------------------------------------------- */

static _Atomic(uint64_t) points;

static void count_point(unsigned line) {
    (void)line;
    atomic_fetch_add_explicit(&points, 1, memory_order_relaxed);
}

/* Puts a few keys into the map `name`. Returns how many points it went through. */
static uint64_t points_of(const char *name) {
    const struct mk_impl *impl = mk_registry_find("map", name, "", 8);
    struct mk_composition composition = {.impl = impl};
    struct mk_conform_unit unit = {.composition = composition, .label = (char *)name, .caps = impl->caps};
    struct mk_conform_config config = {.seed = 1, .effort_percent = 1};
    struct mk_findings findings = {0};
    atomic_store(&points, 0);
    mk_registry_hook_points(count_point);
    for (const struct mk_case *which = mk_conform_cases("map"); which->name; which++) {
        if (strcmp(which->name, "model") == 0) mk_conform_run(&unit, which, &config, &findings);
    }
    mk_registry_hook_points(NULL);
    CHECK_EQ(findings.n, 0);
    mk_findings_free(&findings);
    return atomic_load(&points);
}

TEST(atomic_operations_and_locks_are_points) {
    struct mk_err err = {{0}};
    CHECK_EQ(mk_registry_open(&err), 0);
#ifdef MK_POINTS
    CHECK(mk_registry_hook_points(NULL));
    CHECK(points_of("chain") > 100);
    CHECK(points_of("mutex") > 100);
#else
    CHECK(!mk_registry_hook_points(NULL));
    CHECK_EQ(points_of("chain"), 0);
#endif
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void use_memory(struct mk_worker *worker) {
    uint64_t *refused = worker->arg;
    uint64_t before = mk_door_refused(&worker->subject->door);
    for (uint64_t i = 0; i < 2000; i++) {
        struct mk_op op = {.code = 1, .key = i * worker->n + worker->index, .value = 7}; /* put */
        refused[worker->index] += mk_subject_do(worker->subject, worker->me, &op).status == MK_NO_MEMORY;
    }
    CHECK(mk_door_refused(&worker->subject->door) > before);
}

static void refuse_and_count(struct mk_check *check) {
    struct mk_subject_config config = {.threads_max = 2};
    struct mk_subject subject;
    uint64_t refused[2] = {0, 0};
    CHECK_EQ(mk_subject_open(&subject, check, &config), 0);
    mk_subject_run(&subject, 0, 2, 3, use_memory, refused);
    CHECK(refused[0] > 0 && refused[1] > 0);
    CHECK(refused[0] + refused[1] < 1000); /* by far not all */
    uint64_t door = mk_door_refused(&subject.door);
    CHECK(mk_subject_enter(&subject, 0) != NULL);
    mk_subject_expect_count(&subject, 4000 - refused[0] - refused[1]);
    for (uint64_t i = 0; i < 1000; i++) {
        struct mk_op op = {.code = 1, .key = 1000000 + i, .value = 7};
        CHECK_EQ(mk_subject_do(&subject, &subject.me[0], &op).status, MK_MISS);
    }
    CHECK_EQ(mk_door_refused(&subject.door), door); /* nothing is refused where one thread works alone */
    mk_subject_leave(&subject, 0);
    mk_subject_close(&subject);
}

TEST(memory_is_refused_while_several_threads_work) {
    static const struct mk_case which = {.name = "refused", .run = refuse_and_count};
    struct mk_conform_unit *list = NULL;
    const struct mk_conform_unit *unit;
    struct mk_findings findings = {0};
    size_t n = 0;
    struct mk_conform_config config = {.seed = 1, .pressure = pressure("refusals")};
    if (open_one("map", "chain", &list, &n, &unit)) CHECK_EQ(mk_conform_run(unit, &which, &config, &findings), 0);
    mk_findings_free(&findings);
    mk_conform_list_free(list, n);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void stand(const struct mk_conform_unit *unit, const struct mk_pressure *under) {
    struct mk_conform_config config = {.seed = 1, .effort_percent = 2, .pressure = under};
    for (const struct mk_case *which = mk_conform_cases(unit->composition.impl->kind->name); which->name; which++) {
        struct mk_findings findings = {0};
        if (mk_conform_skips(unit, which)) continue;
        if (!(which->needs & MK_CONCURRENT)) continue; /* one thread stands no pressure */
        if (mk_conform_run(unit, which, &config, &findings)) {
            mk_test_fail(__FILE__, __LINE__, "%s, case %s under %s: %s", unit->label, which->name, under->name,
                         findings.at[0].what);
        }
        mk_findings_free(&findings);
    }
}

TEST(the_defaults_stand_every_pressure) {
    static const char *const kinds[] = {"map", "alloc", "reclaim"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct mk_conform_unit *list = NULL;
        const struct mk_conform_unit *unit;
        size_t n = 0;
        if (!open_one(kinds[k], NULL, &list, &n, &unit)) {
            mk_test_fail(__FILE__, __LINE__, "no default of kind %s", kinds[k]);
            continue;
        }
        for (const struct mk_pressure *at = mk_pressures; at->name; at++) {
            if (!mk_pressure_skips(at, unit->composition.impl)) stand(unit, at);
        }
        mk_conform_list_free(list, n);
    }
}
