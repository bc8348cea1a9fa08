/* test_workload.c - workload files: what is read, what is refused and in which words, what --set and
 * sweeps make of it. The corpus is in tests/corpus/workload/; what a file is refused for stands beside
 * it, in NAME.expected. */
#include "test.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>

#include "../harness/counter.h"
#include "../harness/json.h"
#include "../harness/registry.h"
#include "../harness/schema.h"
#include "../harness/workload.h"

static void open_registry(void) {
    struct mk_err err = {""};
    if (mk_registry_open(&err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
}

/* Reads a text; complaints go to *report. Returns as mk_workload_from_json. */
static int read_text(const char *path, const char *text, size_t length, struct mk_workload *out,
                     struct mk_text *report) {
    struct mk_json *doc;
    open_registry();
    memset(out, 0, sizeof *out);
    int failed = mk_json_parse(path, text, length, &doc);
    if (!failed) failed = mk_workload_from_json(doc, out);
    mk_json_report(doc, report);
    mk_json_free(doc);
    return failed;
}

/* A workload of kind map with `more` in it; must be fine. */
static void read_with(const char *more, struct mk_workload *out) {
    struct mk_text text = {0}, report = {0};
    mk_text_printf(&text, "{\"schema\": \"memkit.workload/1\", \"name\": \"t\", \"kind\": \"map\", %s}", more);
    if (read_text("t", text.at, text.n, out, &report)) mk_test_fail(__FILE__, __LINE__, "%s", report.at);
    mk_text_free(&text);
    mk_text_free(&report);
}

#define GETS "\"ops\": {\"get\": 1}"

/* ---- files -------------------------------------------------------------------------------- */

static char *load(const char *path, size_t *length) {
    struct mk_text text = {0};
    struct mk_err err = {""};
    if (mk_text_load(&text, path, 16 << 20, &err)) mk_test_fail(__FILE__, __LINE__, "%s %s", path, err.text);
    *length = text.n;
    return mk_text_take(&text);
}

/* Holds a file against its NAME.expected: the first complaint, or none if there is no such file. */
static void check_file(const char *path, const char *name) {
    struct mk_workload workload;
    struct mk_text report = {0};
    size_t length, expected_length;
    char *text = load(path, &length);
    char *expected_path = mk_need_format("%.*sexpected", (int)(strlen(path) - strlen("json")), path);
    FILE *expected_file = fopen(expected_path, "r");
    int failed = read_text(name, text, length, &workload, &report);
    if (expected_file) {
        char *expected = load(expected_path, &expected_length);
        fclose(expected_file);
        char *end = report.at ? strchr(report.at, '\n') : NULL;
        if (end) end[1] = '\0';
        CHECK_STR(report.at, expected);
        CHECK_EQ(failed, -1);
        free(expected);
    } else if (failed || report.n) {
        mk_test_fail(__FILE__, __LINE__, "%s", report.at);
    }
    mk_record_free(&mk_workload_record, &workload);
    mk_text_free(&report);
    free(expected_path);
    free(text);
}

/* Checks all .json files of a folder and of those in it. Returns how many there were. */
static unsigned check_folder(const char *folder) {
    unsigned n = 0;
    DIR *dir = opendir(folder);
    if (!dir) {
        mk_test_fail(__FILE__, __LINE__, "no folder %s", folder);
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        char *path = mk_need_format("%s/%s", folder, entry->d_name);
        const char *ending = strrchr(entry->d_name, '.');
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') n += check_folder(path);
        if (ending && strcmp(ending, ".json") == 0) {
            check_file(path, entry->d_name);
            n++;
        }
        free(path);
    }
    closedir(dir);
    return n;
}

TEST(workload_corpus) {
    CHECK(check_folder(mk_test_path("corpus/workload")) >= 150);
}

/* Of what ships, the workloads: other formats live beside them. */
TEST(workload_files_that_ship) {
    static const char *const folders[] = {"../workloads/ycsb", "../workloads/alloc", "../workloads/examples"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        CHECK(check_folder(mk_test_path(folders[i])) >= 6);
    }
    char *quickstart = mk_need_text(mk_test_path("../workloads/quickstart.json"));
    check_file(quickstart, "quickstart.json");
    free(quickstart);
}

static void check_generated(const char *below_tests, const struct mk_text *text) {
    size_t length;
    char *kept = load(mk_test_path(below_tests), &length);
    if (strcmp(kept, text->at) != 0) {
        mk_test_fail(__FILE__, __LINE__, "%s is not what the table says: make it anew with `memkit-bench validate "
                                         "--schema|--reference workload`", below_tests);
    }
    free(kept);
}

TEST(workload_schema_and_reference_are_those_of_the_table) {
    struct mk_text text = {0};
    mk_schema_write(&text, &mk_workload_record, "memkit.workload/1");
    check_generated("../docs/schema/workload.schema.json", &text);
    mk_text_free(&text);
    mk_schema_write_reference(&text, &mk_workload_record, "memkit.workload/1");
    check_generated("../docs/reference-workload.md", &text);
    mk_text_free(&text);
}

/* ---- the table ---------------------------------------------------------------------------- */

/* Every field has a sentence, and its preset is a value that it takes. */
static void check_table(const struct mk_record *record) {
    void *preset = mk_need(1, record->size);
    struct mk_text text = {0};
    struct mk_json *doc;
    size_t n = 0;
    mk_record_preset(record, preset);
    mk_json_write_record(&text, record, preset, 0);
    CHECK_EQ(mk_json_parse(record->name, text.at, text.n, &doc), 0);
    for (const struct mk_field *field = record->fields; field->name; field++, n++) {
        uint32_t node = mk_json_get(doc, MK_JSON_ROOT, field->name);
        if (!field->help || !strchr(field->help, '.')) {
            mk_test_fail(__FILE__, __LINE__, "%s.%s has no sentence", record->name, field->name);
        }
        if (field->record) check_table(field->record);
        if (!field->preset || node == MK_JSON_NONE) continue;
        mk_field_free(field, preset);
        if (mk_json_read_field(doc, node, field, preset)) {
            mk_test_fail(__FILE__, __LINE__, "%s: %s", record->name, mk_json_first_error(doc));
        }
    }
    CHECK(n <= MK_FIELDS_MAX);
    mk_record_free(record, preset);
    mk_json_free(doc);
    mk_text_free(&text);
    free(preset);
}

TEST(workload_table_is_sound) {
    check_table(&mk_workload_record);
}

static void check_names(const struct mk_record *record, const char *key, const struct mk_choice_name *names,
                        size_t n) {
    const struct mk_field *field = mk_record_field(record, key);
    for (size_t i = 0; i < n; i++) CHECK_STR(field->names[i], names[i].name);
    CHECK(field->names[n] == NULL);
}

/* The words of the format are those of the generators, in their order. */
TEST(workload_words_are_those_of_the_generators) {
    const struct mk_record *keys = mk_record_field(&mk_workload_record, "keys")->record;
    const struct mk_record *part_keys = mk_record_field(&mk_workload_phase_record, "keys")->record;
    const struct mk_record *blocks = mk_record_field(&mk_workload_record, "blocks")->record;
    const char *counters = mk_record_field(&mk_workload_record, "counters")->help;
    check_names(keys, "distribution", mk_distribution_names, MK_DISTRIBUTIONS);
    check_names(part_keys, "distribution", mk_distribution_names, MK_DISTRIBUTIONS);
    check_names(keys, "form", mk_key_form_names, MK_KEY_FORMS);
    check_names(blocks, "pattern", mk_block_pattern_names, MK_BLOCK_PATTERNS);
    CHECK(keys->size == part_keys->size && keys->size == sizeof(struct mk_workload_keys));
    CHECK(mk_record_field(keys, "theta")->max <= MK_KEYS_THETA_MAX);
    for (size_t i = 0; i < MK_COUNT_IDS; i++) CHECK(strstr(counters, mk_counter_names[i].name) != NULL);
}

TEST(workload_defaults) {
    struct mk_workload w;
    read_with(GETS, &w);
    CHECK_EQ(w.impls_n, 1);
    CHECK_STR(w.impls[0], "map/*");
    CHECK_EQ(w.threads_n, 0);
    CHECK_STR(w.pin, "compact");
    CHECK_STR(w.memory, "local");
    CHECK_EQ(w.keys.count, 1000000);
    CHECK_EQ(w.keys.distribution, MK_UNIFORM);
    CHECK(w.keys.theta == 0.99);
    CHECK(w.prefill.frac == 1 && w.prefill.age_ops == MK_AGE_TWICE);
    CHECK_EQ(w.prefill.order, MK_PREFILL_SHUFFLED);
    CHECK_EQ(w.prefill.by, MK_BY_ALL);
    CHECK_EQ(w.processes, 6);
    CHECK_EQ(w.rounds, 5);
    CHECK_EQ(w.round_ms, 50);
    CHECK_EQ(w.warmup_ms, 20);
    CHECK_EQ(w.stream_ops_max, 4194304);
    CHECK_EQ(w.value_bytes, 8);
    CHECK_EQ(w.run_len, 1);
    CHECK_EQ(w.seed, 1);
    CHECK_EQ(w.latency.sample_every_ops, 64);
    mk_record_free(&mk_workload_record, &w);
}

TEST(workload_kinds_have_default_operations) {
    struct mk_workload w;
    struct mk_text report = {0};
    static const char text[] = "{\"schema\": \"memkit.workload/1\", \"name\": \"t\", \"kind\": \"reclaim\"}";
    CHECK_EQ(read_text("t", text, sizeof text - 1, &w, &report), 0);
    CHECK_EQ(w.ops_n, 2);
    CHECK_STR(w.ops[1].name, "replace");
    CHECK(w.ops[1].value == 0.1);
    CHECK_STR(w.text, text); /* word for word */
    CHECK_STR(w.path, "t");
    mk_record_free(&mk_workload_record, &w);
    mk_text_free(&report);
}

/* All that is wrong with a file, not only the first. */
TEST(workload_reports_all_errors) {
    struct mk_workload w;
    struct mk_text report = {0};
    size_t length, lines = 0;
    char *text = load(mk_test_path("corpus/workload/bad-everything.json"), &length);
    CHECK_EQ(read_text("w", text, length, &w, &report), -1);
    for (const char *at = report.at; (at = strchr(at, '\n')); at++) lines++;
    CHECK_EQ(lines, 18);
    CHECK(strstr(report.at, "w:3:80: error: duplicate key \"seed\"\n") != NULL);
    CHECK(strstr(report.at, "w:8:43: error: \"value_bytes\" must be 8, 64, 256 or 1024, got 9\n") != NULL);
    mk_record_free(&mk_workload_record, &w);
    mk_text_free(&report);
    free(text);
}

/* ---- phases and groups -------------------------------------------------------------------- */

TEST(workload_phases_fill_everything_in) {
    struct mk_workload w;
    struct mk_workload_phase *phases;
    struct mk_err err = {""};
    size_t n;
    read_with(GETS ", \"round_ms\": 30, \"rate_ops\": 1000,"
              "\"keys\": {\"count\": 500, \"theta\": 0.5, \"offset\": 3},"
              "\"groups\": [{\"name\": \"far\", \"share\": 0.5,"
              "              \"keys\": {\"offset\": 1000, \"distribution\": \"zipfian\"}},"
              "             {\"name\": \"rest\", \"rate_ops\": 5, \"ops\": {\"put\": 1}}],"
              "\"phases\": [{\"name\": \"one\", \"ops\": {\"remove\": 1}, \"keys\": {\"theta\": 2}},"
              "             {\"name\": \"two\", \"ops_count\": 77, \"groups\": [{\"name\": \"alone\"}]}]", &w);
    CHECK_EQ(mk_workload_phases(&w, &phases, &n, &err), 0);
    CHECK_EQ(n, 2);
    CHECK_EQ(phases[0].duration_ms, 30);
    CHECK_EQ(phases[0].groups_n, 2);
    const struct mk_workload_group *far = &phases[0].groups[0], *rest = &phases[0].groups[1];
    CHECK(far->keys.count == 500 && far->keys.offset == 1000 && far->keys.theta == 2);
    CHECK_EQ(far->keys.distribution, MK_ZIPFIAN);
    CHECK_STR(far->ops[0].name, "remove");
    CHECK(far->rate_ops == 1000 && rest->rate_ops == 5);
    CHECK(rest->keys.offset == 3 && rest->keys.distribution == MK_UNIFORM && rest->keys.theta == 2);
    CHECK_STR(rest->ops[0].name, "put");
    CHECK(phases[1].ops_count == 77 && phases[1].duration_ms == 0);
    CHECK_EQ(phases[1].groups_n, 1);
    CHECK_STR(phases[1].groups[0].ops[0].name, "get");
    CHECK(phases[1].groups[0].keys.theta == 0.5 && phases[1].groups[0].keys.stride == 8);
    mk_workload_phases_free(phases, n);
    mk_record_free(&mk_workload_record, &w);
}

TEST(workload_without_phases_is_one_phase_of_one_group) {
    struct mk_workload w;
    struct mk_workload_phase *phases;
    struct mk_err err = {""};
    size_t n;
    read_with(GETS ", \"ops_count\": 9", &w);
    CHECK_EQ(mk_workload_phases(&w, &phases, &n, &err), 0);
    CHECK_EQ(n, 1);
    CHECK_STR(phases[0].name, "run");
    CHECK_STR(phases[0].groups[0].name, "all");
    CHECK(phases[0].ops_count == 9 && phases[0].duration_ms == 0);
    CHECK(!isnan(phases[0].groups[0].keys.theta) && phases[0].groups[0].keys.count == 1000000);
    mk_workload_phases_free(phases, n);
    mk_record_free(&mk_workload_record, &w);
}

/* ---- --set -------------------------------------------------------------------------------- */

static void check_set(struct mk_workload *w, const char *key, const char *value) {
    struct mk_err err = {""};
    if (mk_workload_set(w, key, value, &err)) mk_test_fail(__FILE__, __LINE__, "%s=%s: %s", key, value, err.text);
}

static void check_set_refused(struct mk_workload *w, const char *key, const char *value, const char *want) {
    struct mk_err err = {""};
    struct mk_workload before;
    mk_record_copy(&mk_workload_record, &before, w);
    CHECK_EQ(mk_workload_set(w, key, value, &err), -1);
    CHECK_STR(err.text, want);
    CHECK(mk_record_equal(&mk_workload_record, &before, w));
    mk_record_free(&mk_workload_record, &before);
}

TEST(workload_set) {
    struct mk_workload w, again;
    struct mk_text report = {0};
    read_with(GETS ", \"groups\": [{\"name\": \"a\", \"threads\": 1}, {\"name\": \"b\"}]", &w);
    check_set(&w, "keys.count", "5000");
    check_set(&w, "keys.distribution", "zipfian"); /* a bare word */
    check_set(&w, "pin", "\"scatter\"");           /* JSON */
    check_set(&w, "ops", "{\"get\": 0.5, \"put\": 0.5}");
    check_set(&w, "groups.b.think_ns", "10");
    check_set(&w, "groups.0.threads", "2");
    check_set(&w, "prefill.age_ops", "null");
    check_set(&w, "threads", "[4, 8]");
    check_set(&w, "seed", "18446744073709551615");
    check_set(&w, "impls", "map/null");
    CHECK(w.keys.count == 5000 && w.keys.distribution == MK_ZIPFIAN && w.seed == UINT64_MAX);
    CHECK_STR(w.pin, "scatter");
    CHECK(w.ops_n == 2 && w.groups[1].think_ns == 10 && w.groups[0].threads == 2 && w.threads_n == 2);
    CHECK_STR(w.impls[0], "map/null");
    /* The text a result keeps is the workload that ran. */
    CHECK_EQ(read_text("t", w.text, strlen(w.text), &again, &report), 0);
    free(again.text);
    again.text = mk_need_text(w.text);
    CHECK(mk_record_equal(&mk_workload_record, &w, &again));
    mk_record_free(&mk_workload_record, &again);
    mk_record_free(&mk_workload_record, &w);
    mk_text_free(&report);
}

TEST(workload_set_refuses) {
    struct mk_workload w;
    struct mk_text refusal = {0};
    read_with(GETS ", \"threads\": [2], \"groups\": [{\"name\": \"a\", \"threads\": 1}, {\"name\": \"b\"}]", &w);
    check_set_refused(&w, "keys.cuont", "1", "unknown key \"keys.cuont\", did you mean \"keys.count\"?");
    check_set_refused(&w, "xyzzy", "1", "unknown key \"xyzzy\"");
    check_set_refused(&w, "text", "1", "unknown key \"text\"");
    check_set_refused(&w, "", "1", "unknown key \"\"");
    check_set_refused(&w, "keys.count.x", "1", "\"keys.count.x\": \"count\" can only be set as a whole");
    check_set_refused(&w, "groups.c.share", "1",
                      "\"groups.c.share\": there is no \"c\" in \"groups\" with keys to set");
    check_set_refused(&w, "groups.2.share", "1",
                      "\"groups.2.share\": there is no \"2\" in \"groups\" with keys to set");
    check_set_refused(&w, "groups.a", "1", "\"groups.a\": there is no \"a\" in \"groups\" with keys to set");
    check_set_refused(&w, "keys.count", "-1", "keys.count=-1: \"count\" must be between 1 and 68719476736, got -1");
    check_set_refused(&w, "keys.count", "many", "keys.count=many: \"count\" must be a whole number, got \"many\"");
    check_set_refused(&w, "ops", "{\"get\": 0.5}", "ops={\"get\": 0.5}: \"ops\" add up to 0.5, not 1");
    check_set_refused(&w, "groups.a.threads", "2",
                      "groups.a.threads=2: \"threads\" says 2, of which groups take 2 and leave none for "
                      "the others");
    mk_text_puts(&refusal, "kind=mpa: there is no kind \"mpa\", did you mean \"map\"? (there are ");
    for (size_t k = 0; k < mk_registry_kinds(); k++) {
        mk_text_printf(&refusal, "%s%s", k ? ", " : "", mk_registry_kind_at(k)->name);
    }
    mk_text_puts(&refusal, ")");
    check_set_refused(&w, "kind", "mpa", refusal.at);
    mk_text_free(&refusal);
    mk_record_free(&mk_workload_record, &w);
}

/* ---- sweeps ------------------------------------------------------------------------------- */

TEST(workload_points_are_the_cross_product) {
    struct mk_workload w;
    struct mk_workload_point *points;
    struct mk_err err = {""};
    size_t n;
    read_with(GETS ", \"expect\": [], \"sweep\": {\"keys.count\": [10, 1000],"
              "\"ops\": [{\"get\": 1}, { \"put\" : 1.0 }],"
              "\"keys.distribution\": [\"latest\"]}", &w);
    CHECK_EQ(mk_workload_points(&w, &points, &n, &err), 0);
    CHECK_EQ(n, 4);
    CHECK_STR(points[0].label, "keys.count=10 ops={\"get\":1} keys.distribution=latest");
    CHECK_STR(points[1].label, "keys.count=10 ops={\"put\":1.0} keys.distribution=latest");
    CHECK_STR(points[2].label, "keys.count=1000 ops={\"get\":1} keys.distribution=latest");
    for (size_t i = 0; i < n; i++) {
        const struct mk_workload *point = &points[i].workload;
        CHECK_EQ(point->keys.count, i < 2 ? 10 : 1000);
        CHECK_STR(point->ops[0].name, i % 2 ? "put" : "get");
        CHECK_EQ(point->keys.distribution, MK_LATEST);
        CHECK(point->text == NULL && point->sweep == NULL && point->expect == NULL);
    }
    mk_workload_points_free(points, n);
    mk_record_free(&mk_workload_record, &w);
}

TEST(workload_without_sweep_is_one_point) {
    struct mk_workload w;
    struct mk_workload_point *points;
    struct mk_err err = {""};
    size_t n;
    read_with(GETS, &w);
    CHECK_EQ(mk_workload_points(&w, &points, &n, &err), 0);
    CHECK_EQ(n, 1);
    CHECK_STR(points[0].label, "");
    CHECK_EQ(points[0].workload.keys.count, 1000000);
    mk_workload_points_free(points, n);
    /* What was changed after reading is checked again. */
    w.value_bytes = 9;
    CHECK_EQ(mk_workload_points(&w, &points, &n, &err), -1);
    CHECK_STR(err.text, "\"value_bytes\" must be 8, 64, 256 or 1024, got 9");
    CHECK(points == NULL && n == 0);
    mk_record_free(&mk_workload_record, &w);
}

TEST(workload_sweep_follows_into_groups) {
    struct mk_workload w;
    struct mk_workload_point *points;
    struct mk_workload_phase *phases;
    struct mk_err err = {""};
    size_t n, phases_n;
    read_with(GETS ", \"groups\": [{\"name\": \"a\", \"keys\": {\"offset\": 5}}],"
              "\"sweep\": {\"keys.count\": [10, 20]}", &w);
    CHECK_EQ(mk_workload_points(&w, &points, &n, &err), 0);
    CHECK_EQ(mk_workload_phases(&points[1].workload, &phases, &phases_n, &err), 0);
    CHECK(phases[0].groups[0].keys.count == 20 && phases[0].groups[0].keys.offset == 5);
    mk_workload_phases_free(phases, phases_n);
    mk_workload_points_free(points, n);
    mk_record_free(&mk_workload_record, &w);
}
