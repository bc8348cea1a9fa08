/* table_csv.c - a summary with all its columns, for programs. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "table.h"

static void csv_heads(struct mk_grid *grid, const struct mk_summary *summary) {
    static const char *const heads[] = {
        "identity", "threads", "point", "phase", "value_bytes", "floor", "oversubscribed", "fresh", "kept",
        "processes", "mops", "mops_lower", "mops_upper",
        "cpu_ns_per_op", "cpu_ns_per_op_lower", "cpu_ns_per_op_upper",
        "interval_coverage", "cpu_ratio_vs_best", "cpu_ratio_vs_best_lower", "cpu_ratio_vs_best_upper", "vs_best",
        "service_p50_ns", "service_p90_ns", "service_p99_ns", "service_p999_ns", "service_max_ns",
        "response_p50_ns", "response_p90_ns", "response_p99_ns", "response_p999_ns", "response_max_ns",
        "latency_probe_ns", "allocator", "elements_fill", "requested_bytes_fill", "structure_bytes_fill",
        "rss_bytes_fill", "elements_churn", "requested_bytes_churn", "structure_bytes_churn", "rss_bytes_churn",
        "requested_bytes_drain", "structure_bytes_drain", "peak_bytes", "minor_faults_count", "unreclaimed_count",
        "peak_unreclaimed_count", "peak_unreclaimed_bytes", "stalled", "unbounded", "peak_live_bytes", "peak_rss_bytes",
        "peak_rss_over_live", "rounding_waste", "false_sharing_share", "drain_live_bytes", "rss_after_drain_bytes",
        "rss_after_drain_end_bytes", "alloc_p50_ns", "alloc_p90_ns", "alloc_p99_ns", "alloc_p999_ns", "alloc_max_ns",
        "free_p50_ns", "free_p90_ns", "free_p99_ns", "free_p999_ns", "free_max_ns", "verdict", "reasons", NULL,
    };
    for (size_t i = 0; heads[i]; i++) mk_grid_column(grid, heads[i], "", MK_LEFT);
    for (size_t i = 0; i < summary->counters_n; i++) {
        char *head = mk_need_format("%s_per_op", summary->counters[i].name);
        mk_grid_column(grid, head, "", MK_LEFT);
        free(head);
    }
}

static void csv_number(struct mk_grid *grid, double value) {
    if (isnan(value)) mk_grid_put(grid, MK_TONE_PLAIN, "%s", "");
    else mk_grid_put(grid, MK_TONE_PLAIN, "%.10g", value);
}

static void csv_count(struct mk_grid *grid, uint64_t value) {
    if (value == UINT64_MAX) mk_grid_put(grid, MK_TONE_PLAIN, "%s", "");
    else mk_grid_put(grid, MK_TONE_PLAIN, "%" PRIu64, value);
}

static void csv_text(struct mk_grid *grid, const char *text) {
    mk_grid_put(grid, MK_TONE_PLAIN, "%s", text ? text : "");
}

static void csv_interval(struct mk_grid *grid, const struct mk_interval *interval) {
    csv_number(grid, interval->estimate);
    csv_number(grid, interval->lower);
    csv_number(grid, interval->upper);
}

static void csv_latency(struct mk_grid *grid, const struct mk_summary_latency *latency) {
    csv_number(grid, latency->p50_ns);
    csv_number(grid, latency->p90_ns);
    csv_number(grid, latency->p99_ns);
    csv_number(grid, latency->p999_ns);
    csv_number(grid, latency->max_ns);
}

/* The first worker's; there is one as a rule, and the result file has them all. */
static void csv_memory(struct mk_grid *grid, const struct mk_summary_row *row) {
    const struct mk_result_cell *cell = row->cell;
    struct mk_memory_sample none;
    memset(&none, 0xff, sizeof none);
    none.allocator = NULL;
    const struct mk_memory_sample *memory = cell->memory_n ? &cell->memory[0] : &none;
    uint64_t counts[] = {
        memory->elements_fill, memory->requested_bytes_fill, memory->structure_bytes_fill, memory->rss_bytes_fill,
        memory->elements_churn, memory->requested_bytes_churn, memory->structure_bytes_churn,
        memory->rss_bytes_churn, memory->requested_bytes_drain, memory->structure_bytes_drain, memory->peak_bytes,
        memory->minor_faults, memory->unreclaimed, row->peak_unreclaimed, row->peak_unreclaimed_bytes, row->stalled, cell->unbounded,
    };
    csv_text(grid, memory->allocator);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) csv_count(grid, counts[i]);
}

static void csv_blocks(struct mk_grid *grid, const struct mk_summary_row *row) {
    const struct mk_summary_blocks *blocks = &row->blocks;
    const struct mk_memory_sample *memory = row->cell->memory_n ? &row->cell->memory[0] : NULL;
    csv_count(grid, memory ? memory->peak_live_bytes : UINT64_MAX);
    csv_count(grid, memory ? memory->peak_rss_bytes : UINT64_MAX);
    csv_number(grid, blocks->peak_rss_over_live);
    csv_number(grid, blocks->rounding_waste);
    csv_number(grid, blocks->shared_frac);
    csv_count(grid, memory ? memory->drain_live_bytes : UINT64_MAX);
    csv_count(grid, blocks->drained_bytes);
    csv_count(grid, blocks->drained_end_bytes);
    csv_latency(grid, &blocks->alloc);
    csv_latency(grid, &blocks->free);
}

static void csv_reasons(struct mk_grid *grid, const struct mk_result_cell *cell) {
    struct mk_text text = {0};
    for (size_t i = 0; i < cell->reasons_n; i++)
        mk_text_printf(&text, "%s%s", i ? "; " : "", cell->reasons[i].text);
    csv_text(grid, text.at);
    mk_text_free(&text);
}

static void csv_row(struct mk_grid *grid, const struct mk_summary *summary, const struct mk_summary_row *row) {
    const struct mk_result_cell *cell = row->cell;
    uint64_t flags[] = {cell->floor, cell->oversubscribed, row->point->fresh, cell->kept, row->mops.n};
    csv_text(grid, cell->identity);
    csv_count(grid, cell->threads);
    csv_text(grid, row->point->label);
    csv_text(grid, row->phase_name);
    csv_count(grid, cell->value_bytes);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) csv_count(grid, flags[i]);
    csv_interval(grid, &row->mops.interval);
    csv_interval(grid, &row->cpu_ns.interval);
    csv_number(grid, row->mops.interval.coverage);
    csv_interval(grid, &row->ratio);
    csv_text(grid, mk_versus_names[row->versus]);
    csv_latency(grid, &row->service);
    csv_latency(grid, &row->response);
    csv_number(grid, row->probe_ns);
    csv_memory(grid, row);
    csv_blocks(grid, row);
    csv_text(grid, mk_verdict_names[cell->verdict]);
    csv_reasons(grid, cell);
    for (size_t i = 0; i < summary->counters_n; i++) csv_number(grid, row->counters[i].interval.estimate);
}

void mk_table_write_csv(const struct mk_summary *summary, struct mk_text *out) {
    struct mk_grid grid = {0};
    csv_heads(&grid, summary);
    for (size_t i = 0; i < summary->rows_n; i++) csv_row(&grid, summary, &summary->rows[i]);
    mk_grid_write(&grid, MK_GRID_CSV, out);
    mk_grid_free(&grid);
}
