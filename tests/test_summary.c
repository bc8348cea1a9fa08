/* test_summary.c - figures, rows and tables made from results whose numbers can be worked out by hand. */
#include "../harness/summary.h"

#include <math.h>
#include <stdlib.h>

#include "../harness/hist.h"
#include "../harness/table.h"
#include "test.h"

static bool near(double a, double b) {
    return fabs(a - b) <= 1e-9 * fabs(b);
}

/* ---- a result by hand --------------------------------------------------------------------------- */

static void begin(struct mk_result_file *result, uint32_t groups) {
    *result = (struct mk_result_file){.complete = true};
    result->schema = mk_need_text(MK_RESULT_SCHEMA);
    result->workload = mk_need_text("{\"name\": \"by-hand\", \"about\": \"worked out\"}");
    result->plan.kind = mk_need_text("map");
    result->plan.processes = 6;
    result->context.flavour = mk_need_text("release");
    result->context.compiler = mk_need_text("cc");
    struct mk_result_point *point = mk_grow(&result->points, &result->points_n, sizeof *point);
    point->label = mk_need_text("");
    struct mk_result_phase *phase = mk_grow(&point->phases, &point->phases_n, sizeof *phase);
    phase->name = mk_need_text("run");
    for (uint32_t g = 0; g < groups; g++) {
        struct mk_plan_group *group = mk_grow(&result->groups, &result->groups_n, sizeof *group);
        group->threads = g + 1;
        group->label = mk_need_text("");
    }
}

static uint32_t add_cell(struct mk_result_file *result, uint32_t group, const char *identity) {
    struct mk_result_cell *cell = mk_grow(&result->cells, &result->cells_n, sizeof *cell);
    cell->index = (uint32_t)result->cells_n - 1;
    cell->group = group;
    cell->identity = mk_need_text(identity);
    cell->label = mk_need_text("");
    cell->threads = group + 1;
    return cell->index;
}

/* One timed round: 1000 operations a thread at so many ns of CPU, wall twice as long. */
static struct mk_round_sample *add_round(struct mk_result_file *result, uint32_t cell, uint32_t process,
                                         double cpu_ns) {
    struct mk_round_sample round = {.cell = cell, .process = process};
    for (uint32_t t = 0; t < result->cells[cell].threads; t++) {
        struct mk_thread_sample *thread = mk_grow(&round.threads, &round.threads_n, sizeof *thread);
        thread->ops = 1000;
        thread->cpu_ns = (uint64_t)(1000 * cpu_ns + 0.5);
        thread->wall_ns = 2 * thread->cpu_ns;
    }
    CHECK_EQ(mk_result_add_round(result, &round, NULL), 0);
    return &result->cells[cell].rounds[result->cells[cell].rounds_n - 1];
}

/* One round in each of six processes: first, first + step, ... */
static void add_six(struct mk_result_file *result, uint32_t cell, double first_ns, double step_ns) {
    for (uint32_t p = 0; p < 6; p++) add_round(result, cell, p, first_ns + step_ns * p);
}

static void judge_pass(struct mk_result_file *result) {
    for (size_t i = 0; i < result->cells_n; i++) {
        struct mk_check_sample sample = {.cell = (uint32_t)i, .check = mk_need_text("contents")};
        CHECK_EQ(mk_result_add_check(result, &sample, NULL), 0);
    }
    mk_result_judge(result);
}

static void add_counter(struct mk_round_sample *round, const char *name, uint64_t value, const char *unavailable) {
    struct mk_counter_sample *counter = mk_grow(&round->counters, &round->counters_n, sizeof *counter);
    counter->name = mk_need_text(name);
    counter->value = value;
    counter->unavailable = unavailable ? mk_need_text(unavailable) : NULL;
}

static const struct mk_summary_row *row_of(const struct mk_summary *summary, const char *identity) {
    for (size_t i = 0; i < summary->rows_n; i++) {
        if (strcmp(summary->rows[i].cell->identity, identity) == 0) return &summary->rows[i];
    }
    return NULL;
}

