/* trials.h - inside a worker: carries out an order to put cells under stress, trial by trial, and sends what it found
 * as frames. */
#ifndef MK_TRIALS_H
#define MK_TRIALS_H

#include "run.h"

/* A line so begun on stderr says that a trial begins: whatever is printed behind it, by a sanitizer say, is that
 * trial's. Its number follows, or "end". */
#define MK_TRIAL_MARK "@memkit trial "

/* Carries out a hunt_order. Returns 0, or -1 with err set when it cannot go on at all. */
int mk_trials_run(const struct mk_plan *plan, const struct mk_hunt_order *order, const struct mk_run_sink *sink,
                  struct mk_err *err);

/* Carries out a scenario that has no structure under test, as the order says, and prints what comes of it. Returns an
 * exit status. */
int mk_trials_litmus(const char *scenario, const struct mk_hunt_order *order);

/* Carries out the one schedule that a token names, and prints what comes of it. Returns an exit status. */
int mk_trials_replay(const char *token);

#endif
