/* test_stress_file.c - stress files: put together as trials and findings arrive, judged, written and read. All
 * figures are invented. */
#include "../harness/stress_file.h"

#include <stdlib.h>
#include <unistd.h>

#include "../harness/json.h"
#include "../harness/schema.h"
#include "../harness/wire.h"
#include "child.h"
#include "test.h"

/* ---- a small hunt ------------------------------------------------------------------------------- */

/* Three cells: map/alpha at 2 and 4 threads, map/beta at 2. */
static void begin(struct mk_stress_file *file) {
    static const struct {
        const char *identity;
        uint32_t threads;
    } cells[] = {{"map/alpha", 2}, {"map/alpha", 4}, {"map/beta", 2}};
    *file = (struct mk_stress_file){.schema = mk_need_text(MK_STRESS_SCHEMA), .workload = mk_need_text("{}"),
                                    .complete = true};
    for (uint32_t i = 0; i < 3; i++) {
        struct mk_stress_cell *cell = mk_grow(&file->cells, &file->cells_n, sizeof *cell);
        *cell = (struct mk_stress_cell){.index = i, .identity = mk_need_text(cells[i].identity),
                                        .label = mk_need_text(""), .threads = cells[i].threads};
    }
}

static struct mk_trial_sample a_trial(uint32_t cell, const char *oracle, const char *pressure, uint64_t trials) {
    return (struct mk_trial_sample){.cell = cell, .oracle = mk_need_text(oracle),
                                    .pressure = mk_need_text(pressure), .trials = trials, .ops = 100 * trials,
                                    .busy_s = 0.5};
}

static void add_trial(struct mk_stress_file *file, struct mk_trial_sample trial) {
    mk_stress_add_trial(file, &trial);
    CHECK(!trial.oracle && !trial.outcomes && !trial.skipped);
}

static void add_outcome(struct mk_trial_sample *trial, const char *name, uint32_t grade, uint64_t count) {
    struct mk_outcome_sample *outcome = mk_grow(&trial->outcomes, &trial->outcomes_n, sizeof *outcome);
    *outcome = (struct mk_outcome_sample){mk_need_text(name), grade, count};
}

static struct mk_finding_sample a_finding(uint32_t cell, const char *oracle, const char *pressure,
                                          const char *what) {
    return (struct mk_finding_sample){.cell = cell, .oracle = mk_need_text(oracle),
                                      .pressure = mk_need_text(pressure), .flavour = mk_need_text("tsan"),
                                      .seed = UINT64_MAX, .rule = mk_need_text("map/shared"),
                                      .what = mk_need_text(what), .count = 1, .found_s = 1.5};
}

/* Two stacks of one frame each, at these lines. */
static struct mk_finding_sample a_race(uint32_t cell, const char *oracle, uint32_t line, uint32_t other) {
    struct mk_finding_sample race = a_finding(cell, oracle, "calm", "data race");
    uint32_t lines[2] = {line, other};
    for (uint32_t i = 0; i < 2; i++) {
        struct mk_stack *stack = mk_grow(&race.stacks, &race.stacks_n, sizeof *stack);
        stack->title = mk_need_format("Write of size 8 by thread T%" PRIu32, lines[i] + i);
        struct mk_stack_frame *frame = mk_grow(&stack->frames, &stack->frames_n, sizeof *frame);
        *frame = (struct mk_stack_frame){mk_need_text("put"), mk_need_text("impl/map/alpha.c"), lines[i], NULL};
    }
    return race;
}

static bool add(struct mk_stress_file *file, struct mk_finding_sample finding) {
    bool added = mk_stress_add_finding(file, &finding);
    CHECK(!finding.rule && !finding.what && !finding.stacks);
    return added;
}

/* ---- trials ------------------------------------------------------------------------------------- */