/* ---- figures ------------------------------------------------------------------------------------ */

TEST(figure_process_is_the_unit) {
    struct mk_result_file result;
    struct mk_figure figure;
    begin(&result, 1);
    add_cell(&result, 0, "map/a");
    for (uint32_t p = 6; p-- > 0;) { /* in any order; the median of three rounds, not their mean */
        add_round(&result, 0, p, 10 + p);
        add_round(&result, 0, p, 900);
        add_round(&result, 0, p, 9 + p);
    }
    mk_figure_of_rounds(&figure, result.cells[0].rounds, result.cells[0].rounds_n, 0, mk_round_cpu_ns);
    CHECK_EQ(figure.n, 6);
    for (uint32_t p = 0; p < 6; p++) CHECK(figure.process[p] == p && near(figure.value[p], 10 + p));
    CHECK(near(figure.interval.estimate, 12.5));
    CHECK(near(figure.interval.lower, 10) && near(figure.interval.upper, 15));
    CHECK(near(figure.interval.coverage, 0.96875));
    mk_figure_free(&figure);
    mk_figure_of_rounds(&figure, result.cells[0].rounds, result.cells[0].rounds_n, 1, mk_round_cpu_ns);
    CHECK(figure.n == 0 && isnan(figure.interval.estimate));
    mk_figure_free(&figure);
    mk_result_free(&result);
}

TEST(figure_wall_time_is_from_first_start_to_last_end) {
    struct mk_thread_sample threads[3] = {
        {.start_skew_ns = 100, .wall_ns = 1000, .cpu_ns = 900, .ops = 50},
        {.start_skew_ns = 300, .wall_ns = 1200, .cpu_ns = 600, .ops = 20},
        {.start_skew_ns = 0, .wall_ns = 9000, .cpu_ns = 9000, .ops = 0}, /* held a read-side section */
    };
    struct mk_round_sample round = {.threads = threads, .threads_n = 3};
    CHECK(near(mk_round_mops(&round), 70e3 / 1400));
    CHECK(near(mk_round_cpu_ns(&round), 1500.0 / 70));
    round.threads_n = 0;
    CHECK(isnan(mk_round_mops(&round)) && isnan(mk_round_cpu_ns(&round)));
}

TEST(figure_latency_is_a_percentile_a_process) {
    uint64_t bins[2][2] = {{mk_hist_index(100), mk_hist_index(5000)}, {mk_hist_index(120), mk_hist_index(7000)}};
    uint64_t counts[2] = {98, 2};
    struct mk_latency_sample samples[3] = {
        {.process = 0, .time = (char *)"service", .count = 100, .max_ns = 5001, .bin = bins[0], .bin_n = 2,
         .bin_count = counts, .bin_count_n = 2},
        {.process = 1, .time = (char *)"service", .count = 100, .max_ns = 7001, .bin = bins[1], .bin_n = 2,
         .bin_count = counts, .bin_count_n = 2},
        {.process = 1, .time = (char *)"response", .count = 100, .max_ns = 1, .bin = bins[0], .bin_n = 2,
         .bin_count = counts, .bin_count_n = 2},
    };
    struct mk_figure figure;
    const struct mk_figure_of service = {0, "service", NULL}, allocs = {0, "service", (const char *const[]){"alloc", NULL}};
    mk_figure_of_latency(&figure, samples, 3, &service, 50);
    CHECK(figure.n == 2 && near(figure.value[0], 100) && near(figure.value[1], 120));
    mk_figure_free(&figure);
    mk_figure_of_latency(&figure, samples, 3, &service, 100);
    CHECK(near(figure.value[0], 5001) && near(figure.value[1], 7001));
    mk_figure_free(&figure);
    samples[2].time = samples[0].time; /* a second operation of process 1: added up */
    mk_figure_of_latency(&figure, samples, 3, &service, 49);
    CHECK(figure.n == 2 && near(figure.value[1], 100));
    mk_figure_free(&figure);
    samples[0].op = samples[1].op = (char *)"free";
    samples[2].op = (char *)"alloc"; /* of one operation alone */
    samples[2].max_ns = 5001;
    mk_figure_of_latency(&figure, samples, 3, &allocs, 49);
    CHECK(figure.n == 1 && figure.process[0] == 1 && near(figure.value[0], 100));
    mk_figure_free(&figure);
}

