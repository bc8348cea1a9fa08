/* test_conformance.c - every composition of the registry against every case of its kind: one test a kind.
 *
 *   MK_CONFORM_IMPL=map/x   only compositions whose label has this in it
 *   MK_CONFORM_CASE=name    only this case
 *   MK_CONFORM_SEED=N       another seed (default 1)
 *   MK_CONFORM_EFFORT=P     operations in percent of what this build usually does
 *   MK_CONFORM_TIMES=1      says how long each case took, in seconds
 */
#include "test.h"

#include <errno.h> /* program_invocation_name */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "../harness/check/conform.h"
#include "../harness/registry.h"
#include "../impl/alloc.h" /* MK_TSAN, MK_ASAN */

/* so that each build takes a minute or two */
#if defined(MK_TSAN)
#define EFFORT_PERCENT 4
#elif defined(MK_ASAN)
#define EFFORT_PERCENT 10
#else
#define EFFORT_PERCENT 40
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
    mk_test_fail(__FILE__, __LINE__, "%s, case %s: %s", finding->label, finding->case_name, finding->what);
    printf("    again: MK_CONFORM_IMPL='%s' MK_CONFORM_CASE=%s MK_CONFORM_SEED=%" PRIu64 " %s %s\n", finding->label,
           finding->case_name, finding->seed, program_invocation_name, finding->kind);
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

/* Returns whether the composition tells a sanitizer what another does, too: of the sizes of a value, the smallest and the
 * largest are enough. */
static bool is_left_out(const struct mk_conform_unit *unit) {
#if defined(MK_TSAN) || defined(MK_ASAN)
    uint32_t bytes = unit->composition.impl->value_bytes;
    return bytes == 64 || bytes == 256;
#else
    (void)unit;
    return false;
#endif
}

static void conform_kind(const struct mk_kind *kind) {
    const char *wanted = setting("MK_CONFORM_IMPL", "");
    struct mk_conform_config config = {.effort_percent = EFFORT_PERCENT};
    struct mk_conform_unit *list;
    struct mk_err err;
    size_t n, run = 0;
    if (!mk_conform_cases(kind->name)) {
        mk_test_fail(__FILE__, __LINE__, "kind %s has no model: it belongs into harness/check/", kind->name);
        return;
    }
    config.seed = strtoull(setting("MK_CONFORM_SEED", "1"), NULL, 0);
    config.effort_percent *= (uint32_t)strtoul(setting("MK_CONFORM_EFFORT", "100"), NULL, 10);
    config.effort_percent = config.effort_percent > 100 ? config.effort_percent / 100 : 1;
    if (mk_conform_list(kind->name, &list, &n, &err)) {
        mk_test_fail(__FILE__, __LINE__, "%s", err.text);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!strstr(list[i].label, wanted) || (!*wanted && is_left_out(&list[i]))) continue;
        conform_unit(&list[i], &config);
        run++;
    }
    if (!run) mk_test_skip("no %s is called %s", kind->name, wanted);
    mk_conform_list_free(list, n);
}

/* One test for each kind that the registry has: there is no list of kinds. A test is a function without an
 * argument, so there is one for the first kind, one for the second, and so on. */
#define KINDS(X)                                                                                              \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18)  \
    X(19) X(20) X(21) X(22) X(23)
#define KIND_TEST(I)                          \
    static void kind_##I(void) {              \
        conform_kind(mk_registry_kind_at(I)); \
    }
#define KIND_ENTRY(I) {.run = kind_##I},
KINDS(KIND_TEST)
static struct mk_test tests[] = {KINDS(KIND_ENTRY)};

__attribute__((constructor)) static void add_kinds(void) {
    struct mk_err err = {"more kinds than it has tests"};
    if (mk_registry_open(&err) || mk_registry_kinds() > sizeof tests / sizeof *tests) {
        fprintf(stderr, "test_conformance: %s\n", err.text);
        exit(1);
    }
    for (size_t i = 0; i < mk_registry_kinds(); i++) {
        tests[i].file = __FILE__;
        tests[i].name = mk_registry_kind_at(i)->name;
        mk_test_add(&tests[i]);
    }
}
