/* test_scenarios.c - scenarios: sound structures stand them all; each file of tests/planted_scenarios/ has one
 * defect, built as a plug-in, and must be found by the scenarios that its first lines name, in the words they
 * name; some defects of tests/planted_conformance/ and tests/planted_scenarios/ are found by others besides; and
 * the driver says so when a scenario is malformed, or ends in no outcome.
 *
 * MK_SCENARIO_EFFORT=P   how much of each scenario sound structures have to stand, in percent (default 1)
 * MK_SCENARIO_TIMES=1    says how long each took, in seconds
 */
#include "plant.h"

#include <dirent.h>
#include <stdlib.h>
#include <time.h>

#include "../harness/build_info.h"
#include "../harness/check/conform.h"
#include "../harness/check/scenarios.h"
#include "../harness/text.h"
#include "../impl/map.h"
#include "../impl/scenario.h"

#define EFFORT_PERCENT 1
/* Seeds are tried at full effort until a defect is found: so many, and, since other programs may have the PUs, as many
 * as this takes. */
#define SEEDS 5
#define SEEDS_S 30

/* The leaks that are planted are no leaks of ours. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
    return 1;
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void open_registry(void) {
    struct mk_err err;
    if (mk_registry_open(&err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
}

/* ---- sound structures ------------------------------------------------------------------------ */

/* Returns whether it is of default parts, not a variant, not planted here, and of small or large values. */
static bool is_plain(const struct mk_conform_unit *unit) {
    const struct mk_impl *impl = unit->composition.impl;
    if (impl->value_bytes > 8 && impl->value_bytes < 1024) return false;
    return !strpbrk(unit->composition.identity, "+[") && strncmp(impl->file, "tests/", 6) != 0;
}

static uint64_t sum_of(const struct mk_tried *tried) {
    uint64_t sum = 0;
    for (size_t i = 0; i < tried->outcomes; i++) sum += tried->outcome[i].count;
    return sum;
}

/* Runs one scenario on one unit, where it applies, and checks that rounds had outcomes. */
static void stand(const struct mk_conform_unit *unit, const struct mk_case *which, uint32_t effort) {
    struct mk_tried tried = {0};
    struct mk_findings findings = {0};
    struct mk_conform_config config = {.seed = 1, .effort_percent = effort, .tried = &tried};
    double begin_s = now_s();
    if (mk_conform_skips(unit, which)) return;
    mk_conform_run(unit, which, &config, &findings);
    for (size_t i = 0; i < findings.n; i++) {
        mk_test_fail(__FILE__, __LINE__, "%s, %s: %s\n%s", unit->label, which->name, findings.at[i].what,
                     findings.at[i].detail ? findings.at[i].detail : "");
    }
    CHECK(findings.n || sum_of(&tried) > 0);
    CHECK(tried.ops > 0);
    if (getenv("MK_SCENARIO_TIMES")) {
        printf("# %s, %s: %.3f s:", unit->label, which->name, now_s() - begin_s);
        for (size_t i = 0; i < tried.outcomes; i++) {
            if (tried.outcome[i].count) printf(" %s %" PRIu64 ",", tried.outcome[i].name, tried.outcome[i].count);
        }
        printf("\n");
    }
    mk_findings_free(&findings);
}

static void stand_all(const char *kind, size_t at_least) {
    const char *effort = getenv("MK_SCENARIO_EFFORT");
    struct mk_conform_unit *list = NULL;
    struct mk_err err;
    size_t n = 0, cases_n = 0;
    open_registry();
    const struct mk_case *cases = mk_scenario_cases(kind, &cases_n);
    CHECK(cases_n >= at_least);
    if (mk_conform_list(kind, &list, &n, &err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < cases_n && is_plain(&list[i]); c++) {
            stand(&list[i], &cases[c], effort ? (uint32_t)atoi(effort) : EFFORT_PERCENT);
        }
    }
    mk_conform_list_free(list, n);
}

TEST(maps_stand_their_scenarios) {
    stand_all("map", 12);
}

TEST(reclaimers_stand_their_scenarios) {
    stand_all("reclaim", 4);
}

TEST(allocators_stand_their_scenarios) {
    stand_all("alloc", 3);
}

TEST(refcounts_stand_their_scenarios) {
    stand_all("refcount", 4);
}

TEST(slots_stand_their_scenarios) {
    stand_all("slots", 6);
}

TEST(lists_stand_their_scenarios) {
    stand_all("list", 2);
}

TEST(queues_stand_their_scenarios) {
    stand_all("queue", 2);
}

TEST(stacks_stand_their_scenarios) {
    stand_all("stack", 3);
}

/* ---- planted defects ------------------------------------------------------------------------- */

struct plant {
    char folder[32], name[64], scenarios[128], says[64], flavours[64];
};

