/* coverage.c - see coverage.h. */
#include "coverage.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../grid.h"
#include "../record.h"
#include "../registry.h"
#include "census.h"

#define MISSED_PERCENT_MAX 5

void mk_coverage_reset(void) {
    for (size_t i = 0; i < mk_site_count(); i++) mk_site_nth(i)->hits = 0;
}

/* ---- files ------------------------------------------------------------------------------------- */

char **mk_coverage_files(const struct mk_impl *impl, size_t *n) {
    char **files = NULL;
    *n = 0;
    *(char **)mk_grow(&files, n, sizeof *files) = mk_need_text(impl->file);
    for (const char *at = impl->parts; *at;) {
        size_t length = strcspn(at, " ");
        char *part = mk_need_format("%.*s", (int)length, at), *slash = strchr(part, '/');
        const struct mk_impl *found = NULL;
        if (slash) {
            *slash = '\0';
            found = mk_registry_find(part, slash + 1, "", 0);
            *slash = '/';
        }
        *(char **)mk_grow(&files, n, sizeof *files) =
            found ? mk_need_text(found->file) : mk_need_format("impl/%s.c", part);
        free(part);
        at += length + (at[length] == ' ');
    }
    return files;
}

/* ---- what was hit ------------------------------------------------------------------------------ */

/* The sites that were hit, looked up. */
struct hit_sites {
    const struct mk_symbol **symbol;
    uint64_t *hits;
    size_t n;
};

static void find_hits(struct hit_sites *out) {
    size_t n = mk_site_count();
    uintptr_t *pc = mk_need(n + 1, sizeof *pc);
    out->n = 0;
    out->symbol = mk_need(n + 1, sizeof *out->symbol);
    out->hits = mk_need(n + 1, sizeof *out->hits);
    for (size_t i = 0; i < n; i++) {
        if (!mk_site_nth(i)->hits) continue;
        pc[out->n] = mk_site_nth(i)->pc;
        out->hits[out->n++] = mk_site_nth(i)->hits;
    }
    if (out->n) mk_symbols(pc, out->n, out->symbol);
    free(pc);
}

/* Hits of sites within some lines; through: functions that were inlined there count too. */
static uint64_t hits_within(const struct hit_sites *sites, const char *file, uint32_t first, uint32_t last,
                            bool through) {
    uint64_t hits = 0;
    for (size_t i = 0; i < sites->n; i++) {
        const struct mk_symbol *frame = mk_census_frame(sites->symbol[i]);
        bool within = false;
        for (; frame && !within; frame = through ? frame->caller : NULL) {
            within = frame->file && frame->line >= first && frame->line <= last &&
                     mk_census_same_file(frame->file, file);
        }
        if (within) hits += sites->hits[i];
    }
    return hits;
}

static uint64_t hits_of_note(const struct hit_sites *sites, const char *file, const struct mk_note *note) {
    uint64_t hits = 0;
    for (size_t i = 0; i < note->spans_n; i++) {
        hits += hits_within(sites, file, note->spans[i].first, note->spans[i].last, false);
    }
    return hits;
}

/* ---- one file ------------------------------------------------------------------------------------ */

static struct mk_covered *add(struct mk_coverage *out, const char *file, uint32_t line, uint32_t number, char *what,
                              const char *text, uint64_t hits) {
    struct mk_covered *made = mk_grow(&out->at, &out->n, sizeof *made);
    made->file = mk_need_text(file);
    made->line = line;
    made->number = number;
    made->what = what;
    made->text = mk_need_text(text);
    made->hits = hits;
    made->cover = hits ? MK_COVER_REACHED : MK_COVER_MISSED;
    return made;
}

static void excuse(struct mk_covered *covered, const char *reason) {
    if (covered->cover != MK_COVER_MISSED || !reason) return;
    covered->cover = MK_COVER_EXCUSED;
    free(covered->text);
    covered->text = mk_need_text(reason);
}

