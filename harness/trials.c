/* trials.c - see trials.h.
 *
 * What can be tried is a list of entries, a cell and an oracle each. A pass goes through all of them in an order of
 * its own; an entry meets another pressure in every pass. Attempts are numbered through all passes, so that a worker
 * that takes the place of a dead one goes on where that one ended.
 */
#include "trials.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <unistd.h>

#include "build_info.h"
#include "check/conform.h"
#include "check/oracles.h"
#include "clock.h"
#include "commands.h"
#include "finding.h"
#include "registry.h"
#include "text.h"

#ifdef MK_MODEL
#include "model/litmus.h"
#endif

#define FOUND_MAX 3    /* trials of one entry that find something: what comes after tells no more */
#define ALONE_EVERY 4  /* passes between trials of oracles that have but one thread */

static const uint32_t efforts[] = {10, 25, 50, 100}; /* by pass */

/* A cell as oracles take it. */
struct target {
    const struct mk_cell *cell;
    const struct mk_plan_group *group;
    struct mk_conform_unit unit;
    struct mk_shape shape;
};

struct entry {
    struct target *target;
    const struct mk_case *oracle;
    const struct mk_pressure **pressures; /* those that apply */
    size_t pressures_n;
    uint32_t found; /* trials that found something */
    bool dead;
};

struct trials {
    const struct mk_plan *plan;
    const struct mk_hunt_order *order;
    const struct mk_run_sink *sink;
    struct target *targets;
    size_t targets_n;
    struct entry *entries;
    size_t entries_n;
    uint64_t until_ns;
    bool found; /* anything */
};

static void send_frame(const struct trials *t, uint32_t type, void *sample) {
    t->sink->frame(t->sink->arg, type, sample);
}

/* ---- what there is to try ------------------------------------------------------------------ */

static bool is_listed(char *const *list, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (fnmatch(list[i], name, 0) == 0) return true;
    }
    return n == 0;
}

/* What the workload's first group does, by code; the other groups' operations are added. */
static void shape_of(struct mk_shape *shape, const struct mk_plan_point *point, const struct mk_kind *kind) {
    shape->keys = point->workload.keys.count;
    shape->window_ops = point->workload.stress.window_ops;
    for (size_t p = 0; p < point->phases_n; p++) {
        for (size_t g = 0; g < point->phases[p].groups_n; g++) {
            const struct mk_workload_group *group = &point->phases[p].groups[g];
            for (size_t i = 0; i < group->ops_n; i++) {
                const struct mk_op_desc *op = mk_kind_op(kind, group->ops[i].name);
                if (!op) continue;
                shape->share[op->code] += group->ops[i].value;
                if (op->second != MK_NO_CODE) shape->share[op->second] += group->ops[i].value;
            }
        }
    }
}

static int open_target(struct target *target, const struct trials *t, uint64_t index, struct mk_err *err) {
    struct mk_composition *list = NULL;
    size_t n = 0;
    if (index >= t->plan->cells_n) return mk_fail(err, "there is no cell %llu", (unsigned long long)index);
    target->cell = &t->plan->cells[index];
    target->group = &t->plan->groups[target->cell->group];
    const struct mk_plan_point *point = &t->plan->points[target->group->point];
    if (mk_compose(target->cell->identity, (uint32_t)point->workload.value_bytes, &list, &n, err)) return -1;
    int failed = n != 1 ? mk_fail(err, "%s is %zu compositions, not one", target->cell->identity, n) : 0;
    if (!failed) {
        shape_of(&target->shape, point, list[0].impl->kind);
        mk_conform_unit_make(&target->unit, &list[0]);
    }
    mk_compositions_free(list, n);
    return failed;
}

/* Returns whether the pressure makes a difference to the oracle: one thread alone feels none, and the shape of the
 * work is felt by those that draw it themselves. */
