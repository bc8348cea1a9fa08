/* model_cases.c - the oracles of this flavour, and trials of them: many programs, each under many schedules, until
 * one fails. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "../check/scenarios.h"
#include "../record.h"
#include "coverage.h"
#include "program.h"
#include "report.h"

/* Schedules of a trial, at full effort. Drawn programs are all different, so that one more is worth more than one
 * more schedule of a scenario: they get as many as sixteen of those. */
#define DRAWN_SCHEDULES 40000
#define SCENARIO_SCHEDULES 2500
#define COVERAGE_SCHEDULES 20000
#define OF_DRAWN 100           /* of each program whose operations are drawn */
#define OF_SCENARIO 2000       /* of each that is a scenario: only its random numbers differ */
#define REFUSE_ONE_IN 4        /* allocations ... */
#define REFUSED_EVERY 3        /* ... of every so many programs */

/* ---- trials ---------------------------------------------------------------------------------- */

static bool draws(const char *oracle) {
    return strcmp(oracle, MK_ORACLE_SCHEDULES) == 0 || strcmp(oracle, MK_ORACLE_LOCK_FREE) == 0;
}

/* Whether a refusal of memory is an answer like others. */
static bool stands_refusals(const char *oracle) {
    const struct mk_scenario *scenario = mk_scenario_of(oracle);
    if (draws(oracle)) return true;
    return scenario && scenario->stands_refusals && !scenario->reborn;
}

static struct mk_explore_config config_of(const char *oracle, uint64_t seed, uint64_t nth, uint64_t schedules) {
    struct mk_explore_config config = {.seed = mk_mix64(seed), .schedules = schedules, .heaps = true};
    config.setting.memory = mk_model_asked.memory;
    config.setting.heap = MK_HEAP_QUARANTINE;
    config.setting.races = !mk_model_asked.no_races;
    config.setting.freezes = strcmp(oracle, MK_ORACLE_LOCK_FREE) == 0;
    if (nth % REFUSED_EVERY == REFUSED_EVERY - 1 && stands_refusals(oracle)) {
        config.setting.refuse_one_in = REFUSE_ONE_IN;
    }
    config.strategy = mk_model_asked.strategy;
    config.exhaustive = mk_model_asked.exhaustive;
    config.preemptions = mk_model_asked.preemptions;
    config.stale = mk_model_asked.stale;
    config.stop = mk_model_asked.stop;
    return config;
}

/* Fills in what is known of a failure. */
static void tell(const struct mk_made_program *made, struct mk_explored *explored, struct mk_finding *out) {
    struct mk_finding_sample sample = {0};
    char *token = mk_token_format(made->program.name, &explored->setting, &explored->decisions);
    char *command = mk_need_format("memkit-bench stress --replay '%s'", token);
    mk_report(&made->program, explored, token, command, &sample);
    free(command);
    *out = (struct mk_finding){.what = sample.what ? sample.what : mk_need_text(explored->failure.what),
                               .detail = sample.detail, .picture = sample.picture, .rule = sample.rule,
                               .object = sample.object, .token = token, .stacks = sample.stacks,
                               .stacks_n = sample.stacks_n};
    if (out->picture) return;
    out->picture = explored->failure.picture;
    explored->failure.picture = NULL;
}

/* What a search came to. */
static char *note_search(uint64_t schedules, uint64_t programs, uint64_t complete) {
    char *bounds = mk_need_format("%u preemption%s and %u stale read%s", mk_model_asked.preemptions,
                                  mk_model_asked.preemptions == 1 ? "" : "s", mk_model_asked.stale,
                                  mk_model_asked.stale == 1 ? "" : "s");
    char *note = complete == programs
                     ? mk_need_format("%" PRIu64 " schedules, all of them with up to %s, of %" PRIu64 " program%s",
                                      schedules, bounds, programs, programs == 1 ? "" : "s")
                     : mk_need_format("%" PRIu64 " schedules, not all of them with up to %s: %" PRIu64 " of %" PRIu64
                                      " programs were searched to the end",
                                      schedules, bounds, complete, programs);
    free(bounds);
    return note;
}

