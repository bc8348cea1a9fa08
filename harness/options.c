/* options.c - see options.h. One table for parsing, help and suggestions. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "build_info.h"
#include "commands.h"
#include "compose.h"
#include "counter.h"
#include "registry.h"
#include "topo.h"

enum option_id {
    OPT_OUT = 'o', OPT_HELP = 'h',
    OPT_IMPL = 256, OPT_THREADS, OPT_PIN, OPT_PROCESSES, OPT_ROUNDS, OPT_ROUND_MS, OPT_BUDGET, OPT_COUNTERS,
    OPT_REQUIRE_COUNTERS, OPT_SEED, OPT_SET, OPT_SHARD, OPT_PLUGIN, OPT_FLAVOUR, OPT_IN_PROCESS, OPT_TIMEOUT,
    OPT_CSV, OPT_MARKDOWN, OPT_STRICT, OPT_STRICT_ENV, OPT_QUIET, OPT_COLOR, OPT_TOPOLOGY, OPT_JSON,
    OPT_SECONDS, OPT_ORACLE, OPT_PRESSURE, OPT_EFFORT, OPT_STOP_AT_FIRST, OPT_JUNIT, OPT_SARIF, OPT_SUPPRESSIONS,
    OPT_SCHEDULES, OPT_MEMORY, OPT_STRATEGY, OPT_SEARCH, OPT_FREEZE, OPT_NO_RACES, OPT_REPLAY
};

enum { FOR_RUN = 1, FOR_PLAN = 2, FOR_STRESS = 4, FOR_ALL = 7 };

static const struct known {
    const char *name, *value, *help;
    int id, commands;
} known[] = {
    {"output", "FILE|-", "where the result goes (- = standard output; default results/NAME-TIME.json)", OPT_OUT, FOR_RUN | FOR_STRESS},
    {"impl", "GLOB", "run these instead of the file's \"impls\" (may be repeated)", OPT_IMPL, FOR_ALL},
    {"threads", "LIST", "thread counts such as 1,2,4 instead of the file's", OPT_THREADS, FOR_ALL},
    {"pin", "POLICY", "compact, scatter, cores, numa, none, or PUs such as 0,2,4-7", OPT_PIN, FOR_RUN | FOR_PLAN},
    {"processes", "N", "worker processes: the unit of every interval", OPT_PROCESSES, FOR_RUN | FOR_PLAN},
    {"rounds", "N", "timed rounds of each cell in each process", OPT_ROUNDS, FOR_RUN | FOR_PLAN},
    {"round-ms", "MS", "how long a round is", OPT_ROUND_MS, FOR_RUN | FOR_PLAN},
    {"budget", "TIME", "fewer rounds and processes, so that it takes about this long (90s, 2m, 1h)", OPT_BUDGET, FOR_RUN | FOR_PLAN},
    {"counters", "BACKEND", "auto, papi, perf, sw or none", OPT_COUNTERS, FOR_RUN},
    {"require-counters", NULL, "exit 3 when a counter asked for is not to be had", OPT_REQUIRE_COUNTERS, FOR_RUN},
    {"seed", "N", "makes every choice anew; the same seed makes the same ones", OPT_SEED, FOR_ALL},
    {"set", "KEY=VALUE", "change one key of the workload, as in keys.count=10000 (may be repeated)", OPT_SET, FOR_ALL},
    {"shard", "I/N", "run the I-th of N parts; join them with merge", OPT_SHARD, FOR_RUN | FOR_PLAN},
    {"plugin", "SO", "load implementations from a shared object (may be repeated)", OPT_PLUGIN, FOR_ALL},
    {"flavour", "F", "workers of another build: release, debug, tsan, asan, model", OPT_FLAVOUR, FOR_RUN | FOR_STRESS},
    {"in-process", NULL, "no worker processes: for debuggers", OPT_IN_PROCESS, FOR_RUN | FOR_STRESS},
    {"seconds", "S", "how long to go on (default: the file's stress.seconds)", OPT_SECONDS, FOR_STRESS},
    {"oracle", "GLOB", "try these alone: list oracles (may be repeated)", OPT_ORACLE, FOR_STRESS},
    {"pressure", "NAME", "under these alone: list pressures (may be repeated)", OPT_PRESSURE, FOR_STRESS},
    {"effort", "PERCENT", "of the operations of each trial (default: 10, then more pass by pass)", OPT_EFFORT, FOR_STRESS},
    {"stop-at-first", NULL, "finding", OPT_STOP_AT_FIRST, FOR_STRESS},
    {"schedules", "N", "of each trial, under the model flavour (default: by the effort)", OPT_SCHEDULES, FOR_STRESS},
    {"memory", "MODEL", "what loads may read there: c11 (default), tso (x86) or sc", OPT_MEMORY, FOR_STRESS},
    {"strategy", "NAME", "how its schedules are made: random, pct2, pct3, pct4, pos, surw, turns (default: all, by shares)", OPT_STRATEGY, FOR_STRESS},
    {"search", "P[,S]", "every schedule with up to P preemptions and S stale reads instead", OPT_SEARCH, FOR_STRESS},
    {"freeze", NULL, "stop one thread for ever: what calls itself lock-free goes on without it", OPT_FREEZE, FOR_STRESS},
    {"no-races", NULL, "go on after data races, to find what comes of them", OPT_NO_RACES, FOR_STRESS},
    {"replay", "TOKEN", "carry out the one schedule that a token names, here and now; no workload", OPT_REPLAY, FOR_STRESS},
    {"suppressions", "FILE", "reports of sanitizers to pass over, in ThreadSanitizer's syntax; they are counted", OPT_SUPPRESSIONS, FOR_STRESS},
    {"timeout", "TIME", "end a cell that takes longer (default: 20 times what is expected, 60s at least)", OPT_TIMEOUT, FOR_RUN},
    {"timeout", "TIME", "a trial that takes longer hangs (default: judged by the work it does)", OPT_TIMEOUT, FOR_STRESS},
    {"csv", "FILE", "write the table as CSV too", OPT_CSV, FOR_RUN},
    {"markdown", "FILE", "write the table as Markdown too", OPT_MARKDOWN, FOR_RUN},
    {"markdown", "FILE", "write the findings as Markdown too", OPT_MARKDOWN, FOR_STRESS},
    {"junit", "FILE", "write the findings as JUnit XML too", OPT_JUNIT, FOR_STRESS},
    {"sarif", "FILE", "write the findings as SARIF 2.1.0 too", OPT_SARIF, FOR_STRESS},
    {"strict", NULL, "exit 5 when a figure is untrustworthy", OPT_STRICT, FOR_RUN | FOR_STRESS},
    {"strict-env", NULL, "exit 3 when the environment spoils the measurement", OPT_STRICT_ENV, FOR_RUN},
    {"quiet", NULL, "no progress, no table", OPT_QUIET, FOR_RUN | FOR_STRESS},
    {"topology", "STR", "plan for another machine, described as hwloc does: \"pack:2 core:8 pu:2\"", OPT_TOPOLOGY, FOR_PLAN},
    {"json", NULL, "print the plan as JSON", OPT_JSON, FOR_PLAN},
    {"color", "WHEN", "auto, always or never (NO_COLOR is honoured)", OPT_COLOR, FOR_RUN | FOR_STRESS},
    {"help", NULL, "this", OPT_HELP, FOR_ALL},
};
#define KNOWN (sizeof known / sizeof *known)

static int command_of(const char *name) {
    return strcmp(name, "plan") == 0 ? FOR_PLAN : strcmp(name, "stress") == 0 ? FOR_STRESS : FOR_RUN;
}

static const struct {
    int command;
    const char *head, *tail;
} helps[] = {
    {FOR_RUN,
     "usage: memkit-bench [run] WORKLOAD.json [options]\n\n"
     "Runs a workload file against the implementations it names, prints a table and keeps everything that\n"
     "was measured in one JSON file.\n",
     "\nexamples:\n"
     "  memkit-bench workloads/quickstart.json\n"
     "  memkit-bench workloads/ycsb/b.json --impl 'map/*' --threads 1,2 --set keys.count=100000\n"
     "  memkit-bench workloads/ycsb/a.json --budget 1m -o a.json && scripts/plot.py a.json -o plots\n"
     "\nexit status: 0 fine; 2 bad usage or input; 3 could not measure; 4 a failed check;\n"
     "5 untrustworthy (--strict); 6 a worker failed; 128+n ended by signal n (the result is kept)\n"},
    {FOR_PLAN,
     "usage: memkit-bench plan WORKLOAD.json [options]\n\n"
     "Shows what `run` would do, and runs nothing: every cell, its threads and their PUs, what is skipped\n"
     "and why, how long it takes and how much memory it needs.\n",
     "\nexample:\n  memkit-bench plan workloads/quickstart.json --topology \"pack:2 core:16 pu:2\"\n"},
    {FOR_STRESS,
     "usage: memkit-bench stress WORKLOAD.json|SCENARIO [options]\n\n"
     "Tries to break what a workload file measures: oracles (what must hold) on every implementation, under\n"
     "pressures (what makes threads meet), for a while. Findings are printed with the command that repeats\n"
     "them, and kept in one JSON file. A measuring run says how fast; this says whether that means anything.\n",
     "\nexamples:\n"
     "  memkit-bench stress workloads/stress/map.json\n"
     "  memkit-bench stress workloads/stress/map.json --impl map/NAME --flavour tsan --seconds 60\n"
     "  memkit-bench stress workloads/stress/alloc.json --sarif alloc.sarif --junit alloc.xml\n"
     "  memkit-bench stress map_adjacent_removes --impl 'map/*'\n"
     "  memkit-bench stress workloads/stress/map.json --impl map/NAME --schedules 10000\n"
     "  memkit-bench stress --replay TOKEN\n"
     "\nexit status: 0 nothing found; 2 bad usage or input; 3 nothing could be tried; 4 something was found;\n"
     "5 unchecked (--strict); 6 no worker can run; 128+n ended by signal n (what was found is kept)\n"},
};

void mk_options_help(const char *command) {
    int commands = command_of(command);
    size_t at = 0;
    while (helps[at].command != commands) at++;
    printf("%s\noptions:\n", helps[at].head);
    for (size_t i = 0; i < KNOWN; i++) {
        char head[48];
        if (!(known[i].commands & commands)) continue;
        snprintf(head, sizeof head, "%s--%s%s%s", known[i].id < 256 ? (known[i].id == 'o' ? "-o, " : "-h, ") : "",
                 known[i].name, known[i].value ? " " : "", known[i].value ? known[i].value : "");
        printf("  %-24s %s\n", head, known[i].help);
    }
    printf("%s", helps[at].tail);
}

/* ---- values -------------------------------------------------------------------------------- */

