/* scenarios.c - see scenarios.h. */
#undef MK_POINTS /* the driver's own waits are not under test */
#include "scenarios.h"

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "../../impl/order.h"
#include "../clock.h"
#include "../record.h"
#include "../registry.h"
#include "../text.h"
#include "check.h"

#define ROUNDS 1000
#define INSTANCES 100
#define SKEW_BITS 9     /* of the longest wait before a body, in turns of an empty loop */
#define SPINS_MAX 1000u /* before a waiting thread gives its PU away, where there are enough: tens of us */
#define YIELDS_MAX 200u /* before it sleeps: whom it waits for has been put aside */
#define NAP_NS 50000     /* the first ones; they get longer, so that who waits for ever can be told to do nothing */
#define NAPS_A_LENGTH 16
#define NAP_DOUBLINGS 9
#define TRIAL_NS 2000000000u /* at full effort; more time is not taken, however busy the machine is */
#define TRIAL_NS_MIN 200000000u

MK_STATIC_ASSERT(MK_SCENARIO_OUTCOMES_MAX <= MK_OUTCOMES_MAX, "a trial has room for the outcomes of a scenario");

/* ---- what there is --------------------------------------------------------------------------- */

extern const struct mk_scenario *const __start_mk_scenarios[] __attribute__((weak, visibility("hidden")));
extern const struct mk_scenario *const __stop_mk_scenarios[] __attribute__((weak, visibility("hidden")));

static const struct mk_scenario **scenarios;
static size_t scenarios_n;
static struct mk_case *cases; /* each made of the scenario in the same place */

static const char *skips_scenario(const struct mk_check *check);
static void run_scenario(struct mk_check *check);

size_t mk_scenarios_count(void) {
    return scenarios_n;
}

const struct mk_scenario *mk_scenario_at(size_t i) {
    return scenarios[i];
}

const struct mk_scenario *mk_scenario_of(const char *name) {
    for (size_t i = 0; i < scenarios_n; i++) {
        if (strcmp(scenarios[i]->name, name) == 0) return scenarios[i];
    }
    return NULL;
}

static int compare_scenarios(const void *left, const void *right) {
    const struct mk_scenario *a = *(const struct mk_scenario *const *)left;
    const struct mk_scenario *b = *(const struct mk_scenario *const *)right;
    int order = strcmp(a->kind, b->kind);
    return order ? order : strcmp(a->name, b->name);
}

static size_t outcomes_of(const struct mk_scenario *scenario) {
    size_t n = 0;
    while (scenario->outcomes[n].name) n++;
    return n;
}

static int check_scenario(const struct mk_scenario *scenario, struct mk_err *err) {
    const char *slash = strrchr(scenario->file, '/'), *base = slash ? slash + 1 : scenario->file;
    const struct mk_scenario *other = mk_scenario_of(scenario->name);
    size_t length = strlen(scenario->name);
    if (strncmp(base, scenario->name, length) != 0 || base[length] != '.') {
        return mk_fail(err, "%s registers the scenario \"%s\": the name must be the file's, rename one of them",
                       scenario->file, scenario->name);
    }
    if (other) {
        return mk_fail(err, "the scenario %s is registered twice, by %s and by %s: rename one of them",
                       scenario->name, other->file, scenario->file);
    }
    if (!scenario->summary || !scenario->body || !scenario->after || !scenario->outcomes) {
        return mk_fail(err, "%s: scenario %s lacks .summary, .body, .after or .outcomes", scenario->file,
                       scenario->name);
    }
    if (!scenario->threads || scenario->threads > MK_SCENARIO_THREADS_MAX) {
        return mk_fail(err, "%s: scenario %s has %u threads, not 1 to %d", scenario->file, scenario->name,
                       scenario->threads, MK_SCENARIO_THREADS_MAX);
    }
    if (outcomes_of(scenario) > MK_SCENARIO_OUTCOMES_MAX) {
        return mk_fail(err, "%s: scenario %s has more than %d outcomes", scenario->file, scenario->name,
                       MK_SCENARIO_OUTCOMES_MAX);
    }
    return 0;
}

static struct mk_case case_of(const struct mk_scenario *scenario) {
    bool shares = scenario->threads > 1 && !(scenario->needs & MK_ONE_EACH);
    return (struct mk_case){.name = scenario->name,
                            .help = scenario->summary,
                            .needs = scenario->needs | (shares ? MK_CONCURRENT : 0),
                            .unless = scenario->unless | MK_FLOOR,
                            .skips = skips_scenario,
                            .run = run_scenario};
}

