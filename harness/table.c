/* table.c - see table.h. */
#include "table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* ---- numbers ------------------------------------------------------------------------------------ */

/* About four digits; none of nothing. */
static int decimals(double value) {
    return value >= 1000 || value == 0 ? 0 : value >= 100 ? 1 : value >= 1 ? 2 : value >= 0.1 ? 3 : 4;
}

#define WIDE_FRAC 0.2

/* Intervals of order statistics are not symmetric: the longer side behind a sign, or, where that would
 * mislead, both ends. */
static void put_ends(struct mk_grid *grid, const struct mk_interval *interval) {
    int digits = decimals(interval->estimate);
    double half = fmax(interval->upper - interval->estimate, interval->estimate - interval->lower);
    if (half <= WIDE_FRAC * interval->estimate)
        mk_grid_put(grid, MK_TONE_FAINT, "±%.*f", digits, half);
    else
        mk_grid_put(grid, MK_TONE_FAINT, "%.*f–%.*f", decimals(interval->lower), interval->lower,
                    decimals(interval->upper), interval->upper);
}

static void put_interval(struct mk_grid *grid, enum mk_tone tone, const struct mk_interval *interval) {
    if (isnan(interval->estimate)) {
        mk_grid_put(grid, MK_TONE_FAINT, "-");
        mk_grid_put(grid, MK_TONE_FAINT, "%s", "");
        return;
    }
    mk_grid_put(grid, tone, "%.*f", decimals(interval->estimate), interval->estimate);
    put_ends(grid, interval);
}

/* Nanoseconds up to a point where nobody counts the digits any more. */
static void put_ns(struct mk_grid *grid, double ns) {
    if (isnan(ns)) mk_grid_put(grid, MK_TONE_FAINT, "-");
    else if (ns < 10e3) mk_grid_put(grid, MK_TONE_PLAIN, "%.0f", ns);
    else if (ns < 10e6) mk_grid_put(grid, MK_TONE_PLAIN, "%.0fµs", ns / 1e3);
    else mk_grid_put(grid, MK_TONE_PLAIN, "%.0fms", ns / 1e6);
}

static void put_bytes(struct mk_grid *grid, double bytes) {
    if (isnan(bytes)) mk_grid_put(grid, MK_TONE_FAINT, "-");
    else mk_grid_put(grid, MK_TONE_PLAIN, "%.*f", bytes >= 1000 ? 0 : 1, bytes);
}

static void put_counter(struct mk_grid *grid, const struct mk_figure *figure) {
    double value = figure->interval.estimate;
    if (isnan(value)) mk_grid_put(grid, MK_TONE_FAINT, "n/a");
    else mk_grid_put(grid, MK_TONE_PLAIN, "%.*f", decimals(value), value);
}

/* ---- rows for people ---------------------------------------------------------------------------- */

static void add_columns(struct mk_grid *grid, const struct mk_summary *summary) {
    mk_grid_column(grid, "implementation", "", MK_LEFT);
    mk_grid_column(grid, "threads", "", MK_RIGHT);
    mk_grid_column(grid, "Mops/s", "wall", MK_RIGHT);
    mk_grid_column(grid, "±", "", MK_BESIDE);
    mk_grid_column(grid, "ns/op", "CPU", MK_RIGHT);
    mk_grid_column(grid, "±", "", MK_BESIDE);
    mk_grid_column(grid, "vs best", "CPU", MK_RIGHT);
    mk_grid_column(grid, "±", "", MK_BESIDE);
    if (summary->has_latency) {
        mk_grid_column(grid, "p50", "ns", MK_RIGHT);
        mk_grid_column(grid, "p99", "ns", MK_RIGHT);
    }
    if (summary->has_response) {
        mk_grid_column(grid, "resp. p50", "ns", MK_RIGHT);
        mk_grid_column(grid, "resp. p99", "ns", MK_RIGHT);
    }
    if (summary->has_memory) {
        mk_grid_column(grid, "B/elem", "fill", MK_RIGHT);
        mk_grid_column(grid, "B/elem", "churn", MK_RIGHT);
    }
    if (summary->has_stalled) {
        mk_grid_column(grid, "unreclaimed", "at most", MK_RIGHT);
        mk_grid_column(grid, "garbage", "", MK_LEFT);
    }
    for (size_t i = 0; i < summary->counters_n; i++)
        mk_grid_column(grid, summary->counters[i].name, "/op", MK_RIGHT);
    mk_grid_column(grid, "verdict", "", MK_LEFT);
}

