/* program_scenario.c - a scenario as a program: one round of one instance is a schedule. A scenario without an
 * instance is handed its shared words alone. */
#include "program.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../record.h"
#include "../registry.h"
#include "../rng.h"
#include "../text.h"

#define SHARED_BYTES_MAX 65536

struct play {
    struct mk_made made; /* first */
    size_t outcomes;
    uint64_t random[MK_STAGE_THREADS], round_random, random_before;
};

static struct mk_actor actors[MK_STAGE_THREADS];
static unsigned char shared[SHARED_BYTES_MAX] MK_ALIGNED(2 * MK_CACHE_LINE);

/* ---- what is said of a round ----------------------------------------------------------------- */

static void describe(const struct play *play, struct mk_text *out) {
    const struct mk_scenario *scenario = play->made.scenario;
    for (uint32_t i = 0; i < scenario->threads; i++) {
        mk_text_printf(out, "thread %u:", i);
        for (unsigned s = 0; s < MK_SCENARIO_SAW; s++) {
            if (!scenario->shows[s]) continue;
            mk_text_printf(out, "%s %s 0x%" PRIx64, s ? "," : "", scenario->shows[s], actors[i].saw[s]);
        }
        mk_text_putc(out, '\n');
    }
}

static void fail(const struct play *play, const char *what, const char *why) {
    struct mk_text text = {0};
    describe(play, &text);
    mk_stage_fail(mk_text_take(&text), NULL, "scenario %s ends in \"%s\": %s", play->made.scenario->name, what,
                  why);
}

static void judge(struct play *play) {
    const struct mk_scenario *scenario = play->made.scenario;
    unsigned outcome = scenario->after(&actors[0], actors);
    enum mk_status worst = MK_MISS;
    for (uint32_t i = 0; i < scenario->threads; i++) worst = actors[i].worst > worst ? actors[i].worst : worst;
    if (worst == MK_TORN) fail(play, "torn", "a value came back that nobody has written");
    if (worst > MK_HIT && !(worst == MK_NO_MEMORY && mk_stage.refusals)) {
        fail(play, "refused", "an operation was refused although memory was not");
    }
    if (outcome >= play->outcomes) fail(play, "no outcome", ".after names an outcome that there is not");
    const struct mk_outcome *which = &scenario->outcomes[outcome];
    if (!mk_rt.aside) play->made.count[outcome]++;
    if (which->grade == MK_FORBIDDEN) fail(play, which->name, which->help ? which->help : "it is forbidden");
}

/* ---- a schedule ------------------------------------------------------------------------------ */

static void set_actors(const struct play *play) {
    const struct mk_scenario *scenario = play->made.scenario;
    const struct mk_conform_unit *unit = play->made.plan.unit;
    bool has_instance = unit != NULL;
    uint64_t limit = unit ? mk_key_limit(unit->composition.impl, unit->composition.params) : 0;
    for (uint32_t i = 0; i < scenario->threads; i++) {
        actors[i] = (struct mk_actor){.impl = has_instance ? mk_stage.impl : NULL,
                                      .self = has_instance ? mk_stage.self : NULL,
                                      .me = has_instance ? &mk_stage.me[i] : NULL,
                                      .number = i, .threads = scenario->threads, .random = play->random[i],
                                      .round_random = play->round_random, .shared = shared,
                                      .key_limit = limit};
    }
    memset(shared, 0, scenario->shared_bytes);
}

static bool lacks_instance(const struct play *play) {
    return play->made.plan.unit && !mk_stage.self;
}

/* Whether a thread is not there before its body: where all leave and enter again, some enter for the first time. */
static bool is_new(const struct play *play, uint32_t number) {
    return play->made.scenario->reborn && number && play->random[number] & 1;
}

static void begin(void *arg) {
    struct play *play = arg;
    const struct mk_scenario *scenario = play->made.scenario;
    if (!play->made.plan.unit) {
        mk_stage.refusals = false;
    } else if (!mk_stage_open(&play->made.plan)) {
        return;
    }
    set_actors(play);
    uint32_t refuse_one_in = mk_rt.refuse_one_in;
    mk_stage_calm(); /* every body has its part to do, so all come in */
    for (uint32_t i = 0; play->made.plan.unit && i < scenario->threads; i++) {
        if (!is_new(play, i)) mk_stage_enter(i);
    }
    mk_rt.refuse_one_in = refuse_one_in;
    if (!scenario->before) return;
    actors[0].random = play->random_before;
    scenario->before(&actors[0]);
    actors[0].random = play->random[0];
}

static void body(void *arg, uint32_t number) {
    struct play *play = arg;
    const struct mk_scenario *scenario = play->made.scenario;
    if (lacks_instance(play)) return;
    if (play->made.plan.unit && scenario->reborn) {
        if (!is_new(play, number)) mk_stage_leave(number);
        if (!mk_stage_enter(number)) return;
    }
    scenario->body(&actors[number]);
}

static void end(void *arg) {
    struct play *play = arg;
    const struct mk_scenario *scenario = play->made.scenario;
    if (lacks_instance(play)) return;
    mk_stage_calm();
    judge(play);
    for (uint32_t i = 0; scenario->leave && i < scenario->threads; i++) scenario->leave(&actors[i]);
    if (play->made.plan.unit) mk_stage_close();
    for (uint32_t i = 0; !mk_rt.aside && i < scenario->threads; i++) play->made.ops += actors[i].ops;
}

/* ---- making ---------------------------------------------------------------------------------- */

int mk_program_of_scenario(const struct mk_conform_unit *unit, const struct mk_scenario *scenario, uint64_t seed,
                           struct mk_program *out, struct mk_err *err) {
    if (scenario->threads > MK_STAGE_THREADS || scenario->shared_bytes > SHARED_BYTES_MAX ||
        scenario->slots > MK_STAGE_SLOTS) {
        return mk_fail(err, "the scenario %s has more than %d threads, %d shared bytes or %d slots", scenario->name,
                       MK_STAGE_THREADS, SHARED_BYTES_MAX, MK_STAGE_SLOTS);
    }
    struct play *play = mk_need(1, sizeof *play);
    bool fixed = unit && unit->caps & MK_FIXED_SIZE;
    struct mk_rng rng;
    mk_rng_seed(&rng, seed);
    play->made.scenario = scenario;
    play->made.plan = (struct mk_stage_plan){.unit = unit,
                                             .threads = scenario->threads,
                                             .slots = scenario->slots,
                                             .capacity = scenario->capacity,
                                             .seed = mk_rng_next(&rng),
                                             .object_bytes = fixed ? scenario->object_bytes : 0,
                                             .object_align = fixed ? scenario->object_align : 0};
    while (scenario->outcomes[play->outcomes].name) play->outcomes++;
    play->round_random = mk_rng_next(&rng);
    play->random_before = mk_rng_next(&rng);
    for (uint32_t i = 0; i < scenario->threads; i++) play->random[i] = mk_rng_next(&rng);
    *out = (struct mk_program){.threads = scenario->threads, .arg = play, .begin = begin, .body = body, .end = end};
    return 0;
}
