/* test_report.c - reports of stress files: those of the samples in tests/data are kept beside them, and what must
 * be so whatever their wording. MK_KEEP_REPORTS=1 writes the kept ones anew; test_sarif.py looks at them, too. */
#include "../harness/report.h"

#include <stdlib.h>

#include "../harness/json.h"
#include "../harness/report_parts.h"
#include "test.h"

/* ---- the samples -------------------------------------------------------------------------------- */

static void terminal(const struct mk_stress_file *file, struct mk_text *out) {
    mk_report_terminal(file, false, out);
}

static const struct {
    const char *ending;
    void (*write)(const struct mk_stress_file *file, struct mk_text *out);
} reports[] = {{"txt", terminal}, {"md", mk_report_markdown}, {"xml", mk_report_junit}, {"sarif", mk_report_sarif}};

/* Returns whether there is such a sample; freed by mk_stress_free either way. */
static bool read_sample(const char *name, struct mk_stress_file *file) {
    struct mk_json *doc;
    char *path = mk_need_format("%s/%s.json", mk_test_path("data"), name);
    *file = (struct mk_stress_file){0};
    bool right = !mk_json_read_file(path, 1 << 24, &doc) && !mk_stress_from_json(doc, file);
    if (!right) mk_test_fail(__FILE__, __LINE__, "%s: %s", path, mk_json_first_error(doc));
    mk_json_free(doc);
    free(path);
    return right;
}

static void compare_with_kept(const char *path, const struct mk_text *made) {
    struct mk_text kept = {0};
    struct mk_err err = {""};
    if (getenv("MK_KEEP_REPORTS")) CHECK_EQ(mk_text_save(made, path, &err), 0);
    CHECK_EQ(mk_text_load(&kept, path, 1 << 24, &err), 0);
    if (kept.n != made->n || memcmp(kept.at, made->at, made->n) != 0)
        mk_test_fail(__FILE__, __LINE__, "%s is not what the report says; MK_KEEP_REPORTS=1 writes it anew", path);
    mk_text_free(&kept);
}

TEST(reports_are_those_that_are_kept) {
    static const char *const names[] = {"stress-findings", "stress-clean"};
    for (size_t s = 0; s < 2; s++) {
        struct mk_stress_file file;
        bool right = read_sample(names[s], &file);
        for (size_t r = 0; right && r < sizeof reports / sizeof *reports; r++) {
            struct mk_text made = {0};
            char *path = mk_need_format("%s/%s.%s", mk_test_path("data"), names[s], reports[r].ending);
            reports[r].write(&file, &made);
            compare_with_kept(path, &made);
            free(path);
            mk_text_free(&made);
        }
        mk_stress_free(&file);
    }
}

/* ---- whatever the wording ----------------------------------------------------------------------- */

/* One cell, one trial, one finding with this sentence, detail and function. */
static void begin(struct mk_stress_file *file, const char *what, const char *detail, const char *function) {
    *file = (struct mk_stress_file){.schema = mk_need_text(MK_STRESS_SCHEMA), .complete = true,
                                    .workload = mk_need_text("{}"), .spent_s = 1};
    struct mk_stress_cell *cell = mk_grow(&file->cells, &file->cells_n, sizeof *cell);
    *cell = (struct mk_stress_cell){.identity = mk_need_text("map/alpha[a=1]+reclaim/b"), .threads = 2};
    struct mk_trial_sample trial = {.oracle = mk_need_text("shared"), .pressure = mk_need_text("calm"),
                                    .trials = 1};
    mk_stress_add_trial(file, &trial);
    struct mk_finding_sample finding = {.oracle = mk_need_text("shared"), .pressure = mk_need_text("calm"),
                                        .rule = mk_need_text("map/shared"), .what = mk_need_text(what),
                                        .detail = mk_need_text(detail)};
    struct mk_stack *stack = mk_grow(&finding.stacks, &finding.stacks_n, sizeof *stack);
    struct mk_stack_frame *frame = mk_grow(&stack->frames, &stack->frames_n, sizeof *frame);
    frame->function = mk_need_text(function);
    mk_stress_add_finding(file, &finding);
}

/* Control characters, bytes that are no UTF-8, and characters that XML does not allow. */
TEST(reports_are_text_whatever_a_worker_sends) {
    struct mk_stress_file file;
    begin(&file, "a\033[31mred\033[0m \001b\xff", "c\x7f\xc2\x85""d\xef\xbf\xbf", "f\r<g>]]>&\"'");
    for (size_t r = 0; r < sizeof reports / sizeof *reports; r++) {
        struct mk_text made = {0};
        bool sarif = reports[r].write == mk_report_sarif;
        reports[r].write(&file, &made);
        CHECK(!strpbrk(made.at, "\001\033\r\x7f"));
        for (const char *at = made.at, *end = at + made.n; at < end;) {
            size_t size = mk_json_character(at, end);
            CHECK(size);
            at += size ? size : 1;
        }
        if (!sarif) CHECK(!strstr(made.at, "\xc2\x85") && !strstr(made.at, "\xef\xbf\xbf"));
        if (!sarif) CHECK(strstr(made.at, "ared b\xef\xbf\xbd"));
        mk_text_free(&made);
    }
    mk_stress_free(&file);
}

TEST(report_terminal_colours_when_asked) {
    struct mk_stress_file file;
    struct mk_text plain = {0}, coloured = {0}, stripped = {0};
    bool right = read_sample("stress-findings", &file);
    if (right) {
        mk_report_terminal(&file, false, &plain);
        mk_report_terminal(&file, true, &coloured);
        CHECK(!strchr(plain.at, '\033'));
        CHECK(strchr(coloured.at, '\033'));
        mk_report_clean(&stripped, coloured.at, false);
        CHECK_STR(stripped.at, plain.at);
    }
    mk_text_free(&plain);
    mk_text_free(&coloured);
    mk_text_free(&stripped);
    mk_stress_free(&file);
}