TEST(trials_are_summed_by_oracle_cell_and_pressure) {
    struct mk_stress_file file;
    begin(&file);
    for (uint64_t i = 1; i <= 3; i++) {
        struct mk_trial_sample trial = a_trial(1, "history", "storms", 1);
        trial.windows = 10;
        trial.unknown = i;
        add_outcome(&trial, "both", MK_GRADE_ACCEPTABLE, 5);
        if (i == 2) add_outcome(&trial, "neither", MK_GRADE_INTERESTING, 1);
        add_trial(&file, trial);
    }
    add_trial(&file, a_trial(1, "history", "calm", 1));
    add_trial(&file, a_trial(1, "shared", "storms", 1));
    add_trial(&file, a_trial(0, "history", "storms", 1));
    CHECK_EQ(file.trials_n, 4);
    const struct mk_trial_sample *entry = &file.trials[0];
    CHECK_EQ(entry->trials, 3);
    CHECK_EQ(entry->ops, 300);
    CHECK_EQ(entry->windows, 30);
    CHECK_EQ(entry->unknown, 6);
    CHECK(entry->busy_s == 1.5);
    CHECK_EQ(entry->outcomes_n, 2);
    CHECK_EQ(entry->outcomes[0].count, 15);
    CHECK_STR(entry->outcomes[1].name, "neither");
    CHECK_EQ(entry->outcomes[1].count, 1);
    mk_stress_free(&file);
}

TEST(trials_that_were_skipped_and_then_made_are_made) {
    struct mk_stress_file file;
    begin(&file);
    struct mk_trial_sample skipped = a_trial(0, "shared", "calm", 0);
    skipped.skipped = mk_need_text("no time");
    add_trial(&file, skipped);
    CHECK_STR(file.trials[0].skipped, "no time");
    CHECK_EQ(mk_stress_verdict(&file, &file.trials[0]), MK_VERDICT_SKIPPED);
    add_trial(&file, a_trial(0, "shared", "calm", 1));
    CHECK(!file.trials[0].skipped);
    CHECK_EQ(mk_stress_verdict(&file, &file.trials[0]), MK_VERDICT_PASS);
    mk_stress_free(&file);
}

/* What a worker sends may be of no cell, or lack what it must have. */
TEST(trials_and_findings_of_a_worker_gone_mad) {
    struct mk_stress_file file;
    begin(&file);
    add_trial(&file, a_trial(3, "shared", "calm", 1));
    CHECK_EQ(file.trials_n, 0);
    struct mk_trial_sample nameless = {.trials = 1};
    mk_stress_add_trial(&file, &nameless);
    CHECK_STR(file.trials[0].oracle, "");
    struct mk_finding_sample empty = {.cell = 77};
    CHECK(mk_stress_add_finding(&file, &empty));
    CHECK_EQ(file.findings[0].cell, UINT32_MAX);
    CHECK_STR(file.findings[0].rule, "");
    CHECK_EQ(file.findings[0].count, 1);
    CHECK_EQ(mk_stress_overall(&file), MK_VERDICT_FAIL);
    mk_stress_free(&file);
}

/* ---- findings ----------------------------------------------------------------------------------- */

TEST(findings_fold_but_for_their_numbers) {
    struct mk_stress_file file;
    begin(&file);
    CHECK(add(&file, a_finding(0, "shared", "calm", "key 17 at 0x7fff12aB is 3, not 12")));
    CHECK(!add(&file, a_finding(0, "shared", "storms", "key 9 at 0x12 is 0, not 100000")));
    CHECK(!add(&file, a_finding(0, "shared", "storms", "key 9 at 0x12 is 0, not 100000")));
    CHECK(add(&file, a_finding(0, "shared", "calm", "key 17 at 0x7fff12aB is 3, not twelve")));
    CHECK(add(&file, a_finding(0, "shared", "calm", "key 17 at 0x7fff12aB is 3, not 12 or 13")));
    CHECK(add(&file, a_finding(1, "shared", "calm", "key 17 at 0x7fff12aB is 3, not 12")));
    CHECK(add(&file, a_finding(0, "history", "calm", "key 17 at 0x7fff12aB is 3, not 12")));
    CHECK(add(&file, a_finding(UINT32_MAX, "shared", "calm", "key 17 at 0x7fff12aB is 3, not 12")));
    CHECK(!add(&file, a_finding(UINT32_MAX, "shared", "calm", "key 17 at 0x7fff12aB is 3, not 12")));
    CHECK_EQ(file.findings_n, 6);
    CHECK_EQ(file.findings[0].count, 3);
    CHECK_STR(file.findings[0].pressure, "calm");
    CHECK_EQ(file.findings[0].also_n, 1);
    if (file.findings[0].also_n) CHECK_STR(file.findings[0].also[0], "storms");
    mk_stress_free(&file);
}

