/* test_windows.c - recorded windows: what is sound passes under every pressure, and planted races are found. */
#include "test.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../harness/build_info.h"
#include "../harness/check/conform.h"
#include "../harness/check/windows.h"
#include "../harness/registry.h"

#define SEEDS 5 /* tried, until a planted defect is found */

/* Returns the unit of that label in a kind's list, or NULL. */
static const struct mk_conform_unit *unit_of(const struct mk_conform_unit *list, size_t n, const char *label) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].label, label) == 0) return &list[i];
    }
    return NULL;
}

static void expect_none(const struct mk_conform_unit *unit, const struct mk_pressure *pressure,
                        const struct mk_shape *shape, struct mk_tried *tried) {
    struct mk_conform_config config = {.seed = 7, .effort_percent = 5, .pressure = pressure, .shape = shape};
    struct mk_findings findings = {0};
    config.tried = tried;
    mk_conform_run(unit, &mk_history_case, &config, &findings);
    for (size_t i = 0; i < findings.n; i++) {
        mk_test_fail(__FILE__, __LINE__, "%s under %s: %s", unit->label, pressure->name, findings.at[i].what);
        if (findings.at[i].detail) printf("%s", findings.at[i].detail);
    }
    mk_findings_free(&findings);
}

/* Everything of a kind that can do it passes under every pressure; returns how often. */
static size_t pass_all(const char *kind, const char *label) {
    struct mk_conform_unit *list;
    struct mk_err err;
    size_t n, passed = 0;
    static const struct mk_shape small = {.window_ops = 300};
    CHECK_EQ(mk_registry_open(&err), 0);
    CHECK_EQ(mk_conform_list(kind, &list, &n, &err), 0);
    for (size_t i = 0; i < n; i++) {
        for (const struct mk_pressure *pressure = mk_pressures; pressure->name; pressure++) {
            struct mk_tried tried = {0};
            if (label && strcmp(list[i].label, label) != 0) continue;
            if (mk_pressure_skips(pressure, list[i].composition.impl)) continue;
            if (mk_conform_skips_under(&list[i], &mk_history_case, pressure)) continue;
            expect_none(&list[i], pressure, &small, &tried);
            CHECK_EQ(tried.windows, 2);
            CHECK_EQ(tried.unknown, 0);
            CHECK(tried.ops >= 2 * 4 * 300);
            passed++;
        }
    }
    mk_conform_list_free(list, n);
    return passed;
}

TEST(every_concurrent_map_passes_under_every_pressure) {
    CHECK(pass_all("map", NULL) >= 10);
}

TEST(every_concurrent_reclaimer_passes_under_every_pressure) {
    CHECK(pass_all("reclaim", NULL) >= 5);
}

TEST(every_concurrent_stack_passes_under_every_pressure) {
    CHECK(pass_all("stack", NULL) >= 10);
}

TEST(kinds_whose_threads_share_nothing_are_skipped) {
    struct mk_conform_unit *list;
    struct mk_err err;
    size_t n;
    CHECK_EQ(mk_registry_open(&err), 0);
    CHECK_EQ(mk_conform_list("alloc", &list, &n, &err), 0);
    CHECK(n > 0);
    for (size_t i = 0; i < n; i++) CHECK(mk_conform_skips(&list[i], &mk_history_case) != NULL);
    mk_conform_list_free(list, n);
}

TEST(a_workload_chooses_operations_keys_and_windows) {
    struct mk_conform_unit *list;
    struct mk_err err;
    size_t n;
    struct mk_tried tried = {0};
    struct mk_shape shape = {.keys = 100, .window_ops = 50, .share = {0.5, 0.5}};
    CHECK_EQ(mk_registry_open(&err), 0);
    CHECK_EQ(mk_conform_list("map", &list, &n, &err), 0);
    for (size_t i = 0; i < n; i++) {
        if (mk_conform_skips(&list[i], &mk_history_case) || list[i].composition.impl->key_limit) continue;
        expect_none(&list[i], &mk_pressures[0], &shape, &tried);
        CHECK_EQ(tried.ops, tried.windows * (4 * 50 + 100));
        break;
    }
    mk_conform_list_free(list, n);
}

/* ---- planted defects ------------------------------------------------------------------------- */

