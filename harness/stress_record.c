/* stress_record.c - the tables of a stress file: names, units and meaning of every field. */
#include "stress_file.h"

#define FIELD(STRUCT, MEMBER, TYPE, FLAGS, HELP) \
    {.name = #MEMBER, .type = TYPE, .flags = FLAGS, .offset = MK_AT(STRUCT, MEMBER), .help = HELP}
#define PARTS(STRUCT, MEMBER, RECORD, HELP)                                               \
    {.name = #MEMBER, .type = MK_FIELD_RECORD_LIST, .offset = MK_LIST_AT(STRUCT, MEMBER), \
     .record = &(RECORD), .help = HELP}

static const struct mk_field cell_fields[] = {
    FIELD(mk_stress_cell, index, MK_FIELD_U32, MK_FIELD_REQUIRED, "Findings and trials name it so."),
    FIELD(mk_stress_cell, identity, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "Implementation with parameters and parts."),
    FIELD(mk_stress_cell, label, MK_FIELD_TEXT, 0,
          "The swept keys with their values, \"keys.count=16 value_bytes=64\"; empty without a sweep."),
    FIELD(mk_stress_cell, threads, MK_FIELD_U32, MK_FIELD_REQUIRED, "Threads at once."),
    FIELD(mk_stress_cell, value_bytes, MK_FIELD_U64, 0, "Size of a value."),
    FIELD(mk_stress_cell, skipped, MK_FIELD_TEXT, MK_FIELD_NULLABLE,
          "Why nothing was tried on it; null = something was."),
    {0},
};
static const struct mk_record cell_record = {
    "stress_cell", sizeof(struct mk_stress_cell), cell_fields,
    "One implementation at one number of threads and one point of the sweep.",
};

static const struct mk_field suppression_fields[] = {
    FIELD(mk_suppression, pattern, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "The line of the file: \"race:function\"."),
    FIELD(mk_suppression, count, MK_FIELD_U64, 0, "How many reports it hid."),
    {0},
};
static const struct mk_record suppression_record = {
    "suppression", sizeof(struct mk_suppression), suppression_fields,
    "A pattern of a suppressions file, and what it hid.",
};

static const struct mk_field stress_fields[] = {
    FIELD(mk_stress_file, schema, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "\"" MK_STRESS_SCHEMA "\"."),
    FIELD(mk_stress_file, complete, MK_FIELD_BOOL, MK_FIELD_REQUIRED,
          "false: a signal ended it; what is here is valid."),
    FIELD(mk_stress_file, workload, MK_FIELD_RAW, MK_FIELD_REQUIRED, "The workload file, word for word."),
    FIELD(mk_stress_file, path, MK_FIELD_TEXT, 0, "Where the workload was, as it was given."),
    {.name = "context", .type = MK_FIELD_RECORD, .flags = MK_FIELD_REQUIRED,
     .offset = MK_AT(mk_stress_file, context), .record = &mk_result_context_record,
     .help = "What ran it, on what, and when; `flavour` is that of the workers."},
    FIELD(mk_stress_file, seconds, MK_FIELD_F64, 0, "How long it was to go on."),
    FIELD(mk_stress_file, spent_s, MK_FIELD_F64, 0, "How long it went on."),
    PARTS(mk_stress_file, warnings, mk_warning_record, "What limits what it says."),
    PARTS(mk_stress_file, cells, cell_record, "What was put to the test, by ascending `index`."),
    PARTS(mk_stress_file, trials, mk_trial_record, "What was tried: one for each oracle, cell and pressure."),
    PARTS(mk_stress_file, findings, mk_finding_record, "What is wrong, the first found first."),
    PARTS(mk_stress_file, suppressions, suppression_record, "What suppressions hid."),
    {0},
};
const struct mk_record mk_stress_record = {
    "stress", sizeof(struct mk_stress_file), stress_fields,
    "Everything that one hunt for races tried, and every finding.",
};