static int say(const char *command, const char *format, const char *value) {
    fprintf(stderr, "memkit-bench %s: ", command);
    fprintf(stderr, format, value);
    fprintf(stderr, "\n");
    return -1;
}

static int read_number(const char *command, const char *option, const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end && !errno) return 0;
    char *what = mk_need_format("--%s wants a whole number, not \"%%s\"", option);
    say(command, what, text);
    free(what);
    return -1;
}

/* 90s, 2m, 1h, 500ms; a bare number is seconds. */
static int read_time(const char *text, double *out_s) {
    static const struct {
        const char *unit;
        double s;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"min", 60}, {"h", 3600}};
    char *end;
    double value = strtod(text, &end);
    if (end == text || !(value > 0) || !isfinite(value)) return -1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *out_s = value * units[i].s;
            return 0;
        }
    }
    return -1;
}

static int read_threads(const char *command, const char *text, struct mk_plan_options *plan) {
    const char *all = text;
    if (strcmp(text, "auto") == 0) return 0;
    while (*text) {
        char *end;
        uint64_t n = strtoull(text, &end, 10);
        if (end == text || *text < '0' || *text > '9' || n == 0 || n > 4096 || (*end && *end != ',')) {
            return say(command, "--threads wants counts from 1 to 4096 such as 1,2,4, not \"%s\"", all);
        }
        *(uint64_t *)mk_grow(&plan->threads, &plan->threads_n, sizeof n) = n;
        text = *end ? end + 1 : end;
    }
    return plan->threads_n ? 0 : say(command, "--threads wants counts such as 1,2,4, not \"%s\"", all);
}

