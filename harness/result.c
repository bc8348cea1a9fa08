/* result.c - the tables of a result file, how one is put together, and how it is read again. */
#include "result.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "build_info.h"
#include "json.h"
#include "registry.h"
#include "text.h"

/* ---- the tables --------------------------------------------------------------------------------- */

#define FIELD(STRUCT, MEMBER, TYPE, FLAGS, HELP) \
    {.name = #MEMBER, .type = TYPE, .flags = FLAGS, .offset = MK_AT(STRUCT, MEMBER), .help = HELP}
#define LIST(STRUCT, MEMBER, TYPE, HELP) \
    {.name = #MEMBER, .type = TYPE, .offset = MK_LIST_AT(STRUCT, MEMBER), .help = HELP}
#define PART(STRUCT, MEMBER, RECORD, HELP)                                                  \
    {.name = #MEMBER, .type = MK_FIELD_RECORD, .flags = MK_FIELD_REQUIRED,                  \
     .offset = MK_AT(STRUCT, MEMBER), .record = &(RECORD), .help = HELP}
#define PARTS(STRUCT, MEMBER, RECORD, HELP)                                                 \
    {.name = #MEMBER, .type = MK_FIELD_RECORD_LIST, .offset = MK_LIST_AT(STRUCT, MEMBER),   \
     .record = &(RECORD), .help = HELP}

static const struct mk_field warning_fields[] = {
    FIELD(mk_warning, about, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "What it concerns: a fact, a cell, the workload."),
    FIELD(mk_warning, text, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "One sentence."),
    FIELD(mk_warning, remedy, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "What to do about it; null = nothing."),
    {0},
};
const struct mk_record mk_warning_record = {
    "warning", sizeof(struct mk_warning), warning_fields, "Something that spoils, or limits, what was measured.",
};

static const struct mk_field plan_fields[] = {
    FIELD(mk_result_plan, digest, MK_FIELD_U64, MK_FIELD_HEX, "Digest of the whole plan; shards of one plan share it."),
    FIELD(mk_result_plan, kind, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "Kind of the implementations."),
    FIELD(mk_result_plan, pin, MK_FIELD_TEXT, 0, "How threads were put onto PUs."),
    FIELD(mk_result_plan, processes, MK_FIELD_U64, 0, "Worker processes asked for: the units of inference."),
    FIELD(mk_result_plan, rounds, MK_FIELD_U64, 0, "Rounds of each cell in each process asked for."),
    FIELD(mk_result_plan, shards, MK_FIELD_U32, 0, "Into how many shards the plan was split; 1 = it was not."),
    LIST(mk_result_plan, shards_here, MK_FIELD_U64_LIST, "Which of them are in this result, counted from 1."),
    FIELD(mk_result_plan, expected_s, MK_FIELD_F64, 0, "How long the plan said it would take."),
    {0},
};
static const struct mk_record plan_record = {
    "result_plan", sizeof(struct mk_result_plan), plan_fields, "Which plan was run, and which part of it.",
};

static const struct mk_field context_fields[] = {
    FIELD(mk_result_context, version, MK_FIELD_TEXT, 0, "Version of memkit-bench."),
    FIELD(mk_result_context, commit, MK_FIELD_TEXT, 0, "Commit it was built from."),
    FIELD(mk_result_context, dirty, MK_FIELD_BOOL, 0, "Tracked files differed from the commit."),
    FIELD(mk_result_context, compiler, MK_FIELD_TEXT, 0, "First line of the compiler's --version."),
    FIELD(mk_result_context, flags, MK_FIELD_TEXT, 0, "What the compiler was given."),
    FIELD(mk_result_context, flavour, MK_FIELD_TEXT, 0, "release, debug, tsan, asan."),
    FIELD(mk_result_context, untrustworthy, MK_FIELD_TEXT, MK_FIELD_NULLABLE,
          "Why timings of this build mean nothing; null = they may be trusted."),
    FIELD(mk_result_context, hwloc_version, MK_FIELD_TEXT, 0, "Version of hwloc."),
    FIELD(mk_result_context, papi_version, MK_FIELD_TEXT, 0, "Version of PAPI; empty = built out."),
    FIELD(mk_result_context, cjson_version, MK_FIELD_TEXT, 0, "Version of cJSON."),
    FIELD(mk_result_context, seed, MK_FIELD_U64, 0, "Seed of the run; every other seed follows from it."),
    LIST(mk_result_context, argv, MK_FIELD_TEXT_LIST, "The command line."),
    FIELD(mk_result_context, start_utc, MK_FIELD_TEXT, 0, "When it began, UTC."),
    FIELD(mk_result_context, end_utc, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "When it ended, UTC."),
    FIELD(mk_result_context, machine_text, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "The machine in one line."),
    PART(mk_result_context, machine, mk_topo_machine_record, "The machine's shape, hwloc's description with it."),
    PART(mk_result_context, environment, mk_env_record, "Every fact of the machine worth a warning."),
    {0},
};
static const struct mk_record context_record = {
    "context", sizeof(struct mk_result_context), context_fields, "What ran it, on what, and when.",
};

static const struct mk_field counters_fields[] = {
    FIELD(mk_result_counters, asked, MK_FIELD_TEXT, 0, "Backend asked for: auto, papi, perf, sw, none."),
    FIELD(mk_result_counters, reason, MK_FIELD_TEXT, MK_FIELD_NULLABLE,
          "Why some counter has no value; null = all that were asked for have one."),
    FIELD(mk_result_counters, remedy, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "What to do about that."),
    {0},
};
static const struct mk_record counters_record = {
    "counters_note", sizeof(struct mk_result_counters), counters_fields, "Who counted, and why not.",
};

static const struct mk_field point_fields[] = {
    FIELD(mk_result_point, label, MK_FIELD_TEXT, 0,
          "The swept keys with their values, \"keys.count=10000 value_bytes=64\"; empty without a sweep."),
    FIELD(mk_result_point, value_bytes, MK_FIELD_U64, 0, "Size of a value."),
    FIELD(mk_result_point, fresh, MK_FIELD_BOOL, 0, "Prefilled and not aged: flatters what chases pointers."),
    LIST(mk_result_point, phases, MK_FIELD_TEXT_LIST, "Names of the phases; samples name them by index."),
    {0},
};
static const struct mk_record point_record = {
    "point", sizeof(struct mk_result_point), point_fields, "One point of the sweep.",
};

static const struct mk_field cell_fields[] = {
    FIELD(mk_result_cell, index, MK_FIELD_U32, 0, "Number of the cell in its plan."),
    FIELD(mk_result_cell, group, MK_FIELD_U32, 0, "Index into `groups`: cells of a group saw the same streams."),
    FIELD(mk_result_cell, identity, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "Implementation with parameters and parts."),
    FIELD(mk_result_cell, label, MK_FIELD_TEXT, 0, "Label of its point."),
    FIELD(mk_result_cell, value_bytes, MK_FIELD_U64, 0, "Size of a value."),
    FIELD(mk_result_cell, threads, MK_FIELD_U32, 0, "Threads at once."),
    FIELD(mk_result_cell, floor, MK_FIELD_BOOL, 0, "Does nothing: shows what the harness itself costs."),
    FIELD(mk_result_cell, oversubscribed, MK_FIELD_BOOL, 0, "More threads than PUs."),
    FIELD(mk_result_cell, kept, MK_FIELD_BOOL, 0, "One instance for all rounds of a process."),
    FIELD(mk_result_cell, elsewhere, MK_FIELD_BOOL, 0, "Belongs to a shard that is not in this result."),
    FIELD(mk_result_cell, enough, MK_FIELD_BOOL, 0, "Ended early: its interval was narrow enough."),
    FIELD(mk_result_cell, skipped, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "Why it was not run; null = it was."),
    FIELD(mk_result_cell, seed, MK_FIELD_U64, 0, "Seed of the cell."),
    PARTS(mk_result_cell, rounds, mk_round_sample_record, "Every round of every process."),
    PARTS(mk_result_cell, latencies, mk_latency_sample_record, "A histogram a process, phase, group and operation."),
    PARTS(mk_result_cell, memory, mk_memory_sample_record, "From a worker that ran nothing else."),
    PARTS(mk_result_cell, checks, mk_check_sample_record, "What was looked at, and what was found."),
    {.name = "verdict", .type = MK_FIELD_ENUM, .offset = MK_AT(mk_result_cell, verdict), .names = mk_verdict_names,
     .help = "What may be said of it; the worst of `reasons`."},
    PARTS(mk_result_cell, reasons, mk_reason_record, "Why, worst first; empty for a pass."),
    {0},
};
static const struct mk_record cell_record = {
    "result_cell", sizeof(struct mk_result_cell), cell_fields,
    "One implementation at one number of threads and one point: samples, findings, verdict.",
};

static const struct mk_field result_fields[] = {
    FIELD(mk_result_file, schema, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "\"" MK_RESULT_SCHEMA "\"."),
    FIELD(mk_result_file, complete, MK_FIELD_BOOL, MK_FIELD_REQUIRED, "false: a signal ended it; what is here is valid."),
    FIELD(mk_result_file, workload, MK_FIELD_RAW, MK_FIELD_REQUIRED, "The workload file, word for word."),
    PART(mk_result_file, plan, plan_record, "Which plan was run."),
    PART(mk_result_file, context, context_record, "What ran it, on what, and when."),
    PARTS(mk_result_file, joined, context_record, "Contexts of further shards, where it was merged."),
    PARTS(mk_result_file, warnings, mk_warning_record, "What spoils or limits it."),
    PART(mk_result_file, counters, counters_record, "Who counted, and why not."),
    LIST(mk_result_file, ops, MK_FIELD_TEXT_LIST, "Operations by code, which lists by code refer to."),
    PARTS(mk_result_file, points, point_record, "Points of the sweep; at least one."),
    PARTS(mk_result_file, groups, mk_plan_group_record, "Comparison groups."),
    PARTS(mk_result_file, cells, cell_record, "What was measured."),
    {0},
};
const struct mk_record mk_result_record = {
    "result", sizeof(struct mk_result_file), result_fields,
    "Everything that one run measured. Nothing in it is an average; statistics are worked out by its readers.",
};

/* ---- putting one together ----------------------------------------------------------------------- */

static char *text_or_null(const char *text) {
    return text ? mk_need_text(text) : NULL;
}

static void set_text(char **at, const char *text) {
    free(*at);
    *at = text_or_null(text);
}

static char *now_utc(void) {
    char text[32];
    struct tm parts;
    time_t now = time(NULL);
    gmtime_r(&now, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return mk_need_text(text);
}

static void begin_context(struct mk_result_context *context, uint64_t seed, int argc, char *const *argv) {
    const struct mk_build_info *build = mk_build_info();
    context->version = mk_need_text(build->version);
    context->commit = mk_need_text(build->commit);
    context->dirty = build->dirty;
    context->compiler = mk_need_text(build->compiler);
    context->flags = mk_need_text(build->flags);
    context->flavour = mk_need_text(build->flavour);
    context->untrustworthy = text_or_null(mk_build_untrustworthy());
    context->hwloc_version = mk_need_text(build->hwloc_version);
    context->papi_version = mk_need_text(build->papi_version);
    context->cjson_version = mk_need_text(build->cjson_version);
    context->seed = seed;
    for (int i = 0; i < argc; i++) {
        char **argument = mk_grow(&context->argv, &context->argv_n, sizeof *argument);
        *argument = mk_need_text(argv[i]);
    }
    context->start_utc = now_utc();
}

static void begin_plan(struct mk_result_plan *out, const struct mk_plan *plan) {
    out->digest = plan->whole_digest;
    out->kind = mk_need_text(plan->kind);
    out->pin = text_or_null(plan->pin);
    out->processes = plan->processes;
    out->rounds = plan->rounds;
    out->shards = plan->shards ? plan->shards : 1;
    *(uint64_t *)mk_grow(&out->shards_here, &out->shards_here_n, sizeof(uint64_t)) = plan->shards ? plan->shard : 1;
    out->expected_s = plan->expected_s;
}

/* The first name of each code: several words of a workload file may mean one operation. */
static void begin_ops(struct mk_result_file *result, const char *kind_name) {
    const struct mk_kind *kind = mk_registry_kind(kind_name);
    for (const struct mk_op_desc *op = kind ? kind->ops : NULL; op && op->name; op++) {
        while (result->ops_n <= op->code) {
            char **name = mk_grow(&result->ops, &result->ops_n, sizeof *name);
            *name = mk_need_text("");
        }
        if (!result->ops[op->code][0]) set_text(&result->ops[op->code], op->name);
    }
}

static void begin_point(struct mk_result_point *point, const struct mk_plan_point *from) {
    point->label = mk_need_text(from->label ? from->label : "");
    point->value_bytes = from->workload.value_bytes;
    point->fresh = from->workload.prefill.frac > 0 && from->workload.prefill.age_ops == 0;
    for (size_t i = 0; i < from->phases_n; i++) {
        char **name = mk_grow(&point->phases, &point->phases_n, sizeof *name);
        *name = mk_need_text(from->phases[i].name ? from->phases[i].name : "");
    }
}

static void begin_cell(struct mk_result_cell *cell, const struct mk_cell *from, const struct mk_plan *plan) {
    const struct mk_plan_group *group = &plan->groups[from->group];
    const struct mk_plan_point *point = &plan->points[group->point];
    cell->index = from->index;
    cell->group = from->group;
    cell->identity = mk_need_text(from->identity);
    cell->label = mk_need_text(point->label ? point->label : "");
    cell->value_bytes = point->workload.value_bytes;
    cell->threads = group->threads;
    cell->floor = from->floor;
    cell->oversubscribed = group->oversubscribed;
    cell->kept = from->kept;
    cell->elsewhere = from->elsewhere;
    if (from->skipped) cell->skipped = mk_need_text(from->reason ? from->reason : "skipped by the plan");
    cell->seed = from->seed;
}

/* A JSON value without the blanks around it: what a reader of the result gets back, too. */
static char *trimmed(const char *text) {
    static const char blanks[] = " \t\r\n";
    text += strspn(text, blanks);
    size_t n = strlen(text);
    while (n && strchr(blanks, text[n - 1])) n--;
    return mk_need_format("%.*s", (int)n, text);
}

void mk_result_begin(struct mk_result_file *result, const struct mk_plan *plan, const char *workload_text, int argc,
                     char *const *argv) {
    *result = (struct mk_result_file){0};
    result->schema = mk_need_text(MK_RESULT_SCHEMA);
    result->workload = trimmed(workload_text);
    begin_plan(&result->plan, plan);
    begin_context(&result->context, plan->seed, argc, argv);
    begin_ops(result, plan->kind);
    for (size_t i = 0; i < plan->points_n; i++)
        begin_point(mk_grow(&result->points, &result->points_n, sizeof *result->points), &plan->points[i]);
    for (size_t i = 0; i < plan->groups_n; i++)
        mk_record_copy(&mk_plan_group_record, mk_grow(&result->groups, &result->groups_n, sizeof *result->groups),
                       &plan->groups[i]);
    for (size_t i = 0; i < plan->cells_n; i++)
        begin_cell(mk_grow(&result->cells, &result->cells_n, sizeof *result->cells), &plan->cells[i], plan);
}

void mk_result_machine(struct mk_result_file *result, const struct mk_topo_machine *machine, const char *text) {
    mk_record_free(&mk_topo_machine_record, &result->context.machine);
    mk_record_copy(&mk_topo_machine_record, &result->context.machine, machine);
    set_text(&result->context.machine_text, text);
}

void mk_result_warn(struct mk_result_file *result, const char *about, const char *text, const char *remedy) {
    for (size_t i = 0; i < result->warnings_n; i++) {
        if (!strcmp(result->warnings[i].about, about) && !strcmp(result->warnings[i].text, text)) return;
    }
    struct mk_warning *warning = mk_grow(&result->warnings, &result->warnings_n, sizeof *warning);
    warning->about = mk_need_text(about);
    warning->text = mk_need_text(text);
    warning->remedy = text_or_null(remedy);
}

void mk_result_environment(struct mk_result_file *result, struct mk_env *env) {
    mk_record_free(&mk_env_record, &result->context.environment);
    result->context.environment = *env;
    *env = (struct mk_env){0};
    for (size_t i = 0; i < result->context.environment.facts_n; i++) {
        const struct mk_env_fact *fact = &result->context.environment.facts[i];
        if (fact->warning) mk_result_warn(result, fact->name, fact->warning, fact->remedy);
    }
}

void mk_result_counters_note(struct mk_result_file *result, const char *asked, const char *reason,
                             const char *remedy) {
    set_text(&result->counters.asked, asked);
    set_text(&result->counters.reason, reason);
    set_text(&result->counters.remedy, remedy);
}

/* ---- samples ------------------------------------------------------------------------------------ */

/* Cells stand at their index, unless a file was edited. */
static struct mk_result_cell *find_cell(struct mk_result_file *result, uint32_t index, struct mk_err *err) {
    if (index < result->cells_n && result->cells[index].index == index) return &result->cells[index];
    for (size_t i = 0; i < result->cells_n; i++) {
        if (result->cells[i].index == index) return &result->cells[i];
    }
    mk_fail(err, "a worker sent a sample of cell %" PRIu32 ", which the plan does not have", index);
    return NULL;
}

static bool has_phase(const struct mk_result_file *result, const struct mk_result_cell *cell, uint32_t phase,
                      struct mk_err *err) {
    if (phase < result->points[result->groups[cell->group].point].phases_n) return true;
    mk_fail(err, "a worker sent a sample of phase %" PRIu32 " of %s, which has no such phase", phase,
            cell->identity);
    return false;
}

int mk_result_add_round(struct mk_result_file *result, struct mk_round_sample *sample, struct mk_err *err) {
    struct mk_result_cell *cell = find_cell(result, sample->cell, err);
    if (!cell || !has_phase(result, cell, sample->phase, err)) return -1;
    struct mk_round_sample *round = mk_grow(&cell->rounds, &cell->rounds_n, sizeof *round);
    *round = *sample;
    *sample = (struct mk_round_sample){0};
    for (size_t i = 0; i < round->counters_n; i++) {
        if (round->counters[i].unavailable) round->counters[i].value = UINT64_MAX;
    }
    return 0;
}

int mk_result_add_latency(struct mk_result_file *result, struct mk_latency_sample *sample, struct mk_err *err) {
    struct mk_result_cell *cell = find_cell(result, sample->cell, err);
    if (!cell || !has_phase(result, cell, sample->phase, err)) return -1;
    *(struct mk_latency_sample *)mk_grow(&cell->latencies, &cell->latencies_n, sizeof *sample) = *sample;
    *sample = (struct mk_latency_sample){0};
    return 0;
}

int mk_result_add_memory(struct mk_result_file *result, struct mk_memory_sample *sample, struct mk_err *err) {
    struct mk_result_cell *cell = find_cell(result, sample->cell, err);
    if (!cell) return -1;
    *(struct mk_memory_sample *)mk_grow(&cell->memory, &cell->memory_n, sizeof *sample) = *sample;
    *sample = (struct mk_memory_sample){0};
    return 0;
}

int mk_result_add_check(struct mk_result_file *result, struct mk_check_sample *sample, struct mk_err *err) {
    struct mk_result_cell *cell = find_cell(result, sample->cell, err);
    if (!cell) return -1;
    *(struct mk_check_sample *)mk_grow(&cell->checks, &cell->checks_n, sizeof *sample) = *sample;
    *sample = (struct mk_check_sample){0};
    return 0;
}

void mk_result_enough(struct mk_result_file *result, uint32_t index) {
    struct mk_result_cell *cell = find_cell(result, index, NULL);
    if (cell) cell->enough = true;
}

/* ---- verdicts ----------------------------------------------------------------------------------- */

/* Every phase against the floors of its comparison group. */
static void judge_floor(const struct mk_result_file *result, const struct mk_result_cell *cell,
                        struct mk_reasons *reasons) {
    uint32_t phases = mk_figure_phases(cell->rounds, cell->rounds_n);
    for (size_t i = 0; i < result->cells_n; i++) {
        const struct mk_result_cell *floor = &result->cells[i];
        if (!floor->floor || floor->group != cell->group) continue;
        for (uint32_t phase = 0; phase < phases; phase++) {
            struct mk_figure of_cell, of_floor;
            mk_figure_of_rounds(&of_cell, cell->rounds, cell->rounds_n, phase, mk_round_cpu_ns);
            mk_figure_of_rounds(&of_floor, floor->rounds, floor->rounds_n, phase, mk_round_cpu_ns);
            mk_verdict_floor(reasons, &of_cell, &of_floor);
            mk_figure_free(&of_cell);
            mk_figure_free(&of_floor);
        }
    }
}

static void judge_figures(const struct mk_result_file *result, const struct mk_result_cell *cell,
                          struct mk_reasons *reasons) {
    const struct mk_round_sample *rounds = cell->rounds;
    size_t n = cell->rounds_n;
    uint32_t phases = (uint32_t)result->points[result->groups[cell->group].point].phases_n;
    mk_verdict_build(reasons, result->context.untrustworthy);
    if (!cell->enough) mk_verdict_processes(reasons, rounds, n, phases, result->plan.processes);
    if (!cell->oversubscribed) mk_verdict_contended(reasons, rounds, n);
    if (cell->floor) return; /* it does nothing: no script is met, no operation succeeds */
    const char **names = mk_need(result->ops_n + 1, sizeof *names);
    for (size_t i = 0; i < result->ops_n; i++) names[i] = result->ops[i];
    mk_verdict_script(reasons, rounds, n, names);
    mk_verdict_failed_ops(reasons, rounds, n);
    judge_floor(result, cell, reasons);
    free(names);
}

static bool has_failed(const struct mk_result_cell *cell) {
    for (size_t i = 0; i < cell->checks_n; i++) {
        if (cell->checks[i].verdict == MK_VERDICT_FAIL) return true;
    }
    return false;
}

static void judge_cell(const struct mk_result_file *result, const struct mk_result_cell *cell,
                       struct mk_reasons *reasons) {
    if (cell->skipped) {
        mk_verdict_add(reasons, MK_VERDICT_SKIPPED, "not_run", cell->skipped);
    } else if (cell->elsewhere) {
        mk_verdict_add(reasons, MK_VERDICT_SKIPPED, "not_run", "runs in another shard");
    } else if (!cell->rounds_n && !has_failed(cell)) {
        mk_verdict_add(reasons, MK_VERDICT_SKIPPED, "not_run",
                       result->complete ? "no worker delivered a round of it" : "not run: ended before its turn");
    } else {
        mk_verdict_checks(reasons, cell->checks, cell->checks_n, cell->floor);
        if (cell->rounds_n) judge_figures(result, cell, reasons);
    }
}

/* Insertion, so that reasons of one severity keep their order. */
static void sort_worst_first(struct mk_reasons *reasons) {
    for (size_t i = 1; i < reasons->reason_n; i++) {
        struct mk_reason reason = reasons->reason[i];
        size_t j = i;
        for (; j && mk_verdict_compare(reasons->reason[j - 1].verdict, reason.verdict) < 0; j--)
            reasons->reason[j] = reasons->reason[j - 1];
        reasons->reason[j] = reason;
    }
}

void mk_result_judge(struct mk_result_file *result) {
    for (size_t i = 0; i < result->cells_n; i++) {
        struct mk_result_cell *cell = &result->cells[i];
        struct mk_reasons old = {cell->reasons, cell->reasons_n}, reasons = {0};
        mk_verdict_reasons_free(&old);
        judge_cell(result, cell, &reasons);
        sort_worst_first(&reasons);
        cell->verdict = mk_verdict_of(&reasons);
        cell->reasons = reasons.reason;
        cell->reasons_n = reasons.reason_n;
    }
}

void mk_result_close(struct mk_result_file *result, bool complete) {
    result->complete = complete;
    free(result->context.end_utc);
    result->context.end_utc = now_utc();
    mk_result_judge(result);
}

/* ---- files -------------------------------------------------------------------------------------- */

#define RESULT_BYTES_MAX ((size_t)2 << 30)

int mk_result_write(const struct mk_result_file *result, const char *path, struct mk_err *err) {
    struct mk_text text = {0};
    mk_json_write_record(&text, &mk_result_record, result, 0);
    mk_text_putc(&text, '\n');
    int failed = mk_text_save(&text, path, err);
    mk_text_free(&text);
    return failed;
}

/* Node of element `index` of the list under `key`. */
static uint32_t element(struct mk_json *doc, const char *key, size_t index) {
    uint32_t node = mk_json_first(doc, mk_json_get(doc, MK_JSON_ROOT, key));
    while (index--) node = mk_json_next(doc, node);
    return node;
}

/* Samples learn which cell they stand in, and must name a phase that there is. */
static bool place_samples(struct mk_result_cell *cell, size_t phases) {
    bool right = true;
    for (size_t i = 0; i < cell->rounds_n; i++) {
        cell->rounds[i].cell = cell->index;
        right = right && cell->rounds[i].phase < phases;
    }
    for (size_t i = 0; i < cell->latencies_n; i++) {
        cell->latencies[i].cell = cell->index;
        right = right && cell->latencies[i].phase < phases;
    }
    for (size_t i = 0; i < cell->memory_n; i++) cell->memory[i].cell = cell->index;
    for (size_t i = 0; i < cell->checks_n; i++) cell->checks[i].cell = cell->index;
    return right;
}

/* What the tables cannot say: which schema it is, and that indexes point at something. */
static void check_references(struct mk_json *doc, struct mk_result_file *result) {
    if (strcmp(result->schema, MK_RESULT_SCHEMA) != 0)
        mk_json_error(doc, mk_json_get(doc, MK_JSON_ROOT, "schema"), "not a result: schema must be \"%s\"",
                      MK_RESULT_SCHEMA);
    for (size_t i = 0; i < result->groups_n; i++) {
        if (result->groups[i].point < result->points_n) continue;
        mk_json_error(doc, element(doc, "groups", i), "its point is not among the points");
        return;
    }
    uint32_t node = element(doc, "cells", 0);
    for (size_t i = 0; i < result->cells_n; i++, node = mk_json_next(doc, node)) {
        struct mk_result_cell *cell = &result->cells[i];
        if (cell->group >= result->groups_n)
            mk_json_error(doc, node, "its group is not among the groups");
        else if (!place_samples(cell, result->points[result->groups[cell->group].point].phases_n))
            mk_json_error(doc, node, "a sample of it is of a phase that its point does not have");
    }
}

int mk_result_from_json(struct mk_json *doc, struct mk_result_file *result) {
    if (!mk_json_read_record(doc, MK_JSON_ROOT, &mk_result_record, result)) check_references(doc, result);
    return mk_json_errors(doc) ? -1 : 0;
}

int mk_result_read(const char *path, struct mk_result_file *result) {
    struct mk_json *doc;
    *result = (struct mk_result_file){0};
    int failed = mk_json_read_file(path, RESULT_BYTES_MAX, &doc) || mk_result_from_json(doc, result) ? -1 : 0;
    if (failed) {
        struct mk_text report = {0};
        mk_json_report(doc, &report);
        fwrite(report.at, 1, report.n, stderr);
        mk_text_free(&report);
        mk_result_free(result);
    }
    mk_json_free(doc);
    return failed;
}

void mk_result_free(struct mk_result_file *result) {
    mk_record_free(&mk_result_record, result);
}

/* ---- shards ------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static int joinable(const struct mk_result_file *into, const struct mk_result_file *from, struct mk_err *err) {
    if (into->plan.digest != from->plan.digest || into->cells_n != from->cells_n)
        return mk_fail(err, "they come from different plans: shards need the same workload, options and machine shape");
    if (!same_text(into->context.commit, from->context.commit) || !same_text(into->context.flags, from->context.flags))
        return mk_fail(err, "they come from different builds (%.12s and %.12s): run all shards with one", 
                       into->context.commit, from->context.commit);
    for (size_t i = 0; i < into->cells_n; i++) {
        const struct mk_result_cell *a = &into->cells[i], *b = &from->cells[i];
        if (!same_text(a->identity, b->identity) || a->group != b->group || a->index != b->index)
            return mk_fail(err, "cell %zu is %s in one and %s in the other", i, a->identity, b->identity);
        if (!a->elsewhere && !b->elsewhere && !a->skipped)
            return mk_fail(err, "%s at %" PRIu32 " threads is in both", a->identity, a->threads);
    }
    return 0;
}

static void move_contexts(struct mk_result_file *into, struct mk_result_file *from) {
    for (size_t i = 0; i <= from->joined_n; i++) {
        struct mk_result_context *context = i ? &from->joined[i - 1] : &from->context;
        *(struct mk_result_context *)mk_grow(&into->joined, &into->joined_n, sizeof *context) = *context;
        *context = (struct mk_result_context){0};
    }
}

int mk_result_join(struct mk_result_file *into, struct mk_result_file *from, struct mk_err *err) {
    if (joinable(into, from, err)) return -1;
    for (size_t i = 0; i < into->cells_n; i++) {
        if (!into->cells[i].elsewhere || from->cells[i].elsewhere) continue;
        struct mk_result_cell cell = into->cells[i];
        into->cells[i] = from->cells[i];
        from->cells[i] = cell;
    }
    for (size_t i = 0; i < from->plan.shards_here_n; i++)
        *(uint64_t *)mk_grow(&into->plan.shards_here, &into->plan.shards_here_n, sizeof(uint64_t)) =
            from->plan.shards_here[i];
    for (size_t i = 0; i < from->warnings_n; i++)
        mk_result_warn(into, from->warnings[i].about, from->warnings[i].text, from->warnings[i].remedy);
    if (!same_text(into->context.machine_text, from->context.machine_text))
        mk_result_warn(into, "merge", "its shards ran on different machines",
                       "compare within a comparison group only, which one machine ran whole");
    into->complete = into->complete && from->complete;
    move_contexts(into, from);
    mk_result_free(from);
    return 0;
}
