/* model.c - how fast the model flavour is, and how often its strategies hit.
 *
 *   model                         schedules a second of litmus tests and of a small program, hooks a second of a
 *                                 longer one, all with races and weak memory on; CPU time, the median of five
 *   model strategies [SCHEDULES]  of so many schedules (default 20000) of each program that has a defect, how many
 *                                 of each strategy, and of the portfolio, failed: a line of numbers a program
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../harness/check/scenarios.h"
#include "../harness/model/program.h"
#include "../harness/registry.h"

#define TIMES 5
#define SECONDS 0.4
#define SCHEDULES 20000u

static double cpu_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median_of(double *value) {
    qsort(value, TIMES, sizeof *value, compare);
    return value[TIMES / 2];
}

/* ---- speed -------------------------------------------------------------------------------------- */

/* Explores for a while. Exits where something fails: these are correct, or nothing in them is forbidden. */
static void explore_once(const struct mk_program *program, uint64_t seed, double *schedules_s, double *hooks_s) {
    struct mk_explore_config config = {.seed = seed, .seconds = SECONDS, .setting = {.races = true}};
    struct mk_explored explored;
    double begun = cpu_s();
    mk_explore(program, &config, &explored);
    double spent = cpu_s() - begun;
    if (explored.failed) {
        fprintf(stderr, "model: %s: %s\n", program->name, explored.failure.what);
        exit(1);
    }
    *schedules_s = (double)explored.schedules / spent;
    *hooks_s = (double)explored.hooks / spent;
    mk_explored_free(&explored);
}

/* Exits where there is no such scenario. The caller frees program->arg. */
static void make(const char *name, struct mk_program *program) {
    const struct mk_scenario *scenario = mk_scenario_of(name);
    struct mk_err err = {"there is no such scenario"};
    if (!scenario || mk_program_of_scenario(NULL, scenario, 1, program, &err)) {
        fprintf(stderr, "model: %s: %s\n", name, err.text);
        exit(1);
    }
    program->name = name;
}

static void measure(const char *name) {
    double schedules_s[TIMES], hooks_s[TIMES];
    struct mk_program program;
    make(name, &program);
    for (unsigned i = 0; i < TIMES; i++) explore_once(&program, 1 + i, &schedules_s[i], &hooks_s[i]);
    printf("%s %.0f %.0f\n", name, median_of(schedules_s), median_of(hooks_s));
    free(program.arg);
}

static void measure_speeds(void) {
    static const char *const names[] = {"litmus_mp_relacq", "litmus_mp_relaxed", "litmus_sb_relacq",
                                        "litmus_sb_seqcst", "treiber_hp", "model_stack"};
    printf("program, schedules a second, hooks a second\n");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) measure(names[i]);
}

/* ---- hits of strategies ------------------------------------------------------------------------- */

/* Returns how many schedules failed; heaps take turns, as they do in a hunt. NULL: of the portfolio. */
static uint64_t hits(const struct mk_program *program, const char *strategy, uint64_t schedules) {
    struct mk_explore_config config = {.seed = 1, .schedules = schedules, .heaps = true, .strategy = strategy,
                                       .count_on = true, .setting = {.races = true}};
    struct mk_explored explored;
    uint64_t failures = 0;
    mk_explore(program, &config, &explored);
    for (size_t i = 0; i < explored.strategies_n; i++) failures += explored.strategy[i].failures;
    mk_explored_free(&explored);
    return failures;
}

static void count_hits(const char *name, uint64_t schedules) {
    struct mk_program program;
    make(name, &program);
    uint64_t all = hits(&program, NULL, schedules);
    if (all) {
        printf("%s", name);
        for (size_t i = 0; mk_strategies[i].name; i++) {
            printf(" %" PRIu64, hits(&program, mk_strategies[i].name, schedules));
        }
        printf(" %" PRIu64 "\n", all);
    }
    free(program.arg);
}

static int compare_strategies(const char *asked) {
    uint64_t schedules = asked ? strtoull(asked, NULL, 10) : SCHEDULES;
    if (!schedules) {
        fprintf(stderr, "model: %s is no number of schedules\n", asked);
        return 2;
    }
    printf("program");
    for (size_t i = 0; mk_strategies[i].name; i++) printf(" %s", mk_strategies[i].name);
    printf(" portfolio\n");
    for (size_t i = 0; i < mk_scenarios_count(); i++) {
        if (strcmp(mk_scenario_at(i)->kind, "program") == 0) count_hits(mk_scenario_at(i)->name, schedules);
    }
    return 0;
}

/* ---- which of them ------------------------------------------------------------------------------ */

int main(int argc, char **argv) {
    struct mk_err err;
    if (mk_registry_open(&err)) {
        fprintf(stderr, "model: %s\n", err.text);
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "strategies") == 0) return compare_strategies(argc > 2 ? argv[2] : NULL);
    if (argc > 1) {
        fprintf(stderr, "usage: model [strategies [SCHEDULES]]\n");
        return 2;
    }
    measure_speeds();
    return 0;
}
