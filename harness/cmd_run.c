/* cmd_run.c - `run`: from a workload file to a result and a table. */
#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "conduct.h"
#include "counter.h"
#include "launch.h"
#include "options.h"
#include "registry.h"
#include "table.h"

struct run {
    struct mk_options options;
    int argc;
    char **argv;
    struct mk_workload workload;
    struct mk_topo *topo;
    struct mk_plan plan;
    struct mk_result_file result;
    struct mk_env_ask ask;
    struct mk_env_span span;
    char *out;     /* result path */
    char *worker;  /* another flavour's program */
    bool no_counters; /* some counter asked for has no value */
};

static int fail(const struct mk_err *err, int status) {
    fprintf(stderr, "memkit-bench: %s\n", err->text);
    return status;
}

/* ---- before -------------------------------------------------------------------------------- */

static uint32_t most_threads(const struct mk_plan *plan) {
    uint32_t most = 1;
    for (size_t g = 0; g < plan->groups_n; g++) {
        if (!plan->groups[g].oversubscribed && plan->groups[g].threads > most) most = plan->groups[g].threads;
    }
    return most;
}

/* Says once for people why counters have no value; notes it in the result. */
static int look_at_counters(struct run *run, struct mk_err *err) {
    struct mk_counter_plan counters;
    const struct mk_workload *w = &run->workload;
    if (mk_counter_open(&counters, (const char *const *)w->counters, (uint32_t)w->counters_n, run->plan.counters_backend,
                        err)) {
        return -1;
    }
    run->no_counters = counters.lack.why[0] != '\0';
    mk_result_counters_note(&run->result, run->plan.counters_backend, run->no_counters ? counters.lack.why : NULL,
                            counters.lack.remedy[0] ? counters.lack.remedy : NULL);
    return 0;
}

static void begin_result(struct run *run, struct mk_env *env) {
    mk_result_begin(&run->result, &run->plan, run->workload.text, run->argc, run->argv);
    if (run->worker) mk_context_workers(&run->result.context, run->options.flavour);
    run->ask.root = "";
    run->ask.threads = most_threads(&run->plan);
    run->ask.counters = run->workload.counters_n != 0;
    run->ask.allocators = mk_kind_has_blocks(mk_registry_kind(run->workload.kind));
    mk_env_read(&run->ask, env);
    mk_env_begin(&run->ask, &run->span);
    char *text = mk_launch_machine(run->topo, env);
    mk_context_machine(&run->result.context, mk_topo_machine(run->topo), text);
    free(text);
}

/* ---- after --------------------------------------------------------------------------------- */

static int save_table(const struct mk_summary *summary, enum mk_grid_form form, const char *path,
                      const struct run *run, struct mk_err *err) {
    struct mk_table_options options = {form, form == MK_GRID_CSV ? NULL : run->out, "scripts/plot.py"};
    struct mk_text text = {0};
    mk_table_write(summary, &options, &text);
    int failed = mk_text_save(&text, path, err);
    mk_text_free(&text);
    return failed;
}

/* The table goes to standard output, unless the result does. */
static int show_tables(const struct run *run, struct mk_err *err) {
    struct mk_summary summary;
    int failed = 0;
    mk_summary_make(&summary, &run->result);
    if (!run->options.quiet) {
        FILE *to = strcmp(run->out, "-") == 0 ? stderr : stdout;
        bool colour = mk_grid_wants_colour(run->options.colour, to);
        struct mk_table_options options = {colour ? MK_GRID_COLOUR : MK_GRID_PLAIN, run->out, "scripts/plot.py"};
        struct mk_text text = {0};
        mk_table_write(&summary, &options, &text);
        fputs(text.at ? text.at : "", to);
        fflush(to);
        mk_text_free(&text);
    }
    if (run->options.csv) failed = save_table(&summary, MK_GRID_CSV, run->options.csv, run, err);
    if (run->options.markdown && !failed) failed = save_table(&summary, MK_GRID_MARKDOWN, run->options.markdown, run, err);
    mk_summary_free(&summary);
    return failed;
}

