/* stress_file.c - how a stress file is put together as trials and findings arrive, judged, written and read. */
#include "stress_file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

#define UNKNOWN_MAX_FRAC 0.01 /* of windows; beyond it a trial shows nothing */

static bool same_text(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* What a worker left out although it must not, as one does that wrote over its own memory. */
static void need_text(char **at) {
    if (!*at) *at = mk_need_text("");
}

/* Cells stand at their index, unless only some of a plan are there. */
const struct mk_stress_cell *mk_stress_cell_of(const struct mk_stress_file *file, uint32_t index) {
    if (index < file->cells_n && file->cells[index].index == index) return &file->cells[index];
    for (size_t i = 0; i < file->cells_n; i++) {
        if (file->cells[i].index == index) return &file->cells[i];
    }
    return NULL;
}

/* ---- trials ------------------------------------------------------------------------------------- */

static struct mk_trial_sample *entry_of(struct mk_stress_file *file, const struct mk_trial_sample *trial) {
    for (size_t i = 0; i < file->trials_n; i++) {
        struct mk_trial_sample *entry = &file->trials[i];
        if (entry->cell == trial->cell && same_text(entry->oracle, trial->oracle) &&
            same_text(entry->pressure, trial->pressure))
            return entry;
    }
    return NULL;
}

static void add_outcome(struct mk_trial_sample *entry, struct mk_outcome_sample *outcome) {
    for (size_t i = 0; i < entry->outcomes_n; i++) {
        if (!same_text(entry->outcomes[i].name, outcome->name)) continue;
        entry->outcomes[i].count += outcome->count;
        return;
    }
    struct mk_outcome_sample *added = mk_grow(&entry->outcomes, &entry->outcomes_n, sizeof *added);
    *added = *outcome;
    need_text(&added->name);
    outcome->name = NULL;
}

/* A reason not to try is no longer one where something was tried. */
static void add_to_entry(struct mk_trial_sample *entry, struct mk_trial_sample *trial) {
    entry->trials += trial->trials;
    entry->ops += trial->ops;
    entry->windows += trial->windows;
    entry->unknown += trial->unknown;
    entry->busy_s += trial->busy_s;
    for (size_t i = 0; i < trial->outcomes_n; i++) add_outcome(entry, &trial->outcomes[i]);
    if (trial->note) {
        free(entry->note);
        entry->note = trial->note;
        trial->note = NULL;
    }
    if (!entry->skipped) {
        entry->skipped = trial->skipped;
        trial->skipped = NULL;
    }
    if (!entry->trials) return;
    free(entry->skipped);
    entry->skipped = NULL;
}

void mk_stress_add_trial(struct mk_stress_file *file, struct mk_trial_sample *trial) {
    if (mk_stress_cell_of(file, trial->cell)) {
        struct mk_trial_sample *entry = entry_of(file, trial);
        if (!entry) {
            entry = mk_grow(&file->trials, &file->trials_n, sizeof *entry);
            entry->cell = trial->cell;
            entry->oracle = mk_need_text(trial->oracle ? trial->oracle : "");
            entry->pressure = mk_need_text(trial->pressure ? trial->pressure : "");
        }
        add_to_entry(entry, trial);
    }
    mk_record_free(&mk_trial_record, trial);
}

/* ---- findings ----------------------------------------------------------------------------------- */

static bool same_frame(const struct mk_stack_frame *a, const struct mk_stack_frame *b) {
    return a->line == b->line && same_text(a->function, b->function) && same_text(a->file, b->file) &&
           same_text(a->module, b->module);
}

/* Titles tell threads and locks apart by numbers that change from run to run. */
static bool same_stack(const struct mk_stack *a, const struct mk_stack *b) {
    if (a->frames_n != b->frames_n) return false;
    for (size_t i = 0; i < a->frames_n; i++) {
        if (!same_frame(&a->frames[i], &b->frames[i])) return false;
    }
    return true;
}

static size_t times_in(const struct mk_finding_sample *finding, const struct mk_stack *stack) {
    size_t times = 0;
    for (size_t i = 0; i < finding->stacks_n; i++) times += same_stack(&finding->stacks[i], stack);
    return times;
}

/* In any order: two threads that race are seen from either side. */
static bool same_stacks(const struct mk_finding_sample *a, const struct mk_finding_sample *b) {
    if (a->stacks_n != b->stacks_n) return false;
    for (size_t i = 0; i < a->stacks_n; i++) {
        if (times_in(a, &a->stacks[i]) != times_in(b, &a->stacks[i])) return false;
    }
    return true;
}

/* Returns what is behind a number, decimal or 0x..., that begins here. */
static const char *behind_number(const char *at) {
    if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X') && isxdigit((unsigned char)at[2])) {
        for (at += 2; isxdigit((unsigned char)*at);) at++;
    } else {
        while (isdigit((unsigned char)*at)) at++;
    }
    return at;
}

