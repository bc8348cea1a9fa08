/* scenario.h - a scenario: a few threads, a few operations, and what may come of it, graded.
 *
 * A scenario is one file, in workloads/scenarios/ or in a plug-in, that ends in MK_SCENARIO(name, kind, ...). It
 * runs against every implementation of its kind, through `step`, many times over: `before` sets the stage, `body`
 * is run by all threads at once, `after` looks at what is left and says which outcome it was. Nothing orders the
 * threads within a round but the structure under test. There is no list to edit. The header compiles as C11 and as
 * C++17; in C++17 give the fields in the order of struct mk_scenario.
 */
#ifndef MK_SCENARIO_H
#define MK_SCENARIO_H

#include "mk.h"

enum mk_grade { MK_ACCEPTABLE, MK_INTERESTING, MK_FORBIDDEN };

#define MK_SCENARIO_OUTCOMES_MAX 16
#define MK_SCENARIO_THREADS_MAX 16
#define MK_SCENARIO_SAW 8

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
    uint32_t number; /* 0 .. threads - 1 */
    uint32_t threads;
    uint64_t round;        /* of this instance, from 0 */
    uint64_t random;       /* another number each round and thread */
    uint64_t round_random; /* another number each round, the same for all threads */
    uint64_t key_limit;    /* of the structure, which keys are taken modulo; 0 = none */
    void *shared;          /* shared_bytes for all threads together, zero when an instance begins */
    uint64_t saw[MK_SCENARIO_SAW]; /* what `after` goes by; zero before each round */
    uint64_t ops;                  /* operations done */
    enum mk_status worst;          /* of the answers above MK_HIT that mk_act has seen, the highest */
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_scenario {
    const char *name, *kind, *file; /* MK_SCENARIO fills these in */
    const char *summary;            /* one line for `list` */
    uint32_t threads;
    uint64_t needs, unless; /* capabilities of the composition; more than one thread need MK_CONCURRENT anyway, unless
                             * they keep to MK_ONE_EACH and say so */
    bool stands_refusals;   /* MK_NO_MEMORY is an answer like others, and `after` knows */
    bool reborn;            /* threads leave and enter again, all at once, before each body */
    uint64_t capacity;      /* what create is told; 0 = nothing */
    uint32_t slots;         /* alloc: blocks of one thread */
    size_t object_bytes, object_align; /* alloc, MK_FIXED_SIZE */
    uint64_t keys; /* of one round, apart by less than that, or each other's complements; 0 = any, or too many for a
                    * structure that has a key_limit */
    size_t shared_bytes;
    uint32_t rounds;    /* of one instance, at most; 0 = 1000 */
    uint32_t instances; /* of one trial at full effort, at most; 0 = 100 */
    const char *shows[MK_SCENARIO_SAW]; /* what the words of saw are, for people */
    /* Returns why it says nothing about an implementation (an operation or a door it does not offer), or NULL. */
    const char *(*skips)(const struct mk_impl *impl);
    /* Each may call mk_act. before and after: by actor 0, alone; leave: by each, when an instance has had its
     * rounds or the trial its time, to give back what the thread still has. skips, before and leave may be left
     * out. */
    void (*before)(struct mk_actor *alone);
    void (*body)(struct mk_actor *actor);
    /* Returns the index of the outcome. `actor`: all of them. */
    unsigned (*after)(struct mk_actor *alone, const struct mk_actor *actor);
    void (*leave)(struct mk_actor *actor);
    const struct mk_outcome *outcomes;
};

/* Does one operation and returns its result, whatever that is. */
MK_INLINE struct mk_result mk_try(struct mk_actor *actor, unsigned code, uint64_t key, uint64_t value) {
    struct mk_op op = {code, actor->key_limit ? key % actor->key_limit : key, value, 0};
    struct mk_result result = {MK_REFUSED, 0, 0};
    actor->impl->step(actor->self, actor->me, &op, &result);
    actor->ops++;
    return result;
}

/* As mk_try, where no refusal and no torn value may come: one is a finding, whatever `after` says. */
MK_INLINE struct mk_result mk_act(struct mk_actor *actor, unsigned code, uint64_t key, uint64_t value) {
    struct mk_result result = mk_try(actor, code, key, value);
    if (MK_UNLIKELY(result.status > MK_HIT && result.status > actor->worst)) actor->worst = result.status;
    return result;
}

/* Returns a figure that the structure reports under that name; 0 where it reports none. Racy while others work, if
 * the structure's are. */
static inline uint64_t mk_actor_stat(const struct mk_actor *actor, const char *name) {
    struct mk_stat stats[64];
    size_t n = actor->impl->stats ? actor->impl->stats(actor->self, stats, 64) : 0;
    for (size_t i = 0; i < n && i < 64; i++) {
        if (strcmp(stats[i].name, name) == 0) return stats[i].value;
    }
    return 0;
}

/* Registers this file's scenario under NAME, which must be the file's name. */
#define MK_SCENARIO(NAME, KIND, ...)                                                \
    static const struct mk_scenario mk_scenario_here = {                            \
        .name = #NAME, .kind = #KIND, .file = __FILE__, __VA_ARGS__};               \
    static const struct mk_scenario *const mk_scenario_registered                   \
        __attribute__((used, section("mk_scenarios"))) = &mk_scenario_here

#endif