TEST(findings_of_another_rule_do_not_fold) {
    struct mk_stress_file file;
    begin(&file);
    struct mk_finding_sample other = a_finding(0, "shared", "calm", "lost");
    free(other.rule);
    other.rule = mk_need_text("crash");
    CHECK(add(&file, a_finding(0, "shared", "calm", "lost")));
    CHECK(add(&file, other));
    mk_stress_free(&file);
}

TEST(findings_with_stacks_fold_by_them) {
    struct mk_stress_file file;
    begin(&file);
    CHECK(add(&file, a_race(0, "shared", 10, 20)));
    CHECK(!add(&file, a_race(0, "shared", 10, 20)));
    CHECK(!add(&file, a_race(0, "shared", 20, 10))); /* the other thread was seen first */
    CHECK(add(&file, a_race(0, "shared", 10, 21)));
    CHECK(add(&file, a_race(0, "shared", 10, 10)));
    CHECK(add(&file, a_race(0, "shared", 20, 20)));
    CHECK(add(&file, a_finding(0, "shared", "calm", "data race"))); /* without any */
    CHECK(add(&file, a_race(0, "shared", 10, 22)));                 /* ... which is none like it */
    CHECK_EQ(file.findings[0].count, 3);
    mk_stress_free(&file);
}

TEST(findings_are_alike_across_cells_and_oracles) {
    struct mk_stress_file file;
    begin(&file);
    add(&file, a_race(0, "shared", 10, 20));
    add(&file, a_race(2, "history", 20, 10)); /* 1: a part that both have */
    add(&file, a_race(2, "history", 20, 11));
    add(&file, a_finding(0, "shared", "calm", "key 1 was lost"));
    add(&file, a_finding(1, "stable", "calm", "key 2 was lost")); /* 4: the same implementation */
    add(&file, a_finding(2, "shared", "calm", "key 3 was lost")); /* 5: another one */
    static const size_t wanted[] = {0, 0, 2, 3, 3, 5};
    CHECK_EQ(file.findings_n, 6);
    for (size_t i = 0; i < file.findings_n; i++) CHECK_EQ(mk_stress_first_like(&file, i), wanted[i]);
    mk_stress_free(&file);
}

/* ---- verdicts ----------------------------------------------------------------------------------- */

TEST(verdict_of_windows_nothing_can_be_said_of) {
    struct mk_stress_file file;
    begin(&file);
    struct mk_trial_sample trial = a_trial(0, "history", "calm", 1);
    trial.windows = 200;
    trial.unknown = 2;
    add_trial(&file, trial);
    CHECK_EQ(mk_stress_verdict(&file, &file.trials[0]), MK_VERDICT_PASS);
    CHECK_EQ(mk_stress_overall(&file), MK_VERDICT_PASS);
    file.trials[0].unknown = 3;
    CHECK_EQ(mk_stress_verdict(&file, &file.trials[0]), MK_VERDICT_UNCHECKED);
    CHECK_EQ(mk_stress_overall(&file), MK_VERDICT_UNCHECKED);
    file.trials[0].windows = file.trials[0].unknown = 1;
    CHECK_EQ(mk_stress_verdict(&file, &file.trials[0]), MK_VERDICT_UNCHECKED);
    mk_stress_free(&file);
}

TEST(verdict_of_what_never_ran) {
    struct mk_stress_file file;
    begin(&file);
    CHECK_EQ(mk_stress_overall(&file), MK_VERDICT_SKIPPED);
    add_trial(&file, a_trial(0, "shared", "calm", 0));
    CHECK_EQ(mk_stress_verdict(&file, &file.trials[0]), MK_VERDICT_UNCHECKED);
    add_trial(&file, a_trial(1, "shared", "calm", 1));
    CHECK_EQ(mk_stress_overall(&file), MK_VERDICT_UNCHECKED);
    mk_stress_free(&file);
}

