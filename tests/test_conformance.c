/* test_conformance.c - every composition of the registry against every case of its kind: one test a kind.
 *
 *   MK_CONFORM_IMPL=map/x   only compositions whose label has this in it
 *   MK_CONFORM_CASE=name    only this case
 *   MK_CONFORM_SEED=N       another seed (default 1)
 *   MK_CONFORM_EFFORT=P     operations in percent of the usual
 *   MK_CONFORM_TIMES=1      says how long each case took, in seconds
 */
#include "test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "../harness/check/conform.h"
#include "../harness/registry.h"
#include "../impl/alloc.h" /* MK_TSAN, MK_ASAN */

/* so that each build takes a minute at most */
#if defined(MK_TSAN)
#define EFFORT_PERCENT 20
#elif defined(MK_ASAN)
#define EFFORT_PERCENT 40
#else
#define EFFORT_PERCENT 100
#endif

static const char *setting(const char *name, const char *preset) {
    const char *text = getenv(name);
    return text && *text ? text : preset;
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void report(const struct mk_finding *finding) {
    mk_test_fail(__FILE__, __LINE__, "%s, case %s: %s   # again: MK_CONFORM_IMPL='%s' MK_CONFORM_CASE=%s MK_CONFORM_SEED=%"
                 PRIu64, finding->label, finding->case_name, finding->what, finding->label, finding->case_name,
                 finding->seed);
}

/* Runs the cases of one composition. The line of what is run grows with each, so that of a run that ends in the
 * middle one sees where. */
static void conform_unit(const struct mk_conform_unit *unit, const struct mk_conform_config *config) {
    const char *only = setting("MK_CONFORM_CASE", NULL);
    const struct mk_case *which = mk_conform_cases(unit->composition.impl->kind->name);
    printf("# %s:", unit->label);
    for (; which->name; which++) {
        struct mk_findings findings = {0};
        if ((only && strcmp(only, which->name) != 0) || mk_conform_skips(unit, which)) continue;
        double begin_s = now_s();
        printf(" %s", which->name);
        fflush(stdout);
        if (mk_conform_run(unit, which, config, &findings)) printf(" (FOUND)\n");
        if (getenv("MK_CONFORM_TIMES")) printf(" %.2f", now_s() - begin_s);
        for (size_t i = 0; i < findings.n; i++) report(&findings.at[i]);
        mk_findings_free(&findings);
    }
    printf("\n");
}

static void conform_kind(const struct mk_kind *kind) {
    const char *wanted = setting("MK_CONFORM_IMPL", "");
    struct mk_conform_config config = {.effort_percent = EFFORT_PERCENT};
    struct mk_conform_unit *list;
    struct mk_err err;
    size_t n, run = 0;
    if (!mk_conform_cases(kind->name)) {
        mk_test_fail(__FILE__, __LINE__, "kind %s has no model: write harness/check/model_%s.c", kind->name, kind->name);
        return;
    }
    config.seed = strtoull(setting("MK_CONFORM_SEED", "1"), NULL, 0);
    if (getenv("MK_CONFORM_EFFORT")) config.effort_percent = (uint32_t)atoi(getenv("MK_CONFORM_EFFORT"));
    if (mk_conform_list(kind->name, &list, &n, &err)) {
        mk_test_fail(__FILE__, __LINE__, "%s", err.text);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!strstr(list[i].label, wanted)) continue;
        conform_unit(&list[i], &config);
        run++;
    }
    if (!run) mk_test_skip("no %s is called %s", kind->name, wanted);
    mk_conform_list_free(list, n);
}

/* One test for each kind that the registry has: there is no list of kinds. A test is a function without an
 * argument, so there is one for the first kind, one for the second, and so on. */
#define KIND(I)                              \
    static void kind_##I(void) {             \
        conform_kind(mk_registry_kind_at(I)); \
    }
KIND(0) KIND(1) KIND(2) KIND(3) KIND(4) KIND(5) KIND(6) KIND(7) KIND(8) KIND(9) KIND(10) KIND(11)
KIND(12) KIND(13) KIND(14) KIND(15) KIND(16) KIND(17) KIND(18) KIND(19) KIND(20) KIND(21) KIND(22) KIND(23)

static struct mk_test tests[] = {
    {.run = kind_0},  {.run = kind_1},  {.run = kind_2},  {.run = kind_3},  {.run = kind_4},  {.run = kind_5},
    {.run = kind_6},  {.run = kind_7},  {.run = kind_8},  {.run = kind_9},  {.run = kind_10}, {.run = kind_11},
    {.run = kind_12}, {.run = kind_13}, {.run = kind_14}, {.run = kind_15}, {.run = kind_16}, {.run = kind_17},
    {.run = kind_18}, {.run = kind_19}, {.run = kind_20}, {.run = kind_21}, {.run = kind_22}, {.run = kind_23}};

__attribute__((constructor)) static void add_kinds(void) {
    struct mk_err err;
    size_t room = sizeof tests / sizeof *tests;
    if (mk_registry_open(&err) || mk_registry_kinds() > room) {
        fprintf(stderr, "test_conformance: %s\n", mk_registry_kinds() > room ? "more kinds than it has tests" : err.text);
        exit(1);
    }
    for (size_t i = 0; i < mk_registry_kinds(); i++) {
        tests[i].file = __FILE__;
        tests[i].name = mk_registry_kind_at(i)->name;
        mk_test_add(&tests[i]);
    }
}
