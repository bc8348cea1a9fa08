/* result.c - how a result is put together as samples arrive, and judged. */
#include "result.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "build_info.h"
#include "registry.h"

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

void mk_context_begin(struct mk_result_context *context, uint64_t seed, int argc, char *const *argv) {
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

static bool is_paced(const struct mk_workload_phase *phase) {
    for (size_t i = 0; i < phase->groups_n; i++) {
        if (phase->groups[i].rate_ops > 0 || phase->groups[i].think_ns) return true;
    }
    return false;
}

static void begin_point(struct mk_result_point *point, const struct mk_plan_point *from) {
    point->label = mk_need_text(from->label ? from->label : "");
    point->value_bytes = from->workload.value_bytes;
    bool allocates = from->traces_n && from->traces->lanes; /* what a trace finds there is nothing, and not fresh */
    point->fresh = from->workload.prefill.frac > 0 && from->workload.prefill.age_ops == 0 && !allocates;
    for (size_t i = 0; i < from->phases_n; i++) {
        struct mk_result_phase *phase = mk_grow(&point->phases, &point->phases_n, sizeof *phase);
        phase->name = mk_need_text(from->phases[i].name ? from->phases[i].name : "");
        phase->paced = is_paced(&from->phases[i]);
    }
    for (size_t i = 0; i < from->traces_n; i++) {
        mk_record_copy(&mk_plan_trace_record, mk_grow(&point->traces, &point->traces_n, sizeof *point->traces), &from->traces[i]);
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
    cell->unbounded = from->unbounded;
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
    mk_context_begin(&result->context, plan->seed, argc, argv);
    begin_ops(result, plan->kind);
    for (size_t i = 0; i < plan->points_n; i++)
        begin_point(mk_grow(&result->points, &result->points_n, sizeof *result->points), &plan->points[i]);
    for (size_t i = 0; i < plan->groups_n; i++)
        mk_record_copy(&mk_plan_group_record, mk_grow(&result->groups, &result->groups_n, sizeof *result->groups),
                       &plan->groups[i]);
    for (size_t i = 0; i < plan->cells_n; i++)
        begin_cell(mk_grow(&result->cells, &result->cells_n, sizeof *result->cells), &plan->cells[i], plan);
}

void mk_context_workers(struct mk_result_context *context, const char *flavour) {
    free(context->flavour);
    context->flavour = mk_need_text(flavour);
    free(context->untrustworthy);
    context->untrustworthy = NULL;
    if (strcmp(flavour, "release") == 0) return;
    context->untrustworthy = mk_need_format("the workers were built with flavour %s, not release", flavour);
}

void mk_context_machine(struct mk_result_context *context, const struct mk_topo_machine *machine, const char *text) {
    mk_record_free(&mk_topo_machine_record, &context->machine);
    mk_record_copy(&mk_topo_machine_record, &context->machine, machine);
    set_text(&context->machine_text, text);
}

void mk_context_end(struct mk_result_context *context) {
    free(context->end_utc);
    context->end_utc = now_utc();
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

static const struct mk_result_point *point_of(const struct mk_result_file *result,
                                              const struct mk_result_cell *cell) {
    return &result->points[result->groups[cell->group].point];
}

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
    if (phase < point_of(result, cell)->phases_n) return true;
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
    const struct mk_result_point *point = point_of(result, cell);
    for (size_t i = 0; i < result->cells_n; i++) {
        const struct mk_result_cell *floor = &result->cells[i];
        if (!floor->floor || floor->group != cell->group) continue;
        for (uint32_t phase = 0; phase < point->phases_n; phase++) {
            struct mk_figure of_cell, of_floor;
            if (point->phases[phase].paced) continue;
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
    uint32_t phases = (uint32_t)point_of(result, cell)->phases_n;
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
    mk_context_end(&result->context);
    mk_result_judge(result);
}
