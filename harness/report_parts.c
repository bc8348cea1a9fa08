/* report_parts.c - see report_parts.h. */
#include "report_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "json.h"

#define NAMES_SHOWN 3

/* ---- words -------------------------------------------------------------------------------------- */

const char *mk_report_plural(uint64_t n) {
    return n == 1 ? "" : "s";
}

const char *mk_report_known(const char *text) {
    return text && *text ? text : "unknown";
}

/* Four digits of large numbers. */
static char *number(uint64_t n) {
    static const char units[] = "kMGTPE";
    double value = (double)n;
    int unit = -1;
    if (n < 100000) return mk_need_format("%" PRIu64, n);
    while (value >= 999.95) {
        value /= 1000;
        unit++;
    }
    return mk_need_format("%.1f%c", value, units[unit]);
}

void mk_report_percent(char out[8], uint64_t part, uint64_t whole) {
    double percent = whole ? 100.0 * (double)part / (double)whole : 0;
    if (part && percent < 0.01) strcpy(out, "<0.01");
    else snprintf(out, 8, "%.*f", percent < 10 ? 2 : 1, percent);
}

/* Names, each once. */
struct names {
    const char **at;
    size_t n;
};

static void add_name(struct names *names, const char *name) {
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->at[i], name) == 0) return;
    }
    *(const char **)mk_grow(&names->at, &names->n, sizeof name) = name;
}

/* "a, b", "a, b, c and 4 more". */
static void write_names(struct mk_text *out, const struct names *names) {
    size_t shown = names->n < NAMES_SHOWN ? names->n : NAMES_SHOWN;
    for (size_t i = 0; i < shown; i++) mk_text_printf(out, "%s%s", i ? ", " : "", names->at[i]);
    if (names->n > shown) mk_text_printf(out, " and %zu more", names->n - shown);
}

char *mk_report_cell(const struct mk_stress_cell *cell) {
    if (!cell) return mk_need_text("no implementation in particular");
    bool labelled = cell->label && cell->label[0];
    return mk_need_format("%s, %" PRIu32 " thread%s%s%s", cell->identity, cell->threads,
                          mk_report_plural(cell->threads), labelled ? ", " : "", labelled ? cell->label : "");
}

char *mk_report_trial(const char *oracle, const char *pressure) {
    bool under = pressure && *pressure;
    return mk_need_format("%s%s%s", oracle && *oracle ? oracle : "outside of any trial", under ? " under " : "",
                          under ? pressure : "");
}

char *mk_report_circumstances(const struct mk_finding_sample *finding) {
    struct mk_text text = {0};
    char *trial = mk_report_trial(finding->oracle, finding->pressure);
    mk_text_puts(&text, trial);
    free(trial);
    for (size_t i = 0; i < finding->also_n; i++)
        mk_text_printf(&text, "%s%s", i ? ", " : " (also under ", finding->also[i]);
    if (finding->also_n) mk_text_putc(&text, ')');
    mk_text_printf(&text, "; %s build; seed %" PRIu64 "; seen ", mk_report_known(finding->flavour), finding->seed);
    if (finding->count == 1) mk_text_puts(&text, "once");
    else mk_text_printf(&text, "%" PRIu64 " times", finding->count);
    if (isfinite(finding->found_s))
        mk_text_printf(&text, ", %safter %.1f s", finding->count == 1 ? "" : "first ", finding->found_s);
    return mk_text_take(&text);
}

char *mk_report_frame(const struct mk_stack_frame *frame) {
    struct mk_text text = {0};
    mk_text_puts(&text, mk_report_known(frame->function));
    if (frame->file) mk_text_printf(&text, "  %s", frame->file);
    if (frame->file && frame->line) mk_text_printf(&text, ":%" PRIu32, frame->line);
    if (!frame->file && frame->module) mk_text_printf(&text, "  in %s", frame->module);
    return mk_text_take(&text);
}

const char *mk_report_detail(const struct mk_finding_sample *finding) {
    bool repeats = finding->stacks_n && strstr(finding->rule, "san/");
    return finding->detail && *finding->detail && !repeats ? finding->detail : NULL;
}

char *mk_report_unchecked(const struct mk_trial_sample *trial) {
    if (!trial->trials) return mk_need_text("it never had its turn");
    return mk_need_format("%" PRIu64 " of %" PRIu64 " window%s could not be judged in time", trial->unknown,
                          trial->windows, mk_report_plural(trial->windows));
}