TEST(figure_ratio_pairs_processes) {
    uint32_t first[] = {0, 1, 3, 4}, second[] = {1, 2, 3, 4};
    double over[] = {1, 20, 30, 40}, under[] = {10, 1, 10, 0};
    struct mk_figure a = {first, over, 4, {.estimate = 0}}, b = {second, under, 4, {.estimate = 0}}, ratio;
    mk_figure_ratio(&ratio, &a, &b);
    CHECK_EQ(ratio.n, 2); /* 1 and 3; process 4 has nothing to divide by */
    CHECK(near(ratio.value[0], 2) && near(ratio.value[1], 3));
    CHECK(near(ratio.interval.estimate, sqrt(6)));
    mk_figure_free(&ratio);
}

/* ---- rows --------------------------------------------------------------------------------------- */

TEST(summary_ranks_only_what_is_told_apart) {
    struct mk_result_file result;
    struct mk_summary summary;
    begin(&result, 1);
    add_six(&result, add_cell(&result, 0, "map/floor"), 1, 0);
    result.cells[0].floor = true;
    add_six(&result, add_cell(&result, 0, "map/fast"), 20, 0.1);
    add_six(&result, add_cell(&result, 0, "map/slow"), 40, 0.2);
    judge_pass(&result);
    mk_summary_make(&summary, &result);
    CHECK_EQ(summary.rows_n, 3);
    CHECK_EQ(row_of(&summary, "map/fast")->versus, MK_VERSUS_BEST);
    CHECK_EQ(row_of(&summary, "map/slow")->versus, MK_VERSUS_RESOLVED);
    CHECK(near(row_of(&summary, "map/slow")->ratio.estimate, 2));
    CHECK_EQ(row_of(&summary, "map/floor")->versus, MK_VERSUS_NONE);
    CHECK_STR(summary.rows[2].cell->identity, "map/floor"); /* apart, behind the others */
    CHECK(near(row_of(&summary, "map/fast")->mops.interval.estimate, 1e3 / (2 * 20.25)) ||
          fabs(row_of(&summary, "map/fast")->mops.interval.estimate - 24.69) < 0.01);
    mk_summary_free(&summary);
    mk_result_free(&result);
}

TEST(summary_has_no_winner_inside_the_noise) {
    struct mk_result_file result;
    struct mk_summary summary;
    begin(&result, 1);
    add_six(&result, add_cell(&result, 0, "map/a"), 20, 1);
    add_six(&result, add_cell(&result, 0, "map/b"), 26, -1); /* sometimes faster, sometimes slower */
    add_six(&result, add_cell(&result, 0, "map/c"), 90, 1);
    judge_pass(&result);
    mk_summary_make(&summary, &result);
    CHECK_EQ(row_of(&summary, "map/a")->versus, MK_VERSUS_UNRESOLVED);
    CHECK_EQ(row_of(&summary, "map/b")->versus, MK_VERSUS_UNRESOLVED);
    CHECK_EQ(row_of(&summary, "map/c")->versus, MK_VERSUS_RESOLVED);
    mk_summary_free(&summary);
    mk_result_free(&result);
}

TEST(summary_needs_processes_to_tell_apart) {
    struct mk_result_file result;
    struct mk_summary summary;
    begin(&result, 1);
    add_cell(&result, 0, "map/a");
    add_cell(&result, 0, "map/b");
    for (uint32_t p = 0; p < 5; p++) {
        add_round(&result, 0, p, 20);
        add_round(&result, 1, p, 60);
    }
    judge_pass(&result);
    mk_summary_make(&summary, &result);
    CHECK_EQ(row_of(&summary, "map/b")->versus, MK_VERSUS_UNRESOLVED);
    CHECK(summary.coverage < 0.95);
    CHECK_EQ(summary.processes_max, 5);
    mk_summary_free(&summary);
    mk_result_free(&result);
}

