/* summary.c - from samples to rows. */
#include "summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

const char *const mk_versus_names[] = {"", "best", "resolved", "unresolved", NULL};

const struct mk_reason *mk_summary_reason(const struct mk_result_cell *cell) {
    return cell->reasons_n ? &cell->reasons[0] : NULL;
}

/* ---- one row ------------------------------------------------------------------------------------ */

static double latency(const struct mk_summary_row *row, const struct mk_figure_of *of, double percent,
                      bool highest) {
    struct mk_figure figure;
    mk_figure_of_latency(&figure, row->cell->latencies, row->cell->latencies_n, of, percent);
    double value = figure.interval.estimate;
    for (size_t i = 0; i < figure.n && highest; i++) value = fmax(value, figure.value[i]);
    mk_figure_free(&figure);
    return value;
}

static struct mk_summary_latency latencies(const struct mk_summary_row *row, const char *time,
                                           const char *const *ops) {
    struct mk_figure_of of = {row->phase, time, ops};
    struct mk_summary_latency all = {
        .p50_ns = latency(row, &of, 50, false),
        .p90_ns = latency(row, &of, 90, false),
        .p99_ns = latency(row, &of, 99, false),
        .p999_ns = latency(row, &of, 99.9, false),
        .max_ns = latency(row, &of, 100, true),
    };
    return all;
}

static double median_of(double *values, size_t n) {
    mk_stats_sort(values, n);
    return mk_stats_median(values, n);
}

static double probe(const struct mk_summary_row *row) {
    const struct mk_result_cell *cell = row->cell;
    double *values = mk_need(cell->rounds_n + 1, sizeof *values);
    size_t n = 0;
    for (size_t i = 0; i < cell->rounds_n; i++) {
        const struct mk_round_sample *round = &cell->rounds[i];
        if (round->phase == row->phase && round->sort == MK_ROUND_LATENCY && !isnan(round->latency_probe_ns))
            values[n++] = round->latency_probe_ns;
    }
    double median = median_of(values, n);
    free(values);
    return median;
}

static double bytes_per_element(const struct mk_result_cell *cell, bool churn) {
    double *values = mk_need(cell->memory_n + 1, sizeof *values);
    size_t n = 0;
    for (size_t i = 0; i < cell->memory_n; i++) {
        const struct mk_memory_sample *sample = &cell->memory[i];
        uint64_t bytes = churn ? sample->structure_bytes_churn : sample->structure_bytes_fill;
        uint64_t elements = churn ? sample->elements_churn : sample->elements_fill;
        if (bytes != UINT64_MAX && elements != UINT64_MAX && elements)
            values[n++] = (double)bytes / (double)elements;
    }
    double median = median_of(values, n);
    free(values);
    return median;
}

static double ratio_of(uint64_t a, uint64_t b) {
    return a == UINT64_MAX || b == UINT64_MAX || !b ? NAN : (double)a / (double)b;
}

/* From the first worker; there is one as a rule. */
static void blocks(struct mk_summary_row *row, const char *kind) {
    static const char *const allocs[] = {"alloc", "zalloc", "object", NULL}, *const frees[] = {"free", NULL};
    const struct mk_memory_sample *memory = row->cell->memory_n ? &row->cell->memory[0] : NULL;
    struct mk_summary_blocks *blocks = &row->blocks;
    bool known = kind && strcmp(kind, "alloc") == 0;
    const struct mk_summary_latency none = {NAN, NAN, NAN, NAN, NAN};
    *blocks = (struct mk_summary_blocks){NAN, NAN, NAN, UINT64_MAX, UINT64_MAX, UINT64_MAX, none, none};
    if (!known) return;
    blocks->alloc = latencies(row, "service", allocs);
    blocks->free = latencies(row, "service", frees);
    if (!memory) return;
    blocks->peak_rss_over_live = ratio_of(memory->peak_rss_bytes, memory->peak_live_bytes);
    blocks->rounding_waste = ratio_of(memory->census_usable_bytes, memory->census_bytes) - 1;
    blocks->shared_frac = ratio_of(memory->census_shared_blocks, memory->census_blocks);
    blocks->minor_faults = memory->minor_faults;
    if (!memory->drain_rss_bytes_n) return;
    blocks->drained_bytes = memory->drain_rss_bytes[0];
    blocks->drained_end_bytes = memory->drain_rss_bytes[memory->drain_rss_bytes_n - 1];
}

static void raise(uint64_t *most, uint64_t value) {
    if (value != UINT64_MAX && (*most == UINT64_MAX || value > *most)) *most = value;
}