static bool same_but_for_numbers(const char *a, const char *b) {
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            a = behind_number(a);
            b = behind_number(b);
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return *a == *b;
}

static bool same_thing(const struct mk_finding_sample *a, const struct mk_finding_sample *b) {
    if (!same_text(a->rule, b->rule) || !a->stacks_n != !b->stacks_n) return false;
    return a->stacks_n ? same_stacks(a, b) : same_but_for_numbers(a->what, b->what);
}

static bool seen_under(const struct mk_finding_sample *finding, const char *pressure) {
    bool seen = same_text(finding->pressure, pressure);
    for (size_t i = 0; i < finding->also_n && !seen; i++) seen = same_text(finding->also[i], pressure);
    return seen;
}

bool mk_stress_add_finding(struct mk_stress_file *file, struct mk_finding_sample *finding) {
    need_text(&finding->rule);
    need_text(&finding->what);
    if (!finding->count) finding->count = 1;
    if (!mk_stress_cell_of(file, finding->cell)) finding->cell = UINT32_MAX;
    for (size_t i = 0; i < file->findings_n; i++) {
        struct mk_finding_sample *known = &file->findings[i];
        if (known->cell != finding->cell || !same_text(known->oracle, finding->oracle)) continue;
        if (!same_thing(known, finding)) continue;
        known->count += finding->count;
        if (finding->pressure && !seen_under(known, finding->pressure)) {
            *(char **)mk_grow(&known->also, &known->also_n, sizeof(char *)) = finding->pressure;
            finding->pressure = NULL;
        }
        mk_record_free(&mk_finding_record, finding);
        return false;
    }
    *(struct mk_finding_sample *)mk_grow(&file->findings, &file->findings_n, sizeof *finding) = *finding;
    *finding = (struct mk_finding_sample){0};
    return true;
}

bool mk_stress_shown_by(const struct mk_finding_sample *finding, const struct mk_trial_sample *trial) {
    return finding->cell == trial->cell && same_text(finding->oracle, trial->oracle) &&
           seen_under(finding, trial->pressure);
}

/* Without stacks a sentence says too little to tell by itself that two implementations have one fault. */
static bool is_like(const struct mk_stress_file *file, const struct mk_finding_sample *a,
                    const struct mk_finding_sample *b) {
    if (!same_thing(a, b)) return false;
    if (a->stacks_n || a->cell == b->cell) return true;
    const struct mk_stress_cell *of_a = mk_stress_cell_of(file, a->cell), *of_b = mk_stress_cell_of(file, b->cell);
    return of_a && of_b && same_text(of_a->identity, of_b->identity);
}

size_t mk_stress_first_like(const struct mk_stress_file *file, size_t i) {
    size_t first = 0;
    while (first < i && !is_like(file, &file->findings[first], &file->findings[i])) first++;
    return first;
}

/* ---- verdicts ----------------------------------------------------------------------------------- */

static bool is_forbidden(const struct mk_trial_sample *trial) {
    for (size_t i = 0; i < trial->outcomes_n; i++) {
        if (trial->outcomes[i].grade == MK_GRADE_FORBIDDEN && trial->outcomes[i].count) return true;
    }
    return false;
}

