/* explore.c - many schedules of one program, until one fails or the limits are reached. */
#include "explore_parts.h"
#include "../record.h"

#include <stdlib.h>
#include <time.h>

#define CLOCK_SCHEDULES 64u    /* the clock is read every so many schedules ... */
#define CLOCK_HOOKS 1000000u   /* ... or hooks */
#define HEAPS 3u

/* ---- what comes of each schedule -------------------------------------------------------------- */

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Most schedules take a microsecond or so: the clock is not read after each. */
static bool time_is_up(struct mk_exploration *exploration) {
    const struct mk_explored *out = exploration->out;
    if (exploration->config->seconds <= 0) return false;
    if (out->schedules % CLOCK_SCHEDULES && mk_rt.hooks - exploration->hooks_asked < CLOCK_HOOKS) return false;
    exploration->hooks_asked = mk_rt.hooks;
    return cpu_seconds() >= exploration->until;
}

static bool may_go_on(struct mk_exploration *exploration) {
    const struct mk_explore_config *config = exploration->config;
    const struct mk_explored *out = exploration->out;
    if (out->failed && !config->count_on) return false;
    if (config->stop && *config->stop) return false;
    if (config->schedules && out->schedules >= config->schedules) return false;
    return !time_is_up(exploration);
}

/* Takes over what the failure owns. */
static void keep_first(struct mk_exploration *exploration) {
    struct mk_explored *out = exploration->out;
    out->failed = true;
    out->failure = mk_rt.failure;
    mk_rt.failure.detail = mk_rt.failure.picture = NULL;
    out->setting = exploration->setting;
    out->decisions = mk_decisions_made();
    out->failed_after = out->schedules;
    exploration->first_hash = mk_rt.hash;
}

/* A limit of the runtime says nothing about the program: it is counted, and that is all. */
static void count_limits(struct mk_exploration *exploration, bool limited) {
    uint64_t hit = mk_rt.limits - exploration->limits;
    exploration->out->limits += hit || !limited ? hit : 1;
    exploration->limits = mk_rt.limits;
}

bool mk_exploration_note(struct mk_exploration *exploration, size_t strategy, bool failed) {
    struct mk_explored *out = exploration->out;
    bool limited = failed && mk_rt.failure.kind == MK_FAIL_LIMIT;
    out->schedules++;
    out->strategy[strategy].schedules++;
    mk_distinct_add(exploration->distinct, mk_rt.hash);
    count_limits(exploration, limited);
    if (failed && !limited) {
        out->strategy[strategy].failures++;
        if (!out->failed) keep_first(exploration);
    }
    if (failed) mk_failure_drop(&mk_rt.failure);
    return may_go_on(exploration);
}

/* ---- by the portfolio ------------------------------------------------------------------------- */

/* Returns where schedules of a strategy are counted. */
static size_t counted_as(struct mk_explored *out, const char *name) {
    for (size_t i = 0; i < out->strategies_n; i++) {
        if (out->strategy[i].name == name) return i;
    }
    out->strategy[out->strategies_n].name = name;
    return out->strategies_n++;
}

/* So that each is listed, in the order of mk_strategies, however few schedules there are. */
static void list_strategies(struct mk_explored *out, const char *only) {
    size_t number = only ? mk_strategy_named(only) : SIZE_MAX;
    for (size_t i = 0; mk_strategies[i].name; i++) {
        if (number == SIZE_MAX || i == number) counted_as(out, mk_strategies[i].name);
    }
}

/* The run that estimates come from is a schedule like any other if it fails; else nobody needs to know. Returns
 * whether it failed. */
static bool open_portfolio(const struct mk_exploration *exploration, struct mk_portfolio *portfolio) {
    const struct mk_explore_config *config = exploration->config;
    mk_rt.aside = true;
    bool failed = mk_portfolio_open(portfolio, exploration->program, &config->setting, config->strategy);
    mk_rt.aside = false;
    if (!failed) return false;
    mk_failure_drop(&mk_rt.failure);
    mk_portfolio_close(portfolio);
    return mk_portfolio_open(portfolio, exploration->program, &config->setting, config->strategy);
}

static void explore_at_random(struct mk_exploration *exploration) {
    const struct mk_explore_config *config = exploration->config;
    struct mk_portfolio portfolio;
    list_strategies(exploration->out, config->strategy);
    bool failed = open_portfolio(exploration, &portfolio);
    const char *turns = mk_strategies[mk_strategy_named("turns")].name;
    bool more = !failed || mk_exploration_note(exploration, counted_as(exploration->out, turns), failed);
    for (uint64_t i = 0; more; i++) {
        const char *name = mk_strategies[portfolio.strategy[i % MK_PORTFOLIO_ROUND]].name;
        if (config->heaps) exploration->setting.heap = (config->setting.heap + i) % HEAPS;
        failed = mk_portfolio_run(&portfolio, &exploration->setting, config->seed, i);
        more = mk_exploration_note(exploration, counted_as(exploration->out, name), failed);
    }
    mk_portfolio_close(&portfolio);
}

/* ---- all of it -------------------------------------------------------------------------------- */

void mk_explore(const struct mk_program *program, const struct mk_explore_config *config, struct mk_explored *out) {
    struct mk_exploration exploration = {.program = program, .config = config, .out = out,
                                         .setting = config->setting, .limits = mk_rt.limits,
                                         .hooks_asked = mk_rt.hooks};
    uint64_t hooks = mk_rt.hooks;
    memset(out, 0, sizeof *out);
    exploration.distinct = mk_need(1, sizeof *exploration.distinct);
    if (config->seconds > 0) exploration.until = cpu_seconds() + config->seconds;
    if (config->exhaustive) {
        out->complete = mk_search(&exploration);
    } else {
        explore_at_random(&exploration);
    }
    out->hooks = mk_rt.hooks - hooks;
    out->distinct = mk_distinct_count(exploration.distinct);
    if (out->distinct > out->schedules) out->distinct = out->schedules;
    if (out->failed) mk_confirm(&exploration);
    free(exploration.distinct);
}

void mk_explored_free(struct mk_explored *explored) {
    mk_failure_drop(&explored->failure);
    free(explored->decisions.at);
    memset(explored, 0, sizeof *explored);
}