/* A finding is one of every pressure that it was seen under, and of no other trial. */
TEST(verdict_of_trials_with_findings) {
    struct mk_stress_file file;
    static const char *const pressures[] = {"calm", "storms", "births"};
    begin(&file);
    for (int i = 0; i < 3; i++) add_trial(&file, a_trial(0, "shared", pressures[i], 1));
    add_trial(&file, a_trial(0, "stable", "calm", 1));
    add_trial(&file, a_trial(1, "shared", "calm", 1));
    add(&file, a_finding(0, "shared", "calm", "key 1 was lost"));
    add(&file, a_finding(0, "shared", "births", "key 2 was lost"));
    static const enum mk_verdict wanted[] = {MK_VERDICT_FAIL, MK_VERDICT_PASS, MK_VERDICT_FAIL, MK_VERDICT_PASS,
                                             MK_VERDICT_PASS};
    for (size_t i = 0; i < file.trials_n; i++) CHECK_EQ(mk_stress_verdict(&file, &file.trials[i]), wanted[i]);
    CHECK_EQ(mk_stress_overall(&file), MK_VERDICT_FAIL);
    mk_stress_free(&file);
}

TEST(verdict_of_outcomes) {
    struct mk_stress_file file;
    begin(&file);
    struct mk_trial_sample trial = a_trial(0, "two_writers", "calm", 1);
    add_outcome(&trial, "both", MK_GRADE_INTERESTING, 9);
    add_outcome(&trial, "neither", MK_GRADE_FORBIDDEN, 0);
    add_trial(&file, trial);
    CHECK_EQ(mk_stress_overall(&file), MK_VERDICT_PASS);
    file.trials[0].outcomes[1].count = 1;
    CHECK_EQ(mk_stress_verdict(&file, &file.trials[0]), MK_VERDICT_FAIL);
    CHECK_EQ(mk_stress_overall(&file), MK_VERDICT_FAIL);
    mk_stress_free(&file);
}

/* ---- files -------------------------------------------------------------------------------------- */

/* Reads text as a stress file. Returns the first complaint, to be freed, or NULL. */
static char *complaint_about(const char *text, size_t length) {
    struct mk_json *doc;
    struct mk_stress_file file = {0};
    int failed = mk_json_parse("stress", text, length, &doc) || mk_stress_from_json(doc, &file);
    const char *first = mk_json_first_error(doc);
    char *complaint = failed ? mk_need_text(first ? first : "no complaint") : NULL;
    mk_stress_free(&file);
    mk_json_free(doc);
    return complaint;
}

static void load_sample(struct mk_text *text) {
    struct mk_err err = {""};
    CHECK_EQ(mk_text_load(text, mk_test_path("data/stress-findings.json"), 1 << 24, &err), 0);
    CHECK_STR(err.text, "");
}

static void read_file(const char *path, struct mk_stress_file *file) {
    struct mk_json *doc;
    *file = (struct mk_stress_file){0};
    if (mk_json_read_file(path, 1 << 24, &doc) || mk_stress_from_json(doc, file))
        mk_test_fail(__FILE__, __LINE__, "%s: %s", path, mk_json_first_error(doc));
    mk_json_free(doc);
}

TEST(stress_file_is_written_and_read) {
    struct mk_stress_file file, again;
    struct mk_err err = {""};
    char path[256];
    close(child_file(path, sizeof path));
    read_file(mk_test_path("data/stress-findings.json"), &file);
    CHECK_EQ(mk_stress_write(&file, path, &err), 0);
    CHECK_STR(err.text, "");
    read_file(path, &again);
    CHECK(mk_record_equal(&mk_stress_record, &file, &again));
    CHECK_EQ(again.findings[5].cell, UINT32_MAX);
    CHECK_EQ(mk_stress_write(&file, "/nonexistent/stress.json", &err), -1);
    CHECK(err.text[0]);
    unlink(path);
    mk_stress_free(&file);
    mk_stress_free(&again);
}

