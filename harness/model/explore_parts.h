/* explore_parts.h - what the rooms that make many schedules of one program share: explore.c, portfolio.c, search.c,
 * repeat.c, confirm.c, shrink.c, estimate.c, distinct.c.
 */
#ifndef MK_MODEL_EXPLORE_PARTS_H
#define MK_MODEL_EXPLORE_PARTS_H

#include "explore.h"

/* Gives back what a failure that nobody will read owns. */
void mk_failure_drop(struct mk_failure *failure);

/* Returns whether `got` is the failure `want`: the same kind; of races, also the same two places of the code. */
bool mk_failure_same(const struct mk_failure *got, const struct mk_failure *want);

/* Carries out one schedule under a setting; as mk_rt_run. */
bool mk_run_under(const struct mk_program *program, const struct mk_setting *setting, struct mk_chooser *chooser,
                  struct mk_event_sink *sink);

/* A copy of what was chosen in the schedule just made, sorted; the caller frees it. */
struct mk_decisions mk_decisions_made(void);
void mk_decisions_sort(struct mk_decisions *decisions);

/* As mk_replay; says in applied[n] (NULL: nobody asks) when each decision was made: as the first, 1, the second,
 * 2 ... Those with 0 can go: they name a step that did not come, somebody who could not go on, or what would have
 * happened anyway. */
bool mk_replay_applied(const struct mk_program *program, const struct mk_setting *setting,
                       const struct mk_decisions *decisions, struct mk_event_sink *sink, uint32_t *applied);

/* Learns about a program by a run in which everybody takes turns. Returns whether that failed (as mk_rt_run). */
bool mk_estimate_make(const struct mk_program *program, const struct mk_setting *setting,
                      struct mk_estimate *estimate);

/* ---- how many schedules were different -------------------------------------------------------- */

/* HyperLogLog (Flajolet et al., AofA 2007). All zero bytes: none yet. */
#define MK_DISTINCT_BITS 16u
struct mk_distinct {
    uint8_t rank[1u << MK_DISTINCT_BITS];
};
void mk_distinct_add(struct mk_distinct *distinct, uint64_t hash);
/* Returns how many different hashes were added: the standard error is 0.4%. */
uint64_t mk_distinct_count(const struct mk_distinct *distinct);

/* ---- the portfolio ---------------------------------------------------------------------------- */

#define MK_PORTFOLIO_ROUND 100u

/* Which strategy makes the schedule of an index, for a program under a memory model. */
struct mk_portfolio {
    const struct mk_program *program;
    struct mk_estimate estimate;
    struct mk_chooser *chooser;             /* owned */
    uint8_t strategy[MK_PORTFOLIO_ROUND];   /* by index, again and again */
};

/* `only`: a strategy's name, or NULL for all by their shares. Returns whether the run that estimates were made from
 * failed. Closed by mk_portfolio_close either way. */
bool mk_portfolio_open(struct mk_portfolio *portfolio, const struct mk_program *program,
                       const struct mk_setting *setting, const char *only);
void mk_portfolio_close(struct mk_portfolio *portfolio);
/* Makes schedule number `index` of a seed. Returns whether it failed. */
bool mk_portfolio_run(struct mk_portfolio *portfolio, const struct mk_setting *setting, uint64_t seed,
                      uint64_t index);
/* Returns the number of a strategy in mk_strategies, or SIZE_MAX. */
size_t mk_strategy_named(const char *name);

/* ---- an exploration --------------------------------------------------------------------------- */

struct mk_exploration {
    const struct mk_program *program;
    const struct mk_explore_config *config;
    struct mk_explored *out;
    struct mk_distinct *distinct;
    struct mk_setting setting; /* of the schedule at work */
    uint64_t first_hash;       /* of the first failure */
    uint64_t limits;           /* mk_rt.limits, before the schedule */
    double until;              /* seconds of CPU */
    uint64_t hooks_asked;      /* mk_rt.hooks when the clock was last read */
};

/* Counts the schedule just made, and keeps the first failure. `strategy`: index in out->strategy. Returns whether
 * to go on. */
bool mk_exploration_note(struct mk_exploration *exploration, size_t strategy, bool failed);

/* Makes every schedule within the bounds, or until told to stop. Returns whether there are no others. */
bool mk_search(struct mk_exploration *exploration);

/* The first failure is made again twice, shrunk, and tried under other memory models. */
void mk_confirm(struct mk_exploration *exploration);

#endif