static int load(const char *name, struct mk_err *err) {
    char self[PATH_MAX], path[PATH_MAX + 96];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) return mk_fail(err, "cannot tell where this program is");
    self[n] = '\0';
    snprintf(path, sizeof path, "%s/planted_conformance/%s.so", dirname(self), name);
    return mk_registry_load(path, err);
}

/* Runs until a finding says `says`. One that is about an order has a timeline with it. */
static void expect_found(const struct mk_conform_unit *unit, const char *pressure, const char *says) {
    bool found = false;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (uint64_t seed = 1; seed <= SEEDS && !found; seed++) {
        struct mk_conform_config config = {.seed = seed, .effort_percent = 50};
        struct mk_findings findings = {0};
        config.pressure = mk_pressure_of(pressure);
        mk_conform_run(unit, &mk_history_case, &config, &findings);
        for (size_t i = 0; i < findings.n && !found; i++) {
            const struct mk_finding *at = &findings.at[i];
            bool ordered = strstr(at->what, "sequential model") != NULL;
            found = strstr(at->what, says) != NULL;
            clock_gettime(CLOCK_MONOTONIC, &end);
            double took_s = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
            printf("# %s, seed %" PRIu64 ", %.3f s: %s\n", unit->label, seed, took_s, at->what);
            if (getenv("MK_TIMELINE_SHOW") && at->detail) printf("%s", at->detail);
            CHECK(!ordered || (at->detail && at->picture && strstr(at->detail, "(!)")));
        }
        mk_findings_free(&findings);
    }
    if (!found) mk_test_fail(__FILE__, __LINE__, "%s: not found in %d runs: %s", unit->label, SEEDS, says);
}

static bool is_tsan(void) {
    return strcmp(mk_build_info()->flavour, "tsan") == 0;
}

static void find(const char *kind, const char *name, const char *label, const char *pressure, const char *says) {
    struct mk_conform_unit *list = NULL;
    struct mk_err err;
    size_t n = 0;
    CHECK_EQ(mk_registry_open(&err), 0);
    if (load(name, &err) || mk_conform_list(kind, &list, &n, &err)) {
        mk_test_fail(__FILE__, __LINE__, "%s: %s", name, err.text);
        return;
    }
    const struct mk_conform_unit *unit = unit_of(list, n, label);
    if (unit) {
        expect_found(unit, pressure, says);
    } else {
        mk_test_fail(__FILE__, __LINE__, "%s is not in the registry", label);
    }
    mk_conform_list_free(list, n);
}

TEST(two_replacements_that_return_the_same_value_are_found) {
    find("map", "map_lost_race", "map/map_lost_race@8", "calm", "have no order that the sequential model allows");
}

TEST(a_replacement_in_two_steps_is_found) {
    find("map", "map_two_step_replace", "map/map_two_step_replace@8", "calm", "no order that the sequential model");
}

TEST(an_answer_from_what_was_removed_is_found) {
    if (is_tsan()) SKIP("it races, which the sanitizer says first");
    find("map", "map_answers_removed", "map/map_answers_removed@8", "tiny", "sequential model");
}

TEST(a_value_read_in_two_halves_is_found) {
    find("map", "map_torn", "map/map_torn@64", "calm", "get answers half of one value and half of another");
}

TEST(a_neighbour_that_goes_with_another_key_is_found_in_a_storm) {
    find("map", "map_drops_neighbour", "map/map_drops_neighbour@8", "storms", "");
}

TEST(a_wrong_count_is_found) {
    if (is_tsan()) SKIP("it races, which the sanitizer says first");
    find("map", "map_count_off", "map/map_count_off@8", "calm", "counts");
}

TEST(what_goes_wrong_when_threads_come_back_is_found) {
    if (is_tsan()) SKIP("it races, which the sanitizer says first");
    find("map", "map_recycled_id", "map/map_recycled_id@8", "births", "counts");
}

TEST(a_node_freed_under_a_reader_is_found) {
    if (!strstr("release debug", mk_build_info()->flavour)) SKIP("a sanitizer says so first, and ends the program");
    find("reclaim", "reclaim_too_early", "reclaim/reclaim_too_early", "calm", "sequential model");
}

TEST(a_map_that_is_sound_passes_as_a_plug_in) {
    struct mk_err err;
    CHECK_EQ(mk_registry_open(&err), 0);
    CHECK_EQ(load("map_sound", &err), 0);
    CHECK(pass_all("map", "map/map_sound@8") >= 6);
}