/* But for commands, which are copied whole. */
TEST(report_terminal_is_120_columns_wide) {
    struct mk_stress_file file;
    struct mk_text made = {0}, what = {0};
    for (int i = 0; i < 100; i++) mk_text_printf(&what, "%sword%d", i ? " " : "", i);
    begin(&file, what.at, "", "f");
    mk_report_terminal(&file, false, &made);
    for (char *line = strtok(made.at, "\n"); line; line = strtok(NULL, "\n")) CHECK(mk_grid_width(line) <= 120);
    mk_text_free(&what);
    mk_text_free(&made);
    mk_stress_free(&file);
}

/* A fence that the text itself would end is longer. */
TEST(report_markdown_fences_hold) {
    struct mk_stress_file file;
    struct mk_text made = {0};
    begin(&file, "<b>*x*</b>", "````\n</details>\n`````", "f");
    mk_report_markdown(&file, &made);
    CHECK(strstr(made.at, "\n``````text\n````\n</details>\n`````\n``````\n"));
    CHECK(strstr(made.at, "\\<b\\>\\*x\\*\\</b\\>"));
    mk_text_free(&made);
    mk_stress_free(&file);
}

/* A comment holds 65,536 characters. */
TEST(report_markdown_fits_a_comment) {
    struct mk_stress_file file;
    struct mk_text made = {0}, detail = {0};
    for (int i = 0; i < 500; i++) mk_text_printf(&detail, "line %d of what a long report says\n", i);
    begin(&file, "first", detail.at, "f");
    for (int i = 0; i < 200; i++) {
        struct mk_finding_sample finding = {.oracle = mk_need_text("shared"), .rule = mk_need_format("rule%d", i),
                                            .what = mk_need_text("lost"), .detail = mk_need_text(detail.at)};
        mk_stress_add_finding(&file, &finding);
    }
    mk_report_markdown(&file, &made);
    CHECK(made.n < 65536);
    CHECK(strstr(made.at, "420 more lines, in the stress file"));
    CHECK(strstr(made.at, " more, in the stress file\n"));
    mk_text_free(&detail);
    mk_text_free(&made);
    mk_stress_free(&file);
}

/* Returns the fingerprint in the report of a file with one finding, to be freed. */
static char *fingerprint_of(const struct mk_stress_file *file) {
    static const char key[] = "\"memkitFinding/v1\": \"";
    struct mk_text made = {0};
    mk_report_sarif(file, &made);
    const char *at = strstr(made.at, key);
    CHECK(at);
    char *print = at ? mk_need_format("%.16s", at + strlen(key)) : mk_need_text("");
    mk_text_free(&made);
    return print;
}

/* Lines, numbers, seeds and titles change from run to run; functions and what was tried do not. */
TEST(report_sarif_fingerprints_are_stable) {
    struct mk_stress_file file;
    begin(&file, "key 1 was lost", "", "put");
    struct mk_finding_sample *finding = &file.findings[0];
    char *first = fingerprint_of(&file);
    finding->seed = 99;
    finding->what[4] = '2';
    finding->stacks[0].frames[0].line = 12;
    finding->stacks[0].title = mk_need_text("Write by thread T7");
    char *second = fingerprint_of(&file);
    CHECK_STR(second, first);
    finding->stacks[0].frames[0].function[1] = 'o';
    char *third = fingerprint_of(&file);
    CHECK(strcmp(third, first) != 0);
    free(first);
    free(second);
    free(third);
    mk_stress_free(&file);
}

/* Where somebody who mends it would look: in the implementation, even if something else is on top of the stack. */
TEST(report_sarif_points_at_the_implementation) {
    static const struct {
        const char *file, *caller, *uri;
    } cases[] = {{"impl/map/part.c", "impl/map/alpha.c", "\"uri\": \"impl/map/part.c\""},
                 {"workloads/x.c", "impl/map/part.c", "\"uri\": \"impl/map/part.c\""},
                 {"tests/planted/x y.c", "harness/x.c", "\"uri\": \"tests/planted/x%20y.c\""},
                 {"harness/check/check.c", "harness/x.c", "\"uri\": \"impl/map/alpha.c\""},
                 {"/usr/include/x.h", "../csu/libc-start.c", "\"uri\": \"impl/map/alpha.c\""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mk_stress_file file;
        struct mk_text made = {0};
        begin(&file, "lost", "", "f");
        struct mk_stack *stack = &file.findings[0].stacks[0];
        struct mk_stack_frame *caller = mk_grow(&stack->frames, &stack->frames_n, sizeof *caller);
        *caller = (struct mk_stack_frame){.file = mk_need_text(cases[i].caller), .line = 4};
        stack->frames[0].file = mk_need_text(cases[i].file);
        stack->frames[0].line = 3;
        mk_report_sarif(&file, &made);
        const char *locations = strstr(made.at, "\"locations\"");
        const char *uri = locations ? strstr(locations, "\"uri\"") : NULL;
        CHECK(uri && strncmp(uri, cases[i].uri, strlen(cases[i].uri)) == 0);
        mk_text_free(&made);
        mk_stress_free(&file);
    }
}

TEST(report_of_nothing) {
    struct mk_stress_file file = {.complete = true};
    for (size_t r = 0; r < sizeof reports / sizeof *reports; r++) {
        struct mk_text made = {0};
        reports[r].write(&file, &made);
        CHECK(made.n);
        mk_text_free(&made);
    }
}
