/* result_record.c - the tables of a result file: names, units and meaning of every field. */
#include "result.h"

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
    FIELD(mk_result_plan, digest, MK_FIELD_U64, MK_FIELD_HEX,
          "Digest of the whole plan; shards of one plan share it."),
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
    FIELD(mk_result_context, flavour, MK_FIELD_TEXT, 0, "release, debug, tsan, asan, model."),
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
const struct mk_record mk_result_context_record = {
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

static const struct mk_field phase_fields[] = {
    FIELD(mk_result_phase, name, MK_FIELD_TEXT, 0, "Its name; empty where the workload has no phases."),
    FIELD(mk_result_phase, paced, MK_FIELD_BOOL, 0,
          "Operations begin on schedule (a rate, pauses): CPU time is mostly not theirs."),
    {0},
};
static const struct mk_record phase_record = {
    "phase", sizeof(struct mk_result_phase), phase_fields, "One phase of a point.",
};

static const struct mk_field point_fields[] = {
    FIELD(mk_result_point, label, MK_FIELD_TEXT, 0,
          "The swept keys with their values, \"keys.count=10000 value_bytes=64\"; empty without a sweep."),
    FIELD(mk_result_point, value_bytes, MK_FIELD_U64, 0, "Size of a value."),
    FIELD(mk_result_point, fresh, MK_FIELD_BOOL, 0, "Prefilled and not aged: flatters what chases pointers."),
    PARTS(mk_result_point, phases, phase_record, "The phases; samples name them by index."),
    PARTS(mk_result_point, traces, mk_plan_trace_record, "The trace that was replayed; empty = operations were drawn."),
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
    FIELD(mk_result_cell, unbounded, MK_FIELD_BOOL, 0,
          "Readers stand still, and nothing bounds what they keep from being freed."),
    FIELD(mk_result_cell, elsewhere, MK_FIELD_BOOL, 0, "Belongs to a shard that is not in this result."),
    FIELD(mk_result_cell, enough, MK_FIELD_BOOL, 0, "Ended early: its interval was narrow enough."),
    FIELD(mk_result_cell, skipped, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "Why it was not run; null = it was."),
    FIELD(mk_result_cell, seed, MK_FIELD_U64, 0, "Seed of the cell."),
    PARTS(mk_result_cell, rounds, mk_round_sample_record, "Every round of every process."),
    PARTS(mk_result_cell, latencies, mk_latency_sample_record, "One a process, phase, group and operation."),
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
    FIELD(mk_result_file, complete, MK_FIELD_BOOL, MK_FIELD_REQUIRED,
          "false: a signal ended it; what is here is valid."),
    FIELD(mk_result_file, workload, MK_FIELD_RAW, MK_FIELD_REQUIRED, "The workload file, word for word."),
    PART(mk_result_file, plan, plan_record, "Which plan was run."),
    PART(mk_result_file, context, mk_result_context_record, "What ran it, on what, and when."),
    PARTS(mk_result_file, joined, mk_result_context_record, "Contexts of further shards, where it was merged."),
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