/* ---- sums --------------------------------------------------------------------------------------- */

void mk_report_tally(const struct mk_stress_file *file, const struct mk_stress_cell *cell,
                     struct mk_report_tally *tally) {
    *tally = (struct mk_report_tally){0};
    for (size_t i = 0; i < file->trials_n; i++) {
        const struct mk_trial_sample *trial = &file->trials[i];
        if (cell && trial->cell != cell->index) continue;
        tally->by[mk_stress_verdict(file, trial)]++;
        tally->entries++;
        tally->trials += trial->trials;
        tally->ops += trial->ops;
        tally->windows += trial->windows;
        tally->unknown += trial->unknown;
    }
}

bool mk_report_is_shown(const struct mk_stress_file *file, const struct mk_finding_sample *finding) {
    for (size_t i = 0; i < file->trials_n; i++) {
        if (mk_stress_shown_by(finding, &file->trials[i])) return true;
    }
    return false;
}

/* "5 findings (3 different) in 2 of 5 implementations", "no findings in 5 implementations". */
static void write_findings(struct mk_text *out, const struct mk_stress_file *file) {
    struct names all = {0}, found = {0};
    size_t different = 0;
    for (size_t i = 0; i < file->cells_n; i++) {
        if (!file->cells[i].skipped) add_name(&all, file->cells[i].identity);
    }
    for (size_t i = 0; i < file->findings_n; i++) {
        const struct mk_stress_cell *cell = mk_stress_cell_of(file, file->findings[i].cell);
        if (cell) add_name(&found, cell->identity);
        different += mk_stress_first_like(file, i) == i;
    }
    if (!file->findings_n) mk_text_puts(out, "no findings");
    else mk_text_printf(out, "%zu finding%s", file->findings_n, mk_report_plural(file->findings_n));
    if (different < file->findings_n) mk_text_printf(out, " (%zu different)", different);
    if (found.n) mk_text_printf(out, " in %zu of %zu implementation%s", found.n, all.n, mk_report_plural(all.n));
    else mk_text_printf(out, " in %zu implementation%s", all.n, mk_report_plural(all.n));
    free(all.at);
    free(found.at);
}

char *mk_report_verdict(const struct mk_stress_file *file) {
    static const char *const words[] = {"PASS", "FAIL", "SKIPPED", "UNTRUSTWORTHY", "UNCHECKED"};
    struct mk_text text = {0};
    struct mk_report_tally tally;
    mk_report_tally(file, NULL, &tally);
    char *ops = number(tally.ops);
    mk_text_printf(&text, "%s: ", words[mk_stress_overall(file)]);
    write_findings(&text, file);
    mk_text_printf(&text, "; %" PRIu64 " trial%s, %s operations in %.0f s", tally.trials,
                   mk_report_plural(tally.trials), ops, file->spent_s);
    if (tally.by[MK_VERDICT_UNCHECKED])
        mk_text_printf(&text, "; %zu of %zu not judged", tally.by[MK_VERDICT_UNCHECKED], tally.entries);
    if (!file->complete) mk_text_puts(&text, "; ended early by a signal");
    free(ops);
    return mk_text_take(&text);
}

char *mk_report_about(const struct mk_stress_file *file) {
    const struct mk_result_context *context = &file->context;
    return mk_need_format("%s; %s build, %s; seed %" PRIu64 "; machine: %s", mk_report_known(file->path),
                          mk_report_known(context->flavour), mk_report_known(context->compiler), context->seed,
                          mk_report_known(context->machine_text));
}

/* ---- what was tried ----------------------------------------------------------------------------- */

static void put_count(struct mk_grid *grid, enum mk_tone tone, uint64_t n) {
    char *text = number(n);
    mk_grid_put(grid, n ? tone : MK_TONE_FAINT, "%s", n ? text : "-");
    free(text);
}

static size_t findings_of(const struct mk_stress_file *file, const struct mk_stress_cell *cell) {
    size_t n = 0;
    for (size_t i = 0; i < file->findings_n; i++) n += file->findings[i].cell == cell->index;
    return n;
}