bool mk_model_try(const struct mk_conform_unit *unit, const char *oracle, uint64_t seed, uint64_t schedules,
                  struct mk_tried *tried, struct mk_finding *out) {
    uint64_t of_each = draws(oracle) ? OF_DRAWN : unit ? OF_SCENARIO : UINT64_MAX, left = schedules;
    uint64_t programs = 0, complete = 0;
    bool failed = false;
    if (mk_model_asked.exhaustive) of_each = UINT64_MAX;
    for (uint64_t i = 0; left && !failed; i++) {
        uint64_t program_seed = (uint32_t)mk_mix64(seed + i);
        struct mk_explored explored = {0};
        struct mk_made_program made;
        struct mk_err err;
        if (mk_program_make(unit, oracle, program_seed, &made, &err)) {
            *out = (struct mk_finding){.what = mk_need_format("cannot be tried: %s", err.text),
                                       .rule = mk_need_text("model/limit")};
            return true;
        }
        struct mk_explore_config config = config_of(oracle, program_seed, i, left < of_each ? left : of_each);
        mk_explore(&made.program, &config, &explored);
        mk_program_count(&made, tried);
        tried->windows += explored.schedules;
        programs++;
        complete += explored.complete;
        left -= explored.schedules < left ? explored.schedules : left;
        failed = explored.failed;
        if (failed) tell(&made, &explored, out);
        bool stuck = !explored.schedules || (explored.complete && !draws(oracle));
        bool stopped = mk_model_asked.stop && *mk_model_asked.stop;
        mk_explored_free(&explored);
        mk_program_free(&made);
        if (stuck || stopped) break;
    }
    if (mk_model_asked.exhaustive) tried->note = note_search(tried->windows, programs, complete);
    return failed;
}

static struct mk_conform_unit unit_of(const struct mk_check *check) {
    return (struct mk_conform_unit){.composition = *check->composition, .label = (char *)check->label,
                                    .caps = check->caps, .colliding = check->colliding};
}

/* Returns as many as were asked for, or by the effort, of which `full` are all. */
static uint64_t schedules_of(const struct mk_check *check, uint64_t full) {
    return mk_model_asked.schedules ? mk_model_asked.schedules : mk_check_ops(check, full);
}

static void run(struct mk_check *check) {
    struct mk_conform_unit unit = unit_of(check);
    uint64_t schedules = schedules_of(check, draws(check->which->name) ? DRAWN_SCHEDULES : SCENARIO_SCHEDULES);
    struct mk_finding finding = {0};
    if (mk_model_try(&unit, check->which->name, check->seed, schedules, &check->tried, &finding)) {
        mk_found_whole(check, &finding);
    }
}

/* ---- coverage -------------------------------------------------------------------------------- */

/* Too much of the code was not reached for its other oracles to mean what they seem to. */
static void file_unreached(struct mk_check *check, const struct mk_coverage *coverage) {
    struct mk_text table = {0};
    char *note = mk_coverage_note(coverage);
    mk_coverage_print(coverage, false, &table);
    struct mk_finding finding = {.what = mk_need_format("not tried enough to mean anything: %s", note),
                                 .detail = mk_text_take(&table), .rule = mk_need_text("model/coverage")};
    mk_found_whole(check, &finding);
    free(note);
}

/* All oracles in turn, until all that can be told has been carried out, or each has had its share. */
static void run_coverage(struct mk_check *check) {
    struct mk_conform_unit unit = unit_of(check);
    struct mk_finding finding = {0};
    struct mk_coverage coverage = {0};
    uint64_t each = schedules_of(check, COVERAGE_SCHEDULES) / 4 + 1;
    bool failed = false;
    mk_coverage_reset();
    for (const struct mk_case *at = mk_model_cases(check->impl->kind->name); at->name && !failed; at++) {
        struct mk_tried tried = {0};
        if (at->run == run_coverage || mk_conform_skips(&unit, at)) continue;
        failed = mk_model_try(&unit, at->name, check->seed, each, &tried, &finding);
        check->tried.ops += tried.ops;
        check->tried.windows += tried.windows;
        free(tried.note);
        mk_coverage_free(&coverage);
        coverage = mk_coverage_of(&unit);
        if (!coverage.missed) break;
    }
    if (failed) {
        mk_found_whole(check, &finding);
    } else if (!mk_coverage_suffices(&coverage)) {
        file_unreached(check, &coverage);
    }
    check->tried.note = mk_coverage_note(&coverage);
    mk_coverage_free(&coverage);
}

