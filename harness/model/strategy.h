/* strategy.h - ways of making the choices of a schedule. */
#ifndef MK_MODEL_STRATEGY_H
#define MK_MODEL_STRATEGY_H

#include "runtime.h"

#define MK_STRATEGIES_MAX 12

/* What is known of a program from one run of it by turns: estimates that strategies go by. */
struct mk_estimate {
    uint64_t steps;                      /* points where more than one thread could go on */
    uint32_t of_thread[MK_RT_THREADS];   /* choices of each, as mk_logical.step counts them */
    uintptr_t address[64];               /* places that points of more than one thread were about ... */
    uint32_t at[64][MK_RT_THREADS];      /* ... and how many of each thread */
    size_t addresses;
};

struct mk_strategy {
    const char *name; /* "random", "pct2", "pct3", "pct4", "pos", "surw", "turns" */
    const char *help; /* one line, with the source */
    uint32_t share;   /* of the portfolio, in percent */
    /* Makes *chooser ready for one schedule. */
    void (*begin)(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate);
    size_t bytes;     /* of its chooser, struct mk_chooser first */
};

extern const struct mk_strategy mk_strategies[]; /* ends with one without a name */

#endif