/* Defects that have been planted for others to find. */
static const struct plant also[] = {
    {"planted_conformance", "map_two_step_replace", "map_replace_never_misses map_no_going_back", "missed", ""},
    {"planted_conformance", "map_lost_race", "map_bookkeeping", "do not add up", ""},
    {"planted_conformance", "map_answers_removed", "map_adjacent_removes", "answered", "release debug asan"},
    {"planted_conformance", "map_drops_neighbour", "map_owned_neighbours map_adjacent_removes", "map_", ""},
    {"planted_conformance", "map_count_off", "map_bookkeeping", "count is off", ""},
    {"planted_conformance", "map_recycled_id", "map_short_lived_threads", "miscounted", "release debug asan"},
    {"planted_conformance", "reclaim_too_early", "reclaim_reader_beside_replacer reclaim_two_replacers", "torn",
     "release debug"},
    {"planted_conformance", "reclaim_at_once", "reclaim_held_while_replaced", "freed too early", ""},
    {"planted_conformance", "reclaim_orphans", "reclaim_threads_come_and_go", "garbage stays", ""},
    {"planted_conformance", "reclaim_miscounts", "reclaim_two_retirers", "miscounted", ""},
    {"planted_conformance", "alloc_own_only", "alloc_freed_by_others alloc_ping_pong", "refused", ""},
    {"planted_conformance", "alloc_double_free", "alloc_wrong_frees", "twice accepted", ""},
};

/* Fills in a plant of one of the two folders. Those of planted/ are for stress to find; some of them name a scenario
 * as well, with what it says, which finds them where no sanitizer is in its way. */
static void read_plant(struct plant *plant, const char *folder, const char *file) {
    struct plant_line lines[] = {{"scenario", plant->scenarios, sizeof plant->scenarios},
                                 {"says", plant->says, sizeof plant->says},
                                 {"flavours", plant->flavours, sizeof plant->flavours}};
    memset(plant, 0, sizeof *plant);
    snprintf(plant->folder, sizeof plant->folder, "%s", folder);
    snprintf(plant->name, sizeof plant->name, "%.*s", (int)strcspn(file, "."), file);
    plant_read(folder, file, lines, sizeof lines / sizeof *lines);
    char *bar = strstr(plant->scenarios, " | ");
    if (bar) {
        *bar = '\0';
        snprintf(plant->says, sizeof plant->says, "%s", bar + 3);
        snprintf(plant->flavours, sizeof plant->flavours, "release debug");
    }
}

/* Calls use(plant, arg) for all that have scenarios. Returns how many. */
static size_t each_plant(void (*use)(const struct plant *plant, void *arg), void *arg) {
    static const char *const folders[] = {"planted_scenarios", "planted"};
    size_t used = sizeof also / sizeof *also;
    for (size_t i = 0; i < used; i++) use(&also[i], arg);
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        struct dirent **files;
        int n = scandir(mk_test_path(folders[f]), &files, NULL, alphasort);
        for (int i = 0; i < n; i++) {
            struct plant plant;
            size_t length = strlen(files[i]->d_name);
            if (length > 2 && strcmp(files[i]->d_name + length - 2, ".c") == 0) {
                read_plant(&plant, folders[f], files[i]->d_name);
                if (plant.scenarios[0]) use(&plant, arg);
                used += plant.scenarios[0] != '\0';
            }
            free(files[i]);
        }
        if (n >= 0) free(files);
    }
    return used;
}

/* Has one scenario look for the defect, seed after seed. */
static void find(const struct plant *plant, const struct mk_conform_unit *unit, const struct mk_case *which) {
    char what[512] = "nothing";
    bool found = false;
    const char *skips = mk_conform_skips(unit, which);
    if (skips) mk_test_fail(__FILE__, __LINE__, "%s, %s: it %s", plant->name, which->name, skips);
    double begin_s = now_s();
    for (uint64_t seed = 1; !found && !skips && (seed <= SEEDS || now_s() < begin_s + SEEDS_S); seed++) {
        struct mk_conform_config config = {.seed = seed, .effort_percent = 100};
        struct mk_findings findings = {0};
        mk_conform_run(unit, which, &config, &findings);
        for (size_t i = 0; i < findings.n && !found; i++) {
            found = strstr(findings.at[i].what, plant->says) && findings.at[i].detail;
            snprintf(what, sizeof what, "%s", findings.at[i].what);
        }
        mk_findings_free(&findings);
    }
    if (!found && !skips) {
        mk_test_fail(__FILE__, __LINE__, "%s: %s does not find what it is to find (%s), but: %s", plant->name,
                     which->name, plant->says, what);
    }
}

static const struct mk_case *case_of(const char *kind, const char *name) {
    size_t n;
    const struct mk_case *cases = mk_scenario_cases(kind, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(cases[i].name, name) == 0) return &cases[i];
    }
    return NULL;
}

