/* litmus.c - a litmus test from the command line: how often each outcome comes up under one memory model. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../commands.h"
#include "../finding.h"
#include "litmus.h"

#define SCHEDULES 100000u

static void print_counts(const char *name, const struct mk_tried *tried) {
    uint64_t all = 0;
    for (size_t i = 0; i < tried->outcomes; i++) all += tried->outcome[i].count;
    printf("%s under %s, %" PRIu64 " schedules\n\n", name,
           mk_model_asked.memory == MK_MEMORY_SC ? "sc" : mk_model_asked.memory == MK_MEMORY_TSO ? "tso" : "c11",
           tried->windows);
    printf("  %-36s %-12s %12s %8s\n", "outcome", "grade", "times", "%");
    for (size_t i = 0; i < tried->outcomes; i++) {
        const struct mk_outcome_count *outcome = &tried->outcome[i];
        printf("  %-36s %-12s %12" PRIu64 " %8.3f\n", outcome->name, mk_grade_names[outcome->grade], outcome->count,
               all ? 100.0 * (double)outcome->count / (double)all : 0);
    }
}

int mk_model_litmus(const char *name, uint64_t seed) {
    struct mk_tried tried = {0};
    struct mk_findings findings = {mk_need(1, sizeof *findings.at), 1};
    struct mk_finding *finding = findings.at;
    uint64_t schedules = mk_model_asked.schedules ? mk_model_asked.schedules : SCHEDULES;
    bool failed = mk_model_try(NULL, name, seed, schedules, &tried, finding);
    print_counts(name, &tried);
    if (tried.note) printf("\n%s\n", tried.note);
    free(tried.note);
    if (failed) {
        printf("\n%s: %s\n", finding->rule ? finding->rule : "model", finding->what);
        if (finding->detail) printf("%s", finding->detail);
        if (finding->token) printf("again: memkit-bench stress --replay '%s'\n", finding->token);
    }
    mk_findings_free(&findings);
    return failed ? MK_EXIT_FAULT : MK_EXIT_FINE;
}
