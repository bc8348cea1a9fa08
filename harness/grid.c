/* grid.c - see grid.h. */
#include "grid.h"

#include <stdlib.h>
#include <unistd.h>

#include "record.h"

struct mk_grid_column {
    char *head, *unit;
    enum mk_align align;
};
struct mk_grid_cell {
    char *text;
    enum mk_tone tone;
};
struct mk_grid_heading {
    size_t row;
    char *text;
};

void mk_grid_column(struct mk_grid *grid, const char *head, const char *unit, enum mk_align align) {
    struct mk_grid_column *column = mk_grow(&grid->columns, &grid->columns_n, sizeof *column);
    column->head = mk_need_text(head);
    column->unit = mk_need_text(unit);
    column->align = align;
}

void mk_grid_put(struct mk_grid *grid, enum mk_tone tone, const char *format, ...) {
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) text = mk_need_text("?");
    va_end(args);
    struct mk_grid_cell *cell = mk_grow(&grid->cells, &grid->cells_n, sizeof *cell);
    cell->text = text;
    cell->tone = tone;
}

void mk_grid_heading(struct mk_grid *grid, const char *text) {
    struct mk_grid_heading *heading = mk_grow(&grid->headings, &grid->headings_n, sizeof *heading);
    heading->row = grid->cells_n / grid->columns_n;
    heading->text = mk_need_text(text);
}

void mk_grid_free(struct mk_grid *grid) {
    for (size_t i = 0; i < grid->columns_n; i++) {
        free(grid->columns[i].head);
        free(grid->columns[i].unit);
    }
    for (size_t i = 0; i < grid->cells_n; i++) free(grid->cells[i].text);
    for (size_t i = 0; i < grid->headings_n; i++) free(grid->headings[i].text);
    free(grid->columns);
    free(grid->cells);
    free(grid->headings);
    *grid = (struct mk_grid){0};
}

/* ---- terminals ---------------------------------------------------------------------------------- */