static void try_plant(const struct plant *plant) {
    struct mk_conform_unit *list = NULL;
    size_t n = 0, tried = 0;
    struct mk_err err;
    char kind[32], identity[128], names[128];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(plant->name, "_"), plant->name);
    snprintf(identity, sizeof identity, "%s/%s", kind, plant->name);
    if (plant_load(plant->folder, plant->name, &err) || mk_conform_list(kind, &list, &n, &err)) {
        mk_test_fail(__FILE__, __LINE__, "%s: %s", plant->name, err.text);
        return;
    }
    snprintf(names, sizeof names, "%s", plant->scenarios);
    for (char *rest = names, *name; (name = strsep(&rest, " "));) {
        const struct mk_case *which = case_of(kind, name);
        if (!which) mk_test_fail(__FILE__, __LINE__, "%s: there is no scenario \"%s\"", plant->name, name);
        for (size_t i = 0; i < n && which; i++) {
            if (strcmp(list[i].composition.identity, identity) != 0) continue;
            find(plant, &list[i], which);
            tried++;
        }
    }
    if (!tried) mk_test_fail(__FILE__, __LINE__, "%s is not in the registry", identity);
    mk_conform_list_free(list, n);
}

static void try_here(const struct plant *plant, void *arg) {
    (void)arg;
    if (!plant->flavours[0] || strstr(plant->flavours, mk_build_info()->flavour)) try_plant(plant);
}

TEST(each_planted_defect_is_found_by_its_scenarios) {
    open_registry();
    CHECK(each_plant(try_here, NULL) > 40);
}

static void note(const struct plant *plant, void *arg) {
    mk_text_printf(arg, " %s ", plant->scenarios);
}

/* Every scenario of the tree has a defect that it finds. */
TEST(no_scenario_goes_without_a_defect_to_find) {
    struct mk_text found = {0};
    open_registry();
    each_plant(note, &found);
    for (size_t i = 0; i < mk_scenarios_count(); i++) {
        const struct mk_scenario *scenario = mk_scenario_at(i);
        char name[96];
        if (strncmp(scenario->file, "workloads/", 10) != 0) continue;
        if (strcmp(scenario->kind, "litmus") == 0) continue; /* of no structure, so of none that could be wrong */
        snprintf(name, sizeof name, " %s ", scenario->name);
        if (!strstr(found.at, name)) mk_test_fail(__FILE__, __LINE__, "no planted defect is for %s", scenario->name);
    }
    mk_text_free(&found);
}

/* ---- the driver ------------------------------------------------------------------------------ */

static void put_once(struct mk_actor *actor) {
    actor->saw[0] = mk_act(actor, MK_MAP_PUT, actor->number, 7).status;
}

static void refuse_once(struct mk_actor *actor) {
    mk_act(actor, MK_OPS_MAX - 1, 0, 0);
}

static unsigned first_outcome(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone, (void)actor;
    return 0;
}

static unsigned fifth_outcome(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone, (void)actor;
    return 5;
}

static const char *never(const struct mk_impl *impl) {
    return impl->kind ? "is never good enough" : NULL;
}

static const struct mk_outcome one_bad[] = {{"anything", MK_FORBIDDEN, "nothing may happen"},
                                            {NULL, MK_ACCEPTABLE, NULL}};
static const struct mk_outcome one_good[] = {{"anything", MK_ACCEPTABLE, "all is well"},
                                             {NULL, MK_ACCEPTABLE, NULL}};