int mk_scenarios_add(const struct mk_scenario *const *begin, const struct mk_scenario *const *end,
                     struct mk_err *err) {
    if (begin == end) return 0;
    scenarios = mk_need_more(scenarios, scenarios_n + (size_t)(end - begin), sizeof *scenarios);
    for (; begin < end; begin++) {
        if (check_scenario(*begin, err)) return -1;
        scenarios[scenarios_n++] = *begin;
    }
    qsort(scenarios, scenarios_n, sizeof *scenarios, compare_scenarios);
    cases = mk_need_more(cases, scenarios_n, sizeof *cases);
    for (size_t i = 0; i < scenarios_n; i++) cases[i] = case_of(scenarios[i]);
    return 0;
}

int mk_scenarios_open(struct mk_err *err) {
    return mk_scenarios_add(__start_mk_scenarios, __stop_mk_scenarios, err);
}

const struct mk_case *mk_scenario_cases(const char *kind, size_t *n) {
    size_t first = 0, end;
    while (first < scenarios_n && strcmp(scenarios[first]->kind, kind) != 0) first++;
    for (end = first; end < scenarios_n && strcmp(scenarios[end]->kind, kind) == 0;) end++;
    *n = end - first;
    return *n ? &cases[first] : NULL;
}

/* ---- one instance at work -------------------------------------------------------------------- */

/* Where threads wait for each other: the k-th wait of each is over when all have come k times. */
struct line {
    _Atomic(uint64_t) arrived MK_ALIGNED(2 * MK_CACHE_LINE);
};

struct play {
    struct mk_check *check;
    const struct mk_scenario *scenario;
    uint64_t *count; /* by outcome */
    size_t outcomes;
    uint64_t seed; /* of this instance */
    uint64_t deadline_ns;
    uint64_t round;
    bool over; /* what thread 0 decides before a round */
    struct mk_actor *actor;
    struct line line MK_ALIGNED(2 * MK_CACHE_LINE);
};

/* Where one of n threads waits, and how. */
struct place {
    struct line *line;
    uint32_t n;
    uint64_t times;    /* it has come to the line */
    unsigned spins;    /* before it gives its PU away: where PUs are shared, none */
    bool pinned;
    cpu_set_t allowed; /* PUs it had before */
};

/* Puts the calling thread onto a PU of its own as far as there are enough that it may use: left alone, threads that
 * yield to each other soon share one, and bodies no longer overlap. */
static void take_place(struct place *place, uint32_t number, uint64_t seed) {
    cpu_set_t own;
    place->spins = SPINS_MAX;
    if (sched_getaffinity(0, sizeof place->allowed, &place->allowed)) return;
    uint32_t pus = (uint32_t)CPU_COUNT(&place->allowed), chosen = (uint32_t)((seed + number) % pus);
    if (place->n > pus) place->spins = 0;
    CPU_ZERO(&own);
    for (int pu = 0; pu < CPU_SETSIZE; pu++) {
        if (CPU_ISSET(pu, &place->allowed) && chosen-- == 0) CPU_SET(pu, &own);
    }
    place->pinned = sched_setaffinity(0, sizeof own, &own) == 0;
}

/* Waits for a thread that has been put aside: the machine has other things to do, so the thread that waits is left
 * to run wherever there is room. */
static void nap(struct place *place, unsigned naps) {
    unsigned doublings = naps / NAPS_A_LENGTH < NAP_DOUBLINGS ? naps / NAPS_A_LENGTH : NAP_DOUBLINGS;
    if (place->pinned) sched_setaffinity(0, sizeof place->allowed, &place->allowed);
    place->pinned = false;
    nanosleep(&(struct timespec){0, (long)NAP_NS << doublings}, NULL);
}

/* Waits until all threads have come as often as this one. */
static void meet(struct place *place) {
    uint64_t wanted = ++place->times * place->n;
    atomic_fetch_add_explicit(&place->line->arrived, 1, memory_order_acq_rel);
    for (unsigned i = 0; atomic_load_explicit(&place->line->arrived, memory_order_acquire) < wanted; i++) {
        if (i < place->spins) {
            mk_pause();
        } else if (i < place->spins + YIELDS_MAX) {
            sched_yield();
        } else {
            nap(place, i - place->spins - YIELDS_MAX);
        }
    }
}