static void cover_note(const struct mk_notes *notes, const struct mk_note *note, const struct hit_sites *sites,
                       struct mk_coverage *out) {
    char *what = mk_need_format("%s%s%s", note->order, *note->access ? "-" : "", note->access);
    struct mk_covered *made = add(out, notes->file, note->spans_n ? note->spans[0].first : note->line, note->number,
                                  what, note->text, hits_of_note(sites, notes->file, note));
    excuse(made, mk_notes_reason(notes, false, note->number, NULL));
}

static void cover_lin(const struct mk_notes *notes, const struct mk_note_lin *lin, const struct hit_sites *sites,
                      struct mk_coverage *out) {
    const struct mk_note *note = mk_notes_find(notes, lin->note);
    uint64_t hits = note ? hits_of_note(sites, notes->file, note)
                         : hits_within(sites, notes->file, lin->first, lin->last, true);
    struct mk_covered *made =
        add(out, notes->file, lin->line, 0, mk_need_format("LIN %s", lin->what), lin->text, hits);
    if (lin->elsewhere) made->cover = MK_COVER_ELSEWHERE;
    else if (!hits && !note && !lin->locks) made->cover = MK_COVER_UNKNOWN;
    else excuse(made, mk_notes_reason(notes, false, 0, lin->what));
}

static void count(struct mk_coverage *coverage) {
    coverage->reached = coverage->missed = coverage->excused = coverage->unknown = coverage->elsewhere = 0;
    for (size_t i = 0; i < coverage->n; i++) {
        switch (coverage->at[i].cover) {
        case MK_COVER_REACHED: coverage->reached++; break;
        case MK_COVER_MISSED: coverage->missed++; break;
        case MK_COVER_EXCUSED: coverage->excused++; break;
        case MK_COVER_UNKNOWN: coverage->unknown++; break;
        case MK_COVER_ELSEWHERE: coverage->elsewhere++; break;
        }
    }
}

struct mk_coverage mk_coverage_of_files(const struct mk_notes *notes, size_t n) {
    struct mk_coverage out = {0};
    struct hit_sites sites;
    find_hits(&sites);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < notes[i].notes_n; k++) cover_note(&notes[i], &notes[i].notes[k], &sites, &out);
        for (size_t k = 0; k < notes[i].lins_n; k++) cover_lin(&notes[i], &notes[i].lins[k], &sites, &out);
    }
    free(sites.symbol);
    free(sites.hits);
    count(&out);
    return out;
}

/* Returns whether the composition has a parameter of that value, "lock=spin". */
static bool has_value(const struct mk_composition *c, const char *text, size_t n) {
    const char *equals = memchr(text, '=', n);
    for (size_t i = 0; equals && c->impl->params && c->impl->params[i].name; i++) {
        const struct mk_param *param = &c->impl->params[i];
        size_t name_n = (size_t)(equals - text), value_n = n - name_n - 1;
        const char *choice = param->choices;
        uint64_t before = param->type == MK_PARAM_CHOICE ? c->params[i] : 0;
        char number[24];
        if (strlen(param->name) != name_n || memcmp(param->name, text, name_n) != 0) continue;
        if (param->type == MK_PARAM_NUMBER) {
            snprintf(number, sizeof number, "%" PRIu64, c->params[i]);
            choice = number;
        }
        while (before--) choice += strcspn(choice, "|") + 1;
        return strcspn(choice, "|") == value_n && memcmp(choice, equals + 1, value_n) == 0;
    }
    return false;
}

/* What is said to be reached only with certain values of a parameter, "unless lock=spin or lock=seqlock", is no
 * part of a composition of other ones, and has to be reached in one of these. */
static void apply_values(struct mk_coverage *coverage, const struct mk_composition *c) {
    static const char head[] = "unless ";
    for (size_t i = 0; i < coverage->n; i++) {
        struct mk_covered *at = &coverage->at[i];
        if (at->cover != MK_COVER_EXCUSED || strncmp(at->text, head, sizeof head - 1) != 0) continue;
        at->cover = MK_COVER_ELSEWHERE;
        for (const char *word = at->text; *word; word += strspn(word, " ")) {
            size_t n = strcspn(word, " ");
            if (has_value(c, word, n)) at->cover = MK_COVER_MISSED;
            word += n;
        }
    }
    count(coverage);
}