TEST(summary_failed_and_untrustworthy_do_not_win) {
    struct mk_result_file result;
    struct mk_summary summary;
    begin(&result, 1);
    add_six(&result, add_cell(&result, 0, "map/wrong"), 5, 0);
    add_six(&result, add_cell(&result, 0, "map/doubtful"), 10, 0);
    add_six(&result, add_cell(&result, 0, "map/right"), 20, 0);
    add_six(&result, add_cell(&result, 0, "map/other"), 30, 0);
    judge_pass(&result);
    result.cells[0].verdict = MK_VERDICT_FAIL;
    result.cells[1].verdict = MK_VERDICT_UNTRUSTWORTHY;
    mk_summary_make(&summary, &result);
    CHECK_EQ(row_of(&summary, "map/wrong")->versus, MK_VERSUS_NONE);
    CHECK_EQ(row_of(&summary, "map/right")->versus, MK_VERSUS_BEST);
    CHECK(near(row_of(&summary, "map/doubtful")->ratio.estimate, 0.5));
    CHECK(near(row_of(&summary, "map/other")->ratio.estimate, 1.5));
    mk_summary_free(&summary);
    for (size_t i = 1; i < 4; i++) result.cells[i].verdict = MK_VERDICT_UNTRUSTWORTHY; /* a sanitizer build */
    mk_summary_make(&summary, &result);
    CHECK_EQ(row_of(&summary, "map/doubtful")->versus, MK_VERSUS_BEST);
    CHECK(near(row_of(&summary, "map/other")->ratio.estimate, 3));
    mk_summary_free(&summary);
    mk_result_free(&result);
}

TEST(summary_counters_and_memory) {
    struct mk_result_file result;
    struct mk_summary summary;
    begin(&result, 1);
    add_cell(&result, 0, "map/a");
    for (uint32_t p = 0; p < 2; p++) {
        struct mk_round_sample *round = add_round(&result, 0, p, 20);
        add_counter(round, "l1d_miss", 1500, NULL);
        add_counter(round, "llc_miss", UINT64_MAX, "no PMU");
    }
    add_round(&result, 0, 0, 20); /* a round that read neither: they take turns */
    struct mk_memory_sample memory = {.elements_fill = 100, .structure_bytes_fill = 4800,
                                      .elements_churn = UINT64_MAX, .structure_bytes_churn = 1};
    CHECK_EQ(mk_result_add_memory(&result, &memory, NULL), 0);
    judge_pass(&result);
    mk_summary_make(&summary, &result);
    CHECK_EQ(summary.counters_n, 2);
    CHECK(!summary.counters[0].reason);
    CHECK_STR(summary.counters[1].reason, "no PMU");
    CHECK(near(summary.rows[0].counters[0].interval.estimate, 1.5));
    CHECK(isnan(summary.rows[0].counters[1].interval.estimate));
    CHECK(near(summary.rows[0].fill_bytes, 48));
    CHECK(isnan(summary.rows[0].churn_bytes));
    CHECK(summary.has_memory && !summary.has_latency);
    mk_summary_free(&summary);
    mk_result_free(&result);
}