static bool is_felt(const struct mk_pressure *pressure, const struct mk_case *oracle) {
    bool calm = pressure == &mk_pressures[0];
#ifdef MK_MODEL
    return calm; /* schedules are what makes threads meet */
#endif
    bool of_threads = pressure->perturbed || pressure->interrupted || pressure->one_pu || pressure->crowd ||
                      pressure->refuse_one_in;
    if (!(oracle->needs & (MK_CONCURRENT | MK_ONE_EACH))) return calm;
    return calm || of_threads || mk_oracle_is_shaped(oracle);
}

static void send_skipped(const struct trials *t, const struct target *target, const struct mk_case *oracle,
                         const char *pressure, const char *why) {
    struct mk_trial_sample sample = {.cell = target->cell->index};
    if (t->order->begin) return; /* has been said */
    sample.oracle = mk_need_text(oracle->name);
    sample.pressure = mk_need_text(pressure);
    sample.skipped = mk_need_text(why);
    send_frame(t, MK_FRAME_TRIAL, &sample);
}

static void add_pressures(const struct trials *t, struct entry *entry) {
    const struct mk_impl *impl = entry->target->unit.composition.impl;
    for (const struct mk_pressure *at = mk_pressures; at->name; at++) {
        const char *skips = mk_pressure_skips(at, impl);
        if (!is_listed(t->order->pressures, t->order->pressures_n, at->name) || !is_felt(at, entry->oracle)) continue;
        if (!skips) skips = mk_conform_skips_under(&entry->target->unit, entry->oracle, at);
        if (skips && t->order->pressures_n) send_skipped(t, entry->target, entry->oracle, at->name, skips);
        if (!skips) *(const struct mk_pressure **)mk_grow(&entry->pressures, &entry->pressures_n, sizeof at) = at;
    }
}

static bool is_dead(const struct mk_hunt_order *order, const struct entry *entry) {
    char *name = mk_need_format("%u %s", entry->target->cell->index, entry->oracle->name);
    bool dead = order->dead_n && is_listed(order->dead, order->dead_n, name);
    free(name);
    return dead;
}

static void add_entries(struct trials *t, struct target *target) {
    const struct mk_case **oracles;
    size_t n = mk_oracles(target->unit.composition.impl->kind->name, &oracles);
    for (size_t i = 0; i < n; i++) {
        const char *skips = mk_conform_skips(&target->unit, oracles[i]);
        if (!is_listed(t->order->oracles, t->order->oracles_n, oracles[i]->name)) continue;
        if (skips) {
            send_skipped(t, target, oracles[i], mk_pressures[0].name, skips);
            continue;
        }
        struct entry entry = {.target = target, .oracle = oracles[i]};
        add_pressures(t, &entry);
        entry.dead = is_dead(t->order, &entry);
        if (entry.pressures_n) *(struct entry *)mk_grow(&t->entries, &t->entries_n, sizeof entry) = entry;
    }
    free(oracles);
}

static int open_trials(struct trials *t, struct mk_err *err) {
    t->targets = mk_need(t->order->cells_n, sizeof *t->targets);
    for (size_t i = 0; i < t->order->cells_n; i++) {
        t->targets_n++;
        if (open_target(&t->targets[i], t, t->order->cells[i], err)) return -1;
    }
    for (size_t i = 0; i < t->targets_n; i++) add_entries(t, &t->targets[i]);
    return 0;
}

static void close_trials(struct trials *t) {
    for (size_t i = 0; i < t->entries_n; i++) free(t->entries[i].pressures);
    for (size_t i = 0; i < t->targets_n; i++) {
        free(t->targets[i].unit.composition.identity);
        free(t->targets[i].unit.label);
    }
    free(t->entries);
    free(t->targets);
}

/* ---- one trial ----------------------------------------------------------------------------- */

static void mark(uint64_t number, bool end) {
    char line[64];
    int n = end ? snprintf(line, sizeof line, "\n" MK_TRIAL_MARK "end\n")
                : snprintf(line, sizeof line, "\n" MK_TRIAL_MARK "%llu\n", (unsigned long long)number);
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)n);
    (void)ignored;
}