struct mk_coverage mk_coverage_of(const struct mk_conform_unit *unit) {
    size_t files_n, n = 0;
    struct mk_err ignored;
    char **files = mk_coverage_files(unit->composition.impl, &files_n);
    struct mk_notes *notes = mk_need(files_n, sizeof *notes);
    for (size_t i = 0; i < files_n; i++) {
        if (mk_notes_read(files[i], &notes[n], &ignored) == 0) n++;
        free(files[i]);
    }
    struct mk_coverage out = mk_coverage_of_files(notes, n);
    apply_values(&out, &unit->composition);
    for (size_t i = 0; i < n; i++) mk_notes_free(&notes[i]);
    free(notes);
    free(files);
    return out;
}

void mk_coverage_free(struct mk_coverage *coverage) {
    for (size_t i = 0; i < coverage->n; i++) {
        free(coverage->at[i].file);
        free(coverage->at[i].what);
        free(coverage->at[i].text);
    }
    free(coverage->at);
    memset(coverage, 0, sizeof *coverage);
}

/* ---- verdict ------------------------------------------------------------------------------------------ */

bool mk_coverage_suffices(const struct mk_coverage *coverage) {
    size_t not_reached = coverage->missed + coverage->excused;
    return not_reached * 100 <= (coverage->reached + not_reached) * MISSED_PERCENT_MAX;
}

static void name(const struct mk_covered *covered, struct mk_text *out) {
    if (covered->number) mk_text_printf(out, "(%u)", covered->number);
    else mk_text_puts(out, covered->what);
}

char *mk_coverage_note(const struct mk_coverage *coverage) {
    struct mk_text out = {0};
    size_t listed = 0;
    mk_text_printf(&out, "reached %zu of %zu accesses and linearization points", coverage->reached,
                   coverage->reached + coverage->missed + coverage->excused);
    for (size_t i = 0; i < coverage->n; i++) {
        const struct mk_covered *at = &coverage->at[i];
        if (at->cover != MK_COVER_MISSED && at->cover != MK_COVER_EXCUSED) continue;
        mk_text_puts(&out, listed++ ? ", " : "; not ");
        name(at, &out);
        const char *slash = strrchr(at->file, '/');
        mk_text_printf(&out, " of %s", slash ? slash + 1 : at->file);
        if (at->cover == MK_COVER_EXCUSED) mk_text_printf(&out, " [%s]", at->text);
    }
    if (coverage->unknown) mk_text_printf(&out, "; of %zu it cannot be told", coverage->unknown);
    return mk_text_take(&out);
}

void mk_coverage_print(const struct mk_coverage *coverage, bool colour, struct mk_text *out) {
    static const char *const says[] = {[MK_COVER_MISSED] = "not reached",
                                       [MK_COVER_EXCUSED] = "not reached: it says why",
                                       [MK_COVER_UNKNOWN] = "cannot be told"};
    struct mk_grid grid = {0};
    mk_grid_column(&grid, "where", "", MK_LEFT);
    mk_grid_column(&grid, "what", "", MK_LEFT);
    mk_grid_column(&grid, "", "", MK_LEFT);
    mk_grid_column(&grid, "the source says", "", MK_LEFT);
    for (size_t i = 0; i < coverage->n; i++) {
        const struct mk_covered *at = &coverage->at[i];
        if (at->cover == MK_COVER_REACHED || at->cover == MK_COVER_ELSEWHERE) continue;
        mk_grid_put(&grid, MK_TONE_PLAIN, "%s:%u", at->file, at->line);
        if (at->number) mk_grid_put(&grid, MK_TONE_STRONG, "(%u) %s", at->number, at->what);
        else mk_grid_put(&grid, MK_TONE_STRONG, "%s", at->what);
        mk_grid_put(&grid, at->cover == MK_COVER_MISSED ? MK_TONE_BAD : MK_TONE_WARN, "%s", says[at->cover]);
        mk_grid_put(&grid, MK_TONE_FAINT, "%.70s", at->text);
    }
    if (grid.cells_n) mk_grid_write(&grid, colour ? MK_GRID_COLOUR : MK_GRID_PLAIN, out);
    mk_grid_free(&grid);
}
