/* test_result.c - result files: built from a plan as samples arrive, written, read and joined; and the
 * rules that make verdicts. All figures are invented. */
#include "../harness/result.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "../harness/json.h"
#include "../harness/schema.h"
#include "child.h"
#include "test.h"

/* ---- a small plan ------------------------------------------------------------------------------- */

static struct mk_plan_group *add_group(struct mk_plan *plan, uint32_t threads) {
    struct mk_plan_group *group = mk_grow(&plan->groups, &plan->groups_n, sizeof *group);
    group->threads = threads;
    group->label = mk_need_text("");
    return group;
}

static struct mk_cell *add_cell(struct mk_plan *plan, uint32_t group, const char *identity) {
    struct mk_cell *cell = mk_grow(&plan->cells, &plan->cells_n, sizeof *cell);
    cell->index = (uint32_t)plan->cells_n - 1;
    cell->group = group;
    cell->identity = mk_need_text(identity);
    cell->seed = UINT64_MAX;
    return cell;
}

/* Two groups (1 and 2 threads) of two cells and a floor each, one phase; three processes asked for. */
static void make_plan(struct mk_plan *plan) {
    *plan = (struct mk_plan){.kind = mk_need_text("map"), .seed = UINT64_MAX, .processes = 3, .rounds = 1,
                             .pin = mk_need_text("compact"), .whole_digest = 0xfedcba9876543210u};
    struct mk_plan_point *point = mk_grow(&plan->points, &plan->points_n, sizeof *point);
    point->label = mk_need_text("");
    point->workload.value_bytes = 8;
    struct mk_workload_phase *phase = mk_grow(&point->phases, &point->phases_n, sizeof *phase);
    phase->name = mk_need_text("run");
    for (uint32_t g = 0; g < 2; g++) {
        add_group(plan, g + 1);
        add_cell(plan, g, "map/alpha");
        add_cell(plan, g, "map/beta");
        add_cell(plan, g, "map/nothing")->floor = true;
    }
}

static void begin(struct mk_result_file *result) {
    struct mk_plan plan;
    char *argv[] = {(char *)"memkit-bench", (char *)"a \"workload\".json"};
    make_plan(&plan);
    mk_result_begin(result, &plan, "{ \"name\": \"test\",\n  \"seed\": 18446744073709551615 }\n", 2, argv);
    free(result->context.untrustworthy); /* the tests run in every build */
    result->context.untrustworthy = NULL;
    mk_record_free(&mk_plan_record, &plan);
}

/* ---- samples ------------------------------------------------------------------------------------ */

static struct mk_thread_sample *add_thread(struct mk_round_sample *round, uint64_t ops, double cpu_ns_per_op) {
    struct mk_thread_sample *thread = mk_grow(&round->threads, &round->threads_n, sizeof *thread);
    thread->thread = (uint32_t)round->threads_n - 1;
    thread->pu = thread->pu_end = UINT32_MAX;
    thread->ops = ops;
    thread->cpu_ns = (uint64_t)((double)ops * cpu_ns_per_op);
    thread->wall_ns = thread->cpu_ns;
    return thread;
}

static void add_number(uint64_t **list, size_t *n, uint64_t value) {
    *(uint64_t *)mk_grow(list, n, sizeof value) = value;
}

static struct mk_round_sample a_round(uint32_t cell, uint32_t process, uint32_t threads, double cpu_ns_per_op) {
    struct mk_round_sample round = {.cell = cell, .process = process, .instance_seed = UINT64_MAX,
                                    .count_before = UINT64_MAX, .count_after = UINT64_MAX};
    for (uint32_t t = 0; t < threads; t++) add_thread(&round, 1000000, cpu_ns_per_op);
    return round;
}

static void deliver(struct mk_result_file *result, uint32_t cell, double cpu_ns_per_op, uint32_t processes) {
    uint32_t threads = result->cells[cell].threads;
    for (uint32_t p = 0; p < processes; p++) {
        struct mk_round_sample round = a_round(cell, p, threads, cpu_ns_per_op + 0.1 * p);
        CHECK_EQ(mk_result_add_round(result, &round, NULL), 0);
        CHECK(!round.threads);
    }
}

static void check_sample(struct mk_result_file *result, uint32_t cell, uint32_t verdict, const char *check,
                         const char *detail) {
    struct mk_check_sample sample = {.cell = cell, .verdict = verdict, .check = mk_need_text(check),
                                     .detail = detail ? mk_need_text(detail) : NULL};
    CHECK_EQ(mk_result_add_check(result, &sample, NULL), 0);
}