static void send_findings(const struct trials *t, const struct mk_attempt *attempt, struct mk_findings *findings) {
    for (size_t i = 0; i < findings->n; i++) {
        struct mk_finding *from = &findings->at[i];
        struct mk_finding_sample sample = {.cell = attempt->cell, .seed = attempt->seed, .count = 1};
        sample.oracle = mk_need_text(attempt->oracle);
        sample.pressure = mk_need_text(attempt->pressure);
        sample.flavour = mk_need_text(mk_build_info()->flavour);
        sample.rule = from->rule ? from->rule : mk_need_format("%s/%s", from->kind, from->case_name);
        sample.what = from->what;
        sample.detail = from->detail;
        sample.picture = from->picture;
        sample.object = from->object;
        sample.token = from->token;
        sample.stacks = from->stacks;
        sample.stacks_n = from->stacks_n;
        from->what = from->detail = from->picture = from->rule = from->object = from->token = NULL;
        from->stacks = NULL;
        from->stacks_n = 0;
        send_frame(t, MK_FRAME_FINDING, &sample);
    }
}

static void send_trial(const struct trials *t, const struct mk_attempt *attempt, const struct mk_tried *tried,
                       uint64_t busy_ns) {
    struct mk_trial_sample sample = {.cell = attempt->cell, .trials = 1, .ops = tried->ops,
                                     .windows = tried->windows, .unknown = tried->unknown};
    sample.oracle = mk_need_text(attempt->oracle);
    sample.pressure = mk_need_text(attempt->pressure);
    sample.busy_s = (double)busy_ns / 1e9;
    sample.note = tried->note;
    for (size_t i = 0; i < tried->outcomes; i++) {
        struct mk_outcome_sample *outcome = mk_grow(&sample.outcomes, &sample.outcomes_n, sizeof *outcome);
        outcome->name = mk_need_text(tried->outcome[i].name);
        outcome->grade = tried->outcome[i].grade;
        outcome->count = tried->outcome[i].count;
    }
    send_frame(t, MK_FRAME_TRIAL, &sample);
}

static void try_entry(struct trials *t, struct entry *entry, uint64_t number, uint64_t pass) {
    const struct mk_pressure *pressure =
        entry->pressures[(mk_mix64(t->order->seed ^ (uint64_t)(entry - t->entries)) + pass) % entry->pressures_n];
    struct mk_attempt attempt = {.number = number, .cell = entry->target->cell->index};
    struct mk_findings findings = {0};
    struct mk_tried tried = {0};
    size_t last = sizeof efforts / sizeof *efforts - 1;
    attempt.oracle = (char *)entry->oracle->name;
    attempt.pressure = (char *)pressure->name;
    attempt.seed = t->order->seed + pass;
    attempt.effort_percent = t->order->effort_percent ? t->order->effort_percent : efforts[pass < last ? pass : last];
    struct mk_attempt sent;
    mk_record_copy(&mk_attempt_record, &sent, &attempt);
    send_frame(t, MK_FRAME_ATTEMPT, &sent);
    mark(number, false);
    struct mk_conform_config config = {.seed = attempt.seed, .threads = entry->target->group->threads,
                                       .effort_percent = attempt.effort_percent, .pressure = pressure,
                                       .shape = &entry->target->shape, .tried = &tried};
    uint64_t from = mk_wall_ns();
    size_t found = mk_conform_run(&entry->target->unit, entry->oracle, &config, &findings);
    entry->found += found != 0;
    entry->dead = entry->dead || entry->found >= FOUND_MAX;
    t->found = t->found || found;
    send_trial(t, &attempt, &tried, mk_wall_ns() - from);
    send_findings(t, &attempt, &findings);
    mk_findings_free(&findings);
}

/* ---- the model flavour ---------------------------------------------------------------------- */

