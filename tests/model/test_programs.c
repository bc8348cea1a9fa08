/* test_programs.c - programs made from oracles: what is sound passes, what is planted is found and can be replayed
 * from its token, and a name says all that a program is made of.
 */
#include "../test.h"

#include <stdlib.h>

#include "../../harness/model/programs.h"
#include "../../harness/record.h"
#include "../../harness/registry.h"
#include "../plant.h"

#define PLANTED "../planted" /* beside the folder of this test's program */
#define SCHEDULES 2000

static void open_registry(void) {
    static bool open;
    struct mk_err err = {{0}};
    if (open) return;
    open = true;
    if (mk_registry_open(&err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
}

static void load(const char *plant) {
    struct mk_err err = {{0}};
    open_registry();
    if (plant_load(PLANTED, plant, &err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
}

/* Units of a kind whose label is that, or all of them. The list is the caller's. */
struct units {
    struct mk_conform_unit *at;
    size_t n;
};

static struct units units_of(const char *kind) {
    struct units units = {NULL, 0};
    struct mk_err err = {{0}};
    open_registry();
    if (mk_conform_list(kind, &units.at, &units.n, &err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
    return units;
}

static const struct mk_conform_unit *unit_of(const struct units *units, const char *label) {
    for (size_t i = 0; i < units->n; i++) {
        if (strcmp(units->at[i].label, label) == 0) return &units->at[i];
    }
    mk_test_fail(__FILE__, __LINE__, "there is no %s", label);
    return NULL;
}

static const struct mk_case *case_of(const char *kind, const char *name) {
    const struct mk_case *at = mk_model_cases(kind);
    while (at->name && strcmp(at->name, name) != 0) at++;
    return at->name ? at : NULL;
}

static void free_finding(struct mk_finding *finding) {
    struct mk_findings findings = {mk_need(1, sizeof *finding), 1};
    findings.at[0] = *finding;
    mk_findings_free(&findings);
}

/* Returns whether something was found, which is the caller's then. */
static bool try(const char *kind, const char *label, const char *oracle, uint64_t schedules, struct mk_tried *tried,
                struct mk_finding *finding) {
    struct units units = units_of(kind);
    const struct mk_conform_unit *unit = unit_of(&units, label);
    memset(tried, 0, sizeof *tried);
    memset(finding, 0, sizeof *finding);
    bool found = unit && mk_model_try(unit, oracle, 1, schedules, tried, finding);
    mk_conform_list_free(units.at, units.n);
    return found;
}

static void expect_none(const char *kind, const char *label, const char *oracle, uint64_t schedules) {
    struct mk_tried tried;
    struct mk_finding finding;
    if (try(kind, label, oracle, schedules, &tried, &finding)) {
        mk_test_fail(__FILE__, __LINE__, "%s, %s: %s: %s\n%s", label, oracle, finding.rule, finding.what,
                     finding.token);
        free_finding(&finding);
    }
    CHECK_EQ(tried.windows, schedules);
    CHECK(tried.ops > schedules);
}

/* ---- what is sound --------------------------------------------------------------------------- */

TEST(sound_maps_pass) {
    expect_none("map", "map/mutex@8", "schedules", SCHEDULES);
    expect_none("map", "map/mutex@64", "schedules", SCHEDULES);
    expect_none("map", "map/sharded@8", "schedules", SCHEDULES);
}

TEST(sound_reclaimers_and_allocators_pass) {
    expect_none("reclaim", "reclaim/ebr", "schedules", SCHEDULES);
    expect_none("alloc", "alloc/libc", "schedules", SCHEDULES);
    expect_none("alloc", "alloc/failing", "schedules", SCHEDULES);
}

/* Every scenario that says something about it, and each outcome is counted once a schedule. */
TEST(scenarios_pass_and_count_their_outcomes) {
    struct units units = units_of("map");
    const struct mk_conform_unit *unit = unit_of(&units, "map/sharded@8");
    size_t played = 0;
    for (const struct mk_case *at = mk_model_cases("map"); unit && at->name; at++) {
        struct mk_tried tried = {0};
        struct mk_finding finding = {0};
        uint64_t counted = 0;
        if (strncmp(at->name, "map_", 4) != 0 || mk_conform_skips(unit, at)) continue;
        if (mk_model_try(unit, at->name, 3, 300, &tried, &finding)) {
            mk_test_fail(__FILE__, __LINE__, "%s: %s", at->name, finding.what);
            free_finding(&finding);
        }
        for (size_t i = 0; i < tried.outcomes; i++) counted += tried.outcome[i].count;
        CHECK(counted >= 300 && counted < 320); /* a few runs for estimates are counted, too */
        played++;
    }
    CHECK(played >= 15);
    mk_conform_list_free(units.at, units.n);
}

/* ---- what is planted ------------------------------------------------------------------------- */

/* Replays a token as a fresh process would, from its text alone. */
static void expect_replay(const struct mk_finding *finding, enum mk_failure_kind kind) {
    struct mk_setting setting;
    struct mk_decisions decisions = {0};
    struct mk_made_program made = {0};
    struct mk_err err = {{0}};
    char *name = NULL, why[512] = "";
    if (mk_token_parse(finding->token, &name, &setting, &decisions, why, sizeof why)) {
        mk_test_fail(__FILE__, __LINE__, "%s", why);
        return;
    }
    if (mk_program_make_named(name, &made, &err)) {
        mk_test_fail(__FILE__, __LINE__, "%s", err.text);
    } else {
        uint64_t hash = 0;
        for (unsigned times = 0; times < 3; times++) {
            CHECK(mk_replay(&made.program, &setting, &decisions, NULL));
            CHECK_EQ(mk_rt.failure.kind, kind);
            CHECK(!times || mk_rt.hash == hash);
            hash = mk_rt.hash;
            free(mk_rt.failure.detail);
            free(mk_rt.failure.picture);
        }
        CHECK_STR(made.program.name, name);
        mk_program_free(&made);
    }
    free(decisions.at);
    free(name);
}

/* The plant is found under that rule. */
static void expect_found(const char *kind, const char *plant, const char *suffix, const char *rule,
                         enum mk_failure_kind failure) {
    struct mk_tried tried;
    struct mk_finding finding;
    char label[128];
    load(plant);
    snprintf(label, sizeof label, "%s/%s%s", kind, plant, suffix);
    if (!try(kind, label, "schedules", 20000, &tried, &finding)) {
        mk_test_fail(__FILE__, __LINE__, "%s is not found", plant);
        return;
    }
    CHECK_STR(finding.rule, rule);
    CHECK(finding.what && finding.detail && finding.token);
    CHECK(strstr(finding.token, label) != NULL);
    expect_replay(&finding, failure);
    free_finding(&finding);
}

TEST(a_history_without_an_order_is_found_and_drawn) {
    struct mk_tried tried;
    struct mk_finding finding;
    load("map_store_for_cas");
    if (!try("map", "map/map_store_for_cas@8", "schedules", 20000, &tried, &finding)) {
        mk_test_fail(__FILE__, __LINE__, "it is not found");
        return;
    }
    CHECK_STR(finding.rule, "model/oracle");
    CHECK(strstr(finding.what, "no order that the sequential model allows") != NULL);
    CHECK(finding.picture && strncmp(finding.picture, "<svg", 4) == 0);
    expect_replay(&finding, MK_FAIL_ORACLE);
    free_finding(&finding);
}

TEST(planted_races_are_found) {
    expect_found("map", "map_relaxed_publish", "@8", "model/data-race", MK_FAIL_RACE);
    expect_found("alloc", "alloc_shares_magazine", "", "model/data-race", MK_FAIL_RACE);
}

/* These need memory that is refused. */
TEST(planted_defects_of_refusals_are_found) {
    expect_found("map", "map_oom_keeps_lock", "@8", "model/deadlock", MK_FAIL_DEADLOCK);
    expect_found("alloc", "alloc_oom_keeps_lock", "", "model/deadlock", MK_FAIL_DEADLOCK);
}

/* This one needs what is left behind when threads leave. */
TEST(garbage_that_nobody_adopts_is_found) {
    expect_found("reclaim", "reclaim_loses_orphans", "", "model/oracle", MK_FAIL_ORACLE);
}

/* ---- names ----------------------------------------------------------------------------------- */

struct course {
    uint64_t hash, steps;
    uint32_t threads;
};

static bool is_same(const struct course *a, const struct course *b) {
    return a->hash == b->hash && a->steps == b->steps && a->threads == b->threads;
}

/* What happens when every choice is the default. */
static struct course course_of(struct mk_made_program *made) {
    struct mk_setting setting = {.memory = MK_MEMORY_C11, .heap = MK_HEAP_QUARANTINE, .races = true};
    struct mk_decisions decisions = {0};
    CHECK(!mk_replay(&made->program, &setting, &decisions, NULL));
    return (struct course){mk_rt.hash, mk_rt.steps, made->program.threads};
}

TEST(a_name_makes_the_same_program) {
    static const struct {
        const char *kind, *label, *oracle;
    } made_of[] = {{"map", "map/sharded[shards=16]@8", "schedules"},
                   {"map", "map/mutex+hash/sip13@8", "schedules"},
                   {"map", "map/sharded@64", "map_put_put"},
                   {"reclaim", "reclaim/ebr", "schedules"},
                   {"alloc", "alloc/libc", "schedules"},
                   {"alloc", "alloc/failing", "alloc_ping_pong"}};
    for (size_t i = 0; i < sizeof made_of / sizeof *made_of; i++) {
        struct units units = units_of(made_of[i].kind);
        const struct mk_conform_unit *unit = unit_of(&units, made_of[i].label);
        for (uint64_t seed = 0; unit && seed < 20; seed++) {
            struct mk_made_program made, named;
            struct mk_err err = {{0}};
            char name[256];
            snprintf(name, sizeof name, "%s/%s/%" PRIx64, made_of[i].label, made_of[i].oracle, 0xfaceu * seed);
            CHECK_EQ(mk_program_make(unit, made_of[i].oracle, 0xfaceu * seed, &made, &err), 0);
            CHECK_STR(made.program.name, name);
            struct course first = course_of(&made), again = course_of(&made);
            mk_program_free(&made);
            CHECK_EQ(mk_program_make_named(name, &named, &err), 0);
            CHECK_STR(named.program.name, name);
            struct course other = course_of(&named);
            mk_program_free(&named);
            CHECK(first.steps > 0 && is_same(&first, &again) && is_same(&first, &other));
        }
        mk_conform_list_free(units.at, units.n);
    }
}

TEST(seeds_make_different_programs) {
    struct units units = units_of("map");
    const struct mk_conform_unit *unit = unit_of(&units, "map/mutex@8");
    uint64_t last = 0, same = 0;
    uint32_t threads = 0;
    for (uint64_t seed = 0; unit && seed < 50; seed++) {
        struct mk_made_program made;
        struct mk_err err = {{0}};
        CHECK_EQ(mk_program_make(unit, "schedules", seed, &made, &err), 0);
        struct course course = course_of(&made);
        same += course.hash == last;
        last = course.hash;
        threads |= 1u << course.threads;
        mk_program_free(&made);
    }
    CHECK(same < 5);
    CHECK_EQ(threads, 1 << 2 | 1 << 3 | 1 << 4);
    mk_conform_list_free(units.at, units.n);
}

TEST(what_cannot_be_made_is_refused_with_a_reason) {
    static const struct {
        const char *name, *why;
    } refused[] = {{"map/mutex@8", "is no name of a program"},
                   {"map/mutex@8/schedules/xyz", "is no name of a program"},
                   {"map/mutex@8/nonsense/1", "has no oracle"},
                   {"map/mutexes@8/schedules/1", "mutex"},
                   {"map/*@8/schedules/1", "is not one composition"},
                   {"map/null@8/schedules/1", "floor"},
                   {"map/mutex+alloc/pool@8/schedules/1", "does not claim"},
                   {"map/mutex@8/map_insert_once/1", "does not offer insert_if_absent"},
                   {"litmus/map_put_put/1", "has no oracle"}};
    open_registry();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct mk_made_program made;
        struct mk_err err = {{0}};
        CHECK_EQ(mk_program_make_named(refused[i].name, &made, &err), -1);
        if (strstr(err.text, refused[i].why)) continue;
        mk_test_fail(__FILE__, __LINE__, "%s: \"%s\" does not say \"%s\"", refused[i].name, err.text, refused[i].why);
    }
}

TEST(scenarios_without_an_instance_are_programs) {
    struct mk_tried tried = {0};
    struct mk_finding finding = {0};
    open_registry();
    CHECK(case_of("litmus", "schedules") == NULL);
    CHECK(case_of("litmus", "litmus_mp_relacq") != NULL);
    CHECK(!mk_model_try(NULL, "litmus_mp_relacq", 1, SCHEDULES, &tried, &finding));
    CHECK_EQ(tried.windows, SCHEDULES);
    CHECK(tried.outcomes >= 3);
}

/* ---- threads that are stopped for ever --------------------------------------------------------- */

TEST(only_what_calls_itself_lock_free_has_threads_stopped) {
    struct units units = units_of("map");
    const struct mk_conform_unit *locked = unit_of(&units, "map/mutex@8"), *free_one = unit_of(&units, "map/chain@8");
    const struct mk_case *lock_free = case_of("map", "lock_free");
    CHECK(lock_free && strstr(mk_conform_skips(free_one, lock_free), "--freeze") != NULL);
    mk_model_asked.freeze = true;
    CHECK_STR(mk_conform_skips(locked, lock_free), "no operation calls itself lock-free");
    CHECK(mk_conform_skips(free_one, lock_free) == NULL);
    expect_none("map", "map/chain@8", "lock_free", SCHEDULES);
    mk_model_asked.freeze = false;
    mk_conform_list_free(units.at, units.n);
}
