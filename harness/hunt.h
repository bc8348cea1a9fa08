/* hunt.h - the conductor of a stress run: has workers carry out trials until the time is out, outlives whatever they
 * do, and turns what they report, print and die of into findings. */
#ifndef MK_HUNT_H
#define MK_HUNT_H

#include "plan.h"
#include "sanitizer.h"
#include "stress_file.h"
#include "wire.h"

struct mk_hunt_options {
    const char *worker;  /* program to start as workers; NULL = this one */
    const char *flavour; /* of the workers */
    bool in_process;     /* no workers: for debuggers */
    bool progress;       /* a line on stderr that is rewritten */
    double timeout_s;    /* a trial that takes longer hangs; 0 = by how much it works, and whether it works at all */
    struct mk_hunt_order order; /* what to try; cells, begin and dead are filled in */
    struct mk_suppressor *suppressors;
    size_t suppressors_n;
    /* Returns the command that repeats a finding; the caller frees it. */
    char *(*command)(void *arg, const struct mk_finding_sample *finding, uint32_t effort_percent);
    void *arg;
};

/* Hunts, and adds trials and findings to the file, whose cells are there. Returns 0, the number of a signal that ended
 * it early, or -1 with err set: no worker can run. */
int mk_hunt(const struct mk_plan *plan, const struct mk_hunt_options *options, struct mk_stress_file *file,
            struct mk_err *err);

#endif
