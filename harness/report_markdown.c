/* report_markdown.c - a stress file for a comment on a pull request or the summary of a job: the verdict, findings
 * that fold, what was tried. */
#include <stdlib.h>

#include "report_parts.h"

#define FINDINGS_BYTES 40000 /* of a comment's 65,536: findings beyond it are named only */
#define NAMED_MAX 50
#define LINES_MAX 80         /* of a finding's detail */
#define FRAMES_MAX 12

/* A sentence: nothing in it is markup. Cleaned before, as escapes would take colour sequences apart. */
static void write_text(struct mk_text *out, const char *text) {
    struct mk_text clean = {0};
    mk_report_clean(&clean, text, false);
    for (size_t i = 0; i < clean.n; i++) {
        if (strchr("\\`*_[]<>|&", clean.at[i])) mk_text_putc(out, '\\');
        mk_text_putc(out, clean.at[i] == '\n' ? ' ' : clean.at[i]);
    }
    mk_text_free(&clean);
}

/* Longest run of backticks. */
static size_t ticks_in(const char *text) {
    size_t longest = 0;
    for (; *text; text++) {
        size_t run = strspn(text, "`");
        if (run > longest) longest = run;
        if (run) text += run - 1;
    }
    return longest;
}

/* Code in a line; one that has backticks itself takes more of them around it. */
static void write_code(struct mk_text *out, const char *text) {
    size_t ticks = ticks_in(text) + 1;
    mk_text_repeat(out, '`', ticks);
    mk_text_printf(out, "%s%s%s", ticks > 1 ? " " : "", text, ticks > 1 ? " " : "");
    mk_text_repeat(out, '`', ticks);
}

/* Lines in a fence that nothing in them ends, at most LINES_MAX of them. */
static void write_fenced(struct mk_text *out, const char *language, const char *text) {
    size_t ticks = ticks_in(text) < 3 ? 3 : ticks_in(text) + 1, lines = 0, more = 0;
    mk_text_putc(out, '\n');
    mk_text_repeat(out, '`', ticks);
    mk_text_printf(out, "%s\n", language);
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (++lines > LINES_MAX) {
            more++;
        } else {
            mk_text_add(out, text, length);
            mk_text_putc(out, '\n');
        }
        text += length + (text[length] == '\n');
    }
    if (more) mk_text_printf(out, "... %zu more line%s, in the stress file\n", more, mk_report_plural(more));
    mk_text_repeat(out, '`', ticks);
    mk_text_putc(out, '\n');
}

static void write_stacks(struct mk_text *out, const struct mk_finding_sample *finding) {
    struct mk_text text = {0};
    for (size_t s = 0; s < finding->stacks_n; s++) {
        const struct mk_stack *stack = &finding->stacks[s];
        mk_text_printf(&text, "%s%s\n", s ? "\n" : "", mk_report_known(stack->title));
        for (size_t i = 0; i < stack->frames_n && i < FRAMES_MAX; i++) {
            char *frame = mk_report_frame(&stack->frames[i]);
            mk_text_printf(&text, "  #%-2zu %s\n", i, frame);
            free(frame);
        }
        if (stack->frames_n > FRAMES_MAX) mk_text_printf(&text, "  ... %zu more\n", stack->frames_n - FRAMES_MAX);
    }
    if (text.n) write_fenced(out, "text", text.at);
    mk_text_free(&text);
}

/* "<code>map/history</code> map/a, 4 threads": in HTML, where Markdown is not read. */
static void write_summary(struct mk_text *out, const struct mk_stress_file *file,
                          const struct mk_finding_sample *finding) {
    char *cell = mk_report_cell(mk_stress_cell_of(file, finding->cell));
    mk_text_puts(out, "<code>");
    mk_report_xml(out, finding->rule);
    mk_text_puts(out, "</code> ");
    mk_report_xml(out, cell);
    free(cell);
}

