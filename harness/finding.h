/* finding.h - what a hunt for races came to, as it goes over the wire and into the stress file: findings,
 * and what was tried without one. */
#ifndef MK_FINDING_H
#define MK_FINDING_H

#include "record.h"

/* How an outcome of a scenario is judged. */
enum mk_grade_sample { MK_GRADE_ACCEPTABLE, MK_GRADE_INTERESTING, MK_GRADE_FORBIDDEN };
extern const char *const mk_grade_names[];

/* One line of a stack, innermost first. */
struct mk_stack_frame {
    char *function; /* NULL unknown */
    char *file;     /* relative to the tree where that can be told; NULL unknown */
    uint32_t line;  /* 0 unknown */
    char *module;   /* program or shared object; NULL unknown */
};

struct mk_stack {
    char *title; /* "Write of size 8 by thread T2 (mutexes: write M1)" */
    struct mk_stack_frame *frames;
    size_t frames_n;
};

/* One thing that is wrong. The same thing found again is counted, not repeated. */
struct mk_finding_sample {
    uint32_t cell;    /* in the plan; UINT32_MAX: of no cell, as a leak seen at the end of a worker */
    char *oracle;     /* what was being tried; NULL: nothing in particular */
    char *pressure;   /* under what; NULL as above */
    char **also;      /* further pressures that it was seen under; made by mk_stress_add_finding */
    size_t also_n;
    char *flavour;    /* of the build that showed it */
    uint64_t seed;    /* of that trial */
    char *rule;       /* what sort of thing it is: "map/history", "tsan/data-race", "asan/heap-use-after-free",
                       * "crash", "hang" */
    char *what;       /* one sentence */
    char *detail;     /* further lines for people: columns of a history, the text of a report; NULL none */
    char *object;     /* what it happened to: a heap block, a global; NULL unknown */
    struct mk_stack *stacks;
    size_t stacks_n;
    uint64_t count;   /* how often it was seen */
    double found_s;   /* after so many seconds of the whole run, the first time */
    char *picture;    /* SVG; in the file it is the path of the file it was saved to; NULL none */
    char *token;      /* names the schedule that shows it (model flavour); NULL none */
    char *command;    /* reruns it */
};

/* How often a scenario ended so. */
struct mk_outcome_sample {
    char *name;
    uint32_t grade; /* enum mk_grade_sample */
    uint64_t count;
};

/* What was tried of one oracle on one cell under one pressure. Over the wire: one trial. In the file: all. */
struct mk_trial_sample {
    uint32_t cell;
    char *oracle, *pressure;
    uint64_t trials, ops;
    uint64_t windows;  /* of histories, judged or not */
    uint64_t unknown;  /* of these, how many nothing can be said of: the search took too long */
    double busy_s;
    struct mk_outcome_sample *outcomes;
    size_t outcomes_n;
    char *note;        /* what else there is to say, of the last trial; NULL nothing */
    char *skipped;     /* why it was not tried; NULL = it was */
};

extern const struct mk_record mk_stack_frame_record, mk_stack_record, mk_finding_record, mk_outcome_record,
    mk_trial_record;

#endif