/* Bytes, or nodes where nobody knows their size; and whether more time would have made more of them. */
static void put_garbage(struct mk_grid *grid, const struct mk_summary_row *row) {
    static const char *const units[] = {"B", "kB", "MB", "GB"};
    bool known = row->peak_unreclaimed_bytes != UINT64_MAX, counted = row->peak_unreclaimed != UINT64_MAX;
    double size = (double)row->peak_unreclaimed_bytes;
    unsigned unit = 0;
    for (; known && size >= 1000 && unit < 3; unit++) size /= 1000;
    if (!row->stalled || (!known && !counted)) {
        mk_grid_put(grid, MK_TONE_FAINT, "-");
    } else if (known) {
        mk_grid_put(grid, MK_TONE_PLAIN, "%.*f %s", unit && size < 100 ? 1 : 0, size, units[unit]);
    } else {
        mk_grid_put(grid, MK_TONE_PLAIN, "%" PRIu64 " nodes", row->peak_unreclaimed);
    }
    mk_grid_put(grid, row->cell->unbounded ? MK_TONE_WARN : MK_TONE_PLAIN, "%s",
                !row->stalled ? "-" : row->cell->unbounded ? "unbounded" : "bounded");
}

static void put_versus(struct mk_grid *grid, const struct mk_summary_row *row) {
    switch (row->versus) {
    case MK_VERSUS_NONE: mk_grid_put(grid, MK_TONE_FAINT, "-"); break;
    case MK_VERSUS_BEST: mk_grid_put(grid, MK_TONE_GOOD, "best"); break;
    case MK_VERSUS_UNRESOLVED: mk_grid_put(grid, MK_TONE_FAINT, "unresolved"); break;
    case MK_VERSUS_RESOLVED:
        mk_grid_put(grid, MK_TONE_PLAIN, "%.*fx", decimals(row->ratio.estimate), row->ratio.estimate);
        put_ends(grid, &row->ratio);
        return;
    }
    mk_grid_put(grid, MK_TONE_PLAIN, "%s", "");
}

static enum mk_tone verdict_tone(uint32_t verdict) {
    switch ((enum mk_verdict)verdict) {
    case MK_VERDICT_FAIL: return MK_TONE_BAD;
    case MK_VERDICT_UNTRUSTWORTHY: return MK_TONE_WARN;
    default: return MK_TONE_PLAIN;
    }
}

static void put_verdict(struct mk_grid *grid, const struct mk_summary_row *row) {
    const struct mk_result_cell *cell = row->cell;
    const struct mk_reason *reason = mk_summary_reason(cell);
    mk_grid_put(grid, verdict_tone(cell->verdict), "%s%s%s%s%s%s", mk_verdict_names[cell->verdict],
                reason ? ": " : "", reason ? reason->rule : "", cell->oversubscribed ? ", oversubscribed" : "",
                row->point->fresh ? ", fresh" : "", cell->kept ? ", kept" : "");
}

/* What failed its check has no speed. */
static void put_row(struct mk_grid *grid, const struct mk_summary *summary, const struct mk_summary_row *row) {
    static const struct mk_interval none = {NAN, NAN, NAN, NAN};
    const struct mk_result_cell *cell = row->cell;
    bool failed = cell->verdict == MK_VERDICT_FAIL;
    enum mk_tone tone = cell->floor ? MK_TONE_FAINT : MK_TONE_PLAIN;
    mk_grid_put(grid, tone, "%s", cell->floor ? "floor (harness cost)" : cell->identity);
    mk_grid_put(grid, tone, "%" PRIu32, cell->threads);
    put_interval(grid, tone, failed ? &none : &row->mops.interval);
    put_interval(grid, tone, failed ? &none : &row->cpu_ns.interval);
    put_versus(grid, row);
    if (summary->has_latency) {
        put_ns(grid, failed ? NAN : row->service.p50_ns);
        put_ns(grid, failed ? NAN : row->service.p99_ns);
    }
    if (summary->has_response) {
        put_ns(grid, failed ? NAN : row->response.p50_ns);
        put_ns(grid, failed ? NAN : row->response.p99_ns);
    }
    if (summary->has_memory) {
        put_bytes(grid, row->fill_bytes);
        put_bytes(grid, row->churn_bytes);
    }
    if (summary->has_stalled) put_garbage(grid, row);
    for (size_t i = 0; i < summary->counters_n; i++) put_counter(grid, &row->counters[i]);
    put_verdict(grid, row);
}

static bool same_section(const struct mk_summary_row *a, const struct mk_summary_row *b) {
    return a->point == b->point && a->phase == b->phase;
}

