/* report_junit.c - a stress file as JUnit XML, which CI systems show: a test suite a cell, a test case an oracle
 * and pressure. What no test case of these stands for has one of its own. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "report_parts.h"

/* Test cases as they are written, counted. */
struct suite {
    struct mk_text cases;
    size_t tests, failures, errors, skipped;
    double seconds;
};

static double seconds_of(double seconds) {
    return isfinite(seconds) && seconds > 0 ? seconds : 0;
}

/* name="...", after a blank. */
static void attribute(struct mk_text *out, const char *name, const char *value) {
    mk_text_printf(out, " %s=\"", name);
    for (; *value; value++) {
        char character[2] = {*value, '\0'};
        if (*value == '\n' || *value == '\t') mk_text_printf(out, "&#%d;", *value);
        else mk_report_xml(out, character);
    }
    mk_text_putc(out, '"');
}

static void begin_case(struct suite *suite, const char *class, const char *name, double seconds) {
    suite->tests++;
    suite->seconds += seconds;
    mk_text_puts(&suite->cases, "    <testcase");
    attribute(&suite->cases, "classname", class);
    attribute(&suite->cases, "name", name);
    mk_text_printf(&suite->cases, " time=\"%.3f\"", seconds);
}

static void skip_case(struct suite *suite, const char *sort, const char *why) {
    char *message = mk_need_format("%s%s", sort, why);
    suite->skipped++;
    mk_text_puts(&suite->cases, ">\n      <skipped");
    attribute(&suite->cases, "message", message);
    mk_text_puts(&suite->cases, "/>\n    </testcase>\n");
    free(message);
}

/* A worker that died or stood still, rather than one that said what is wrong. */
static bool is_error(const struct mk_finding_sample *finding) {
    return strcmp(finding->rule, "crash") == 0 || strcmp(finding->rule, "hang") == 0;
}

static void write_text(struct mk_text *out, const struct mk_finding_sample *finding) {
    struct mk_text text = {0};
    char *how = mk_report_circumstances(finding);
    mk_text_printf(&text, "%s: %s\n%s\n", finding->rule, finding->what, how);
    if (finding->object) mk_text_printf(&text, "object: %s\n", finding->object);
    if (finding->command) mk_text_printf(&text, "again: %s\n", finding->command);
    if (finding->picture) mk_text_printf(&text, "picture: %s\n", finding->picture);
    if (mk_report_detail(finding)) mk_text_printf(&text, "\n%s\n", mk_report_detail(finding));
    for (size_t s = 0; s < finding->stacks_n; s++) {
        mk_text_printf(&text, "\n%s\n", mk_report_known(finding->stacks[s].title));
        for (size_t i = 0; i < finding->stacks[s].frames_n; i++) {
            char *frame = mk_report_frame(&finding->stacks[s].frames[i]);
            mk_text_printf(&text, "  #%-2zu %s\n", i, frame);
            free(frame);
        }
    }
    mk_report_xml(out, text.at);
    mk_text_free(&text);
    free(how);
}

/* One element for all findings of a test case: many readers take no more. */
static void fail_case(struct suite *suite, const struct mk_finding_sample *const *findings, size_t n) {
    bool error = false;
    for (size_t i = 0; i < n; i++) error = error || is_error(findings[i]);
    const char *element = error ? "error" : "failure";
    *(error ? &suite->errors : &suite->failures) += 1;
    mk_text_printf(&suite->cases, ">\n      <%s", element);
    attribute(&suite->cases, "message", n ? findings[0]->what : "a forbidden outcome was seen");
    attribute(&suite->cases, "type", n ? findings[0]->rule : "outcome");
    mk_text_putc(&suite->cases, '>');
    for (size_t i = 0; i < n; i++) {
        if (i) mk_text_putc(&suite->cases, '\n');
        write_text(&suite->cases, findings[i]);
    }
    mk_text_printf(&suite->cases, "</%s>\n    </testcase>\n", element);
}

/* "history under storms, 4 threads". */
static char *case_name(const char *oracle, const char *pressure, const struct mk_stress_cell *cell) {
    char *trial = mk_report_trial(oracle, pressure), *name = trial;
    if (!cell) return name;
    name = mk_need_format("%s, %" PRIu32 " thread%s", trial, cell->threads, mk_report_plural(cell->threads));
    free(trial);
    return name;
}