/* Several causes: the first of 128+n, 2, 4, 6, 3, 1, 5. */
static int status_of(const struct run *run, int ended) {
    bool fault = false, broken = false, ran = false, doubtful = false, ranked = false, others = false;
    for (size_t i = 0; i < run->result.cells_n; i++) {
        const struct mk_result_cell *cell = &run->result.cells[i];
        ran = ran || cell->rounds_n;
        /* a floor runs beside whatever is asked for: alone it has measured nothing, unless it is all there is */
        ranked = ranked || (!cell->floor && cell->rounds_n);
        others = others || !cell->floor;
        doubtful = doubtful || cell->verdict == MK_VERDICT_UNTRUSTWORTHY;
        for (size_t k = 0; k < cell->checks_n; k++) {
            const struct mk_check_sample *check = &cell->checks[k];
            if (check->verdict != MK_VERDICT_FAIL) continue;
            bool worker = strcmp(check->check, "crash") == 0 || strcmp(check->check, "hang") == 0;
            broken = broken || worker;
            fault = fault || !worker;
        }
    }
    if (ended > 0) return 128 + ended;
    if (fault) return MK_EXIT_FAULT;
    if (broken) return MK_EXIT_BROKEN;
    if (!ran || (others && !ranked)) return MK_EXIT_UNMEASURED;
    if (run->plan.require_counters && run->no_counters) return MK_EXIT_UNMEASURED;
    if (run->options.strict_env && run->result.warnings_n) return MK_EXIT_UNMEASURED;
    return run->options.strict && doubtful ? MK_EXIT_INCONCLUSIVE : MK_EXIT_FINE;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int measure(struct run *run) {
    struct mk_conduct_options conduct = {0};
    struct mk_env env = {0};
    struct mk_err err = {{0}};
    begin_result(run, &env);
    int ended = 0;
    bool counted = look_at_counters(run, &err) == 0;
    if (!counted) {
        mk_record_free(&mk_env_record, &env);
        return fail(&err, MK_EXIT_USAGE);
    }
    if (run->plan.require_counters && run->no_counters) {
        fprintf(stderr, "memkit-bench: counters are required and not to be had: %s\n", run->result.counters.reason);
        mk_record_free(&mk_env_record, &env);
        return MK_EXIT_UNMEASURED;
    }
    run->out = mk_launch_path(run->options.out, run->workload.name, "");
    if (mk_launch_folder(run->out, &err)) {
        mk_record_free(&mk_env_record, &env);
        return fail(&err, MK_EXIT_USAGE);
    }
    conduct.worker = run->worker;
    conduct.other_build = run->worker != NULL;
    conduct.in_process = run->options.in_process;
    conduct.timeout_s = run->options.timeout_s;
    conduct.progress = !run->options.quiet && isatty(STDERR_FILENO);
    ended = mk_conduct(&run->plan, run->topo, &conduct, &run->result, &err);
    mk_env_end(&run->ask, &run->span, &env);
    mk_result_environment(&run->result, &env);
    mk_result_close(&run->result, ended == 0);
    if (ended < 0) return fail(&err, MK_EXIT_BROKEN);
    if (mk_result_write(&run->result, run->out, &err)) return fail(&err, MK_EXIT_BROKEN);
    if (show_tables(run, &err)) return fail(&err, MK_EXIT_BROKEN);
    return status_of(run, ended);
}

int mk_cmd_run(int argc, char **argv) {
    struct run run;
    struct mk_err err;
    memset(&run, 0, sizeof run);
    run.argc = argc;
    run.argv = argv;
    if (mk_options_read(argc, argv, &run.options)) return MK_EXIT_USAGE;
    if (run.options.help) {
        mk_options_help("run");
        return MK_EXIT_FINE;
    }
    int status = mk_options_plugins(&run.options);
    if (!status) status = mk_options_workload(&run.options, &run.workload);
    if (status) {
        mk_record_free(&mk_workload_record, &run.workload);
        mk_options_free(&run.options);
        return status;
    }
    if (mk_topo_load(&run.topo, &err)) {
        status = fail(&err, MK_EXIT_UNMEASURED);
    } else if (!mk_topo_machine(run.topo)->thissystem) {
        mk_fail(&err, "this topology is not this machine's (HWLOC_SYNTHETIC or HWLOC_XMLFILE is set): nothing can be run");
        status = fail(&err, MK_EXIT_UNMEASURED);
    } else if (mk_launch_worker(run.options.flavour, &run.worker, &err)) {
        status = fail(&err, MK_EXIT_BROKEN);
    } else if (mk_plan_make(&run.workload, run.topo, &run.options.plan, &run.plan, &err)) {
        status = fail(&err, MK_EXIT_USAGE);
    } else {
        status = measure(&run);
    }
    mk_result_free(&run.result);
    mk_record_free(&mk_plan_record, &run.plan);
    mk_record_free(&mk_workload_record, &run.workload);
    mk_topo_free(run.topo);
    mk_options_free(&run.options);
    free(run.out);
    free(run.worker);
    return status;
}