/* "keys.count=10000, phase run": what the rows below have in common, if that changes at all; a blank
 * line between comparison groups. */
static void put_heading(struct mk_grid *grid, const struct mk_summary *summary, const struct mk_summary_row *before,
                        const struct mk_summary_row *row) {
    bool points = summary->result->points_n > 1 && row->point->label && row->point->label[0];
    bool phases = row->point->phases_n > 1;
    if ((before && same_section(before, row)) || (!points && !phases)) {
        if (before && before->cell->group != row->cell->group) mk_grid_heading(grid, "");
        return;
    }
    char *text = mk_need_format("%s%s%s%s", points ? row->point->label : "", points && phases ? ", " : "",
                                phases ? "phase " : "", phases ? row->phase_name : "");
    mk_grid_heading(grid, text);
    free(text);
}

static bool shown(const struct mk_summary_row *row) {
    return row->cell->verdict != MK_VERDICT_SKIPPED;
}

static void write_rows(const struct mk_summary *summary, enum mk_grid_form form, struct mk_text *out) {
    struct mk_grid grid = {0};
    const struct mk_summary_row *before = NULL;
    add_columns(&grid, summary);
    for (size_t i = 0; i < summary->rows_n; i++) {
        const struct mk_summary_row *row = &summary->rows[i];
        if (!shown(row)) continue;
        put_heading(&grid, summary, before, row);
        put_row(&grid, summary, row);
        before = row;
    }
    if (before) mk_grid_write(&grid, form, out);
    else mk_text_puts(out, "Nothing was measured.\n");
    mk_grid_free(&grid);
}

/* ---- lines around them -------------------------------------------------------------------------- */

static void line(struct mk_text *out, const struct mk_table_options *options, enum mk_tone tone, const char *text) {
    if (options->form == MK_GRID_MARKDOWN) mk_text_puts(out, "- ");
    mk_grid_tone(out, options->form == MK_GRID_COLOUR, tone, text);
    mk_text_putc(out, '\n');
}

/* As line, and frees the text. */
static void line_of(struct mk_text *out, const struct mk_table_options *options, enum mk_tone tone, char *text) {
    line(out, options, tone, text);
    free(text);
}

static const char *known(const char *text) {
    return text && *text ? text : "unknown";
}

static void write_intro(const struct mk_summary *summary, const struct mk_table_options *options,
                        struct mk_text *out) {
    const struct mk_result_file *result = summary->result;
    const struct mk_result_context *context = &result->context;
    bool markdown = options->form == MK_GRID_MARKDOWN, about = summary->about[0];
    if (markdown) mk_text_puts(out, "### ");
    mk_grid_tone(out, options->form == MK_GRID_COLOUR, MK_TONE_STRONG,
                 summary->name[0] ? summary->name : result->plan.kind);
    mk_text_printf(out, "%s%s\n%s", about ? ": " : "", about ? summary->about : "", markdown ? "\n" : "");
    mk_text_printf(out, "%s; %" PRIu64 " process%s x %" PRIu64 " round%s, pin %s; machine: %s; %s build, %s\n\n",
                   result->plan.kind, result->plan.processes, result->plan.processes == 1 ? "" : "es",
                   result->plan.rounds, result->plan.rounds == 1 ? "" : "s",
                   known(result->plan.pin), known(context->machine_text), known(context->flavour),
                   known(context->compiler));
}

static void write_key(const struct mk_summary *summary, const struct mk_table_options *options,
                      struct mk_text *out) {
    if (isnan(summary->coverage)) return;
    double percent = floor(100 * summary->coverage + 0.5);
    if (summary->coverage >= MK_FIGURE_CONFIDENCE)
        line_of(out, options, MK_TONE_FAINT,
                mk_need_format("±: %.0f %% interval of the median over %" PRIu64 " processes, its ends where it is "
                               "wide; vs best: ratio of CPU time, unresolved where its interval holds 1.",
                               percent, summary->processes_max));
    else
        line_of(out, options, MK_TONE_FAINT,
                mk_need_format("±: smallest to largest of %" PRIu64 " process%s, an interval of %.0f %% only: give "
                               "--processes 6 or more to tell rows apart.", summary->processes_min,
                               summary->processes_min == 1 ? "" : "es", percent));
}

static void write_latency_key(const struct mk_summary *summary, const struct mk_table_options *options,
                              struct mk_text *out) {
    double probe = NAN;
    if (!summary->has_latency) return;
    for (size_t i = 0; i < summary->rows_n; i++) probe = fmax(probe, summary->rows[i].probe_ns);
    char *cost = isnan(probe) ? mk_need_text("") : mk_need_format("; the probe's own %.0f ns are in them", probe);
    line_of(out, options, MK_TONE_FAINT,
            mk_need_format("p50, p99: service time, from the call%s%s.",
                           summary->has_response ? "; resp.: response time, from the intended start" : "", cost));
    free(cost);
}

