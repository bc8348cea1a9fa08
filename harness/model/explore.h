/* explore.h - one program under many schedules: by a portfolio of strategies, by search, or under the one schedule
 * that a token names. What fails is run again, shrunk, and tried under stronger memory models.
 */
#ifndef MK_MODEL_EXPLORE_H
#define MK_MODEL_EXPLORE_H

#include <signal.h>

#include "runtime.h"
#include "strategy.h"

/* What was chosen, where it was not the default: all that a schedule is, apart from the program and the settings
 * below. Owned by whoever has it. */
struct mk_decisions {
    struct mk_decision *at; /* by thread, then step, then kind */
    size_t n;
};

/* Settings of a schedule that choices are made within; part of a token. */
struct mk_setting {
    enum mk_memory_model memory;
    enum mk_heap_policy heap;
    bool races; /* data races are failures */
    bool freezes;
    uint32_t refuse_one_in;
};

struct mk_explore_config {
    uint64_t seed;
    uint64_t schedules;  /* at most; 0 = as many as the seconds allow */
    double seconds;      /* of CPU, at most; 0 = no limit. A run that is limited by schedules alone is the same every
                          * time */
    struct mk_setting setting; /* .heap is the first policy that is tried */
    bool heaps;                /* try all heap policies, in turn */
    const char *strategy;      /* one of mk_strategies by name; NULL = the portfolio */
    bool exhaustive;           /* search: every schedule with up to `preemptions` preemptions and `stale` stale reads */
    uint32_t preemptions, stale;
    bool count_on;             /* go on after the first failure, and count failures by strategy */
    const volatile sig_atomic_t *stop;  /* not 0: end early; may be NULL */
};

struct mk_strategy_count {
    const char *name;
    uint64_t schedules, failures;
};

struct mk_explored {
    uint64_t schedules;
    uint64_t distinct; /* of these, by what happened; an estimate, not below the truth by more than 2% */
    uint64_t hooks;
    bool complete;     /* exhaustive: there are no others within the bounds */
    struct mk_strategy_count strategy[MK_STRATEGIES_MAX];
    size_t strategies_n;
    uint64_t limits;   /* times that a limit of the runtime was hit */
    /* The first failure, shrunk: */
    bool failed;
    struct mk_failure failure;
    struct mk_setting setting;
    struct mk_decisions decisions;
    uint64_t failed_after;  /* schedules, the failing one included */
    uint64_t replays;       /* that shrinking took */
    bool under[3];          /* by enum mk_memory_model: fails there too with some schedule near it */
};

/* Explores until something fails or the limits are reached. What comes back is freed by mk_explored_free. */
void mk_explore(const struct mk_program *program, const struct mk_explore_config *config, struct mk_explored *out);
void mk_explored_free(struct mk_explored *explored);

/* Carries out one schedule. Returns whether it failed (mk_rt.failure, whose detail and picture are the caller's). The
 * sink may be NULL. */
bool mk_replay(const struct mk_program *program, const struct mk_setting *setting, const struct mk_decisions *decisions,
               struct mk_event_sink *sink);

/* Makes of *decisions the fewest that still make a failure of that kind. Returns how many schedules that took. */
uint64_t mk_shrink(const struct mk_program *program, const struct mk_setting *setting, struct mk_decisions *decisions,
                   const struct mk_failure *like);

/* ---- as text --------------------------------------------------------------------------------- */

/* A token is a line of printable characters without spaces or quotes:
 *   mk1:BUILD:PROGRAM:SETTING:DECISIONS:CHECK
 * BUILD: 12 hex digits of the build id, 12 more behind a "+" where plug-ins are loaded; PROGRAM: what the caller says,
 * of [A-Za-z0-9_.+@/()[]=,-]; SETTING: letters; DECISIONS: "1t15=3" of thread 1, at its step 15, thread 3 goes on;
 * joined by "."; CHECK: 4 hex digits of mk_token_check, since a list of decisions that was cut off is one as well. */
char *mk_token_format(const char *program, const struct mk_setting *setting, const struct mk_decisions *decisions);

/* Returns 0, or -1 with a sentence in why: not a token, or of another build (which it names). *program is the
 * caller's. */
int mk_token_parse(const char *token, char **program, struct mk_setting *setting, struct mk_decisions *decisions,
                   char *why, size_t room);

/* Returns the check of "PROGRAM:SETTING:DECISIONS", of that length: what 4 hex digits can hold. The build is not part
 * of it, so that one can be put in place of another. */
uint32_t mk_token_check(const char *text, size_t length);

/* The build id of this program, as a token has it. */
const char *mk_token_build(void);

#endif