/* Where readers stand still, the rounds are where they do. */
static void garbage(struct mk_summary_row *row) {
    const struct mk_result_cell *cell = row->cell;
    row->peak_unreclaimed = row->peak_unreclaimed_bytes = UINT64_MAX;
    for (size_t i = 0; i < cell->rounds_n; i++) row->stalled |= cell->rounds[i].garbage_n != 0;
    for (size_t i = 0; row->stalled && i < cell->rounds_n; i++) {
        const struct mk_round_sample *round = &cell->rounds[i];
        if (round->phase != row->phase) continue;
        raise(&row->peak_unreclaimed, round->peak_unreclaimed);
        raise(&row->peak_unreclaimed_bytes, round->peak_unreclaimed_bytes);
    }
    for (size_t i = 0; !row->stalled && i < cell->memory_n; i++) {
        raise(&row->peak_unreclaimed, cell->memory[i].peak_unreclaimed);
        raise(&row->peak_unreclaimed_bytes, cell->memory[i].peak_unreclaimed_bytes);
    }
}

static void make_row(struct mk_summary *summary, const struct mk_result_cell *cell, uint32_t phase) {
    const struct mk_result_file *result = summary->result;
    struct mk_summary_row *row = mk_grow(&summary->rows, &summary->rows_n, sizeof *row);
    row->cell = cell;
    row->point = &result->points[result->groups[cell->group].point];
    row->phase = phase;
    bool paced = phase < row->point->phases_n && row->point->phases[phase].paced;
    if (phase < row->point->phases_n) row->phase_name = row->point->phases[phase].name;
    if (!row->phase_name) row->phase_name = "";
    mk_figure_of_rounds(&row->mops, cell->rounds, cell->rounds_n, phase, mk_round_mops);
    mk_figure_of_rounds(&row->cpu_ns, cell->rounds, paced ? 0 : cell->rounds_n, phase, mk_round_cpu_ns);
    row->counters = mk_need(summary->counters_n + 1, sizeof *row->counters);
    for (size_t i = 0; i < summary->counters_n; i++)
        mk_figure_of_counter(&row->counters[i], cell->rounds, cell->rounds_n, phase, summary->counters[i].name);
    row->service = latencies(row, "service", NULL);
    row->response = latencies(row, "response", NULL);
    blocks(row, result->plan.kind);
    row->probe_ns = probe(row);
    row->fill_bytes = bytes_per_element(cell, false);
    row->churn_bytes = bytes_per_element(cell, true);
    garbage(row);
    row->ratio = (struct mk_interval){NAN, NAN, NAN, NAN};
}

/* ---- counters ----------------------------------------------------------------------------------- */

/* A counter is listed once any round names it; its reason goes when any round has a value. */
static void note_counter(struct mk_summary *summary, const struct mk_counter_sample *sample) {
    struct mk_summary_counter *counter = NULL;
    for (size_t i = 0; i < summary->counters_n; i++) {
        if (strcmp(summary->counters[i].name, sample->name) == 0) counter = &summary->counters[i];
    }
    if (!counter) {
        counter = mk_grow(&summary->counters, &summary->counters_n, sizeof *counter);
        counter->name = sample->name;
        counter->reason = sample->unavailable;
    }
    if (!sample->unavailable) counter->reason = NULL;
}

static void note_counters(struct mk_summary *summary) {
    for (size_t c = 0; c < summary->result->cells_n; c++) {
        const struct mk_result_cell *cell = &summary->result->cells[c];
        for (size_t r = 0; r < cell->rounds_n; r++) {
            for (size_t i = 0; i < cell->rounds[r].counters_n; i++)
                note_counter(summary, &cell->rounds[r].counters[i]);
        }
    }
}

/* ---- order -------------------------------------------------------------------------------------- */

static int compare_u32(uint32_t a, uint32_t b) {
    return (a > b) - (a < b);
}

static int compare_rows(const void *a, const void *b) {
    const struct mk_summary_row *left = a, *right = b;
    int order = (left->point > right->point) - (left->point < right->point);
    if (!order) order = compare_u32(left->phase, right->phase);
    if (!order) order = compare_u32(left->cell->threads, right->cell->threads);
    if (!order) order = left->cell->floor - right->cell->floor;
    return order ? order : compare_u32(left->cell->index, right->cell->index);
}

/* ---- against the best --------------------------------------------------------------------------- */

/* Whether a row may be the best of its group: it passed what was checked, and was measured as asked.
 * Where no row did, what is untrustworthy is compared among itself. */
static bool eligible(const struct mk_summary_row *row, bool trusted) {
    uint32_t verdict = row->cell->verdict;
    if (row->cell->floor || !row->cpu_ns.n) return false;
    if (verdict == MK_VERDICT_FAIL || verdict == MK_VERDICT_SKIPPED) return false;
    return !trusted || verdict != MK_VERDICT_UNTRUSTWORTHY;
}

static const struct mk_summary_row *best_of(const struct mk_summary_row *rows, size_t n, bool trusted) {
    const struct mk_summary_row *best = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!eligible(&rows[i], trusted)) continue;
        if (!best || rows[i].cpu_ns.interval.estimate < best->cpu_ns.interval.estimate) best = &rows[i];
    }
    return best;
}