static void write_garbage_key(const struct mk_summary *summary, const struct mk_table_options *options,
                              struct mk_text *out) {
    if (!summary->has_stalled) return;
    line(out, options, MK_TONE_FAINT,
         "unreclaimed: most that was retired and not yet freed in a round; unbounded: it grows as long as a reader "
         "stands still.");
}

static void write_blocks_key(const struct mk_summary *summary, const struct mk_table_options *options,
                             struct mk_text *out) {
    if (!summary->has_blocks) return;
    line(out, options, MK_TONE_FAINT,
         "peak RSS: most that the resident set grew by, over the most bytes that were live; rounding: what may be used "
         "of live blocks beyond what was asked for; on shared lines: live blocks with one of another thread on their "
         "cache line; RSS drained: what stays resident once blocks are freed.");
}

static void write_marks(const struct mk_summary *summary, const struct mk_table_options *options,
                        struct mk_text *out) {
    bool fresh = false, kept = false, over = false, paced = false;
    for (size_t i = 0; i < summary->rows_n; i++) {
        if (!shown(&summary->rows[i])) continue;
        fresh |= summary->rows[i].point->fresh;
        kept |= summary->rows[i].cell->kept;
        over |= summary->rows[i].cell->oversubscribed;
        paced |= summary->rows[i].mops.n && !summary->rows[i].cpu_ns.n;
    }
    if (paced)
        line(out, options, MK_TONE_FAINT,
             "CPU time is left out where operations begin on schedule: most of it is waiting.");
    if (over) line(out, options, MK_TONE_FAINT, "oversubscribed: more threads than PUs.");
    if (fresh)
        line(out, options, MK_TONE_FAINT,
             "fresh: prefilled and never aged, which flatters what chases pointers (prefill.age_ops).");
    if (kept)
        line(out, options, MK_TONE_FAINT, "kept: one instance for all rounds of a process, filling it costs more.");
}

static void write_counters(const struct mk_summary *summary, const struct mk_table_options *options,
                           struct mk_text *out) {
    const struct mk_result_counters *note = &summary->result->counters;
    struct mk_text names = {0};
    const char *reason = NULL;
    for (size_t i = 0; i < summary->counters_n; i++) {
        if (!summary->counters[i].reason) continue;
        mk_text_printf(&names, "%s%s", names.n ? ", " : "", summary->counters[i].name);
        if (!reason) reason = summary->counters[i].reason;
    }
    if (names.n)
        line_of(out, options, MK_TONE_WARN,
                mk_need_format("n/a: %s: %s%s%s.", names.at, note->reason ? note->reason : reason,
                               note->remedy ? "; " : "", note->remedy ? note->remedy : ""));
    mk_text_free(&names);
}

/* ---- verdicts and skips, each text once --------------------------------------------------------- */

#define NAMES_SHOWN 3

struct remark {
    const struct mk_reason *reason; /* of the first row */
    bool differs;                   /* another row has it in other words */
    const struct mk_result_cell **cells; /* the first of each identity */
    size_t cells_n, rows;
};

/* What is untrustworthy by one rule differs in a number, and is said with one for all. */
static struct remark *find_remark(struct remark **remarks, size_t *n, const struct mk_reason *reason) {
    for (size_t i = 0; i < *n; i++) {
        struct remark *remark = &(*remarks)[i];
        bool same = strcmp(remark->reason->text, reason->text) == 0;
        bool alike = strcmp(remark->reason->rule, reason->rule) == 0 && reason->verdict == MK_VERDICT_UNTRUSTWORTHY;
        if (remark->reason->verdict != reason->verdict || !(same || alike)) continue;
        remark->differs = remark->differs || !same;
        return remark;
    }
    struct remark *remark = mk_grow(remarks, n, sizeof *remark);
    remark->reason = reason;
    return remark;
}

static void add_remark(struct remark *remark, const struct mk_result_cell *cell) {
    remark->rows++;
    for (size_t i = 0; i < remark->cells_n; i++) {
        if (strcmp(remark->cells[i]->identity, cell->identity) == 0) return;
    }
    *(const struct mk_result_cell **)mk_grow(&remark->cells, &remark->cells_n, sizeof cell) = cell;
}

