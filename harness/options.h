/* options.h - the command line of `run`, `plan` and `stress` as a struct. */
#ifndef MK_OPTIONS_H
#define MK_OPTIONS_H

#include "plan.h"

struct mk_options {
    const char *workload; /* path, or under stress a scenario; NULL when only --help was asked for */
    const char *out;      /* result file; NULL = results/NAME-TIME.json */
    const char *csv, *markdown, *colour, *flavour, *topology;
    const char *junit, *sarif, *suppressions;
    char **oracles, **pressures;
    size_t oracles_n, pressures_n;
    double seconds;          /* 0 = as the workload says */
    uint64_t effort_percent; /* 0 = growing */
    bool stop_at_first;
    /* Of the model flavour, which any of them asks for. */
    bool asks_model;
    uint64_t schedules;           /* of a trial; 0 = by the effort */
    const char *memory, *strategy; /* names; NULL = c11, the portfolio */
    uint32_t preemptions, stale;  /* of a search */
    bool searches, freeze, no_races;
    const char *replay;           /* a token; then there is no workload */
    struct mk_plan_options plan;
    char **sets; /* KEY=VALUE */
    size_t sets_n;
    double timeout_s;
    bool in_process, strict, strict_env, quiet, json, help;
};

/* Reads argv (argv[0] = the subcommand: "run", "plan" or "stress"). Returns 0, or -1 after a usage error has been
 * written to stderr. Freed by mk_options_free; texts are argv's own. */
int mk_options_read(int argc, char **argv, struct mk_options *options);
void mk_options_free(struct mk_options *options);

/* Prints the help of one of them to stdout. */
void mk_options_help(const char *command);

/* Loads the plug-ins. Returns 0, or the exit status after having said what is wrong. */
int mk_options_plugins(const struct mk_options *options);

/* Reads the workload with --set applied; plug-ins are loaded. Returns 0, or the exit status after having
 * said what is wrong. */
int mk_options_workload(const struct mk_options *options, struct mk_workload *workload);

#endif