TEST(summary_a_row_for_every_phase) {
    struct mk_result_file result;
    struct mk_summary summary;
    begin(&result, 2);
    struct mk_result_point *point = &result.points[0];
    struct mk_result_phase *phase = mk_grow(&point->phases, &point->phases_n, sizeof *phase);
    phase->name = mk_need_text("drain");
    phase->paced = true;
    for (uint32_t g = 0; g < 2; g++) {
        uint32_t cell = add_cell(&result, g, "map/a");
        add_round(&result, cell, 0, 20);
        add_round(&result, cell, 0, 30)->phase = 1;
    }
    add_cell(&result, 1, "map/b");
    result.cells[2].skipped = mk_need_text("not concurrent");
    mk_result_judge(&result);
    mk_summary_make(&summary, &result);
    CHECK_EQ(summary.rows_n, 5);
    CHECK_STR(summary.rows[0].phase_name, "run");
    CHECK_EQ(summary.rows[1].cell->threads, 2);
    CHECK_STR(summary.rows[3].phase_name, "drain");
    CHECK(near(summary.rows[1].cpu_ns.interval.estimate, 20));
    CHECK_EQ(summary.rows[4].cpu_ns.n, 0); /* paced: the time is not the operations' */
    CHECK(summary.rows[4].mops.n == 1 && summary.rows[4].versus == MK_VERSUS_NONE);
    mk_summary_free(&summary);
    mk_result_free(&result);
}

/* ---- grids -------------------------------------------------------------------------------------- */

static char *grid_text(enum mk_grid_form form) {
    struct mk_grid grid = {0};
    struct mk_text out = {0};
    mk_grid_column(&grid, "name", "", MK_LEFT);
    mk_grid_column(&grid, "ns", "wall", MK_RIGHT);
    mk_grid_column(&grid, "±", "", MK_BESIDE);
    mk_grid_column(&grid, "last", "", MK_LEFT);
    mk_grid_heading(&grid, "first");
    mk_grid_put(&grid, MK_TONE_PLAIN, "a,\"b|");
    mk_grid_put(&grid, MK_TONE_BAD, "%d", 7);
    mk_grid_put(&grid, MK_TONE_PLAIN, "±%d", 1);
    mk_grid_put(&grid, MK_TONE_PLAIN, "%s", "");
    mk_grid_heading(&grid, "");
    for (int i = 0; i < 4; i++) mk_grid_put(&grid, MK_TONE_PLAIN, "%s", i % 2 ? "12345" : "é");
    mk_grid_write(&grid, form, &out);
    mk_grid_free(&grid);
    return mk_text_take(&out);
}

TEST(grid_forms) {
    char *text = grid_text(MK_GRID_PLAIN);
    CHECK_STR(text, "name      ns ±   last\n        wall\n\nfirst\na,\"b|      7 ±1\n\né      12345 é   12345\n");
    free(text);
    text = grid_text(MK_GRID_MARKDOWN);
    CHECK_STR(text, "| name | ns (wall) | last |\n|:---|---:|:---|\n| **first** | | |\n"
                    "| a,\"b\\| | 7 ±1 | |\n| é | 12345 é | 12345 |\n");
    free(text);
    text = grid_text(MK_GRID_CSV);
    CHECK_STR(text, "name,ns,±,last\n\"a,\"\"b|\",7,±1,\né,12345,é,12345\n");
    free(text);
    text = grid_text(MK_GRID_COLOUR);
    CHECK(strstr(text, "\033[1;31m7\033[0m"));
    free(text);
}

TEST(grid_colour_is_asked_for) {
    char *no_color = getenv("NO_COLOR") ? mk_need_text(getenv("NO_COLOR")) : NULL;
    CHECK(mk_grid_wants_colour("always", stdout));
    CHECK(!mk_grid_wants_colour("never", stdout));
    setenv("NO_COLOR", "1", 1);
    CHECK(!mk_grid_wants_colour("auto", stdout));
    CHECK(mk_grid_wants_colour("always", stdout));
    unsetenv("NO_COLOR");
    FILE *file = tmpfile();
    CHECK(file && !mk_grid_wants_colour("auto", file));
    if (file) fclose(file);
    if (no_color) setenv("NO_COLOR", no_color, 1);
    free(no_color);
}

/* ---- tables ------------------------------------------------------------------------------------- */

static char *table_text(const struct mk_result_file *result, enum mk_grid_form form) {
    struct mk_table_options options = {form, "out.json", "scripts/plot.py"};
    struct mk_summary summary;
    struct mk_text out = {0};
    mk_summary_make(&summary, result);
    mk_table_write(&summary, &options, &out);
    mk_summary_free(&summary);
    return mk_text_take(&out);
}