static int read_shard(const char *command, const char *text, struct mk_plan_options *plan) {
    unsigned i = 0, n = 0;
    char rest;
    if (sscanf(text, "%u/%u%c", &i, &n, &rest) != 2 || i < 1 || n < 1 || i > n || n > 10000) {
        return say(command, "--shard wants I/N with 1 <= I <= N, not \"%s\"", text);
    }
    plan->shard = i;
    plan->shards = n;
    return 0;
}

/* P or P,S. */
static int read_bounds(const char *text, uint32_t *preemptions, uint32_t *stale) {
    char *end = (char *)text;
    uint32_t *const bounds[] = {preemptions, stale};
    for (size_t i = 0; i < 2 && (!i || *end == ','); i++) {
        const char *from = end + (i != 0);
        unsigned long long bound = isdigit((unsigned char)*from) ? strtoull(from, &end, 10) : ULLONG_MAX;
        if (bound > 10000) return -1;
        *bounds[i] = (uint32_t)bound;
    }
    return *end ? -1 : 0;
}

static int set_text(char ***list, size_t *n, char *text) {
    *(char **)mk_grow(list, n, sizeof *list) = text;
    return 0;
}

/* The names of harness/model/strategy.c, which is not there in other flavours; tests/model/test_explore.c compares. */
static bool is_strategy(const char *name) {
    static const char *const names[] = {"random", "pct2", "pct3", "pct4", "pos", "surw", "turns"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) return true;
    }
    return false;
}

