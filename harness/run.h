/* run.h - inside a worker: carries out an order, cell by cell and round by round, and sends what it
 * measured as frames. */
#ifndef MK_RUN_H
#define MK_RUN_H

#include <signal.h>

#include "plan.h"
#include "topo.h"
#include "wire.h"

/* Where samples go: each call takes over what the sample owns (and zeroes it). Called by the main
 * thread of the run alone. */
struct mk_run_sink {
    void *arg;
    void (*frame)(void *arg, uint32_t type, void *sample);
    const volatile sig_atomic_t *stop; /* not 0: end after this round; NULL = never */
};

/* Carries out an order. Returns 0, or -1 with err set when it cannot go on at all; what concerns one
 * cell becomes a check of that cell. */
int mk_run_order(const struct mk_plan *plan, const struct mk_order *order, const struct mk_topo *topo,
                 const struct mk_run_sink *sink, struct mk_err *err);

#endif