static void write_trial(struct suite *suite, const struct mk_stress_file *file, const struct mk_stress_cell *cell,
                        const struct mk_trial_sample *trial) {
    const struct mk_finding_sample **findings = mk_need(file->findings_n + 1, sizeof *findings);
    char *name = case_name(trial->oracle, trial->pressure, cell), *why;
    size_t n = 0;
    for (size_t i = 0; i < file->findings_n; i++) {
        if (mk_stress_shown_by(&file->findings[i], trial)) findings[n++] = &file->findings[i];
    }
    begin_case(suite, cell->identity, name, seconds_of(trial->busy_s));
    switch (mk_stress_verdict(file, trial)) {
    case MK_VERDICT_FAIL: fail_case(suite, findings, n); break;
    case MK_VERDICT_SKIPPED: skip_case(suite, "", trial->skipped); break;
    case MK_VERDICT_PASS: mk_text_puts(&suite->cases, "/>\n"); break;
    default:
        why = mk_report_unchecked(trial);
        skip_case(suite, "unchecked: ", why);
        free(why);
        break;
    }
    free(name);
    free(findings);
}

/* Findings of a cell, or of none (NULL), that no entry of trials showed. */
static void write_others(struct suite *suite, const struct mk_stress_file *file,
                         const struct mk_stress_cell *cell) {
    for (size_t i = 0; i < file->findings_n; i++) {
        const struct mk_finding_sample *finding = &file->findings[i];
        if (mk_stress_cell_of(file, finding->cell) != cell || mk_report_is_shown(file, finding)) continue;
        char *trial = case_name(finding->oracle, finding->pressure, cell);
        char *name = mk_need_format("%s: %s", finding->rule, trial);
        begin_case(suite, cell ? cell->identity : "memkit-bench", name, 0);
        fail_case(suite, &finding, 1);
        free(name);
        free(trial);
    }
}

static void write_counts(struct mk_text *out, const struct suite *suite) {
    mk_text_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\"",
                   suite->tests, suite->failures, suite->errors, suite->skipped, suite->seconds);
}

static void property(struct mk_text *out, const char *name, const char *value) {
    mk_text_puts(out, "      <property");
    attribute(out, "name", name);
    attribute(out, "value", value);
    mk_text_puts(out, "/>\n");
}

/* Puts a suite behind the others, and its counts to theirs. */
static void end_suite(struct mk_text *out, const struct mk_stress_file *file, const char *name, struct suite *suite,
                      struct suite *all) {
    const struct mk_result_context *context = &file->context;
    char *seed = mk_need_format("%" PRIu64, context->seed);
    mk_text_puts(out, "  <testsuite");
    attribute(out, "name", name);
    write_counts(out, suite);
    if (context->start_utc) /* the format knows no time zones */
        mk_text_printf(out, " timestamp=\"%.*s\"", (int)strcspn(context->start_utc, "Z"), context->start_utc);
    mk_text_puts(out, ">\n    <properties>\n");
    property(out, "seed", seed);
    property(out, "flavour", mk_report_known(context->flavour));
    property(out, "workload", mk_report_known(file->path));
    mk_text_puts(out, "    </properties>\n");
    mk_text_puts(out, suite->cases.at ? suite->cases.at : "");
    mk_text_puts(out, "  </testsuite>\n");
    all->tests += suite->tests;
    all->failures += suite->failures;
    all->errors += suite->errors;
    all->skipped += suite->skipped;
    all->seconds += suite->seconds;
    mk_text_free(&suite->cases);
    free(seed);
}

static void write_cell(struct mk_text *out, const struct mk_stress_file *file, const struct mk_stress_cell *cell,
                       struct suite *all) {
    struct suite suite = {0};
    char *name = mk_report_cell(cell);
    for (size_t i = 0; i < file->trials_n; i++) {
        if (file->trials[i].cell == cell->index) write_trial(&suite, file, cell, &file->trials[i]);
    }
    write_others(&suite, file, cell);
    if (cell->skipped && !suite.tests) {
        char *every = case_name("every oracle", NULL, cell);
        begin_case(&suite, cell->identity, every, 0);
        skip_case(&suite, "", cell->skipped);
        free(every);
    }
    end_suite(out, file, name, &suite, all);
    free(name);
}

void mk_report_junit(const struct mk_stress_file *file, struct mk_text *out) {
    struct mk_text suites = {0}, raw = {0};
    struct suite all = {0}, others = {0};
    for (size_t i = 0; i < file->cells_n; i++) write_cell(&suites, file, &file->cells[i], &all);
    write_others(&others, file, NULL);
    if (others.tests) end_suite(&suites, file, "memkit-bench", &others, &all);
    mk_text_puts(&raw, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"memkit-bench stress\"");
    write_counts(&raw, &all);
    mk_text_printf(&raw, ">\n%s</testsuites>\n", suites.at ? suites.at : "");
    mk_report_clean(out, raw.at, false);
    mk_text_free(&suites);
    mk_text_free(&raw);
}
