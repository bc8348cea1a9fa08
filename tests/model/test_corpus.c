/* test_corpus.c - programs with one known defect, each of which has to be found, soon and as what it is; and
 * correct ones, about which there must be nothing to say.
 *
 * MK_CORPUS_SCHEDULES=N   of each correct program (default 10000; `make soak` takes more)
 * MK_CORPUS_COUNTS=1      says after how many schedules each defect was found, and how few decisions it takes
 */
#include "../test.h"

#include <stdlib.h>
#include <time.h>

#include "../../harness/check/scenarios.h"
#include "../../harness/model/program.h"
#include "../../harness/registry.h"

#define SCHEDULES 10000u /* of a correct program */
#define HUNTED 100000u   /* of a defect, at most; fixed, so that it takes as many on every machine */

/* Which failures are right, a bit each: a use after free may be met as the race that it is as well. */
#define AS(KIND) (1u << (KIND))

static const struct planted {
    const char *program;
    unsigned kinds; /* 0: correct */
    unsigned memory; /* bits of the memory models under which it fails */
} corpus[] = {
    {"counter_atomic_lost", AS(MK_FAIL_ORACLE), 7},
    {"counter_race", AS(MK_FAIL_RACE), 7},
    {"deadlock_abba", AS(MK_FAIL_DEADLOCK), 7},
    {"deep_bug", AS(MK_FAIL_ORACLE), 7},
    {"mcs_lock", 0, 0},
    {"mp_atomic_stale", AS(MK_FAIL_ORACLE), 1 << MK_MEMORY_C11},
    {"mp_fence_ok", 0, 0},
    {"mp_relaxed", AS(MK_FAIL_RACE), 7},
    {"mutex_misuse", AS(MK_FAIL_MISUSE), 7},
    {"rwlock_upgrade", AS(MK_FAIL_DEADLOCK) | AS(MK_FAIL_MISUSE), 7},
    {"rwlock_writes_as_reader", AS(MK_FAIL_RACE), 7},
    {"sb_relacq", AS(MK_FAIL_ORACLE), 1 << MK_MEMORY_C11 | 1 << MK_MEMORY_TSO},
    {"spinlock", 0, 0},
    {"treiber_aba", AS(MK_FAIL_ORACLE), 7},
    {"treiber_hp", 0, 0},
    {"treiber_hp_acqrelcas", AS(MK_FAIL_USE_AFTER_FREE) | AS(MK_FAIL_RACE), 1 << MK_MEMORY_C11},
    {"treiber_hp_weakpub", AS(MK_FAIL_USE_AFTER_FREE) | AS(MK_FAIL_RACE), 1 << MK_MEMORY_C11 | 1 << MK_MEMORY_TSO},
    {"treiber_uaf", AS(MK_FAIL_USE_AFTER_FREE) | AS(MK_FAIL_RACE), 7},
};

static uint64_t schedules(void) {
    const char *asked = getenv("MK_CORPUS_SCHEDULES");
    return asked ? strtoull(asked, NULL, 10) : SCHEDULES;
}

static double cpu_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void open_registry(void) {
    struct mk_err err;
    if (mk_registry_open(&err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
}

/* Explores one program; *explored is freed by close_program. Returns whether it could be made. */
static bool explore(const char *name, enum mk_memory_model memory, uint64_t most, struct mk_program *program,
                    struct mk_explored *explored) {
    const struct mk_scenario *scenario = mk_scenario_of(name);
    struct mk_explore_config config = {.seed = 1, .schedules = most, .heaps = true,
                                       .setting = {.memory = memory, .races = true}};
    struct mk_err err = {"there is no such program"};
    if (!scenario || mk_program_of_scenario(NULL, scenario, 1, program, &err)) {
        mk_test_fail(__FILE__, __LINE__, "%s: %s", name, err.text);
        return false;
    }
    program->name = name;
    mk_explore(program, &config, explored);
    return true;
}

static void close_program(struct mk_program *program, struct mk_explored *explored) {
    mk_explored_free(explored);
    free(program->arg);
}

/* ---- what is wrong is found --------------------------------------------------------------------- */

static void count(const char *name, const struct mk_explored *explored, double seconds) {
    if (!getenv("MK_CORPUS_COUNTS")) return;
    printf("# %s: %" PRIu64 " schedules, %zu decisions after %" PRIu64 " replays, %.1f ms: %s\n", name,
           explored->failed_after, explored->decisions.n, explored->replays, 1e3 * seconds, explored->failure.what);
}

/* The decisions that are left make the same failure again. */
static void replay(const struct mk_program *program, const struct mk_explored *explored) {
    CHECK(mk_replay(program, &explored->setting, &explored->decisions, NULL));
    CHECK_EQ(mk_rt.failure.kind, explored->failure.kind);
    CHECK_STR(mk_rt.failure.what, explored->failure.what);
    free(mk_rt.failure.detail);
    free(mk_rt.failure.picture);
}

static void hunt(const struct planted *planted) {
    struct mk_program program;
    struct mk_explored explored;
    double begun = cpu_s();
    if (!explore(planted->program, MK_MEMORY_C11, HUNTED, &program, &explored)) return;
    if (!explored.failed) {
        mk_test_fail(__FILE__, __LINE__, "%s: nothing found in %u schedules", planted->program, HUNTED);
    } else if (!(planted->kinds & AS(explored.failure.kind))) {
        mk_test_fail(__FILE__, __LINE__, "%s: found as what it is not: %s", planted->program,
                     explored.failure.what);
    } else {
        count(planted->program, &explored, cpu_s() - begun);
        replay(&program, &explored);
    }
    close_program(&program, &explored);
}

TEST(every_defect_is_found) {
    open_registry();
    for (size_t i = 0; i < sizeof corpus / sizeof *corpus; i++) {
        if (corpus[i].kinds) hunt(&corpus[i]);
    }
}

/* ---- what is right is clean ---------------------------------------------------------------------- */

static void stand(const char *name, enum mk_memory_model memory) {
    struct mk_program program;
    struct mk_explored explored;
    if (!explore(name, memory, schedules(), &program, &explored)) return;
    if (explored.failed) {
        mk_test_fail(__FILE__, __LINE__, "%s is accused under memory model %d: %s\n%s", name, (int)memory,
                     explored.failure.what, explored.failure.detail ? explored.failure.detail : "");
    }
    CHECK_EQ(explored.schedules, schedules());
    close_program(&program, &explored);
}

TEST(correct_programs_are_clean) {
    open_registry();
    for (size_t i = 0; i < sizeof corpus / sizeof *corpus; i++) {
        if (!corpus[i].kinds) stand(corpus[i].program, MK_MEMORY_C11);
    }
}

/* A defect that a memory model does not have is none under it: no machine of that kind is accused. */
TEST(defects_are_those_of_their_memory_models) {
    open_registry();
    for (size_t i = 0; i < sizeof corpus / sizeof *corpus; i++) {
        for (unsigned memory = MK_MEMORY_C11; corpus[i].kinds && memory <= MK_MEMORY_SC; memory++) {
            if (!(corpus[i].memory & 1u << memory)) stand(corpus[i].program, memory);
        }
    }
}

/* The table names every program, so that none goes without being tried. */
TEST(the_corpus_is_all_there) {
    size_t n = 0;
    open_registry();
    for (size_t i = 0; i < mk_scenarios_count(); i++) n += strcmp(mk_scenario_at(i)->kind, "program") == 0;
    CHECK_EQ(n, sizeof corpus / sizeof *corpus);
}
