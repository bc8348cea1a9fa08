/* finding.c - the tables of what a hunt for races came to: names and meaning of every field. */
#include "finding.h"

const char *const mk_grade_names[] = {"acceptable", "interesting", "forbidden", NULL};

#define FIELD(STRUCT, MEMBER, TYPE, FLAGS, HELP) \
    {.name = #MEMBER, .type = TYPE, .flags = FLAGS, .offset = MK_AT(STRUCT, MEMBER), .help = HELP}
#define LIST(STRUCT, MEMBER, TYPE, RECORD, HELP) \
    {.name = #MEMBER, .type = TYPE, .offset = MK_LIST_AT(STRUCT, MEMBER), .record = RECORD, .help = HELP}

static const struct mk_field frame_fields[] = {
    FIELD(mk_stack_frame, function, MK_FIELD_TEXT, 0, "The function; absent = unknown."),
    FIELD(mk_stack_frame, file, MK_FIELD_TEXT, 0,
          "Its file, relative to the source tree where that can be told; absent = unknown."),
    FIELD(mk_stack_frame, line, MK_FIELD_U32, 0, "Line in `file`; 0 = unknown."),
    FIELD(mk_stack_frame, module, MK_FIELD_TEXT, 0, "Program or shared object; absent = unknown."),
    {0},
};
const struct mk_record mk_stack_frame_record = {
    "stack_frame", sizeof(struct mk_stack_frame), frame_fields, "One call of a stack.",
};

static const struct mk_field stack_fields[] = {
    FIELD(mk_stack, title, MK_FIELD_TEXT, 0, "Who was there: \"Write of size 8 by thread T2\"."),
    LIST(mk_stack, frames, MK_FIELD_RECORD_LIST, &mk_stack_frame_record, "Its calls, innermost first."),
    {0},
};
const struct mk_record mk_stack_record = {
    "stack", sizeof(struct mk_stack), stack_fields, "A stack with its title.",
};

static const struct mk_field finding_fields[] = {
    FIELD(mk_finding_sample, cell, MK_FIELD_U32, MK_FIELD_REQUIRED | MK_FIELD_NULLABLE,
          "`index` of the cell; null = of none, as a leak seen at the end of a worker."),
    FIELD(mk_finding_sample, oracle, MK_FIELD_TEXT, 0, "What was being tried; absent = nothing in particular."),
    FIELD(mk_finding_sample, pressure, MK_FIELD_TEXT, 0, "Under which pressure, the first time."),
    LIST(mk_finding_sample, also, MK_FIELD_TEXT_LIST, NULL, "Further pressures that it was seen under."),
    FIELD(mk_finding_sample, flavour, MK_FIELD_TEXT, 0, "Of the build that showed it: release, debug, tsan, asan, model."),
    FIELD(mk_finding_sample, seed, MK_FIELD_U64, 0, "Seed of the trial, the first time."),
    FIELD(mk_finding_sample, rule, MK_FIELD_TEXT, MK_FIELD_REQUIRED,
          "What sort of thing it is: \"map/history\", \"tsan/data-race\", \"asan/heap-use-after-free\", "
          "\"model/data-race\", \"crash\", \"hang\"."),
    FIELD(mk_finding_sample, what, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "One sentence."),
    FIELD(mk_finding_sample, detail, MK_FIELD_TEXT, 0, "Further lines for people: columns of a history, a report."),
    FIELD(mk_finding_sample, object, MK_FIELD_TEXT, 0, "What it happened to: a heap block, a global."),
    LIST(mk_finding_sample, stacks, MK_FIELD_RECORD_LIST, &mk_stack_record, "Who was where."),
    {.name = "count", .type = MK_FIELD_U64, .offset = MK_AT(mk_finding_sample, count), .preset = "1",
     .help = "How often it was seen."},
    FIELD(mk_finding_sample, found_s, MK_FIELD_F64, 0, "When it was first seen, in seconds of the whole run."),
    FIELD(mk_finding_sample, picture, MK_FIELD_TEXT, 0, "File with a drawing of it (SVG)."),
    FIELD(mk_finding_sample, token, MK_FIELD_TEXT, 0,
          "Names the one schedule that shows it, for `stress --replay`; absent = none is known."),
    FIELD(mk_finding_sample, command, MK_FIELD_TEXT, 0, "The command that runs it again."),
    {0},
};
const struct mk_record mk_finding_record = {
    "finding", sizeof(struct mk_finding_sample), finding_fields,
    "One thing that is wrong. Seen again, it is counted, not repeated.",
};

static const struct mk_field outcome_fields[] = {
    FIELD(mk_outcome_sample, name, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "Name of the outcome."),
    {.name = "grade", .type = MK_FIELD_ENUM, .offset = MK_AT(mk_outcome_sample, grade), .names = mk_grade_names,
     .help = "How it is judged; interesting: allowed, and rarely thought of."},
    FIELD(mk_outcome_sample, count, MK_FIELD_U64, 0, "How often it came to that."),
    {0},
};
const struct mk_record mk_outcome_record = {
    "outcome", sizeof(struct mk_outcome_sample), outcome_fields, "One way in which a scenario ended.",
};

static const struct mk_field trial_fields[] = {
    FIELD(mk_trial_sample, cell, MK_FIELD_U32, MK_FIELD_REQUIRED, "`index` of the cell."),
    FIELD(mk_trial_sample, oracle, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "What was tried."),
    FIELD(mk_trial_sample, pressure, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "Under which pressure."),
    FIELD(mk_trial_sample, trials, MK_FIELD_U64, 0, "How often, each time with another seed."),
    FIELD(mk_trial_sample, ops, MK_FIELD_U64, 0, "Operations in all of them."),
    FIELD(mk_trial_sample, windows, MK_FIELD_U64, 0, "Windows of histories, judged or not."),
    FIELD(mk_trial_sample, unknown, MK_FIELD_U64, 0,
          "Of these, how many nothing can be said of: the search took too long."),
    FIELD(mk_trial_sample, busy_s, MK_FIELD_F64, 0, "How long all of it took."),
    LIST(mk_trial_sample, outcomes, MK_FIELD_RECORD_LIST, &mk_outcome_record, "How a scenario ended, how often."),
    FIELD(mk_trial_sample, note, MK_FIELD_TEXT, 0, "What else there is to say, in a line; absent = nothing."),
    FIELD(mk_trial_sample, skipped, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "Why it was not tried; null = it was."),
    {0},
};
const struct mk_record mk_trial_record = {
    "trial", sizeof(struct mk_trial_sample), trial_fields,
    "What was tried of one oracle on one cell under one pressure.",
};
