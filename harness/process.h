/* process.h - a worker process, as its conductor sees it: started, handed a plan and an order, watched, ended.
 *
 * Workers talk on two descriptors of their own (wire.h); what they print, on either standard descriptor, is kept.
 */
#ifndef MK_PROCESS_H
#define MK_PROCESS_H

#include <signal.h>
#include <sys/types.h>

#include "plan.h"
#include "text.h"
#include "wire.h"

enum mk_process_end {
    MK_PROCESS_DONE,
    MK_PROCESS_CRASHED,
    MK_PROCESS_HUNG,
    MK_PROCESS_STOPPED,     /* by whoever runs it (config.stop) */
    MK_PROCESS_INTERRUPTED, /* by a signal to this program */
    MK_PROCESS_BROKEN       /* it is of another version, or what it sends makes no sense: err says so */
};

struct mk_process;

struct mk_process_config {
    const char *worker;  /* program; NULL = this one */
    bool other_build;    /* ... and it is another flavour: build ids differ, registries must not */
    const struct mk_plan *plan;
    uint32_t order_type; /* MK_FRAME_ORDER, MK_FRAME_HUNT */
    const void *order;
    size_t said_max;     /* bytes of what it prints that are kept: the last ones */
    void *arg;
    /* Called for every frame but hellos and the last. Returns whether it has taken over *obj. */
    bool (*frame)(void *arg, struct mk_process *process, uint32_t type, void *obj);
    /* Called several times a second and whenever something came. Returns true to end the worker. May be NULL. */
    bool (*stop)(void *arg, struct mk_process *process);
};

/* One process. Zeroed by mk_process_run. */
struct mk_process {
    const struct mk_process_config *config;
    pid_t pid;
    int to, from, err; /* descriptors */
    struct mk_wire_in in;
    struct mk_text said;  /* what it printed */
    bool hello, done;
    bool busy;            /* it has begun with something: its death is that thing's fault */
    uint64_t since_ns;    /* when it began with that */
    double allowed_s;     /* how long that may take by the clock; 0 = no limit */
    double allowed_cpu_s; /* and how much CPU time its busiest thread may use; 0 = no limit */
    double stuck_s;       /* how long its threads may have done next to nothing; 0 = no limit */
    uint64_t first_from_ns; /* CPU time of its first thread when it began with that; the others begin later */
    uint64_t idle_from_ns, idle_run_ns, looked_ns; /* since when they do nothing, and how long they had run then */
    double spent_s;       /* with that, when it was last looked at */
    const char *hung;     /* which limit it overran */
    int status;           /* as waitpid gives it */
};

/* Starts a worker, serves it until it ends, and reaps it. Returns how it ended; -1 with err set when it could not be
 * started. process->said is the caller's (mk_text_free). One at a time. */
int mk_process_run(const struct mk_process_config *config, struct mk_process *process, struct mk_err *err);

/* What the worker is at now, and how long that may take: for config.frame. */
void mk_process_begins(struct mk_process *process, double allowed_s, double allowed_cpu_s, double stuck_s);

/* Returns a sentence on how it ended (crashed, hung), with the stacks it printed; the caller frees it. */
char *mk_process_death(const struct mk_process *process, int end);

/* SIGINT and SIGTERM are noted rather than obeyed, between these two. */
void mk_process_guard(void);
void mk_process_unguard(void);

/* The number of the signal that came, 0 = none; mk_run_sink takes it so. */
extern volatile sig_atomic_t mk_process_interrupted;

#endif