static void put_cell(struct mk_grid *grid, const struct mk_stress_file *file, const struct mk_stress_cell *cell) {
    struct mk_report_tally tally;
    mk_report_tally(file, cell, &tally);
    mk_grid_put(grid, MK_TONE_PLAIN, "%s", cell->identity);
    mk_grid_put(grid, MK_TONE_PLAIN, "%" PRIu32, cell->threads);
    put_count(grid, MK_TONE_GOOD, tally.by[MK_VERDICT_PASS]);
    put_count(grid, MK_TONE_BAD, tally.by[MK_VERDICT_FAIL]);
    put_count(grid, MK_TONE_WARN, tally.by[MK_VERDICT_UNCHECKED]);
    put_count(grid, MK_TONE_FAINT, tally.by[MK_VERDICT_SKIPPED]);
    put_count(grid, MK_TONE_BAD, findings_of(file, cell));
    put_count(grid, MK_TONE_PLAIN, tally.trials);
    put_count(grid, MK_TONE_PLAIN, tally.ops);
    put_count(grid, MK_TONE_PLAIN, tally.windows);
    put_count(grid, MK_TONE_WARN, tally.unknown);
}

void mk_report_table(const struct mk_stress_file *file, enum mk_grid_form form, struct mk_text *out) {
    static const char *const numbers[] = {"threads", "pass", "fail", "unchecked", "skipped", "findings", "trials",
                                          "operations", "windows", "unknown"};
    struct mk_grid grid = {0};
    const char *label = "";
    mk_grid_column(&grid, "implementation", "", MK_LEFT);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) mk_grid_column(&grid, numbers[i], "", MK_RIGHT);
    for (size_t i = 0; i < file->cells_n; i++) {
        const struct mk_stress_cell *cell = &file->cells[i];
        if (cell->skipped) continue;
        if (cell->label && strcmp(cell->label, label) != 0) mk_grid_heading(&grid, label = cell->label);
        put_cell(&grid, file, cell);
    }
    if (grid.cells_n) mk_grid_write(&grid, form, out);
    mk_grid_free(&grid);
}

/* ---- how scenarios ended ------------------------------------------------------------------------ */

/* One outcome of one scenario, on whatever it was. */
struct ending {
    const char *scenario;
    const struct mk_outcome_sample *outcome;
    uint64_t count;
    struct names seen; /* implementations */
};

static void add_ending(struct ending **endings, size_t *n, const struct mk_stress_file *file,
                       const struct mk_trial_sample *trial, const struct mk_outcome_sample *outcome) {
    struct ending *ending = NULL;
    for (size_t i = 0; i < *n && !ending; i++) {
        struct ending *known = &(*endings)[i];
        if (!strcmp(known->scenario, trial->oracle) && !strcmp(known->outcome->name, outcome->name)) ending = known;
    }
    if (!ending) {
        ending = mk_grow(endings, n, sizeof *ending);
        ending->scenario = trial->oracle;
        ending->outcome = outcome;
    }
    ending->count += outcome->count;
    const struct mk_stress_cell *cell = mk_stress_cell_of(file, trial->cell);
    if (cell && outcome->count) add_name(&ending->seen, cell->identity);
}

static int compare_endings(const void *a, const void *b) {
    const struct ending *left = a, *right = b;
    int order = strcmp(left->scenario, right->scenario);
    if (order) return order;
    if (left->outcome->grade != right->outcome->grade) return left->outcome->grade < right->outcome->grade ? -1 : 1;
    return strcmp(left->outcome->name, right->outcome->name);
}

static void put_ending(struct mk_grid *grid, const struct ending *ending, uint64_t whole, bool first) {
    static const enum mk_tone tones[] = {MK_TONE_PLAIN, MK_TONE_WARN, MK_TONE_BAD};
    enum mk_tone tone = ending->count ? tones[ending->outcome->grade] : MK_TONE_FAINT;
    struct mk_text seen = {0};
    char percent[8];
    mk_report_percent(percent, ending->count, whole);
    mk_grid_put(grid, MK_TONE_PLAIN, "%s", first ? ending->scenario : "");
    mk_grid_put(grid, tone, "%s", ending->outcome->name);
    mk_grid_put(grid, tone, "%s", mk_grade_names[ending->outcome->grade]);
    put_count(grid, tone, ending->count);
    mk_grid_put(grid, tone, "%s", percent);
    /* That all do what they should is not worth their names. */
    if (ending->outcome->grade != MK_GRADE_ACCEPTABLE) write_names(&seen, &ending->seen);
    mk_grid_put(grid, tone, "%s", seen.n ? seen.at : "");
    mk_text_free(&seen);
}