static bool resolved(const struct mk_interval *ratio) {
    return ratio->coverage >= MK_FIGURE_CONFIDENCE && (ratio->lower > 1 || ratio->upper < 1);
}

/* Rows of one comparison group and phase. */
static void compare_group(struct mk_summary_row *rows, size_t n) {
    bool trusted = best_of(rows, n, true) != NULL, alone = true, ahead = true;
    const struct mk_summary_row *best = best_of(rows, n, trusted);
    if (!best) return;
    for (size_t i = 0; i < n; i++) {
        struct mk_figure ratio;
        if (&rows[i] == best || !eligible(&rows[i], false)) continue;
        mk_figure_ratio(&ratio, &rows[i].cpu_ns, &best->cpu_ns);
        rows[i].ratio = ratio.interval;
        rows[i].versus = resolved(&ratio.interval) ? MK_VERSUS_RESOLVED : MK_VERSUS_UNRESOLVED;
        mk_figure_free(&ratio);
        if (!eligible(&rows[i], trusted)) continue;
        alone = false;
        ahead = ahead && rows[i].versus == MK_VERSUS_RESOLVED;
    }
    struct mk_summary_row *row = &rows[best - rows];
    row->ratio = (struct mk_interval){1, 1, 1, 1};
    row->versus = alone ? MK_VERSUS_NONE : ahead ? MK_VERSUS_BEST : MK_VERSUS_UNRESOLVED;
}

static void compare_groups(struct mk_summary *summary) {
    for (size_t from = 0, to; from < summary->rows_n; from = to) {
        const struct mk_summary_row *first = &summary->rows[from];
        for (to = from + 1; to < summary->rows_n; to++) {
            const struct mk_summary_row *row = &summary->rows[to];
            if (row->cell->group != first->cell->group || row->phase != first->phase) break;
        }
        compare_group(&summary->rows[from], to - from);
    }
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static void note_names(struct mk_summary *summary) {
    struct mk_json *doc;
    const char *name = NULL, *about = NULL;
    if (!mk_json_parse("workload", summary->result->workload, strlen(summary->result->workload), &doc)) {
        name = mk_json_text(doc, mk_json_get(doc, MK_JSON_ROOT, "name"));
        about = mk_json_text(doc, mk_json_get(doc, MK_JSON_ROOT, "about"));
    }
    summary->name = mk_need_text(name ? name : "");
    summary->about = mk_need_text(about ? about : "");
    mk_json_free(doc);
}

static void note_extent(struct mk_summary *summary) {
    summary->coverage = NAN;
    for (size_t i = 0; i < summary->rows_n; i++) {
        const struct mk_summary_row *row = &summary->rows[i];
        summary->has_latency |= !isnan(row->service.p50_ns) || !isnan(row->response.p50_ns);
        summary->has_response |= !isnan(row->response.p50_ns);
        summary->has_memory |= !isnan(row->fill_bytes) || !isnan(row->churn_bytes);
        summary->has_stalled |= row->stalled;
        summary->has_blocks |= !isnan(row->blocks.peak_rss_over_live) || !isnan(row->blocks.alloc.p50_ns);
        uint64_t n = row->mops.n;
        if (!n) continue;
        summary->coverage = fmin(summary->coverage, row->mops.interval.coverage);
        if (!summary->processes_min || n < summary->processes_min) summary->processes_min = n;
        if (n > summary->processes_max) summary->processes_max = n;
    }
}

void mk_summary_make(struct mk_summary *summary, const struct mk_result_file *result) {
    *summary = (struct mk_summary){.result = result};
    note_names(summary);
    note_counters(summary);
    for (size_t i = 0; i < result->cells_n; i++) {
        const struct mk_result_cell *cell = &result->cells[i];
        size_t phases = cell->rounds_n ? result->points[result->groups[cell->group].point].phases_n : 1;
        if (cell->elsewhere) continue;
        for (uint32_t phase = 0; phase < phases; phase++) make_row(summary, cell, phase);
    }
    if (summary->rows_n) qsort(summary->rows, summary->rows_n, sizeof *summary->rows, compare_rows);
    compare_groups(summary);
    note_extent(summary);
}

void mk_summary_free(struct mk_summary *summary) {
    for (size_t i = 0; i < summary->rows_n; i++) {
        struct mk_summary_row *row = &summary->rows[i];
        mk_figure_free(&row->mops);
        mk_figure_free(&row->cpu_ns);
        for (size_t c = 0; c < summary->counters_n; c++) mk_figure_free(&row->counters[c]);
        free(row->counters);
    }
    free(summary->name);
    free(summary->about);
    free(summary->rows);
    free(summary->counters);
    *summary = (struct mk_summary){0};
}