/* The line of `text` that holds `part`, in place; NULL if none. */
static char *line_with(char *text, const char *part) {
    char *at = strstr(text, part);
    if (!at) return NULL;
    while (at > text && at[-1] != '\n') at--;
    at[strcspn(at, "\n")] = '\0';
    return at;
}

static bool says(struct mk_result_file *result, const char *part) {
    char *text = table_text(result, MK_GRID_PLAIN);
    bool found = strstr(text, part) != NULL;
    if (!found) printf("%s", text);
    free(text);
    return found;
}

TEST(table_says_what_a_reader_must_know) {
    struct mk_result_file result;
    if (mk_result_read(mk_test_path("data/result_three.json"), &result)) {
        CHECK(!"tests/data/result_three.json is a result");
        return;
    }
    CHECK(says(&result, "test-three: test data: three implementations\n"));
    CHECK(says(&result, "n/a: llc_miss: this machine shows no PMU to its guests; run on bare metal.\n"));
    CHECK(says(&result, "fail: map/gamma+reclaim/one at 2 threads: contents: key 17 was lost\n"));
    CHECK(says(&result, "skipped: map/solo (2 rows): not concurrent\n"));
    CHECK(says(&result, "untrustworthy: map/beta[shards=4] at 4 threads: contended: "));
    CHECK(says(&result, "warning: load: other programs run; stop them\n"));
    CHECK(says(&result, "\nresult: out.json\nplot:   scripts/plot.py out.json\n"));
    CHECK(says(&result, "97 % interval of the median over 6 processes"));
    CHECK(says(&result, "service time, from the call; the probe's own 28 ns are in them"));
    result.complete = false;
    CHECK(says(&result, "incomplete: "));
    mk_result_free(&result);
}

TEST(table_failed_cell_has_no_speed) {
    struct mk_result_file result;
    begin(&result, 1);
    add_six(&result, add_cell(&result, 0, "map/wrong"), 20, 0);
    add_six(&result, add_cell(&result, 0, "map/right"), 25, 0);
    judge_pass(&result);
    result.cells[0].verdict = MK_VERDICT_FAIL;
    char *text = table_text(&result, MK_GRID_PLAIN), *row = line_with(text, "map/wrong");
    CHECK(row && strpbrk(row, "23456789") == NULL);
    CHECK(row && strstr(row, "fail"));
    free(text);
    text = table_text(&result, MK_GRID_PLAIN);
    row = line_with(text, "map/right");
    CHECK(row && strstr(row, "20.00 ±0.00  25.00 ±0.00 ") && !strstr(row, "best"));
    free(text);
    mk_result_free(&result);
}

TEST(table_rows_are_of_one_width_and_no_line_ends_blank) {
    struct mk_result_file result;
    if (mk_result_read(mk_test_path("data/result_three.json"), &result)) return;
    char *text = table_text(&result, MK_GRID_PLAIN);
    CHECK(!strstr(text, " \n"));
    size_t width = 0;
    for (char *row = strtok(text, "\n"); row; row = strtok(NULL, "\n")) {
        if (strncmp(row, "map/", 4) != 0 && strncmp(row, "floor", 5) != 0) continue;
        char *verdict = strstr(row, "n/a  ");
        CHECK(verdict != NULL);
        if (verdict) *verdict = '\0';
        if (!width) width = mk_grid_width(row);
        CHECK_EQ(mk_grid_width(row), width);
    }
    CHECK(width > 80 && width <= 120);
    free(text);
    mk_result_free(&result);
}

