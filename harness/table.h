/* table.h - a summary as people want it: the table at the end of a run, the same as Markdown, and CSV
 * with every column there is. */
#ifndef MK_TABLE_H
#define MK_TABLE_H

#include "grid.h"
#include "summary.h"

struct mk_table_options {
    enum mk_grid_form form;
    const char *result_path;  /* where the result was written; NULL = do not say */
    const char *plot_command; /* what draws it, up to the path: "scripts/plot.py"; NULL = do not say */
};

/* Appends the summary. Terminal and Markdown: what was run, the rows, then a line for everything that
 * a reader has to know about them, warnings with their remedies, where the result is and how to plot
 * it. CSV: mk_table_write_csv. */
void mk_table_write(const struct mk_summary *summary, const struct mk_table_options *options, struct mk_text *out);

/* Appends the second table of allocators: memory, and latencies of single calls. Nothing for other kinds. */
void mk_table_write_blocks(const struct mk_summary *summary, enum mk_grid_form form, struct mk_text *out);

/* Appends one line for each row, skipped ones too, with raw figures: units in the heads, an empty field
 * where nothing is known. */
void mk_table_write_csv(const struct mk_summary *summary, struct mk_text *out);

#endif
