/* litmus.h - a litmus test from the command line. */
#ifndef MK_MODEL_LITMUS_H
#define MK_MODEL_LITMUS_H

#include "programs.h"

/* Carries out a scenario of kind "litmus" as mk_model_asked says (100000 schedules where it names no number), and prints
 * to stdout how often each outcome came up. Returns an exit status: 4 a forbidden one did, or 0. */
int mk_model_litmus(const char *name, uint64_t seed);

#endif
