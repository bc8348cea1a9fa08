/* report_terminal.c - a stress file for people at a terminal: each finding with what it takes to act on it, then
 * what was tried, then the verdict. */
#include <inttypes.h>
#include <stdlib.h>

#include "report_parts.h"

#define WIDTH 120
#define FRAMES_MAX 12  /* of a stack; below it is the harness */
#define ALIKE_MAX 6    /* findings that repeat another, in lines */

struct page {
    struct mk_text *out;
    bool colour;
};

static void tone(struct page *page, enum mk_tone which, const char *text) {
    mk_grid_tone(page->out, page->colour, which, text);
}

/* Text in lines of WIDTH columns, the first of them after `used`, all others indented. */
static void wrapped(struct page *page, enum mk_tone which, size_t used, size_t indent, const char *text) {
    struct mk_text lines = {0};
    size_t column = used;
    for (bool first = true; *text; first = false) {
        size_t blank = strspn(text, " "), length = strcspn(text + blank, " \n");
        char *word = mk_need_format("%.*s", (int)(blank + length), text);
        if (!first && column + mk_grid_width(word) > WIDTH) {
            mk_text_putc(&lines, '\n');
            mk_text_repeat(&lines, ' ', column = indent);
            mk_text_puts(&lines, word + blank);
            column += mk_grid_width(word + blank);
        } else {
            mk_text_puts(&lines, word);
            column += mk_grid_width(word);
        }
        free(word);
        text += blank + length;
        if (*text != '\n') continue;
        mk_text_putc(&lines, '\n');
        text++;
        if (*text) mk_text_repeat(&lines, ' ', column = indent);
    }
    tone(page, which, lines.at ? lines.at : "");
    mk_text_putc(page->out, '\n');
    mk_text_free(&lines);
}

/* "   name:   text", wrapped; nothing where there is no text. */
static void named(struct page *page, const char *name, const char *text) {
    if (!text || !*text) return;
    mk_text_printf(page->out, "   %-9s", name);
    wrapped(page, MK_TONE_PLAIN, 12, 12, text);
}

/* Lines as they are, indented. */
static void verbatim(struct page *page, const char *text) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (length) mk_text_puts(page->out, "     ");
        mk_text_add(page->out, text, length);
        mk_text_putc(page->out, '\n');
        text += length + (text[length] == '\n');
    }
}

static void write_stack(struct page *page, const struct mk_stack *stack) {
    mk_text_puts(page->out, "\n     ");
    wrapped(page, MK_TONE_STRONG, 5, 7, mk_report_known(stack->title));
    for (size_t i = 0; i < stack->frames_n && i < FRAMES_MAX; i++) {
        char *frame = mk_report_frame(&stack->frames[i]);
        mk_text_printf(page->out, "       #%-2zu %s\n", i, frame);
        free(frame);
    }
    if (stack->frames_n > FRAMES_MAX)
        mk_text_printf(page->out, "       ... %zu more\n", stack->frames_n - FRAMES_MAX);
    if (!stack->frames_n) mk_text_puts(page->out, "       (no stack)\n");
}

/* The same thing in other cells or by other oracles: a line each. */
static void write_alike(struct page *page, const struct mk_stress_file *file, size_t first) {
    size_t n = 0;
    for (size_t i = first + 1; i < file->findings_n; i++) {
        const struct mk_finding_sample *finding = &file->findings[i];
        if (mk_stress_first_like(file, i) != first || ++n > ALIKE_MAX) continue;
        char *cell = mk_report_cell(mk_stress_cell_of(file, finding->cell));
        char *how = mk_report_circumstances(finding), *both = mk_need_format("%s: %s", cell, how);
        named(page, n == 1 ? "also:" : "", both);
        free(both);
        free(how);
        free(cell);
    }
    if (n > ALIKE_MAX) mk_text_printf(page->out, "%12s... and %zu times more\n", "", n - ALIKE_MAX);
}

static void write_finding(struct page *page, const struct mk_stress_file *file, size_t i, size_t number) {
    const struct mk_finding_sample *finding = &file->findings[i];
    const char *detail = mk_report_detail(finding);
    char *cell = mk_report_cell(mk_stress_cell_of(file, finding->cell));
    char *how = mk_report_circumstances(finding);
    char *heading = mk_need_format("%zu. %s: %s", number, finding->rule, cell);
    tone(page, MK_TONE_BAD, heading);
    mk_text_puts(page->out, "\n   ");
    wrapped(page, MK_TONE_STRONG, 3, 3, finding->what);
    mk_text_puts(page->out, "   ");
    wrapped(page, MK_TONE_FAINT, 3, 3, how);
    named(page, "object:", finding->object);
    if (detail) {
        mk_text_putc(page->out, '\n');
        verbatim(page, detail);
    }
    for (size_t s = 0; s < finding->stacks_n; s++) write_stack(page, &finding->stacks[s]);
    mk_text_putc(page->out, '\n');
    named(page, "picture:", finding->picture);
    /* To be copied: it stays on one line. */
    if (finding->command && *finding->command) mk_text_printf(page->out, "   again:   %s\n", finding->command);
    write_alike(page, file, i);
    mk_text_putc(page->out, '\n');
    free(heading);
    free(how);
    free(cell);
}

static void write_tried(struct page *page, const struct mk_stress_file *file) {
    enum mk_grid_form form = page->colour ? MK_GRID_COLOUR : MK_GRID_PLAIN;
    struct mk_report_notes notes = {0};
    size_t before = page->out->n;
    mk_report_table(file, form, page->out);
    if (page->out->n > before) {
        tone(page, MK_TONE_FAINT, "pass, fail, unchecked, skipped: oracles, each under every pressure.");
        mk_text_puts(page->out, "\n\n");
    }
    before = page->out->n;
    mk_report_outcomes(file, form, page->out);
    if (page->out->n > before) mk_text_putc(page->out, '\n');
    mk_report_notes(file, &notes);
    for (size_t i = 0; i < notes.n; i++) wrapped(page, notes.at[i].tone, 0, 4, notes.at[i].text);
    if (notes.n) mk_text_putc(page->out, '\n');
    mk_report_notes_free(&notes);
}

void mk_report_terminal(const struct mk_stress_file *file, bool colour, struct mk_text *out) {
    static const enum mk_tone tones[] = {MK_TONE_GOOD, MK_TONE_BAD, MK_TONE_WARN, MK_TONE_WARN, MK_TONE_WARN};
    struct mk_text raw = {0};
    struct page page = {&raw, colour};
    size_t number = 0;
    char *about = mk_report_about(file), *verdict = mk_report_verdict(file);
    wrapped(&page, MK_TONE_FAINT, 0, 4, about);
    mk_text_putc(&raw, '\n');
    for (size_t i = 0; i < file->findings_n; i++) {
        if (mk_stress_first_like(file, i) == i) write_finding(&page, file, i, ++number);
    }
    write_tried(&page, file);
    wrapped(&page, tones[mk_stress_overall(file)], 0, 4, verdict);
    mk_report_clean(out, raw.at, colour);
    free(about);
    free(verdict);
    mk_text_free(&raw);
}
