/* cmd_stress.c - `stress`: from a workload file, or a scenario, to findings. */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build_info.h"
#include "check/conform.h"
#include "check/oracles.h"
#include "check/scenarios.h"
#include "commands.h"
#include "compose.h"
#include "grid.h"
#include "hunt.h"
#include "launch.h"
#include "options.h"
#include "registry.h"
#include "report.h"
#include "trials.h"

struct stress {
    struct mk_options options;
    struct mk_workload workload;
    struct mk_topo *topo;
    struct mk_plan plan;
    struct mk_stress_file file;
    struct mk_hunt_options hunt;
    struct mk_suppressor *suppressors;
    size_t suppressors_n;
    const char *flavour; /* of the workers */
    char *out, *worker;
};

static int fail(const struct mk_err *err, int status) {
    fprintf(stderr, "memkit-bench: %s\n", err->text);
    return status;
}

/* ---- what is to be tried ------------------------------------------------------------------- */

/* A scenario stands for a workload of its kind, all implementations, and nothing else to try. */
static int read_scenario(struct stress *s, const struct mk_scenario *scenario) {
    const struct mk_kind *kind = mk_registry_kind(scenario->kind);
    char *text = mk_need_format("{\"schema\": \"memkit.workload/1\", \"name\": \"%s\", \"kind\": \"%s\", \"impls\": "
                                "\"%s/*\", \"ops\": {\"%s\": 1}, \"stress\": {\"oracles\": \"%s\"}}",
                                scenario->name, scenario->kind, scenario->kind, kind ? kind->ops[0].name : "",
                                scenario->name);
    int failed = mk_workload_parse(scenario->name, text, strlen(text), &s->workload);
    free(text);
    return failed ? MK_EXIT_USAGE : 0;
}

static int read_workload(struct stress *s) {
    struct stat status;
    const struct mk_scenario *scenario = mk_scenario_of(s->options.workload);
    if (scenario && stat(s->options.workload, &status) != 0) return read_scenario(s, scenario);
    return mk_options_workload(&s->options, &s->workload);
}

