/* model.c - how fast the model flavour is: schedules a second of litmus tests and of a small program, hooks a
 * second of a longer one, all with races and weak memory on. CPU time, the median of five.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../harness/check/scenarios.h"
#include "../harness/model/program.h"
#include "../harness/registry.h"

#define TIMES 5
#define SECONDS 0.4

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

static void measure(const char *name) {
    const struct mk_scenario *scenario = mk_scenario_of(name);
    double schedules_s[TIMES], hooks_s[TIMES];
    struct mk_program program;
    struct mk_err err = {"there is no such scenario"};
    if (!scenario || mk_program_of_scenario(NULL, scenario, 1, &program, &err)) {
        fprintf(stderr, "model: %s: %s\n", name, err.text);
        exit(1);
    }
    program.name = name;
    for (unsigned i = 0; i < TIMES; i++) explore_once(&program, 1 + i, &schedules_s[i], &hooks_s[i]);
    printf("%s %.0f %.0f\n", name, median_of(schedules_s), median_of(hooks_s));
    free(program.arg);
}

int main(void) {
    static const char *const names[] = {"litmus_mp_relacq", "litmus_mp_relaxed", "litmus_sb_relacq",
                                        "litmus_sb_seqcst", "treiber_hp", "model_stack"};
    struct mk_err err;
    if (mk_registry_open(&err)) {
        fprintf(stderr, "model: %s\n", err.text);
        return 1;
    }
    printf("program, schedules a second, hooks a second\n");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) measure(names[i]);
    return 0;
}
