/* test_litmus.c - the memory model by its litmus tests: what C11 forbids never shows, and what it allows does,
 * under the models that have it.
 *
 * MK_LITMUS_SCHEDULES=N   of each scenario and memory model (default 20000; `make soak` and `make bench` take more)
 * MK_LITMUS_COUNTS=1      prints all histograms
 */
#include "../test.h"

#include <stdlib.h>

#include "../../harness/check/scenarios.h"
#include "../../harness/model/program.h"
#include "../../harness/registry.h"

#define SCHEDULES 20000u

enum { C11 = 1 << MK_MEMORY_C11, TSO = 1 << MK_MEMORY_TSO, SC = 1 << MK_MEMORY_SC };
static const char *const memory_names[] = {"c11", "tso", "sc"};

/* Every interesting outcome, and the memory models that have to show it; the others must not. */
static const struct expected {
    const char *scenario, *outcome;
    unsigned under;
} expected[] = {
    {"litmus_2_2w", "both first writes", 0}, /* needs stores out of order */
    {"litmus_dekker_relaxed", "both inside", C11 | TSO},
    {"litmus_iriw_acquire", "two orders", C11},
    {"litmus_iriw_relaxed", "two orders", C11},
    {"litmus_isa2_broken", "missing link", C11},
    {"litmus_lb_relaxed", "both saw", 0}, /* needs loads that see the future */
    {"litmus_mp_relaxed", "flag without data", C11},
    {"litmus_mp_stale_data", "flag without data", C11},
    {"litmus_peterson_relacq", "both inside", C11 | TSO},
    {"litmus_r_relacq", "last, and unseeing", C11 | TSO},
    {"litmus_release_sequence_broken", "broken off", C11},
    {"litmus_rwc_relacq", "no order", C11 | TSO},
    {"litmus_sb_one_fence", "neither saw", C11 | TSO},
    {"litmus_sb_relacq", "neither saw", C11 | TSO},
    {"litmus_sb_relaxed", "neither saw", C11 | TSO},
    {"litmus_sb_rmw", "neither saw", C11},
    {"litmus_seqlock_no_fence", "torn", C11},
    {"litmus_spin_lock_relaxed", "lost", C11},
    {"litmus_weak_cas", "failed for nothing", C11 | TSO | SC}, /* a choice of its own, in all models */
    {"litmus_wrc_relaxed", "missing link", C11},
    {"litmus_z6_3", "overwritten, unseen", C11},
    {"litmus_z6_u", "no order", 0}, /* seq_cst accesses are ordered as C11 had it at first */
};

static const struct expected *expected_of(const char *scenario, const char *outcome) {
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (strcmp(expected[i].scenario, scenario) == 0 && strcmp(expected[i].outcome, outcome) == 0) {
            return &expected[i];
        }
    }
    return NULL;
}

static uint64_t schedules(void) {
    const char *asked = getenv("MK_LITMUS_SCHEDULES");
    return asked ? strtoull(asked, NULL, 10) : SCHEDULES;
}

/* ---- one scenario under one memory model ------------------------------------------------------- */

static void print_histogram(const struct mk_scenario *scenario, enum mk_memory_model memory,
                            const uint64_t *count) {
    printf("    %s under %s:", scenario->name, memory_names[memory]);
    for (size_t i = 0; scenario->outcomes[i].name; i++) {
        printf("%s %s \"%s\" %" PRIu64, i ? "," : "", mk_grade_names[scenario->outcomes[i].grade],
               scenario->outcomes[i].name, count[i]);
    }
    printf("\n");
}

/* Returns what is wrong with how often an outcome came up, or NULL. */
static const char *wrong_with(const struct mk_scenario *scenario, const struct mk_outcome *outcome,
                              enum mk_memory_model memory, uint64_t count) {
    const struct expected *want = expected_of(scenario->name, outcome->name);
    if (outcome->grade == MK_FORBIDDEN) return count ? "is forbidden" : NULL;
    if (outcome->grade == MK_ACCEPTABLE) return count || memory != MK_MEMORY_SC ? NULL : "has to show";
    if (!want) return "is interesting, but not in the table";
    if (want->under & 1u << memory) return count ? NULL : "has to show under this model";
    return count ? "must not show under this model" : NULL;
}

static void judge(const struct mk_scenario *scenario, enum mk_memory_model memory, const uint64_t *count) {
    bool wrong = false;
    for (size_t i = 0; scenario->outcomes[i].name; i++) {
        const char *what = wrong_with(scenario, &scenario->outcomes[i], memory, count[i]);
        if (!what) continue;
        mk_test_fail(__FILE__, __LINE__, "%s under %s: \"%s\" %s: %" PRIu64 " of %" PRIu64, scenario->name,
                     memory_names[memory], scenario->outcomes[i].name, what, count[i], schedules());
        wrong = true;
    }
    if (wrong || getenv("MK_LITMUS_COUNTS")) print_histogram(scenario, memory, count);
}

static void explore(const struct mk_scenario *scenario, enum mk_memory_model memory) {
    struct mk_explore_config config = {.seed = 1, .schedules = schedules(), .count_on = true,
                                       .setting = {.memory = memory, .races = true}};
    struct mk_explored explored;
    struct mk_program program;
    struct mk_err err;
    if (mk_program_of_scenario(NULL, scenario, 1, &program, &err)) {
        mk_test_fail(__FILE__, __LINE__, "%s: %s", scenario->name, err.text);
        return;
    }
    program.name = scenario->name;
    mk_explore(&program, &config, &explored);
    if (explored.failed) {
        mk_test_fail(__FILE__, __LINE__, "%s under %s: %s", scenario->name, memory_names[memory],
                     explored.failure.what);
    }
    CHECK_EQ(explored.schedules, schedules());
    CHECK_EQ(explored.limits, 0);
    const struct mk_made *made = program.arg;
    judge(scenario, memory, made->count);
    mk_explored_free(&explored);
    free(program.arg);
}

/* ---- all of them ------------------------------------------------------------------------------- */

static void explore_all(enum mk_memory_model memory) {
    struct mk_err err;
    size_t n = 0;
    if (mk_registry_open(&err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
    for (size_t i = 0; i < mk_scenarios_count(); i++) {
        if (strcmp(mk_scenario_at(i)->kind, "litmus") != 0) continue;
        explore(mk_scenario_at(i), memory);
        n++;
    }
    CHECK(n >= 40);
}

TEST(c11_shows_what_it_allows_and_nothing_else) {
    explore_all(MK_MEMORY_C11);
}

TEST(tso_shows_store_buffering_alone) {
    explore_all(MK_MEMORY_TSO);
}

TEST(sc_shows_interleavings_alone) {
    explore_all(MK_MEMORY_SC);
}

/* A name in the table that is no scenario's, or no interesting outcome's, would check nothing. */
TEST(what_is_expected_is_there) {
    struct mk_err err;
    if (mk_registry_open(&err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct mk_scenario *scenario = mk_scenario_of(expected[i].scenario);
        bool found = false;
        for (size_t k = 0; scenario && scenario->outcomes[k].name; k++) {
            found |= scenario->outcomes[k].grade == MK_INTERESTING &&
                strcmp(scenario->outcomes[k].name, expected[i].outcome) == 0;
        }
        if (!found) {
            mk_test_fail(__FILE__, __LINE__, "%s has no interesting outcome \"%s\"", expected[i].scenario,
                         expected[i].outcome);
        }
    }
}