/* Names in `list` that no oracle of the kind matches are mistakes. */
static int check_oracles(const struct stress *s, char *const *list, size_t n, struct mk_err *err) {
    const struct mk_case **oracles;
    size_t oracles_n = mk_oracles(s->workload.kind, &oracles);
    const char **names = mk_need(oracles_n + 1, sizeof *names);
    int failed = 0;
    for (size_t i = 0; i < oracles_n; i++) names[i] = oracles[i]->name;
    for (size_t i = 0; i < n && !failed; i++) {
        bool known = false;
        for (size_t k = 0; k < oracles_n; k++) known = known || (fnmatch(list[i], names[k], 0) == 0);
        const char *near = known ? NULL : mk_nearest(list[i], names);
        if (!known) {
            failed = mk_fail(err, "kind %s has no oracle \"%s\"%s%s%s (memkit-bench list oracles)", s->workload.kind,
                             list[i], near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
    }
    free(names);
    free(oracles);
    return failed;
}

static int check_pressures(char *const *list, size_t n, struct mk_err *err) {
    const char *names[64];
    size_t names_n = 0;
    for (const struct mk_pressure *at = mk_pressures; at->name && names_n < 63; at++) names[names_n++] = at->name;
    names[names_n] = NULL;
    for (size_t i = 0; i < n; i++) {
        if (mk_pressure_of(list[i])) continue;
        const char *near = mk_nearest(list[i], names);
        return mk_fail(err, "there is no pressure \"%s\"%s%s%s (memkit-bench list pressures)", list[i],
                       near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return 0;
}

static void settle_model(struct stress *s) {
    struct mk_hunt_order *order = &s->hunt.order;
    order->schedules = s->options.schedules;
    order->memory = (char *)(s->options.memory ? s->options.memory : "");
    order->strategy = (char *)(s->options.strategy ? s->options.strategy : "");
    order->searches = s->options.searches;
    order->preemptions = s->options.preemptions;
    order->stale = s->options.stale;
    order->freeze = s->options.freeze;
    order->no_races = s->options.no_races;
    /* So many schedules of each, and no clock: the same every time. */
    if (order->schedules && s->options.seconds <= 0) order->seconds = 0;
}

/* The command line wins over the file. */
static int settle_order(struct stress *s, struct mk_err *err) {
    struct mk_hunt_order *order = &s->hunt.order;
    const struct mk_workload_stress *asked = &s->workload.stress;
    bool own = s->options.oracles_n != 0, own_pressures = s->options.pressures_n != 0;
    order->oracles = own ? s->options.oracles : asked->oracles;
    order->oracles_n = own ? s->options.oracles_n : asked->oracles_n;
    order->pressures = own_pressures ? s->options.pressures : asked->pressures;
    order->pressures_n = own_pressures ? s->options.pressures_n : asked->pressures_n;
    order->seconds = s->options.seconds > 0 ? s->options.seconds : asked->seconds;
    order->effort_percent = (uint32_t)s->options.effort_percent;
    order->stop_at_first = s->options.stop_at_first;
    order->seed = s->plan.seed;
    settle_model(s);
    return check_oracles(s, order->oracles, order->oracles_n, err) ||
                   check_pressures(order->pressures, order->pressures_n, err)
               ? -1
               : 0;
}

/* ---- the command that repeats a finding ---------------------------------------------------- */

static void add_quoted(struct mk_text *out, const char *option, const char *value) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,=+@%:";
    mk_text_printf(out, " %s ", option);
    if (*value && strspn(value, plain) == strlen(value)) {
        mk_text_puts(out, value);
        return;
    }
    mk_text_putc(out, '\'');
    for (; *value; value++) {
        if (*value == '\'') mk_text_puts(out, "'\\'");
        mk_text_putc(out, *value);
    }
    mk_text_putc(out, '\'');
}

/* Of a sweep's point "keys.count=10 value_bytes=64". */
static void add_label(struct mk_text *out, const char *label) {
    while (*label) {
        size_t n = strcspn(label, " ");
        char *pair = mk_need_format("%.*s", (int)n, label);
        add_quoted(out, "--set", pair);
        free(pair);
        label += n + (label[n] == ' ');
    }
}

static char *command_of(void *arg, const struct mk_finding_sample *finding, uint32_t effort_percent) {
    const struct stress *s = arg;
    struct mk_text out = {0};
    mk_text_puts(&out, "memkit-bench");
    if (finding->token) {
        add_quoted(&out, "stress --replay", finding->token);
    } else {
        add_quoted(&out, "stress", s->options.workload);
    }
    for (size_t i = 0; i < s->options.plan.plugins_n; i++) add_quoted(&out, "--plugin", s->options.plan.plugins[i]);
    if (finding->token) return mk_text_take(&out);
    for (size_t i = 0; i < s->options.sets_n; i++) add_quoted(&out, "--set", s->options.sets[i]);
    if (finding->cell < s->plan.cells_n) {
        const struct mk_cell *cell = &s->plan.cells[finding->cell];
        const struct mk_plan_group *group = &s->plan.groups[cell->group];
        add_label(&out, group->label);
        add_quoted(&out, "--impl", cell->identity);
        mk_text_printf(&out, " --threads %u", group->threads);
        add_quoted(&out, "--oracle", finding->oracle);
        add_quoted(&out, "--pressure", finding->pressure);
        mk_text_printf(&out, " --effort %u", effort_percent);
    }
    mk_text_printf(&out, " --seed %llu --flavour %s", (unsigned long long)finding->seed, s->flavour);
    return mk_text_take(&out);
}

/* ---- the file ------------------------------------------------------------------------------ */

static void warn(struct stress *s, const char *about, const char *text, const char *remedy) {
    struct mk_warning *warning = mk_grow(&s->file.warnings, &s->file.warnings_n, sizeof *warning);
    warning->about = mk_need_text(about);
    warning->text = mk_need_text(text);
    if (remedy) warning->remedy = mk_need_text(remedy);
}

/* Fences of the program and of plug-ins: what ThreadSanitizer says of those who use them may be wrong. */
static void warn_of_fences(struct stress *s) {
    if (strcmp(s->flavour, "tsan") != 0) return;
    for (size_t i = 0; i <= s->options.plan.plugins_n; i++) {
        const char *path = i ? s->options.plan.plugins[i - 1] : s->worker ? s->worker : "/proc/self/exe";
        if (mk_sanitizer_has_fences(path)) {
            warn(s, path, "has fences, which ThreadSanitizer does not see: what it reports there may be no race",
                 "put orders on the operations, or hunt with --flavour debug");
        }
    }
}

static void begin_file(struct stress *s, int argc, char **argv) {
    struct mk_env env = {0};
    struct mk_env_ask ask = {.root = ""};
    s->file.schema = mk_need_text(MK_STRESS_SCHEMA);
    s->file.workload = mk_need_text(s->workload.text);
    s->file.path = mk_need_text(s->options.workload);
    s->file.seconds = s->hunt.order.seconds;
    mk_context_begin(&s->file.context, s->plan.seed, argc, argv);
    if (s->worker) mk_context_workers(&s->file.context, s->flavour);
    mk_env_read(&ask, &env);
    char *text = mk_launch_machine(s->topo, &env);
    mk_context_machine(&s->file.context, mk_topo_machine(s->topo), text);
    s->file.context.environment = env;
    free(text);
    for (size_t i = 0; i < s->plan.cells_n; i++) {
        const struct mk_cell *from = &s->plan.cells[i];
        const struct mk_plan_group *group = &s->plan.groups[from->group];
        struct mk_stress_cell *cell = mk_grow(&s->file.cells, &s->file.cells_n, sizeof *cell);
        cell->index = from->index;
        cell->identity = mk_need_text(from->identity);
        cell->label = mk_need_text(group->label);
        cell->threads = group->threads;
        cell->value_bytes = s->plan.points[group->point].workload.value_bytes;
        if (from->skipped) cell->skipped = mk_need_text(from->reason);
    }
    warn_of_fences(s);
}

/* Each drawing into a file of its own beside the result; the finding then has its path. */
static int save_pictures(struct stress *s, struct mk_err *err) {
    size_t length = strlen(s->out), number = 0;
    if (length > 5 && strcmp(s->out + length - 5, ".json") == 0) length -= 5;
    for (size_t i = 0; i < s->file.findings_n; i++) {
        struct mk_finding_sample *finding = &s->file.findings[i];
        if (!finding->picture) continue;
        struct mk_text text = {0};
        char *path = strcmp(s->out, "-") == 0 ? NULL : mk_need_format("%.*s-%zu.svg", (int)length, s->out, ++number);
        mk_text_puts(&text, finding->picture);
        int failed = path ? mk_text_save(&text, path, err) : 0;
        mk_text_free(&text);
        free(finding->picture);
        finding->picture = path;
        if (failed) return -1;
    }
    return 0;
}

static void end_file(struct stress *s, bool complete) {
    s->file.complete = complete;
    mk_context_end(&s->file.context);
    for (size_t i = 0; i < s->suppressors_n; i++) {
        struct mk_suppression *kept = mk_grow(&s->file.suppressions, &s->file.suppressions_n, sizeof *kept);
        kept->pattern = mk_need_text(s->suppressors[i].pattern);
        kept->count = s->suppressors[i].count;
    }
}

static int save_report(const struct stress *s, const char *path, void (*write)(const struct mk_stress_file *, struct mk_text *),
                       struct mk_err *err) {
    struct mk_text text = {0};
    if (!path) return 0;
    write(&s->file, &text);
    int failed = mk_text_save(&text, path, err);
    mk_text_free(&text);
    return failed;
}

static int show(struct stress *s, struct mk_err *err) {
    if (!s->options.quiet) {
        FILE *to = strcmp(s->out, "-") == 0 ? stderr : stdout;
        struct mk_text text = {0};
        mk_report_terminal(&s->file, mk_grid_wants_colour(s->options.colour, to), &text);
        fputs(text.at ? text.at : "", to);
        if (strcmp(s->out, "-") != 0) fprintf(to, "\nkept in %s\n", s->out);
        fflush(to);
        mk_text_free(&text);
    }
    return save_report(s, s->options.markdown, mk_report_markdown, err) ||
                   save_report(s, s->options.junit, mk_report_junit, err) ||
                   save_report(s, s->options.sarif, mk_report_sarif, err)
               ? -1
               : 0;
}

/* Several causes: the first of 128+n, 2, 4, 6, 3, 1, 5. */
static int status_of(const struct stress *s, int ended) {
    bool tried = false, unchecked = false;
    for (size_t i = 0; i < s->file.trials_n; i++) {
        tried = tried || s->file.trials[i].trials;
        unchecked = unchecked || mk_stress_verdict(&s->file, &s->file.trials[i]) == MK_VERDICT_UNCHECKED;
    }
    if (ended > 0) return 128 + ended;
    if (s->file.findings_n) return MK_EXIT_FAULT;
    if (!tried) return MK_EXIT_UNMEASURED;
    return s->options.strict && unchecked ? MK_EXIT_INCONCLUSIVE : MK_EXIT_FINE;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static int hunt(struct stress *s, int argc, char **argv) {
    struct mk_err err = {{0}};
    s->out = mk_launch_path(s->options.out, s->workload.name, "stress");
    if (settle_order(s, &err) || mk_launch_folder(s->out, &err)) return fail(&err, MK_EXIT_USAGE);
    if (mk_sanitizer_addresses(s->flavour, &err)) fprintf(stderr, "memkit-bench: warning: %s\n", err.text);
    mk_sanitizer_environment(s->flavour);
    begin_file(s, argc, argv);
    s->hunt.worker = s->worker;
    s->hunt.flavour = s->flavour;
    s->hunt.in_process = s->options.in_process;
    s->hunt.progress = !s->options.quiet && isatty(STDERR_FILENO);
    s->hunt.timeout_s = s->options.timeout_s;
    s->hunt.suppressors = s->suppressors;
    s->hunt.suppressors_n = s->suppressors_n;
    s->hunt.command = command_of;
    s->hunt.arg = s;
    int ended = mk_hunt(&s->plan, &s->hunt, &s->file, &err);
    end_file(s, ended == 0);
    if (ended < 0) return fail(&err, MK_EXIT_BROKEN);
    if (save_pictures(s, &err) || mk_stress_write(&s->file, s->out, &err) || show(s, &err)) {
        return fail(&err, MK_EXIT_BROKEN);
    }
    return status_of(s, ended);
}

static bool is_model(const struct stress *s) {
    return strcmp(s->flavour, "model") == 0;
}

/* A plug-in is of one flavour, and only a program of that flavour can load it; and the model flavour has oracles of its
 * own: then the program of that flavour does all of it. Returns only where it cannot be started. */
static int become(const struct stress *s, int argc, char **argv) {
    char **args = mk_need((size_t)argc + 2, sizeof *args);
    args[0] = s->worker;
    args[1] = (char *)"stress";
    memcpy(args + 2, argv + 1, (size_t)argc * sizeof *args);
    execv(s->worker, args);
    fprintf(stderr, "memkit-bench: cannot start %s: %s\n", s->worker, strerror(errno));
    free(args);
    return MK_EXIT_BROKEN;
}

/* What takes no plan and no workers: a litmus test, a token. */
static int without_plan(struct stress *s) {
    if (s->options.replay) return mk_trials_replay(s->options.replay);
    settle_model(s);
    s->hunt.order.seed = s->options.plan.seed_given ? s->options.plan.seed : 1;
    return mk_trials_litmus(s->options.workload, &s->hunt.order);
}

static bool is_litmus(const char *workload) {
    const struct mk_scenario *scenario = workload ? mk_scenario_of(workload) : NULL;
    return scenario && strcmp(scenario->kind, "litmus") == 0;
}

int mk_cmd_stress(int argc, char **argv) {
    struct stress s;
    struct mk_err err;
    memset(&s, 0, sizeof s);
    if (mk_options_read(argc, argv, &s.options)) return MK_EXIT_USAGE;
    if (is_litmus(s.options.workload) && !s.options.flavour) s.options.flavour = "model";
    if (s.options.help) {
        mk_options_help("stress");
        return MK_EXIT_FINE;
    }
    if (mk_launch_worker(s.options.flavour, &s.worker, &err)) return fail(&err, MK_EXIT_BROKEN);
    s.flavour = s.options.flavour ? s.options.flavour : mk_build_info()->flavour;
    if (s.worker && (s.options.plan.plugins_n || is_model(&s))) return become(&s, argc, argv);
    int status = mk_options_plugins(&s.options);
    if (!status && (s.options.replay || is_litmus(s.options.workload))) {
        status = without_plan(&s);
        mk_options_free(&s.options);
        return status;
    }
    if (!status) status = read_workload(&s);
    if (status) return status;
    s.options.plan.stress = true;
    if (s.options.suppressions && mk_suppressors_read(s.options.suppressions, &s.suppressors, &s.suppressors_n, &err)) {
        status = fail(&err, MK_EXIT_USAGE);
    } else if (mk_topo_load(&s.topo, &err)) {
        status = fail(&err, MK_EXIT_UNMEASURED);
    } else if (mk_plan_make(&s.workload, s.topo, &s.options.plan, &s.plan, &err)) {
        status = fail(&err, MK_EXIT_USAGE);
    } else {
        status = hunt(&s, argc, argv);
    }
    mk_stress_free(&s.file);
    mk_suppressors_free(s.suppressors, s.suppressors_n);
    mk_record_free(&mk_plan_record, &s.plan);
    mk_record_free(&mk_workload_record, &s.workload);
    mk_topo_free(s.topo);
    mk_options_free(&s.options);
    free(s.out);
    free(s.worker);
    return status;
}