void mk_report_outcomes(const struct mk_stress_file *file, enum mk_grid_form form, struct mk_text *out) {
    struct ending *endings = NULL;
    struct mk_grid grid = {0};
    size_t n = 0;
    for (size_t i = 0; i < file->trials_n; i++) {
        const struct mk_trial_sample *trial = &file->trials[i];
        for (size_t k = 0; k < trial->outcomes_n; k++) add_ending(&endings, &n, file, trial, &trial->outcomes[k]);
    }
    if (!n) return;
    qsort(endings, n, sizeof *endings, compare_endings);
    mk_grid_column(&grid, "scenario", "", MK_LEFT);
    mk_grid_column(&grid, "outcome", "", MK_LEFT);
    mk_grid_column(&grid, "grade", "", MK_LEFT);
    mk_grid_column(&grid, "times", "", MK_RIGHT);
    mk_grid_column(&grid, "%", "", MK_RIGHT);
    mk_grid_column(&grid, "seen with", "", MK_LEFT);
    for (size_t i = 0, from = 0, to = 0; i < n; i++) {
        uint64_t whole = 0;
        if (i == to) from = i;
        for (to = from; to < n && !strcmp(endings[to].scenario, endings[from].scenario); to++)
            whole += endings[to].count;
        put_ending(&grid, &endings[i], whole, i == from);
    }
    mk_grid_write(&grid, form, out);
    mk_grid_free(&grid);
    for (size_t i = 0; i < n; i++) free(endings[i].seen.at);
    free(endings);
}

/* ---- notes -------------------------------------------------------------------------------------- */

/* What was not tried, or not judged, for one reason: cells, or oracles under pressures. */
struct gap {
    enum mk_verdict verdict;
    const char *reason;
    bool whole_cells;
    struct names oracles, cells;
    size_t n;
};

static struct gap *find_gap(struct gap **gaps, size_t *n, enum mk_verdict verdict, const char *reason,
                            bool whole_cells) {
    for (size_t i = 0; i < *n; i++) {
        struct gap *gap = &(*gaps)[i];
        if (gap->verdict == verdict && gap->whole_cells == whole_cells && !strcmp(gap->reason, reason)) return gap;
    }
    struct gap *gap = mk_grow(gaps, n, sizeof *gap);
    gap->verdict = verdict;
    gap->reason = reason;
    gap->whole_cells = whole_cells;
    return gap;
}

static void add_gap(struct gap **gaps, size_t *n, const struct mk_stress_file *file,
                    const struct mk_trial_sample *trial) {
    enum mk_verdict verdict = mk_stress_verdict(file, trial);
    const struct mk_stress_cell *cell = mk_stress_cell_of(file, trial->cell);
    if (verdict != MK_VERDICT_SKIPPED && verdict != MK_VERDICT_UNCHECKED) return;
    const char *unchecked = trial->trials ? "more than 1 % of the windows could not be judged in time"
                                          : "the run ended before its turn";
    struct gap *gap = find_gap(gaps, n, verdict, verdict == MK_VERDICT_SKIPPED ? trial->skipped : unchecked, false);
    gap->n++;
    add_name(&gap->oracles, trial->oracle);
    if (cell) add_name(&gap->cells, cell->identity);
}

static void note(struct mk_report_notes *notes, enum mk_tone tone, char *text) {
    *(struct mk_report_note *)mk_grow(&notes->at, &notes->n, sizeof(struct mk_report_note)) =
        (struct mk_report_note){tone, text};
}

/* "skipped: no time (3 times: history of map/a)", "skipped: no room (2 cells: map/a)". */
static void note_gap(const struct gap *gap, struct mk_report_notes *notes) {
    struct mk_text text = {0};
    mk_text_printf(&text, "%s: %s (%zu %s%s: ", mk_verdict_names[gap->verdict], gap->reason, gap->n,
                   gap->whole_cells ? "cell" : "time", mk_report_plural(gap->n));
    write_names(&text, &gap->oracles);
    mk_text_puts(&text, gap->whole_cells ? "" : " of ");
    write_names(&text, &gap->cells);
    mk_text_putc(&text, ')');
    note(notes, gap->verdict == MK_VERDICT_UNCHECKED ? MK_TONE_WARN : MK_TONE_FAINT, mk_text_take(&text));
}