/* Waits for a random while: up to 2^bits turns of an empty loop. */
static void skew(struct mk_rng *rng, uint64_t bits) {
    uint64_t turns = mk_rng_below(rng, (uint64_t)1 << bits);
    for (volatile uint64_t i = 0; i < turns; i++) {
    }
}

/* ---- what is said of a round ----------------------------------------------------------------- */

static void describe_round(const struct play *play, struct mk_text *out) {
    const struct mk_scenario *scenario = play->scenario;
    mk_text_printf(out, "round %" PRIu64 " of an instance\n", play->round);
    for (uint32_t i = 0; i < scenario->threads; i++) {
        const struct mk_actor *actor = &play->actor[i];
        mk_text_printf(out, "thread %u:", i);
        for (unsigned s = 0; s < MK_SCENARIO_SAW; s++) {
            if (scenario->shows[s]) {
                mk_text_printf(out, "%s %s 0x%" PRIx64, s ? "," : "", scenario->shows[s], actor->saw[s]);
            }
        }
        mk_text_printf(out, "\n");
    }
    mk_text_puts(out, "outcomes of the trial so far:\n");
    for (size_t i = 0; i < play->outcomes; i++) {
        mk_text_printf(out, "%12" PRIu64 "  %s\n", play->count[i], scenario->outcomes[i].name);
    }
}

/* Files what must not be, with what is known of the round. */
static void found(const struct play *play, const char *what, const char *why) {
    struct mk_text text = {0};
    describe_round(play, &text);
    mk_found_with(play->check, text.at, NULL, "scenario %s ends in \"%s\": %s", play->scenario->name, what, why);
}

/* Returns the worst answer above MK_HIT that any thread got, or MK_MISS. */
static enum mk_status worst_of(const struct play *play) {
    enum mk_status worst = MK_MISS;
    for (uint32_t i = 0; i < play->scenario->threads; i++) {
        if (play->actor[i].worst > worst) worst = play->actor[i].worst;
    }
    return worst;
}

/* Says which outcome the round had. By thread 0, alone. */
static void judge(struct play *play) {
    const struct mk_scenario *scenario = play->scenario;
    unsigned outcome = scenario->after(&play->actor[0], play->actor);
    enum mk_status worst = worst_of(play);
    if (worst == MK_TORN) {
        found(play, "torn", "a value came back that nobody has written");
    } else if (worst > MK_HIT) {
        found(play, "refused", "an operation was refused although memory was not");
    } else if (outcome >= play->outcomes) {
        char why[96];
        snprintf(why, sizeof why, ".after names outcome %u of %zu", outcome, play->outcomes);
        found(play, "no outcome", why);
    } else {
        const struct mk_outcome *which = &scenario->outcomes[outcome];
        play->count[outcome]++;
        if (which->grade == MK_FORBIDDEN) found(play, which->name, which->help ? which->help : "it is forbidden");
    }
}

/* ---- rounds ---------------------------------------------------------------------------------- */

/* By thread 0, alone. Returns whether there is to be another round. */
static bool set_stage(struct play *play, struct mk_rng *rng) {
    uint64_t rounds = play->scenario->rounds ? play->scenario->rounds : ROUNDS;
    uint64_t round_random = mk_rng_next(rng);
    if (play->round == rounds || mk_check_failed(play->check) || mk_wall_ns() > play->deadline_ns) return false;
    for (uint32_t i = 0; i < play->scenario->threads; i++) {
        struct mk_actor *actor = &play->actor[i];
        actor->round = play->round;
        actor->round_random = round_random;
        memset(actor->saw, 0, sizeof actor->saw);
    }
    if (play->scenario->before) {
        play->actor[0].random = mk_rng_next(rng);
        play->scenario->before(&play->actor[0]);
    }
    return true;
}

/* Has the thread leave and enter again. Where it finds no place, which is a finding, it stays out for good. */
static void be_reborn(struct mk_worker *worker) {
    if (!worker->me) return;
    mk_subject_leave(worker->subject, worker->index);
    worker->me = mk_subject_enter(worker->subject, worker->index);
}

/* Has all threads begin together. Who comes to the line last leaves it first, so that it is left to chance who that
 * is. Then bodies meet at every offset: in some rounds within nanoseconds, in others within a microsecond. */
static void line_up(struct place *place, struct mk_rng *rng, uint64_t round_random) {
    skew(rng, SKEW_BITS);
    meet(place);
    skew(rng, round_random % (SKEW_BITS + 1));
}