/* ---- what there is --------------------------------------------------------------------------- */

static const char *skips_pressure(const struct mk_check *check) {
    return check->pressure == &mk_pressures[0] ? NULL : "schedules are made here, whatever the pressure";
}

static const char *skips_schedules(const struct mk_check *check) {
    const char *why = skips_pressure(check);
    if (why) return why;
    if (mk_program_has_blocks(check->impl) || (check->model && check->model->histories)) return NULL;
    return "threads share nothing that could tell of schedules";
}

static const char *skips_lock_free(const struct mk_check *check) {
    struct mk_conform_unit unit = {.composition = *check->composition, .label = (char *)check->label,
                                   .caps = check->caps};
    const char *why = skips_pressure(check);
    if (why) return why;
    if (!mk_model_asked.freeze) return "no thread is to be stopped for ever (--freeze)";
    return mk_program_not_lock_free(&unit);
}

static const char *skips_coverage(const struct mk_check *check) {
    const char *why = skips_pressure(check);
    size_t n;
    if (!why) why = mk_symbols_missing();
    if (why) return why;
    char **files = mk_coverage_files(check->impl, &n);
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        any = any || access(files[i], R_OK) == 0;
        free(files[i]);
    }
    free(files);
    return any ? NULL : "its sources are not here to be compared with";
}

static const char *skips_scenario(const struct mk_check *check) {
    const struct mk_scenario *scenario = mk_scenario_of(check->which->name);
    const char *why = skips_pressure(check);
    if (why) return why;
    return check->impl ? mk_scenario_skips(scenario, check) : NULL;
}

static const struct mk_case drawn[] = {
    {MK_ORACLE_SCHEDULES, "a few operations of a few threads, drawn from the contract, under many schedules",
     MK_ONE_EACH, MK_FLOOR, skips_schedules, run},
    {MK_ORACLE_LOCK_FREE, "what calls itself lock-free finishes although one thread is stopped for ever",
     MK_ONE_EACH, MK_FLOOR, skips_lock_free, run},
    {MK_ORACLE_COVERAGE, "the other oracles reach every numbered access and linearization point, but for 5%",
     MK_ONE_EACH, MK_FLOOR, skips_coverage, run_coverage},
};
#define DRAWN (sizeof drawn / sizeof *drawn)

/* The cases of a kind; lists that have been handed out stay, since whoever has one may keep it. */
struct list {
    char *kind;
    size_t scenarios; /* of all kinds, when it was made */
    struct mk_case *cases;
    struct list *older;
};

static struct mk_case *make_cases(const char *kind) {
    bool alone = true; /* a kind without implementations has no operations to be drawn */
    size_t n = 0, of_kind;
    const struct mk_case *scenarios = mk_scenario_cases(kind, &of_kind);
    struct mk_case *cases = mk_need(DRAWN + of_kind + 1, sizeof *cases);
    if (mk_model_of(kind)) alone = false;
    for (size_t i = 0; !alone && i < DRAWN; i++) cases[n++] = drawn[i];
    for (size_t i = 0; i < of_kind; i++) {
        cases[n] = scenarios[i];
        cases[n].skips = skips_scenario;
        cases[n++].run = run;
    }
    return cases;
}

const struct mk_case *mk_model_cases(const char *kind) {
    static struct list *lists;
    for (const struct list *at = lists; at; at = at->older) {
        if (at->scenarios == mk_scenarios_count() && strcmp(at->kind, kind) == 0) return at->cases;
    }
    struct list *made = mk_need(1, sizeof *made);
    *made = (struct list){mk_need_text(kind), mk_scenarios_count(), make_cases(kind), lists};
    lists = made;
    return made->cases;
}