static void write_alike(struct mk_text *out, const struct mk_stress_file *file, size_t first) {
    bool any = false;
    for (size_t i = first + 1; i < file->findings_n; i++) {
        if (mk_stress_first_like(file, i) != first) continue;
        char *cell = mk_report_cell(mk_stress_cell_of(file, file->findings[i].cell));
        char *how = mk_report_circumstances(&file->findings[i]);
        mk_text_puts(out, any ? "- " : "\nThe same:\n\n- ");
        write_code(out, cell);
        mk_text_puts(out, ": ");
        write_text(out, how);
        mk_text_putc(out, '\n');
        free(how);
        free(cell);
        any = true;
    }
}

static void write_finding(struct mk_text *out, const struct mk_stress_file *file, size_t i, bool open) {
    const struct mk_finding_sample *finding = &file->findings[i];
    char *how = mk_report_circumstances(finding);
    mk_text_printf(out, "<details%s><summary>", open ? " open" : "");
    write_summary(out, file, finding);
    mk_text_puts(out, "</summary>\n\n");
    write_text(out, finding->what);
    mk_text_puts(out, "\n\n");
    write_text(out, how);
    mk_text_putc(out, '\n');
    if (finding->object && *finding->object) {
        mk_text_puts(out, "\nObject: ");
        write_text(out, finding->object);
        mk_text_putc(out, '\n');
    }
    if (mk_report_detail(finding)) write_fenced(out, "text", mk_report_detail(finding));
    write_stacks(out, finding);
    if (finding->picture && *finding->picture) {
        mk_text_puts(out, "\nPicture: ");
        write_code(out, finding->picture);
        mk_text_putc(out, '\n');
    }
    if (finding->command && *finding->command) {
        mk_text_puts(out, "\nAgain:\n");
        write_fenced(out, "sh", finding->command);
    }
    write_alike(out, file, i);
    mk_text_puts(out, "\n</details>\n\n");
    free(how);
}

static void write_findings(struct mk_text *out, const struct mk_stress_file *file) {
    size_t named = 0, more = 0;
    for (size_t i = 0; i < file->findings_n; i++) {
        struct mk_text text = {0};
        if (mk_stress_first_like(file, i) != i) continue;
        write_finding(&text, file, i, i == 0);
        if (!named && out->n + text.n <= FINDINGS_BYTES) {
            mk_text_add(out, text.at, text.n);
        } else if (++named <= NAMED_MAX) {
            mk_text_puts(out, "- ");
            write_summary(out, file, &file->findings[i]);
            mk_text_putc(out, '\n');
        } else {
            more++;
        }
        mk_text_free(&text);
    }
    if (more) mk_text_printf(out, "- and %zu more, in the stress file\n", more);
    if (named) mk_text_putc(out, '\n');
}

static void write_tried(struct mk_text *out, const struct mk_stress_file *file) {
    struct mk_report_notes notes = {0};
    size_t before = out->n;
    mk_report_table(file, MK_GRID_MARKDOWN, out);
    if (out->n > before)
        mk_text_puts(out, "\npass, fail, unchecked, skipped: oracles, each under every pressure.\n\n");
    before = out->n;
    mk_report_outcomes(file, MK_GRID_MARKDOWN, out);
    if (out->n > before) mk_text_putc(out, '\n');
    mk_report_notes(file, &notes);
    for (size_t i = 0; i < notes.n; i++) {
        mk_text_puts(out, "- ");
        write_text(out, notes.at[i].text);
        mk_text_putc(out, '\n');
    }
    mk_report_notes_free(&notes);
}

void mk_report_markdown(const struct mk_stress_file *file, struct mk_text *out) {
    struct mk_text raw = {0};
    char *about = mk_report_about(file), *verdict = mk_report_verdict(file);
    mk_text_puts(&raw, "### Stress: ");
    write_text(&raw, verdict);
    mk_text_puts(&raw, "\n\n");
    write_text(&raw, about);
    mk_text_puts(&raw, "\n\n");
    write_findings(&raw, file);
    write_tried(&raw, file);
    mk_report_clean(out, raw.at, false);
    free(about);
    free(verdict);
    mk_text_free(&raw);
}