/* "map/a at 2 threads", "map/a, map/b (5 rows)", "map/a, map/b, map/c and 4 more (20 rows)". */
static void name_rows(const struct remark *remark, struct mk_text *out) {
    const struct mk_result_cell *first = remark->cells[0];
    size_t shown_n = remark->cells_n < NAMES_SHOWN ? remark->cells_n : NAMES_SHOWN;
    for (size_t i = 0; i < shown_n; i++) mk_text_printf(out, "%s%s", i ? ", " : "", remark->cells[i]->identity);
    if (remark->cells_n > shown_n) mk_text_printf(out, " and %zu more", remark->cells_n - shown_n);
    if (remark->rows > 1) {
        mk_text_printf(out, " (%zu rows)", remark->rows);
        return;
    }
    mk_text_printf(out, " at %" PRIu32 " thread%s", first->threads, first->threads == 1 ? "" : "s");
    if (first->label && first->label[0]) mk_text_printf(out, ", %s", first->label);
}

/* Worst first; equals in the order they came. */
static int compare_remarks(const void *a, const void *b) {
    const struct remark *left = a, *right = b;
    int order = mk_verdict_compare(right->reason->verdict, left->reason->verdict);
    return order ? order : (left->cells[0] > right->cells[0]) - (left->cells[0] < right->cells[0]);
}

/* Why rows are not simply a pass; what many have in common is said once. */
static void write_remarks(const struct mk_summary *summary, const struct mk_table_options *options,
                          struct mk_text *out) {
    struct remark *remarks = NULL;
    size_t n = 0;
    for (size_t i = 0; i < summary->rows_n; i++) {
        const struct mk_result_cell *cell = summary->rows[i].cell;
        if (summary->rows[i].phase) continue; /* verdicts are the cell's */
        for (size_t r = 0; r < cell->reasons_n; r++) add_remark(find_remark(&remarks, &n, &cell->reasons[r]), cell);
    }
    if (n) qsort(remarks, n, sizeof *remarks, compare_remarks);
    for (size_t i = 0; i < n; i++) {
        struct mk_text text = {0};
        mk_text_printf(&text, "%s: ", mk_verdict_names[remarks[i].reason->verdict]);
        name_rows(&remarks[i], &text);
        mk_text_printf(&text, ": %s%s", remarks[i].reason->text, remarks[i].differs ? " (the first of them)" : "");
        line_of(out, options, verdict_tone(remarks[i].reason->verdict), mk_text_take(&text));
        free(remarks[i].cells);
    }
    free(remarks);
}

static void write_warnings(const struct mk_summary *summary, const struct mk_table_options *options,
                           struct mk_text *out) {
    const struct mk_result_file *result = summary->result;
    size_t missing = 0;
    for (size_t i = 0; i < result->cells_n; i++) missing += result->cells[i].elsewhere;
    if (!result->complete)
        line(out, options, MK_TONE_WARN,
             "incomplete: the run was ended before all was measured; what is here is valid.");
    if (missing)
        line_of(out, options, MK_TONE_WARN,
                mk_need_format("%zu of %zu cells are in other shards: join them with `merge`.", missing,
                               result->cells_n));
    for (size_t i = 0; i < result->warnings_n; i++) {
        const struct mk_warning *warning = &result->warnings[i];
        line_of(out, options, MK_TONE_WARN,
                mk_need_format("warning: %s: %s%s%s", warning->about, warning->text, warning->remedy ? "; " : "",
                               warning->remedy ? warning->remedy : ""));
    }
}

static void write_where(const struct mk_table_options *options, struct mk_text *out) {
    if (!options->result_path) return;
    mk_text_putc(out, '\n');
    line_of(out, options, MK_TONE_PLAIN, mk_need_format("result: %s", options->result_path));
    if (options->plot_command)
        line_of(out, options, MK_TONE_PLAIN,
                mk_need_format("plot:   %s %s", options->plot_command, options->result_path));
}

void mk_table_write(const struct mk_summary *summary, const struct mk_table_options *options, struct mk_text *out) {
    if (options->form == MK_GRID_CSV) {
        mk_table_write_csv(summary, out);
        return;
    }
    write_intro(summary, options, out);
    write_rows(summary, options->form, out);
    mk_table_write_blocks(summary, options->form, out);
    mk_text_putc(out, '\n');
    write_key(summary, options, out);
    write_latency_key(summary, options, out);
    write_garbage_key(summary, options, out);
    write_blocks_key(summary, options, out);
    write_marks(summary, options, out);
    write_counters(summary, options, out);
    write_remarks(summary, options, out);
    write_warnings(summary, options, out);
    write_where(options, out);
}