static void note_gaps(const struct mk_stress_file *file, struct mk_report_notes *notes) {
    struct gap *gaps = NULL;
    size_t n = 0;
    for (size_t i = 0; i < file->trials_n; i++) add_gap(&gaps, &n, file, &file->trials[i]);
    for (size_t i = 0; i < file->cells_n; i++) {
        const struct mk_stress_cell *cell = &file->cells[i];
        if (!cell->skipped) continue;
        struct gap *gap = find_gap(&gaps, &n, MK_VERDICT_SKIPPED, cell->skipped, true);
        gap->n++;
        add_name(&gap->cells, cell->identity);
    }
    for (size_t i = 0; i < n; i++) {
        note_gap(&gaps[i], notes);
        free(gaps[i].oracles.at);
        free(gaps[i].cells.at);
    }
    free(gaps);
}

static void note_suppressions(const struct mk_stress_file *file, struct mk_report_notes *notes) {
    struct mk_text text = {0};
    uint64_t hidden = 0;
    for (size_t i = 0; i < file->suppressions_n; i++) {
        const struct mk_suppression *suppression = &file->suppressions[i];
        hidden += suppression->count;
        mk_text_printf(&text, "%s%s (%" PRIu64 ")", i ? ", " : "", suppression->pattern, suppression->count);
    }
    if (file->suppressions_n)
        note(notes, MK_TONE_WARN, mk_need_format("%" PRIu64 " report%s suppressed: %s", hidden,
                                                 mk_report_plural(hidden), text.at));
    mk_text_free(&text);
}

/* "history of map/a: ..." */
static void note_trials(const struct mk_stress_file *file, struct mk_report_notes *notes) {
    for (size_t i = 0; i < file->trials_n; i++) {
        const struct mk_trial_sample *trial = &file->trials[i];
        const struct mk_stress_cell *cell = mk_stress_cell_of(file, trial->cell);
        if (!trial->note) continue;
        note(notes, MK_TONE_FAINT, mk_need_format("%s of %s: %s", trial->oracle, cell ? cell->identity : "?",
                                                  trial->note));
    }
}

void mk_report_notes(const struct mk_stress_file *file, struct mk_report_notes *notes) {
    note_trials(file, notes);
    note_gaps(file, notes);
    note_suppressions(file, notes);
    for (size_t i = 0; i < file->warnings_n; i++) {
        const struct mk_warning *warning = &file->warnings[i];
        note(notes, MK_TONE_WARN,
             mk_need_format("warning: %s: %s%s%s", warning->about, warning->text, warning->remedy ? "; " : "",
                            warning->remedy ? warning->remedy : ""));
    }
}

void mk_report_notes_free(struct mk_report_notes *notes) {
    for (size_t i = 0; i < notes->n; i++) free(notes->at[i].text);
    free(notes->at);
    *notes = (struct mk_report_notes){0};
}

/* ---- characters --------------------------------------------------------------------------------- */

void mk_report_xml(struct mk_text *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '&': mk_text_puts(out, "&amp;"); break;
        case '<': mk_text_puts(out, "&lt;"); break;
        case '>': mk_text_puts(out, "&gt;"); break;
        case '"': mk_text_puts(out, "&quot;"); break;
        case '\'': mk_text_puts(out, "&#39;"); break;
        default: mk_text_putc(out, *text); break;
        }
    }
}

/* Returns the length of an escape sequence that sets a colour, or 0. */
static size_t colour_length(const char *at) {
    if (at[0] != '\033' || at[1] != '[') return 0;
    size_t n = 2 + strspn(at + 2, "0123456789;");
    return at[n] == 'm' ? n + 1 : 0;
}

/* Control characters of both sorts, and U+FFFE and U+FFFF. */
static bool is_no_text(const char *at, size_t size) {
    unsigned char c = (unsigned char)*at;
    if (size == 1) return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    if (size == 2) return c == 0xc2 && (unsigned char)at[1] < 0xa0;
    return size == 3 && c == 0xef && (unsigned char)at[1] == 0xbf && (unsigned char)at[2] >= 0xbe;
}

void mk_report_clean(struct mk_text *out, const char *text, bool colours) {
    const char *end = text ? text + strlen(text) : NULL;
    while (text < end) {
        size_t size = mk_json_character(text, end), colour = colour_length(text);
        if (colour) mk_text_add(out, text, colours ? colour : 0);
        else if (!size) mk_text_puts(out, "\xef\xbf\xbd");
        else if (!is_no_text(text, size)) mk_text_add(out, text, size);
        text += colour ? colour : size ? size : 1;
    }
}
