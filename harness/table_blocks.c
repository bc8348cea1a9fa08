/* table_blocks.c - the second table of allocators: what they make of memory, and how long single calls take. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "table.h"

static void add_columns(struct mk_grid *grid) {
    static const struct {
        const char *name, *unit;
    } columns[] = {{"threads", ""},      {"peak RSS", "/ live"}, {"rounding", "%"},  {"on shared", "lines, %"},
                   {"drained", "RSS"},   {"... later", "RSS"},   {"page", "faults"}, {"alloc p50", "ns"},
                   {"p99", "ns"},        {"p99.9", "ns"},        {"free p50", "ns"}, {"p99", "ns"},
                   {"p99.9", "ns"}};
    mk_grid_column(grid, "implementation", "", MK_LEFT);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        mk_grid_column(grid, columns[i].name, columns[i].unit, MK_RIGHT);
    }
}

static void put_number(struct mk_grid *grid, double value, int digits) {
    if (isnan(value)) mk_grid_put(grid, MK_TONE_FAINT, "-");
    else mk_grid_put(grid, MK_TONE_PLAIN, "%.*f", digits, value);
}

static void put_size(struct mk_grid *grid, uint64_t bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB"};
    double size = (double)bytes;
    unsigned unit = 0;
    for (; size >= 1000 && unit < 3; unit++) size /= 1000;
    if (bytes == UINT64_MAX) mk_grid_put(grid, MK_TONE_FAINT, "-");
    else mk_grid_put(grid, MK_TONE_PLAIN, "%.*f %s", unit && size < 100 ? 1 : 0, size, units[unit]);
}

static void put_latency(struct mk_grid *grid, const struct mk_summary_latency *latency) {
    put_number(grid, latency->p50_ns, 0);
    put_number(grid, latency->p99_ns, 0);
    put_number(grid, latency->p999_ns, 0);
}

static void put_row(struct mk_grid *grid, const struct mk_summary_row *row) {
    const struct mk_summary_blocks *blocks = &row->blocks;
    enum mk_tone tone = row->cell->floor ? MK_TONE_FAINT : MK_TONE_PLAIN;
    mk_grid_put(grid, tone, "%s", row->cell->floor ? "floor (harness cost)" : row->cell->identity);
    mk_grid_put(grid, tone, "%" PRIu32, row->cell->threads);
    put_number(grid, blocks->peak_rss_over_live, 2);
    put_number(grid, 100 * blocks->rounding_waste, 1);
    put_number(grid, 100 * blocks->shared_frac, 1);
    put_size(grid, blocks->drained_bytes);
    put_size(grid, blocks->drained_end_bytes);
    if (blocks->minor_faults == UINT64_MAX) mk_grid_put(grid, MK_TONE_FAINT, "-");
    else mk_grid_put(grid, MK_TONE_PLAIN, "%" PRIu64, blocks->minor_faults);
    put_latency(grid, &blocks->alloc);
    put_latency(grid, &blocks->free);
}

/* What failed has no figures, and what was skipped has no row. */
static bool is_shown(const struct mk_summary_row *row) {
    return row->cell->verdict != MK_VERDICT_SKIPPED && row->cell->verdict != MK_VERDICT_FAIL;
}

static void put_heading(struct mk_grid *grid, const struct mk_summary *summary, const struct mk_summary_row *before,
                        const struct mk_summary_row *row) {
    bool points = summary->result->points_n > 1 && row->point->label && row->point->label[0];
    bool phases = row->point->phases_n > 1;
    if (before && before->point == row->point && before->phase == row->phase) {
        if (before->cell->group != row->cell->group) mk_grid_heading(grid, "");
        return;
    }
    if (!points && !phases) return;
    char *text = mk_need_format("%s%s%s%s", points ? row->point->label : "", points && phases ? ", " : "",
                                phases ? "phase " : "", phases ? row->phase_name : "");
    mk_grid_heading(grid, text);
    free(text);
}

void mk_table_write_blocks(const struct mk_summary *summary, enum mk_grid_form form, struct mk_text *out) {
    struct mk_grid grid = {0};
    const struct mk_summary_row *before = NULL;
    if (!summary->has_blocks) return;
    add_columns(&grid);
    for (size_t i = 0; i < summary->rows_n; i++) {
        const struct mk_summary_row *row = &summary->rows[i];
        if (!is_shown(row)) continue;
        put_heading(&grid, summary, before, row);
        put_row(&grid, row);
        before = row;
    }
    mk_text_putc(out, '\n');
    if (before) mk_grid_write(&grid, form, out);
    mk_grid_free(&grid);
}