static const char *rule_of(const struct mk_result_cell *cell) {
    return cell->reasons_n ? cell->reasons[0].rule : "";
}

/* A file of its own. */
static char *a_path(void) {
    char path[256];
    close(child_file(path, sizeof path));
    return mk_need_text(path);
}

static void write_and_read(const struct mk_result_file *result, struct mk_result_file *again) {
    struct mk_err err = {""};
    char *path = a_path();
    CHECK_EQ(mk_result_write(result, path, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_EQ(mk_result_read(path, again), 0);
    unlink(path);
    free(path);
}

/* ---- building, writing, reading ----------------------------------------------------------------- */

TEST(result_takes_its_shape_from_the_plan) {
    struct mk_result_file result;
    begin(&result);
    CHECK_STR(result.schema, "memkit.result/1");
    CHECK_EQ(result.cells_n, 6);
    CHECK_EQ(result.groups_n, 2);
    CHECK_EQ(result.cells[4].threads, 2);
    CHECK_STR(result.cells[4].identity, "map/beta");
    CHECK(result.cells[5].floor);
    CHECK_STR(result.points[0].phases[0].name, "run");
    CHECK_EQ(result.plan.digest, 0xfedcba9876543210u);
    CHECK_EQ(result.plan.shards, 1);
    CHECK_STR(result.context.argv[1], "a \"workload\".json");
    CHECK_EQ(strlen(result.context.start_utc), 20);
    CHECK(result.context.compiler && result.context.compiler[0]);
    mk_result_free(&result);
}

TEST(result_refuses_samples_of_no_cell_or_phase) {
    struct mk_result_file result;
    struct mk_err err;
    begin(&result);
    struct mk_round_sample round = a_round(6, 0, 1, 10);
    CHECK_EQ(mk_result_add_round(&result, &round, &err), -1);
    CHECK(strstr(err.text, "cell 6"));
    CHECK(round.threads != NULL);
    round.cell = 0;
    round.phase = 1;
    CHECK_EQ(mk_result_add_round(&result, &round, &err), -1);
    CHECK(strstr(err.text, "phase 1"));
    mk_record_free(&mk_round_sample_record, &round);
    mk_result_free(&result);
}

/* Everything a file can hold, with the numbers that are easily lost. */
static void fill_everything(struct mk_result_file *result) {
    struct mk_round_sample round = a_round(0, 4294967295u, 2, 12.5);
    add_number(&round.threads[1].attempted, &round.threads[1].attempted_n, UINT64_MAX);
    add_number(&round.threads[1].attempted, &round.threads[1].attempted_n, 9007199254740993u);
    add_number(&round.threads[1].slice_ops, &round.threads[1].slice_ops_n, 0);
    struct mk_counter_sample *counter = mk_grow(&round.counters, &round.counters_n, sizeof *counter);
    *counter = (struct mk_counter_sample){.name = mk_need_text("llc_miss"), .unavailable = mk_need_text("no PMU")};
    counter = mk_grow(&round.counters, &round.counters_n, sizeof *counter);
    *counter = (struct mk_counter_sample){.name = mk_need_text("cycles"), .event = mk_need_text("x::y"),
                                          .backend = mk_need_text("perf"), .value = 1};
    round.latency_probe_ns = NAN;
    CHECK_EQ(mk_result_add_round(result, &round, NULL), 0);
    struct mk_latency_sample latency = {.cell = 3, .op = mk_need_text("get"), .time = mk_need_text("service"),
                                        .count = 1, .max_ns = UINT64_MAX};
    add_number(&latency.bin, &latency.bin_n, 7295);
    add_number(&latency.bin_count, &latency.bin_count_n, 1);
    CHECK_EQ(mk_result_add_latency(result, &latency, NULL), 0);
    struct mk_memory_sample memory = {.cell = 3, .elements_fill = 1, .rss_bytes_fill = UINT64_MAX,
                                      .peak_bytes = UINT64_MAX - 1, .allocator = mk_need_text("alloc/test")};
    CHECK_EQ(mk_result_add_memory(result, &memory, NULL), 0);
    check_sample(result, 3, MK_VERDICT_PASS, "contents", "line\nbreak, \"quote\", \xc3\xa9");
    mk_result_warn(result, "load", "other programs run", NULL);
    mk_result_warn(result, "load", "other programs run", NULL);
    mk_result_counters_note(result, "auto", "no PMU", "run on bare metal");
    mk_result_enough(result, 3);
    result->cells[1].elsewhere = true;
}

TEST(result_survives_the_way_through_a_file) {
    struct mk_result_file result, again;
    begin(&result);
    fill_everything(&result);
    mk_result_close(&result, true);
    write_and_read(&result, &again);
    CHECK(mk_record_equal(&mk_result_record, &result, &again));
    CHECK_EQ(again.warnings_n, 1);
    CHECK(again.context.seed == UINT64_MAX);
    CHECK(again.cells[0].rounds[0].threads[1].attempted[0] == UINT64_MAX);
    CHECK(again.cells[0].rounds[0].threads[1].attempted[1] == 9007199254740993u);
    CHECK(again.cells[0].rounds[0].counters[0].value == UINT64_MAX); /* never 0 where there is none */
    CHECK(again.cells[3].memory[0].rss_bytes_fill == UINT64_MAX);
    CHECK(again.cells[3].memory[0].peak_bytes == UINT64_MAX - 1);
    CHECK_EQ(again.cells[3].latencies[0].cell, 3); /* not in the file, known from where it stands */
    CHECK(again.cells[3].enough && again.complete);
    CHECK_STR(again.workload, "{ \"name\": \"test\",\n  \"seed\": 18446744073709551615 }");
    mk_result_free(&result);
    mk_result_free(&again);
}

TEST(result_is_valid_after_a_signal) {
    struct mk_result_file result, again;
    begin(&result);
    deliver(&result, 0, 20, 3);
    deliver(&result, 1, 30, 1);
    check_sample(&result, 0, MK_VERDICT_PASS, "contents", NULL);
    check_sample(&result, 1, MK_VERDICT_PASS, "contents", NULL);
    mk_result_close(&result, false);
    write_and_read(&result, &again);
    CHECK(!again.complete);
    CHECK_EQ(again.cells[0].verdict, MK_VERDICT_PASS);
    CHECK_EQ(again.cells[1].verdict, MK_VERDICT_UNTRUSTWORTHY);
    CHECK_STR(rule_of(&again.cells[1]), "processes");
    CHECK_EQ(again.cells[3].verdict, MK_VERDICT_SKIPPED);
    CHECK_STR(rule_of(&again.cells[3]), "not_run");
    mk_result_free(&result);
    mk_result_free(&again);
}

static int read_text(const char *text) {
    struct mk_text content = {0};
    struct mk_result_file result;
    char *path = a_path();
    mk_text_puts(&content, text);
    CHECK_EQ(mk_text_save(&content, path, NULL), 0);
    int failed = mk_result_read(path, &result);
    if (!failed) mk_result_free(&result);
    mk_text_free(&content);
    unlink(path);
    free(path);
    return failed;
}

#define REST "\"complete\":true,\"workload\":{},\"plan\":{\"kind\":\"map\"},\"counters\":{}," \
             "\"context\":{\"machine\":{},\"environment\":{}}"
#define POINT "\"points\":[{\"phases\":[{\"name\":\"run\"}]}],"

/* The errors go to stderr; what counts here is that nothing that cannot be is taken. */
TEST(result_refuses_what_is_no_result) {
    CHECK_EQ(read_text("{\"schema\":\"memkit.result/1\"," POINT "\"groups\":[{\"point\":0}],"
                       "\"cells\":[{\"group\":0,\"identity\":\"map/a\"}]," REST "}"), 0);
    CHECK_EQ(read_text("{\"schema\":\"memkit.workload/1\"," REST "}"), -1);
    CHECK_EQ(read_text("{\"schema\":\"memkit.result/1\"," POINT "\"groups\":[{\"point\":1}]," REST "}"), -1);
    CHECK_EQ(read_text("{\"schema\":\"memkit.result/1\"," POINT
                       "\"cells\":[{\"group\":0,\"identity\":\"a\"}]," REST "}"), -1);
    CHECK_EQ(read_text("{\"schema\":\"memkit.result/1\"," POINT "\"groups\":[{\"point\":0}],"
                       "\"cells\":[{\"group\":0,\"identity\":\"a\",\"rounds\":[{\"phase\":1}]}]," REST "}"), -1);
    CHECK_EQ(read_text("{\"schema\":\"memkit.result/1\"," POINT "\"groups\":[{\"point\":0}],"
                       "\"cells\":[{\"group\":0,\"identity\":\"a\","
                       "\"rounds\":[{\"counters\":[{\"name\":\"x\",\"value\":1.5}]}]}]," REST "}"), -1);
    CHECK_EQ(read_text("{\"schema\":"), -1);
}

/* The file that plots are tested with: its figures and verdicts are those this code finds in it. */
TEST(result_reads_the_test_data) {
    struct mk_result_file result, again;
    if (mk_result_read(mk_test_path("data/result_three.json"), &result)) {
        CHECK(!"tests/data/result_three.json is a result");
        return;
    }
    write_and_read(&result, &again);
    CHECK(mk_record_equal(&mk_result_record, &result, &again));
    mk_result_judge(&again);
    for (size_t i = 0; i < result.cells_n; i++) {
        CHECK_STR(mk_verdict_names[again.cells[i].verdict], mk_verdict_names[result.cells[i].verdict]);
        CHECK_STR(rule_of(&again.cells[i]), rule_of(&result.cells[i]));
    }
    mk_result_free(&result);
    mk_result_free(&again);
}

/* After a change: memkit-bench validate --schema result >docs/schema/result.schema.json */
TEST(result_schema_in_docs_is_the_tables) {
    struct mk_text kept = {0}, made = {0};
    struct mk_err err = {""};
    CHECK_EQ(mk_text_load(&kept, mk_test_path("../docs/schema/result.schema.json"), 1 << 20, &err), 0);
    mk_schema_write(&made, &mk_result_record, MK_RESULT_SCHEMA);
    CHECK(kept.n == made.n && kept.at && memcmp(kept.at, made.at, made.n) == 0);
    mk_text_free(&kept);
    mk_text_free(&made);
}

/* ---- shards ------------------------------------------------------------------------------------- */

/* A result of shard 1 or 2 of 2: one comparison group each. */
static void begin_shard(struct mk_result_file *result, uint32_t shard) {
    begin(result);
    result->plan.shards = 2;
    result->plan.shards_here[0] = shard;
    for (size_t i = 0; i < result->cells_n; i++) result->cells[i].elsewhere = result->cells[i].group + 1 != shard;
    deliver(result, shard == 1 ? 0 : 3, 20, 3);
    mk_result_close(result, true);
}

TEST(result_joins_shards) {
    struct mk_result_file one, two;
    struct mk_err err;
    begin_shard(&one, 1);
    begin_shard(&two, 2);
    mk_result_warn(&two, "load", "other programs run", NULL);
    CHECK_EQ(mk_result_join(&one, &two, &err), 0);
    CHECK_EQ(one.plan.shards_here_n, 2);
    CHECK_EQ(one.joined_n, 1);
    CHECK_EQ(one.warnings_n, 1);
    CHECK_EQ(one.cells[0].rounds_n, 3);
    CHECK_EQ(one.cells[3].rounds_n, 3);
    for (size_t i = 0; i < one.cells_n; i++) CHECK(!one.cells[i].elsewhere);
    mk_result_free(&one);
}

TEST(result_does_not_join_what_does_not_belong_together) {
    struct mk_result_file one, two;
    struct mk_err err;
    begin_shard(&one, 1);
    begin_shard(&two, 1);
    CHECK_EQ(mk_result_join(&one, &two, &err), -1);
    CHECK(strstr(err.text, "map/alpha at 1 threads is in both"));
    mk_result_free(&two);
    begin_shard(&two, 2);
    two.plan.digest++;
    CHECK_EQ(mk_result_join(&one, &two, &err), -1);
    CHECK(strstr(err.text, "different plans"));
    two.plan.digest--;
    two.context.commit[0] = '?';
    CHECK_EQ(mk_result_join(&one, &two, &err), -1);
    CHECK(strstr(err.text, "different builds"));
    CHECK_EQ(one.cells[0].rounds_n, 3);
    CHECK_EQ(two.cells[3].rounds_n, 3);
    mk_result_free(&one);
    mk_result_free(&two);
}

/* ---- verdicts ----------------------------------------------------------------------------------- */

TEST(verdict_worst_reason_wins) {
    struct mk_reasons reasons = {0};
    CHECK_EQ(mk_verdict_of(&reasons), MK_VERDICT_PASS);
    mk_verdict_add(&reasons, MK_VERDICT_UNCHECKED, "check", "walk");
    CHECK_EQ(mk_verdict_of(&reasons), MK_VERDICT_UNCHECKED);
    mk_verdict_add(&reasons, MK_VERDICT_UNTRUSTWORTHY, "build", "debug");
    CHECK_EQ(mk_verdict_of(&reasons), MK_VERDICT_UNTRUSTWORTHY);
    mk_verdict_add(&reasons, MK_VERDICT_FAIL, "check", "lost");
    mk_verdict_add(&reasons, MK_VERDICT_UNCHECKED, "check", "count");
    CHECK_EQ(mk_verdict_of(&reasons), MK_VERDICT_FAIL);
    mk_verdict_reasons_free(&reasons);
    mk_verdict_build(&reasons, NULL);
    CHECK_EQ(reasons.reason_n, 0);
    mk_verdict_build(&reasons, "tsan build");
    CHECK_EQ(mk_verdict_of(&reasons), MK_VERDICT_UNTRUSTWORTHY);
    mk_verdict_reasons_free(&reasons);
}

TEST(verdict_nothing_checked_is_no_pass) {
    struct mk_result_file result;
    begin(&result);
    deliver(&result, 0, 20, 3);
    deliver(&result, 2, 1, 3);
    check_sample(&result, 2, MK_VERDICT_UNCHECKED, "bookkeeping", "it stores nothing");
    mk_result_close(&result, true);
    CHECK_EQ(result.cells[0].verdict, MK_VERDICT_UNCHECKED);
    CHECK_EQ(result.cells[2].verdict, MK_VERDICT_PASS); /* a floor has nothing to check */
    mk_result_free(&result);
}

TEST(verdict_says_each_finding_once_and_fail_first) {
    struct mk_result_file result;
    begin(&result);
    deliver(&result, 0, 20, 2);
    check_sample(&result, 0, MK_VERDICT_UNCHECKED, "walk", "not offered");
    check_sample(&result, 0, MK_VERDICT_FAIL, "contents", "key 17 was lost");
    check_sample(&result, 0, MK_VERDICT_FAIL, "contents", "key 18 was lost");
    mk_result_close(&result, true);
    const struct mk_result_cell *cell = &result.cells[0];
    CHECK_EQ(cell->verdict, MK_VERDICT_FAIL);
    CHECK_EQ(cell->reasons_n, 3); /* contents, processes, walk */
    CHECK_STR(cell->reasons[0].text, "contents: key 17 was lost (2 times)");
    CHECK_STR(cell->reasons[1].rule, "processes");
    CHECK_STR(cell->reasons[2].text, "walk: not offered");
    mk_result_free(&result);
}

TEST(verdict_counts_processes_by_phase) {
    struct mk_round_sample rounds[4] = {a_round(0, 0, 1, 9), a_round(0, 1, 1, 9), a_round(0, 0, 1, 9),
                                        a_round(0, 1, 1, 9)};
    struct mk_reasons reasons = {0};
    rounds[2].phase = rounds[3].phase = 1;
    mk_verdict_processes(&reasons, rounds, 4, 2, 2);
    CHECK_EQ(reasons.reason_n, 0);
    mk_verdict_processes(&reasons, rounds, 3, 2, 2);
    CHECK_EQ(reasons.reason_n, 1);
    CHECK_STR(reasons.reason[0].text, "1 of 2 processes delivered figures");
    mk_verdict_processes(&reasons, rounds, 4, 3, 2); /* a phase that nobody reached */
    CHECK_EQ(reasons.reason_n, 2);
    mk_verdict_reasons_free(&reasons);
    for (int i = 0; i < 4; i++) mk_record_free(&mk_round_sample_record, &rounds[i]);
}

/* Returns how many reasons the script rule finds in one round of 10^6 gets. */
static size_t script_reasons(uint64_t hits, uint64_t expected, uint64_t count, uint64_t expected_count) {
    static const char *const names[] = {"get", NULL};
    struct mk_reasons reasons = {0};
    struct mk_round_sample round = a_round(0, 0, 1, 9);
    add_number(&round.threads[0].attempted, &round.threads[0].attempted_n, 1000000);
    add_number(&round.threads[0].hits, &round.threads[0].hits_n, hits);
    if (expected != UINT64_MAX) add_number(&round.expected_hits, &round.expected_hits_n, expected);
    round.count_after = count;
    round.expected_count = expected_count;
    round.expected_distinct = UINT64_MAX;
    mk_verdict_script(&reasons, &round, 1, names);
    size_t n = reasons.reason_n;
    if (n && hits != expected) CHECK(strstr(reasons.reason[0].text, "hits of get"));
    mk_verdict_reasons_free(&reasons);
    mk_record_free(&mk_round_sample_record, &round);
    return n;
}

TEST(verdict_script_band) {
    CHECK_EQ(script_reasons(500000, 500000, 1000, 1000), 0);
    CHECK_EQ(script_reasons(524000, 500000, 1000, 1000), 0);
    CHECK_EQ(script_reasons(526000, 500000, 1000, 1000), 1);
    CHECK_EQ(script_reasons(474000, 500000, 1000, 1000), 1);
    CHECK_EQ(script_reasons(0, 0, 1000, 1000), 0);
    CHECK_EQ(script_reasons(2000, 0, 1000, 1000), 1);        /* hits where none can be */
    CHECK_EQ(script_reasons(30, 20, 1000, 1000), 0);         /* chance */
    CHECK_EQ(script_reasons(500000, 500000, 100000, 106000), 1);
    CHECK_EQ(script_reasons(500000, 500000, 100000, 104000), 0);
    CHECK_EQ(script_reasons(500000, 500000, UINT64_MAX, 104000), 0); /* the size is not known */
    CHECK_EQ(script_reasons(500000, UINT64_MAX, 100000, 0), 0);      /* nothing was worked out */
}

TEST(verdict_streams_that_repeat) {
    struct mk_reasons reasons = {0};
    struct mk_round_sample round = a_round(0, 0, 1, 9);
    add_number(&round.expected_hits, &round.expected_hits_n, 0);
    round.count_after = round.expected_count = UINT64_MAX;
    round.expected_distinct = 100000;
    round.distinct_keys = 97000;
    mk_verdict_script(&reasons, &round, 1, NULL);
    CHECK_EQ(reasons.reason_n, 0);
    round.distinct_keys = 8192; /* a ring that fits a cache */
    mk_verdict_script(&reasons, &round, 1, NULL);
    CHECK_EQ(reasons.reason_n, 1);
    CHECK(reasons.reason_n && strstr(reasons.reason[0].text, "distinct keys: 8192"));
    mk_verdict_reasons_free(&reasons);
    mk_record_free(&mk_round_sample_record, &round);
}

TEST(verdict_failed_operations) {
    struct mk_reasons reasons = {0};
    struct mk_round_sample round = a_round(0, 0, 2, 9);
    mk_verdict_failed_ops(&reasons, &round, 1);
    CHECK_EQ(reasons.reason_n, 0);
    round.threads[1].failed = 3;
    mk_verdict_failed_ops(&reasons, &round, 1);
    CHECK_EQ(reasons.reason_n, 1);
    mk_verdict_reasons_free(&reasons);
    mk_record_free(&mk_round_sample_record, &round);
}

static void add_slice(struct mk_thread_sample *thread, uint64_t wall_ns, uint64_t cpu_ns, uint64_t involuntary) {
    add_number(&thread->slice_wall_ns, &thread->slice_wall_ns_n, wall_ns);
    add_number(&thread->slice_cpu_ns, &thread->slice_cpu_ns_n, cpu_ns);
    add_number(&thread->slice_involuntary, &thread->slice_involuntary_n, involuntary);
    thread->wall_ns += wall_ns;
    thread->cpu_ns += cpu_ns;
    thread->involuntary_switches += involuntary;
}

/* Off the CPU by its own wish (a lock) is no contention; off it because another ran is. */
TEST(verdict_contended_is_what_others_took) {
    struct mk_round_sample round = a_round(0, 0, 2, 0);
    struct mk_reasons reasons = {0};
    for (int i = 0; i < 2; i++) {
        add_slice(&round.threads[i], 1000000, 990000, 0);
        add_slice(&round.threads[i], 1000000, 300000, 0); /* waited */
    }
    CHECK(mk_verdict_ran_frac(&round) == 1);
    mk_verdict_contended(&reasons, &round, 1);
    CHECK_EQ(reasons.reason_n, 0);
    add_slice(&round.threads[0], 1000000, 500000, 2); /* 0.5 ms of 5 ms taken */
    CHECK(fabs(mk_verdict_ran_frac(&round) - 0.9) < 1e-9);
    mk_verdict_contended(&reasons, &round, 1);
    CHECK_EQ(reasons.reason_n, 1);
    CHECK(strstr(reasons.reason[0].text, "90 %"));
    round.threads_n = 1; /* a single thread's CPU time is right whoever else runs */
    mk_verdict_contended(&reasons, &round, 1);
    CHECK_EQ(reasons.reason_n, 1);
    round.threads_n = 2;
    mk_verdict_reasons_free(&reasons);
    mk_record_free(&mk_round_sample_record, &round);
}

TEST(verdict_contended_without_slices) {
    struct mk_round_sample round = a_round(0, 0, 2, 10);
    round.threads[0].wall_ns *= 2;
    CHECK(mk_verdict_ran_frac(&round) < 0.7);
    round.threads[0].voluntary_switches = 9;
    CHECK(mk_verdict_ran_frac(&round) == 1);
    round.threads[0].involuntary_switches = 1;
    CHECK(mk_verdict_ran_frac(&round) < 0.7);
    mk_record_free(&mk_round_sample_record, &round);
}

TEST(verdict_oversubscribed_is_marked_not_judged) {
    struct mk_result_file result;
    begin(&result);
    for (int over = 0; over < 2; over++) {
        result.cells[3].oversubscribed = over;
        for (uint32_t p = 0; p < 3; p++) {
            struct mk_round_sample round = a_round(3, p, 2, 10);
            round.threads[0].wall_ns *= 3;
            CHECK_EQ(mk_result_add_round(&result, &round, NULL), 0);
        }
        if (!over) check_sample(&result, 3, MK_VERDICT_PASS, "contents", NULL);
        mk_result_close(&result, true);
        CHECK_EQ(result.cells[3].verdict, over ? MK_VERDICT_PASS : MK_VERDICT_UNTRUSTWORTHY);
        CHECK_STR(rule_of(&result.cells[3]), over ? "" : "contended");
    }
    mk_result_free(&result);
}

TEST(verdict_below_the_floor) {
    struct mk_result_file result;
    begin(&result);
    deliver(&result, 0, 0.5, 3); /* 0.5 .. 0.7 ns */
    deliver(&result, 1, 0.71, 3); /* 0.71 .. 0.91: near */
    deliver(&result, 2, 1.0, 3); /* the floor: 1.0 .. 1.2 */
    deliver(&result, 3, 0.5, 3); /* the other group has no floor figures */
    for (uint32_t i = 0; i < 4; i++) check_sample(&result, i, MK_VERDICT_PASS, "contents", NULL);
    mk_result_close(&result, true);
    CHECK_EQ(result.cells[0].verdict, MK_VERDICT_UNTRUSTWORTHY);
    CHECK_STR(rule_of(&result.cells[0]), "floor");
    CHECK_EQ(result.cells[1].verdict, MK_VERDICT_PASS);
    CHECK_EQ(result.cells[2].verdict, MK_VERDICT_PASS);
    CHECK_EQ(result.cells[3].verdict, MK_VERDICT_PASS);
    result.points[0].phases[0].paced = true; /* a floor waits for its schedule, too */
    mk_result_judge(&result);
    CHECK_EQ(result.cells[0].verdict, MK_VERDICT_PASS);
    mk_result_free(&result);
}

TEST(verdict_until_makes_fewer_processes_enough) {
    struct mk_result_file result;
    begin(&result);
    deliver(&result, 0, 20, 2);
    check_sample(&result, 0, MK_VERDICT_PASS, "contents", NULL);
    mk_result_enough(&result, 0);
    mk_result_close(&result, true);
    CHECK_EQ(result.cells[0].verdict, MK_VERDICT_PASS);
    mk_result_free(&result);
}

/* A worker that died takes its cells along, whatever they delivered before. */
TEST(verdict_of_a_cell_that_killed_its_worker) {
    struct mk_result_file result;
    begin(&result);
    check_sample(&result, 0, MK_VERDICT_FAIL, "worker", "died of signal 11 in round 0");
    mk_result_close(&result, true);
    CHECK_EQ(result.cells[0].verdict, MK_VERDICT_FAIL);
    CHECK_EQ(result.cells[0].reasons_n, 1);
    CHECK_EQ(result.cells[1].verdict, MK_VERDICT_SKIPPED);
    CHECK_STR(result.cells[1].reasons[0].text, "no worker delivered a round of it");
    mk_result_free(&result);
}