#ifdef MK_MODEL
static void settle_model(const struct mk_hunt_order *order, const volatile sig_atomic_t *stop) {
    static const char *const memories[] = {"c11", "tso", "sc"}; /* enum mk_memory_model */
    mk_model_asked = (struct mk_model_asked){.schedules = order->schedules, .freeze = order->freeze,
                                             .no_races = order->no_races, .exhaustive = order->searches,
                                             .preemptions = order->preemptions, .stale = order->stale,
                                             .stop = stop};
    if (order->strategy && *order->strategy) mk_model_asked.strategy = order->strategy;
    for (unsigned i = 0; i < 3; i++) {
        if (order->memory && strcmp(order->memory, memories[i]) == 0) mk_model_asked.memory = (enum mk_memory_model)i;
    }
}

int mk_trials_litmus(const char *scenario, const struct mk_hunt_order *order) {
    settle_model(order, NULL);
    return mk_model_litmus(scenario, order->seed);
}

int mk_trials_replay(const char *token) {
    return mk_model_replay(token);
}
#else
static void settle_model(const struct mk_hunt_order *order, const volatile sig_atomic_t *stop) {
    (void)order, (void)stop;
}

int mk_trials_litmus(const char *scenario, const struct mk_hunt_order *order) {
    (void)order;
    fprintf(stderr, "memkit-bench: %s tries the memory model, not a structure: leave --flavour out, or say model\n",
            scenario);
    return MK_EXIT_USAGE;
}

int mk_trials_replay(const char *token) {
    (void)token;
    fprintf(stderr, "memkit-bench: a token names a schedule of the model flavour: leave --flavour out\n");
    return MK_EXIT_USAGE;
}
#endif

/* ---- all of them --------------------------------------------------------------------------- */

static bool is_over(const struct trials *t) {
    return (t->sink->stop && *t->sink->stop) || (t->until_ns && mk_wall_ns() >= t->until_ns) ||
           (t->order->stop_at_first && t->found);
}

/* The entries in the order of one pass. */
static void shuffle(const struct trials *t, uint64_t pass, size_t *order) {
    struct mk_rng rng;
    mk_rng_seed(&rng, mk_mix64(t->order->seed) + pass);
    for (size_t i = 0; i < t->entries_n; i++) order[i] = i;
    for (size_t i = t->entries_n; i > 1; i--) {
        size_t j = (size_t)mk_rng_below(&rng, i), kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}

static bool is_due(const struct entry *entry, uint64_t pass) {
    return !entry->dead && (pass % ALONE_EVERY == 0 || entry->oracle->needs & (MK_CONCURRENT | MK_ONE_EACH));
}

static void run_passes(struct trials *t) {
    size_t *order = mk_need(t->entries_n + 1, sizeof *order);
    bool any = t->entries_n != 0;
    uint64_t pass = t->entries_n ? t->order->begin / t->entries_n : 0;
    bool once = t->order->seconds <= 0;
    for (; any && !(once && pass) && !is_over(t); pass++) {
        shuffle(t, pass, order);
        any = false;
        for (size_t i = 0; i < t->entries_n && !is_over(t); i++) {
            uint64_t number = pass * t->entries_n + i;
            struct entry *entry = &t->entries[order[i]];
            any = any || !entry->dead;
            if (number >= t->order->begin && is_due(entry, pass)) try_entry(t, entry, number, pass);
        }
    }
    free(order);
}

int mk_trials_run(const struct mk_plan *plan, const struct mk_hunt_order *order, const struct mk_run_sink *sink,
                  struct mk_err *err) {
    struct trials t = {.plan = plan, .order = order, .sink = sink};
    settle_model(order, sink->stop);
    if (order->seconds > 0) t.until_ns = mk_wall_ns() + (uint64_t)(order->seconds * 1e9);
    int failed = open_trials(&t, err);
    if (!failed) run_passes(&t);
    mark(0, true);
    close_trials(&t);
    return failed;
}
