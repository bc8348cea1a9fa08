/* cmd_plan.c - `plan`: what `run` would do, and how long it would take. */
#include <stdio.h>

#include "commands.h"
#include "json.h"
#include "options.h"
#include "text.h"
#include "topo.h"

static int fail(const struct mk_err *err, int status) {
    fprintf(stderr, "memkit-bench plan: %s\n", err->text);
    return status;
}

static int print_plan(const struct mk_plan *plan, bool json, struct mk_err *err) {
    struct mk_text text = {0};
    if (json) {
        mk_json_write_record(&text, &mk_plan_record, plan, 0);
        mk_text_putc(&text, '\n');
    } else {
        mk_plan_print(plan, &text);
    }
    int failed = mk_text_save(&text, "-", err);
    mk_text_free(&text);
    return failed;
}

int mk_cmd_plan(int argc, char **argv) {
    struct mk_options options;
    struct mk_workload workload;
    struct mk_plan plan;
    struct mk_topo *topo;
    struct mk_err err;
    if (mk_options_read(argc, argv, &options)) return MK_EXIT_USAGE;
    if (options.help) {
        mk_options_help("plan");
        mk_options_free(&options);
        return MK_EXIT_FINE;
    }
    int status = mk_options_plugins(&options);
    if (!status) status = mk_options_workload(&options, &workload);
    if (status) return status;
    if (options.topology ? mk_topo_synthetic(&topo, options.topology, &err) : mk_topo_load(&topo, &err)) {
        status = fail(&err, options.topology ? MK_EXIT_USAGE : MK_EXIT_UNMEASURED);
    } else {
        if (mk_plan_make(&workload, topo, &options.plan, &plan, &err)) {
            status = fail(&err, MK_EXIT_USAGE);
        } else {
            if (print_plan(&plan, options.json, &err)) status = fail(&err, MK_EXIT_BROKEN);
            mk_record_free(&mk_plan_record, &plan);
        }
        mk_topo_free(topo);
    }
    mk_record_free(&mk_workload_record, &workload);
    mk_options_free(&options);
    return status;
}