/* Peaks beside readers that stand still are those of the rounds, and the bound is said. */
TEST(table_of_stalled_readers) {
    struct mk_result_file result;
    begin(&result, 1);
    const char *const names[] = {"reclaim/open", "reclaim/tight", "reclaim/nodes"};
    for (int i = 0; i < 3; i++) {
        uint32_t cell = add_cell(&result, 0, names[i]);
        result.cells[cell].unbounded = i == 0;
        add_six(&result, cell, 20, 0);
        for (size_t r = 0; r < result.cells[cell].rounds_n; r++) {
            struct mk_round_sample *round = &result.cells[cell].rounds[r];
            mk_grow(&round->garbage, &round->garbage_n, sizeof *round->garbage);
            round->peak_unreclaimed = 100 * (r + 1);
            round->peak_unreclaimed_bytes = i == 2 ? UINT64_MAX : (i == 0 ? 2500000 : 150) * (r + 1);
        }
    }
    judge_pass(&result);
    CHECK(says(&result, "15.0 MB  unbounded  pass"));
    CHECK(says(&result, "900 B  bounded    pass"));
    CHECK(says(&result, "600 nodes  bounded    pass"));
    CHECK(says(&result, "unbounded: it grows as long as a reader stands still."));
    for (size_t c = 0; c < result.cells_n; c++) {
        for (size_t r = 0; r < result.cells[c].rounds_n; r++) {
            free(result.cells[c].rounds[r].garbage);
            result.cells[c].rounds[r].garbage = NULL;
            result.cells[c].rounds[r].garbage_n = 0;
        }
    }
    char *text = table_text(&result, MK_GRID_PLAIN);
    CHECK(!strstr(text, "unreclaimed") && !strstr(text, "bounded"));
    free(text);
    mk_result_free(&result);
}

/* As many fields in each line as heads, and the raw figures behind them. */
TEST(table_csv) {
    struct mk_result_file result;
    begin(&result, 1);
    add_six(&result, add_cell(&result, 0, "map/a[x=1,y=2]"), 20, 0);
    judge_pass(&result);
    char *text = table_text(&result, MK_GRID_CSV), *second = strchr(text, '\n');
    CHECK(second != NULL);
    *second++ = '\0';
    size_t heads = 1, fields = 1;
    for (char *at = text; *at; at++) heads += *at == ',';
    bool quoted = false;
    for (char *at = second; *at; at++) {
        quoted ^= *at == '"';
        fields += *at == ',' && !quoted;
    }
    CHECK_EQ(fields, heads);
    CHECK(strncmp(second, "\"map/a[x=1,y=2]\",1,,run,0,0,0,0,0,6,25,25,25,20,20,20,0.96875,", 62) == 0);
    CHECK(strstr(text, ",mops,mops_lower,mops_upper,cpu_ns_per_op,"));
    free(text);
    mk_result_free(&result);
}

/* An interval that is wider than a fifth of its value is written out; many rows of one kind are one line. */
TEST(table_of_a_noisy_run) {
    struct mk_result_file result;
    begin(&result, 1);
    static const char *const names[] = {"map/a", "map/b", "map/c", "map/d", "map/e"};
    for (int i = 0; i < 5; i++) {
        add_six(&result, add_cell(&result, 0, names[i]), 20 + i, 10);
        struct mk_reason *reason = mk_grow(&result.cells[i].reasons, &result.cells[i].reasons_n, sizeof *reason);
        reason->verdict = MK_VERDICT_UNTRUSTWORTHY;
        reason->rule = mk_need_text("contended");
        reason->text = mk_need_format("%d %%", i);
        result.cells[i].verdict = MK_VERDICT_UNTRUSTWORTHY;
    }
    CHECK(says(&result, "45.00 20.00–70.00"));
    CHECK(says(&result, "untrustworthy: map/a, map/b, map/c and 2 more (5 rows): 0 % (the first of them)\n"));
    mk_result_free(&result);
}

TEST(table_of_nothing) {
    struct mk_result_file result;
    begin(&result, 1);
    add_cell(&result, 0, "map/a");
    result.cells[0].skipped = mk_need_text("not built");
    mk_result_judge(&result);
    CHECK(says(&result, "Nothing was measured.\n"));
    CHECK(says(&result, "skipped: map/a at 1 thread: not built\n"));
    mk_result_free(&result);
}
