/* scenario.h - a scenario: a few threads, a few operations, and what may come of it, graded.
 *
 * A scenario is one file, in workloads/scenarios/ or in a plug-in, that ends in MK_SCENARIO(name, kind, ...). It runs
 * against every implementation of its kind, through `step`, many times over: `before` sets the stage, `body` is run
 * by all threads at once, `after` looks at what is left and says which outcome it was. There is no list to edit.
 */
#ifndef MK_SCENARIO_H
#define MK_SCENARIO_H

#include "mk.h"

enum mk_grade { MK_ACCEPTABLE, MK_INTERESTING, MK_FORBIDDEN };

struct mk_outcome {
    const char *name; /* NULL ends the list */
    enum mk_grade grade;
    const char *help; /* why it may happen, or must not */
};

/* One thread of a scenario. */
struct mk_actor {
    const struct mk_impl *impl;
    void *self;
    struct mk_thread *me;
    uint32_t number;   /* 0 .. threads - 1 */
    uint32_t threads;
    uint64_t round;    /* of this instance, from 0 */
    uint64_t random;   /* another number each round and thread */
    uint64_t saw[8];   /* what `after` goes by; zero before each round */
};

struct mk_scenario {
    const char *name, *kind;
    const char *summary; /* one line */
    const char *file;
    uint32_t threads;
    uint64_t needs, unless; /* capabilities of the composition */
    uint64_t capacity;      /* what create is told; 0 = nothing */
    uint32_t rounds;        /* of one instance; 0 = 1000 */
    /* Each may call mk_act. before and after: by actor 0, alone; before may be left out. */
    void (*before)(struct mk_actor *alone);
    void (*body)(struct mk_actor *actor);
    /* Returns the index of the outcome. `actor`: all of them. */
    unsigned (*after)(struct mk_actor *alone, const struct mk_actor *actor);
    const struct mk_outcome *outcomes;
};

/* Does one operation and returns its result. */
MK_INLINE struct mk_result mk_act(struct mk_actor *actor, unsigned code, uint64_t key, uint64_t value) {
    struct mk_op op = {code, key, value, 0};
    struct mk_result result = {MK_REFUSED, 0, 0};
    actor->impl->step(actor->self, actor->me, &op, &result);
    return result;
}

#endif