enum mk_verdict mk_stress_verdict(const struct mk_stress_file *file, const struct mk_trial_sample *trial) {
    if (is_forbidden(trial)) return MK_VERDICT_FAIL;
    for (size_t i = 0; i < file->findings_n; i++) {
        if (mk_stress_shown_by(&file->findings[i], trial)) return MK_VERDICT_FAIL;
    }
    if (trial->skipped) return MK_VERDICT_SKIPPED;
    bool judged = (double)trial->unknown <= UNKNOWN_MAX_FRAC * (double)trial->windows;
    return trial->trials && judged ? MK_VERDICT_PASS : MK_VERDICT_UNCHECKED;
}

enum mk_verdict mk_stress_overall(const struct mk_stress_file *file) {
    size_t verdicts[MK_VERDICT_UNCHECKED + 1] = {0};
    if (file->findings_n) return MK_VERDICT_FAIL;
    for (size_t i = 0; i < file->trials_n; i++) verdicts[mk_stress_verdict(file, &file->trials[i])]++;
    if (verdicts[MK_VERDICT_FAIL]) return MK_VERDICT_FAIL;
    if (verdicts[MK_VERDICT_UNCHECKED]) return MK_VERDICT_UNCHECKED;
    return verdicts[MK_VERDICT_PASS] ? MK_VERDICT_PASS : MK_VERDICT_SKIPPED;
}

/* ---- files -------------------------------------------------------------------------------------- */

int mk_stress_write(const struct mk_stress_file *file, const char *path, struct mk_err *err) {
    struct mk_text text = {0};
    mk_json_write_record(&text, &mk_stress_record, file, 0);
    mk_text_putc(&text, '\n');
    int failed = mk_text_save(&text, path, err);
    mk_text_free(&text);
    return failed;
}

static void check_cells(struct mk_json *doc, const struct mk_stress_file *file) {
    uint32_t node = mk_json_first(doc, mk_json_get(doc, MK_JSON_ROOT, "cells"));
    for (size_t i = 0; i < file->cells_n; i++, node = mk_json_next(doc, node)) {
        if (i && file->cells[i].index <= file->cells[i - 1].index)
            mk_json_error(doc, node, "the cells are not ordered by index, each once");
    }
}

static void check_trials(struct mk_json *doc, const struct mk_stress_file *file) {
    uint32_t node = mk_json_first(doc, mk_json_get(doc, MK_JSON_ROOT, "trials"));
    for (size_t i = 0; i < file->trials_n; i++, node = mk_json_next(doc, node)) {
        const struct mk_trial_sample *trial = &file->trials[i];
        if (!mk_stress_cell_of(file, trial->cell))
            mk_json_error(doc, node, "its cell is not among the cells");
        else if (trial->unknown > trial->windows)
            mk_json_error(doc, node, "more windows of it are unknown than there are");
        else if (trial->skipped && trial->trials)
            mk_json_error(doc, node, "it was skipped, and tried all the same");
    }
}

static void check_findings(struct mk_json *doc, const struct mk_stress_file *file) {
    uint32_t node = mk_json_first(doc, mk_json_get(doc, MK_JSON_ROOT, "findings"));
    for (size_t i = 0; i < file->findings_n; i++, node = mk_json_next(doc, node)) {
        const struct mk_finding_sample *finding = &file->findings[i];
        if (finding->cell != UINT32_MAX && !mk_stress_cell_of(file, finding->cell))
            mk_json_error(doc, node, "its cell is not among the cells");
        else if (!finding->count)
            mk_json_error(doc, node, "it was never seen: its count is 0");
    }
}

/* What the tables cannot say: which schema it is, and that indexes point at something. */
static void check_references(struct mk_json *doc, const struct mk_stress_file *file) {
    if (strcmp(file->schema, MK_STRESS_SCHEMA) != 0)
        mk_json_error(doc, mk_json_get(doc, MK_JSON_ROOT, "schema"), "not a stress file: schema must be \"%s\"",
                      MK_STRESS_SCHEMA);
    check_cells(doc, file);
    check_trials(doc, file);
    check_findings(doc, file);
}

int mk_stress_from_json(struct mk_json *doc, struct mk_stress_file *file) {
    if (!mk_json_read_record(doc, MK_JSON_ROOT, &mk_stress_record, file)) check_references(doc, file);
    return mk_json_errors(doc) ? -1 : 0;
}

void mk_stress_free(struct mk_stress_file *file) {
    mk_record_free(&mk_stress_record, file);
}