#define OF_TEST(NAME, ...) \
    {.name = #NAME, .kind = "map", .file = "of/" #NAME ".c", .summary = "of a test", .threads = 2, __VA_ARGS__}
static const struct mk_scenario forbids_all =
    OF_TEST(forbids_all, .shows = {"status"}, .body = put_once, .after = first_outcome, .outcomes = one_bad);
static const struct mk_scenario out_of_range =
    OF_TEST(out_of_range, .body = put_once, .after = fifth_outcome, .outcomes = one_good);
static const struct mk_scenario asks_too_much =
    OF_TEST(asks_too_much, .body = refuse_once, .after = first_outcome, .outcomes = one_good);
static const struct mk_scenario skips_all =
    OF_TEST(skips_all, .skips = never, .body = put_once, .after = first_outcome, .outcomes = one_good);
static const struct mk_scenario counts_rounds =
    OF_TEST(counts_rounds, .rounds = 17, .instances = 3, .body = put_once, .after = first_outcome,
            .outcomes = one_good);
static const struct mk_scenario *const of_test[] = {&forbids_all, &out_of_range, &asks_too_much, &skips_all,
                                                    &counts_rounds};

/* Runs a scenario of a test on the kind's default. Returns what it finds first, or NULL; the caller frees it. */
static char *play(const char *name, struct mk_tried *tried, char **detail) {
    static bool added;
    struct mk_conform_unit *list = NULL;
    struct mk_findings findings = {0};
    struct mk_conform_config config = {.seed = 3, .effort_percent = 100, .tried = tried};
    struct mk_err err;
    char *what = NULL;
    size_t n = 0;
    open_registry();
    if (!added) CHECK_EQ(mk_scenarios_add(of_test, of_test + sizeof of_test / sizeof *of_test, &err), 0);
    added = true;
    CHECK_EQ(mk_conform_list("map", &list, &n, &err), 0);
    const struct mk_case *which = case_of("map", name);
    CHECK(which != NULL);
    for (size_t i = 0; i < n && which; i++) {
        if (list[i].composition.impl != mk_registry_default("map") || !is_plain(&list[i])) continue;
        mk_conform_run(&list[i], which, &config, &findings);
        break;
    }
    if (findings.n) {
        what = strdup(findings.at[0].what);
        if (detail) *detail = strdup(findings.at[0].detail);
    }
    mk_findings_free(&findings);
    mk_conform_list_free(list, n);
    return what;
}

TEST(a_forbidden_outcome_is_a_finding_that_tells_it) {
    struct mk_tried tried = {0};
    char *detail = NULL, *what = play("forbids_all", &tried, &detail);
    CHECK_STR(what, "scenario forbids_all ends in \"anything\": nothing may happen");
    CHECK_STR(detail, "round 0 of an instance\nthread 0: status 0x0\nthread 1: status 0x0\n"
                      "outcomes of the trial so far:\n           1  anything\n");
    CHECK_EQ(tried.outcomes, 1);
    CHECK_EQ(tried.outcome[0].count, 1);
    CHECK_EQ(tried.outcome[0].grade, MK_FORBIDDEN);
    free(what);
    free(detail);
}

TEST(an_outcome_that_is_none_is_a_finding) {
    char *what = play("out_of_range", NULL, NULL);
    CHECK_STR(what, "scenario out_of_range ends in \"no outcome\": .after names outcome 5 of 1");
    free(what);
}

TEST(a_refusal_is_a_finding) {
    char *what = play("asks_too_much", NULL, NULL);
    CHECK_STR(what, "scenario asks_too_much ends in \"refused\": an operation was refused although memory was not");
    free(what);
}

TEST(outcomes_add_up_to_rounds) {
    struct mk_tried tried = {0};
    CHECK(play("counts_rounds", &tried, NULL) == NULL);
    CHECK_EQ(sum_of(&tried), 3 * 17);
    CHECK_EQ(tried.ops, 2 * 3 * 17);
}

TEST(what_a_scenario_skips_is_skipped) {
    struct mk_conform_unit *list = NULL;
    struct mk_err err;
    size_t n = 0;
    struct mk_pressure refusing = {.name = "refusing", .refuse_one_in = 50};
    free(play("counts_rounds", NULL, NULL)); /* adds them */
    CHECK_EQ(mk_conform_list("map", &list, &n, &err), 0);
    for (size_t i = 0; i < n; i++) {
        if (list[i].composition.impl != mk_registry_default("map")) continue;
        CHECK_STR(mk_conform_skips(&list[i], case_of("map", "skips_all")), "is never good enough");
        CHECK(mk_conform_skips(&list[i], case_of("map", "counts_rounds")) == NULL);
        CHECK(mk_conform_skips_under(&list[i], case_of("map", "counts_rounds"), &refusing) != NULL);
        break;
    }
    mk_conform_list_free(list, n);
}

/* Has one malformed scenario refused, in these words. */
static void refused(struct mk_scenario scenario, const char *says) {
    struct mk_err err = {""};
    const struct mk_scenario *one = &scenario;
    size_t before = mk_scenarios_count();
    CHECK_EQ(mk_scenarios_add(&one, &one + 1, &err), -1);
    if (!strstr(err.text, says)) mk_test_fail(__FILE__, __LINE__, "not \"%s\", but: %s", says, err.text);
    CHECK_EQ(mk_scenarios_count(), before);
}

TEST(malformed_scenarios_are_refused) {
    struct mk_scenario changed = counts_rounds;
    free(play("counts_rounds", NULL, NULL)); /* adds them */
    refused(counts_rounds, "is registered twice");
    changed.name = "another";
    refused(changed, "the name must be the file's");
    changed.file = "another.c";
    changed.outcomes = NULL;
    refused(changed, "lacks .summary, .body, .after or .outcomes");
    changed.outcomes = one_good;
    changed.threads = 0;
    refused(changed, "has 0 threads");
    changed.threads = MK_SCENARIO_THREADS_MAX + 1;
    refused(changed, "threads, not 1 to");
}