static void play_body(struct mk_worker *worker) {
    struct play *play = worker->arg;
    const struct mk_scenario *scenario = play->scenario;
    struct mk_actor *actor = &play->actor[worker->index];
    struct place place = {.line = &play->line, .n = worker->n};
    if (mk_check_failed(play->check)) return; /* somebody found no place, and will not come */
    actor->me = worker->me;
    take_place(&place, worker->index, play->seed);
    for (;;) {
        if (worker->index == 0) play->over = !set_stage(play, &worker->rng);
        meet(&place);
        if (play->over) break;
        actor->random = mk_rng_next(&worker->rng);
        line_up(&place, &worker->rng, actor->round_random);
        if (scenario->reborn) be_reborn(worker);
        if (worker->me) scenario->body(actor);
        meet(&place);
        if (worker->index == 0 && !mk_check_failed(play->check)) judge(play);
        if (worker->index == 0) play->round++;
    }
    if (scenario->leave && worker->me) scenario->leave(actor);
}

/* All rounds of one instance. */
static void play_instance(struct play *play) {
    const struct mk_scenario *scenario = play->scenario;
    struct mk_subject subject;
    bool fixed = play->check->caps & MK_FIXED_SIZE;
    struct mk_subject_config config = {.capacity = scenario->capacity,
                                       .threads_max = scenario->threads,
                                       .object_bytes = fixed ? scenario->object_bytes : 0,
                                       .object_align = fixed ? scenario->object_align : 0,
                                       .slots = scenario->slots};
    void *shared = scenario->shared_bytes ? mk_need(1, scenario->shared_bytes) : NULL;
    uint64_t limit = mk_key_limit(play->check->impl, play->check->composition->params);
    play->round = 0;
    if (mk_subject_open(&subject, play->check, &config) == 0) {
        for (uint32_t i = 0; i < scenario->threads; i++) {
            play->actor[i] = (struct mk_actor){.impl = subject.impl, .self = subject.self, .number = i,
                                               .threads = scenario->threads, .shared = shared,
                                               .key_limit = limit};
        }
        mk_subject_run(&subject, 0, scenario->threads, play->seed, play_body, play);
        for (uint32_t i = 0; i < scenario->threads; i++) play->check->tried.ops += play->actor[i].ops;
        mk_subject_close(&subject);
    }
    free(shared);
}

/* ---- as cases -------------------------------------------------------------------------------- */

const char *mk_scenario_skips(const struct mk_scenario *scenario, const struct mk_check *check) {
    uint64_t limit = mk_key_limit(check->impl, check->composition->params);
    if (limit && (!scenario->keys || scenario->keys > limit)) return "has more keys than the structure takes";
    return scenario->skips ? scenario->skips(check->impl) : NULL;
}

static void run_scenario(struct mk_check *check) {
    const struct mk_scenario *scenario = mk_scenario_of(check->which->name);
    uint64_t count[MK_SCENARIO_OUTCOMES_MAX] = {0};
    struct mk_actor actors[MK_SCENARIO_THREADS_MAX];
    uint64_t instances = mk_check_ops(check, scenario->instances ? scenario->instances : INSTANCES);
    uint64_t time_ns = mk_check_ops(check, TRIAL_NS);
    uint64_t deadline_ns = mk_wall_ns() + (time_ns < TRIAL_NS_MIN ? TRIAL_NS_MIN : time_ns);
    for (uint64_t i = 0; i < instances && !mk_check_failed(check) && mk_wall_ns() < deadline_ns; i++) {
        struct play play = {.check = check, .scenario = scenario, .count = count, .actor = actors,
                            .outcomes = outcomes_of(scenario), .seed = mk_mix64(check->seed + i),
                            .deadline_ns = deadline_ns};
        play_instance(&play);
    }
    check->tried.outcomes = outcomes_of(scenario);
    for (size_t i = 0; i < check->tried.outcomes; i++) {
        check->tried.outcome[i] = (struct mk_outcome_count){scenario->outcomes[i].name,
                                                            scenario->outcomes[i].grade, count[i]};
    }
}

static const char *skips_scenario(const struct mk_check *check) {
    const struct mk_scenario *scenario = mk_scenario_of(check->which->name);
    if (check->pressure->refuse_one_in && !scenario->stands_refusals) return "knows of no refusals";
    return mk_scenario_skips(scenario, check);
}