size_t mk_grid_width(const char *text) {
    size_t width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void mk_grid_tone(struct mk_text *out, bool colour, enum mk_tone tone, const char *text) {
    static const char *const codes[] = {"", "1", "2", "32", "33", "1;31"};
    if (!colour || tone == MK_TONE_PLAIN || !*text) mk_text_puts(out, text);
    else mk_text_printf(out, "\033[%sm%s\033[0m", codes[tone], text);
}

bool mk_grid_wants_colour(const char *choice, FILE *stream) {
    if (strcmp(choice, "always") == 0) return true;
    if (strcmp(choice, "never") == 0) return false;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    if (no_color && *no_color) return false;
    return isatty(fileno(stream)) && term && strcmp(term, "dumb") != 0;
}

static size_t *column_widths(const struct mk_grid *grid) {
    size_t *widths = mk_need(grid->columns_n + 1, sizeof *widths);
    for (size_t c = 0; c < grid->columns_n; c++) {
        size_t head = mk_grid_width(grid->columns[c].head), unit = mk_grid_width(grid->columns[c].unit);
        widths[c] = head > unit ? head : unit;
    }
    for (size_t i = 0; i < grid->cells_n; i++) {
        size_t width = mk_grid_width(grid->cells[i].text);
        if (width > widths[i % grid->columns_n]) widths[i % grid->columns_n] = width;
    }
    return widths;
}

/* One cell with its gap to the left; blanks behind it wait in *owed, so that no line ends in them. */
static void put_cell(struct mk_text *out, size_t *owed, const struct mk_grid_column *column, size_t width,
                     bool first, bool colour, enum mk_tone tone, const char *text) {
    size_t blank = width - mk_grid_width(text), gap = first ? 0 : column->align == MK_BESIDE ? 1 : 2;
    *owed += gap + (column->align == MK_RIGHT ? blank : 0);
    if (*text) {
        mk_text_repeat(out, ' ', *owed);
        *owed = 0;
        mk_grid_tone(out, colour, tone, text);
    }
    if (column->align != MK_RIGHT) *owed += blank;
}

static void write_heads(const struct mk_grid *grid, const size_t *widths, bool colour, struct mk_text *out) {
    bool units = false;
    for (size_t c = 0; c < grid->columns_n; c++) units = units || grid->columns[c].unit[0];
    for (int line = 0; line < (units ? 2 : 1); line++) {
        size_t owed = 0;
        for (size_t c = 0; c < grid->columns_n; c++) {
            const struct mk_grid_column *column = &grid->columns[c];
            put_cell(out, &owed, column, widths[c], c == 0, colour, line ? MK_TONE_FAINT : MK_TONE_STRONG,
                     line ? column->unit : column->head);
        }
        mk_text_putc(out, '\n');
    }
}

static void write_terminal(const struct mk_grid *grid, bool colour, struct mk_text *out) {
    size_t *widths = column_widths(grid), heading = 0;
    write_heads(grid, widths, colour, out);
    for (size_t i = 0; i < grid->cells_n;) {
        size_t owed = 0;
        for (; heading < grid->headings_n && grid->headings[heading].row == i / grid->columns_n; heading++) {
            mk_text_putc(out, '\n');
            if (!grid->headings[heading].text[0]) continue;
            mk_grid_tone(out, colour, MK_TONE_STRONG, grid->headings[heading].text);
            mk_text_putc(out, '\n');
        }
        for (size_t c = 0; c < grid->columns_n && i < grid->cells_n; c++, i++) {
            const struct mk_grid_cell *cell = &grid->cells[i];
            put_cell(out, &owed, &grid->columns[c], widths[c], c == 0, colour, cell->tone, cell->text);
        }
        mk_text_putc(out, '\n');
    }
    free(widths);
}

/* ---- Markdown and CSV --------------------------------------------------------------------------- */

static void add_markdown(struct mk_text *out, const char *text) {
    for (; *text; text++) {
        if (*text == '|' || *text == '*' || *text == '\\' || *text == '<') mk_text_putc(out, '\\');
        mk_text_putc(out, *text == '\n' ? ' ' : *text);
    }
}

/* A value and what stands beside it share a column. */
static bool joins_next(const struct mk_grid *grid, size_t column) {
    return column + 1 < grid->columns_n && grid->columns[column + 1].align == MK_BESIDE;
}

static void markdown_heads(const struct mk_grid *grid, struct mk_text *out) {
    mk_text_putc(out, '|');
    for (size_t c = 0; c < grid->columns_n; c++) {
        const struct mk_grid_column *column = &grid->columns[c];
        if (column->align == MK_BESIDE) continue;
        mk_text_putc(out, ' ');
        add_markdown(out, column->head);
        if (column->unit[0]) mk_text_printf(out, " (%s)", column->unit);
        mk_text_puts(out, " |");
    }
    mk_text_puts(out, "\n|");
    for (size_t c = 0; c < grid->columns_n; c++) {
        if (grid->columns[c].align != MK_BESIDE)
            mk_text_puts(out, grid->columns[c].align == MK_RIGHT ? "---:|" : ":---|");
    }
    mk_text_putc(out, '\n');
}

/* A heading takes a row of its own: a table may not be broken. */
static void markdown_heading(const struct mk_grid *grid, const char *text, struct mk_text *out) {
    if (!*text) return;
    mk_text_puts(out, "| **");
    add_markdown(out, text);
    mk_text_puts(out, "** |");
    for (size_t c = 1; c < grid->columns_n; c++) mk_text_puts(out, grid->columns[c].align == MK_BESIDE ? "" : " |");
    mk_text_putc(out, '\n');
}

static void write_markdown(const struct mk_grid *grid, struct mk_text *out) {
    size_t heading = 0;
    markdown_heads(grid, out);
    for (size_t i = 0; i < grid->cells_n; i++) {
        size_t column = i % grid->columns_n;
        size_t row = i / grid->columns_n;
        for (; !column && heading < grid->headings_n && grid->headings[heading].row == row; heading++)
            markdown_heading(grid, grid->headings[heading].text, out);
        if (!column) mk_text_putc(out, '|');
        if (grid->cells[i].text[0]) mk_text_putc(out, ' ');
        add_markdown(out, grid->cells[i].text);
        if (!joins_next(grid, column)) mk_text_puts(out, " |");
        if (column + 1 == grid->columns_n) mk_text_putc(out, '\n');
    }
}

/* RFC 4180: quoted where it has to be. */
static void add_csv(struct mk_text *out, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        mk_text_puts(out, text);
        return;
    }
    mk_text_putc(out, '"');
    for (; *text; text++) {
        if (*text == '"') mk_text_putc(out, '"');
        mk_text_putc(out, *text);
    }
    mk_text_putc(out, '"');
}

static void write_csv(const struct mk_grid *grid, struct mk_text *out) {
    for (size_t c = 0; c < grid->columns_n; c++) {
        if (c) mk_text_putc(out, ',');
        add_csv(out, grid->columns[c].head);
    }
    for (size_t i = 0; i < grid->cells_n; i++) {
        mk_text_putc(out, i % grid->columns_n ? ',' : '\n');
        add_csv(out, grid->cells[i].text);
    }
    mk_text_putc(out, '\n');
}

void mk_grid_write(const struct mk_grid *grid, enum mk_grid_form form, struct mk_text *out) {
    if (!grid->columns_n) return;
    switch (form) {
    case MK_GRID_PLAIN: write_terminal(grid, false, out); break;
    case MK_GRID_COLOUR: write_terminal(grid, true, out); break;
    case MK_GRID_MARKDOWN: write_markdown(grid, out); break;
    case MK_GRID_CSV: write_csv(grid, out); break;
    }
}
