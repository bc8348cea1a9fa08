/* conduct.h - the conductor: starts worker processes, hands them their orders, collects what they
 * measure, and outlives whatever they do. */
#ifndef MK_CONDUCT_H
#define MK_CONDUCT_H

#include "plan.h"
#include "result.h"
#include "topo.h"

struct mk_conduct_options {
    const char *worker;  /* program to start as workers; NULL = this one */
    bool other_build;    /* ... and it is another flavour: build ids differ, registries must not */
    bool in_process;     /* no workers: for debuggers */
    bool progress;       /* a line on stderr that is rewritten */
    double timeout_s;    /* a cell that takes longer is killed; 0 = 20 times what is expected, 60 s at least */
};

/* Runs a plan and adds all samples to the result (begun, not closed). Returns 0, the number of a
 * signal that ended it early (what was measured is there), or -1 with err set: no worker can run. */
int mk_conduct(const struct mk_plan *plan, const struct mk_topo *topo, const struct mk_conduct_options *options,
               struct mk_result_file *result, struct mk_err *err);

#endif
