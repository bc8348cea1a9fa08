/* grid.h - texts in columns: aligned for a terminal, as Markdown, or as CSV. */
#ifndef MK_GRID_H
#define MK_GRID_H

#include <stdio.h>

#include "text.h"

enum mk_grid_form { MK_GRID_PLAIN, MK_GRID_COLOUR, MK_GRID_MARKDOWN, MK_GRID_CSV };
enum mk_tone { MK_TONE_PLAIN, MK_TONE_STRONG, MK_TONE_FAINT, MK_TONE_GOOD, MK_TONE_WARN, MK_TONE_BAD };
enum mk_align { MK_LEFT, MK_RIGHT, MK_BESIDE /* left, one space after its neighbour: the +- of a value */ };

/* All zero is an empty grid. */
struct mk_grid {
    struct mk_grid_column *columns;
    size_t columns_n;
    struct mk_grid_cell *cells; /* row by row */
    size_t cells_n;
    struct mk_grid_heading *headings;
    size_t headings_n;
};

/* Appends a column; before the first cell. unit stands below the head on a terminal, behind it in
 * Markdown; "" = none. CSV shows the head alone. */
void mk_grid_column(struct mk_grid *grid, const char *head, const char *unit, enum mk_align align);

/* Appends the next cell of a row; a row is full when each column has one. */
void mk_grid_put(struct mk_grid *grid, enum mk_tone tone, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts a line of its own before the next row (terminal and Markdown); an empty text leaves a blank line
 * on a terminal. Call between rows. */
void mk_grid_heading(struct mk_grid *grid, const char *text);

/* Appends the grid to *out. */
void mk_grid_write(const struct mk_grid *grid, enum mk_grid_form form, struct mk_text *out);

void mk_grid_free(struct mk_grid *grid);

/* Appends text in a tone; without colour as it is. */
void mk_grid_tone(struct mk_text *out, bool colour, enum mk_tone tone, const char *text);

/* Returns whether to colour what goes to a stream: choice is auto, always or never; auto asks for a
 * terminal, and honours NO_COLOR and TERM=dumb. */
bool mk_grid_wants_colour(const char *choice, FILE *stream);

/* Returns the columns that a UTF-8 text takes on a terminal (no wide or combining characters). */
size_t mk_grid_width(const char *text);

#endif