/* One thing at a time is changed in a file that is right. */
TEST(stress_file_refuses_what_is_none) {
    static const struct {
        const char *from, *to, *complaint;
    } changes[] = {
        {"\"memkit.stress/1\"", "\"memkit.stress/2\"", "not a stress file: schema must be \"memkit.stress/1\""},
        {"\"index\": 4", "\"index\": 3", "the cells are not ordered by index, each once"},
        {"\"cell\": 4,\n   \"oracle\": \"shared\"", "\"cell\": 6,\n   \"oracle\": \"shared\"",
         "its cell is not among the cells"},
        {"\"cell\": 1,\n   \"oracle\": \"history\",\n   \"pressure\": \"storms\",\n   \"also\"",
         "\"cell\": 6,\n   \"oracle\": \"history\",\n   \"pressure\": \"storms\",\n   \"also\"",
         "its cell is not among the cells"},
        {"\"unknown\": 40", "\"unknown\": 2501", "more windows of it are unknown than there are"},
        {"\"trials\": 0,", "\"trials\": 1,", "it was skipped, and tried all the same"},
        {"\"count\": 12,", "\"count\": 0,", "it was never seen: its count is 0"},
        {"\"cell\": null,", "", "missing key \"cell\""},
        {"\"grade\": \"interesting\"", "\"grade\": \"interestng\"", NULL},
        {"\"rule\": \"crash\",", "", "missing key \"rule\""},
        {"\"pattern\"", "\"patern\"", NULL},
        {"\"line\": 141", "\"line\": -1", NULL},
    };
    struct mk_text text = {0};
    load_sample(&text);
    char *fine = complaint_about(text.at, text.n);
    CHECK(!fine);
    free(fine);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct mk_text changed = {0};
        const char *at = strstr(text.at, changes[i].from);
        CHECK(at);
        if (!at) continue;
        mk_text_add(&changed, text.at, (size_t)(at - text.at));
        mk_text_puts(&changed, changes[i].to);
        mk_text_puts(&changed, at + strlen(changes[i].from));
        char *complaint = complaint_about(changed.at, changed.n);
        if (!complaint) mk_test_fail(__FILE__, __LINE__, "taken: %s", changes[i].to);
        else if (changes[i].complaint) CHECK_STR(complaint, changes[i].complaint);
        free(complaint);
        mk_text_free(&changed);
    }
    for (size_t n = 0; n < text.n; n += 997) { /* cut off */
        char *complaint = complaint_about(text.at, n);
        CHECK(complaint);
        free(complaint);
    }
    mk_text_free(&text);
}

/* ---- the tables --------------------------------------------------------------------------------- */

static void over_the_wire(const struct mk_record *record, const void *from) {
    unsigned char *bytes = NULL;
    size_t n = 0;
    struct mk_err err = {""};
    void *to = mk_need(1, record->size);
    mk_wire_encode(record, from, &bytes, &n);
    CHECK_EQ(mk_wire_decode(record, bytes, n, to, &err), 0);
    CHECK(mk_record_equal(record, from, to));
    mk_record_free(record, to);
    free(to);
    free(bytes);
}

TEST(findings_and_trials_go_over_the_wire) {
    struct mk_stress_file file;
    read_file(mk_test_path("data/stress-findings.json"), &file);
    CHECK(file.findings_n && file.trials_n);
    for (size_t i = 0; i < file.findings_n; i++) over_the_wire(&mk_finding_record, &file.findings[i]);
    for (size_t i = 0; i < file.trials_n; i++) over_the_wire(&mk_trial_record, &file.trials[i]);
    mk_stress_free(&file);
}

/* Not the part that result files have, too. */
static void check_table(const struct mk_record *record) {
    if (record == &mk_result_context_record) return;
    CHECK(record->help && strchr(record->help, '.'));
    for (const struct mk_field *field = record->fields; field->name; field++) {
        if (!field->help || !strchr(field->help, '.'))
            mk_test_fail(__FILE__, __LINE__, "%s.%s has no sentence", record->name, field->name);
        if (field->record) check_table(field->record);
    }
}

static void check_generated(const char *below_tests, const char *option, const struct mk_text *made) {
    struct mk_text kept = {0};
    struct mk_err err = {""};
    CHECK_EQ(mk_text_load(&kept, mk_test_path(below_tests), 1 << 20, &err), 0);
    if (kept.n != made->n || memcmp(kept.at, made->at, made->n) != 0)
        mk_test_fail(__FILE__, __LINE__, "%s is not what the tables say: make it anew with `memkit-bench validate "
                                         "%s stress`", below_tests, option);
    mk_text_free(&kept);
}

TEST(stress_schema_and_reference_are_those_of_the_tables) {
    struct mk_text text = {0};
    check_table(&mk_stress_record);
    mk_schema_write(&text, &mk_stress_record, MK_STRESS_SCHEMA);
    check_generated("../docs/schema/stress.schema.json", "--schema", &text);
    mk_text_free(&text);
    mk_schema_write_reference(&text, &mk_stress_record, MK_STRESS_SCHEMA);
    check_generated("../docs/reference-stress.md", "--reference", &text);
    mk_text_free(&text);
}