/* What only the model flavour knows asks for it. */
static int of_model(struct mk_options *o) {
    o->asks_model = true;
    return 0;
}

static int take(const char *command, int id, char *value, struct mk_options *o) {
    struct mk_plan_options *plan = &o->plan;
    struct mk_err err;
    switch (id) {
    case OPT_OUT: o->out = value; return 0;
    case OPT_IMPL: return set_text(&plan->impls, &plan->impls_n, value);
    case OPT_THREADS: return read_threads(command, value, plan);
    case OPT_PIN:
        plan->pin = value;
        return mk_topo_check_policy(value, &err) ? say(command, "--pin: %s", err.text) : 0;
    case OPT_PROCESSES: return read_number(command, "processes", value, &plan->processes);
    case OPT_ROUNDS: return read_number(command, "rounds", value, &plan->rounds);
    case OPT_ROUND_MS: return read_number(command, "round-ms", value, &plan->round_ms);
    case OPT_BUDGET:
        return read_time(value, &plan->budget_s) ? say(command, "--budget wants a time such as 90s or 2m, not \"%s\"", value) : 0;
    case OPT_TIMEOUT:
        return read_time(value, &o->timeout_s) ? say(command, "--timeout wants a time such as 90s or 2m, not \"%s\"", value) : 0;
    case OPT_COUNTERS:
        plan->counters = value;
        return mk_counter_check_choice(value, &err) ? say(command, "--counters: %s", err.text) : 0;
    case OPT_REQUIRE_COUNTERS: plan->require_counters = true; return 0;
    case OPT_SEED: plan->seed_given = true; return read_number(command, "seed", value, &plan->seed);
    case OPT_SET:
        if (!strchr(value, '=')) return say(command, "--set wants KEY=VALUE, not \"%s\"", value);
        return set_text(&o->sets, &o->sets_n, value);
    case OPT_SHARD: return read_shard(command, value, plan);
    case OPT_PLUGIN: return set_text(&plan->plugins, &plan->plugins_n, value);
    case OPT_FLAVOUR:
        o->flavour = value;
        o->plan.other_flavour = strcmp(value, mk_build_info()->flavour) != 0;
        return 0;
    case OPT_IN_PROCESS: o->in_process = true; return 0;
    case OPT_CSV: o->csv = value; return 0;
    case OPT_MARKDOWN: o->markdown = value; return 0;
    case OPT_STRICT: o->strict = true; return 0;
    case OPT_STRICT_ENV: o->strict_env = true; return 0;
    case OPT_QUIET: o->quiet = true; return 0;
    case OPT_TOPOLOGY: o->topology = value; return 0;
    case OPT_JSON: o->json = true; return 0;
    case OPT_SECONDS:
        return read_time(value, &o->seconds) ? say(command, "--seconds wants a time such as 90 or 5m, not \"%s\"", value) : 0;
    case OPT_ORACLE: return set_text(&o->oracles, &o->oracles_n, value);
    case OPT_PRESSURE: return set_text(&o->pressures, &o->pressures_n, value);
    case OPT_EFFORT:
        if (read_number(command, "effort", value, &o->effort_percent)) return -1;
        if (o->effort_percent >= 1 && o->effort_percent <= 1000) return 0;
        return say(command, "--effort wants 1 to 1000 percent, not \"%s\"", value);
    case OPT_STOP_AT_FIRST: o->stop_at_first = true; return 0;
    case OPT_SCHEDULES:
        if (read_number(command, "schedules", value, &o->schedules)) return -1;
        return o->schedules ? of_model(o) : say(command, "--schedules wants a number above %s", "0");
    case OPT_MEMORY:
        o->memory = value;
        if (strcmp(value, "sc") && strcmp(value, "tso") && strcmp(value, "c11")) {
            return say(command, "--memory is sc, tso or c11, not \"%s\"", value);
        }
        return of_model(o);
    case OPT_STRATEGY:
        o->strategy = value;
        return is_strategy(value) ? of_model(o) : say(command, "there is no strategy \"%s\": see --help", value);
    case OPT_SEARCH:
        o->searches = true;
        if (read_bounds(value, &o->preemptions, &o->stale)) {
            return say(command, "--search wants numbers of preemptions and stale reads, such as 2,1, not \"%s\"", value);
        }
        return of_model(o);
    case OPT_FREEZE: o->freeze = true; return of_model(o);
    case OPT_NO_RACES: o->no_races = true; return of_model(o);
    case OPT_REPLAY: o->replay = value; return of_model(o);
    case OPT_SUPPRESSIONS: o->suppressions = value; return 0;
    case OPT_JUNIT: o->junit = value; return 0;
    case OPT_SARIF: o->sarif = value; return 0;
    case OPT_COLOR:
        o->colour = value;
        if (strcmp(value, "auto") == 0 || strcmp(value, "always") == 0 || strcmp(value, "never") == 0) return 0;
        return say(command, "--color is auto, always or never, not \"%s\"", value);
    default: o->help = true; return 0;
    }
}

/* ---- parsing ------------------------------------------------------------------------------- */

static int unknown_option(const char *command, int commands, const char *word) {
    const char *names[KNOWN + 1];
    size_t n = 0, length = strcspn(word, "=");
    char name[64];
    for (size_t i = 0; i < KNOWN; i++) {
        if (known[i].commands & commands) names[n++] = known[i].name;
    }
    names[n] = NULL;
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    const char *near = mk_nearest(name + strspn(name, "-"), names);
    fprintf(stderr, "memkit-bench %s: no option \"%s\"", command, name);
    if (near) fprintf(stderr, ", did you mean --%s?", near);
    fprintf(stderr, " (memkit-bench %s --help)\n", command);
    return -1;
}

int mk_options_read(int argc, char **argv, struct mk_options *options) {
    const char *command = argv[0];
    int commands = command_of(command), id;
    struct option longs[KNOWN + 1] = {{0}};
    size_t n = 0;
    memset(options, 0, sizeof *options);
    options->colour = "auto";
    for (size_t i = 0; i < KNOWN; i++) {
        if (!(known[i].commands & commands)) continue;
        longs[n++] = (struct option){known[i].name, known[i].value ? required_argument : no_argument, NULL, known[i].id};
    }
    optind = 1;
    opterr = 0;
    while ((id = getopt_long(argc, argv, commands == FOR_PLAN ? ":h" : ":ho:", longs, NULL)) != -1) {
        if (id == ':') return say(command, "%s wants a value", argv[optind - 1]);
        if (id == '?') return unknown_option(command, commands, argv[optind - 1]);
        if (take(command, id, optarg, options)) return -1;
    }
    if (options->help) return 0;
    if (options->asks_model && !options->flavour) options->flavour = "model";
    if (options->asks_model && strcmp(options->flavour, "model") != 0) {
        return say(command, "--schedules, --memory, --strategy, --search, --freeze, --no-races and --replay are of the "
                            "model flavour, not of %s", options->flavour);
    }
    if (options->replay) {
        return optind < argc ? say(command, "a token says all: \"%s\" is too much", argv[optind]) : 0;
    }
    if (optind == argc) return say(command, "which workload? (%s, for one)", "workloads/quickstart.json");
    if (optind + 1 < argc) return say(command, "one workload at a time: \"%s\" is too many", argv[optind + 1]);
    options->workload = argv[optind];
    return 0;
}

void mk_options_free(struct mk_options *options) {
    free(options->plan.impls);
    free(options->plan.threads);
    free(options->plan.plugins);
    free(options->sets);
    free(options->oracles);
    free(options->pressures);
}

int mk_options_plugins(const struct mk_options *options) {
    struct mk_err err;
    for (size_t i = 0; i < options->plan.plugins_n; i++) {
        if (mk_registry_load(options->plan.plugins[i], &err)) {
            fprintf(stderr, "memkit-bench: %s\n", err.text);
            return MK_EXIT_BROKEN;
        }
    }
    return 0;
}

int mk_options_workload(const struct mk_options *options, struct mk_workload *workload) {
    struct mk_err err;
    if (mk_workload_read(options->workload, workload)) return MK_EXIT_USAGE;
    for (size_t i = 0; i < options->sets_n; i++) {
        char *key = mk_need_text(options->sets[i]);
        char *equals = strchr(key, '=');
        *equals = '\0';
        int failed = mk_workload_set(workload, key, equals + 1, &err);
        free(key);
        if (failed) {
            fprintf(stderr, "memkit-bench: --set %s: %s\n", options->sets[i], err.text);
            mk_record_free(&mk_workload_record, workload);
            return MK_EXIT_USAGE;
        }
    }
    return 0;
}
