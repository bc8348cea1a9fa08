/* run.c - see run.h. */
#include "run.h"

#include <stdlib.h>

#include "crew.h"
#include "memory.h"
#include "registry.h"

struct run {
    const struct mk_plan *plan;
    const struct mk_order *order;
    const struct mk_topo *topo;
    const struct mk_run_sink *sink;
    struct mk_counter_plan counters;
    size_t *words_max; /* by comparison group: what its fastest contender needed, and some */
    struct mk_rng rng;
};

static void shuffle(struct mk_rng *rng, uint32_t *list, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)mk_rng_below(rng, i);
        uint32_t kept = list[i - 1];
        list[i - 1] = list[j];
        list[j] = kept;
    }
}

static void note_progress(const struct run *run, uint32_t cell, uint32_t round, const char *stage, double expected_s) {
    struct mk_progress_note note = {cell, round, mk_need_text(stage), expected_s};
    run->sink->frame(run->sink->arg, MK_FRAME_PROGRESS, &note);
}

static void fail_cell(const struct run *run, uint32_t cell, uint32_t round, const char *check, const char *why) {
    struct mk_check_sample sample = {0};
    sample.cell = cell;
    sample.process = run->order->process;
    sample.round = round;
    sample.verdict = MK_VERDICT_FAIL;
    sample.check = mk_need_text(check);
    sample.detail = mk_need_text(why);
    run->sink->frame(run->sink->arg, MK_FRAME_CHECK, &sample);
}

static int make_streams(struct run *run, uint32_t g, uint32_t round, bool latency, bool only_phases,
                        struct mk_streams *streams, struct mk_err *err) {
    const struct mk_plan_group *group = &run->plan->groups[g];
    struct mk_streams_config config = {0};
    config.kind = mk_registry_kind(run->plan->kind);
    config.point = &run->plan->points[group->point];
    config.threads = group->threads;
    config.seed = mk_mix64(run->plan->seed ^ mk_mix64(g + 1));
    config.process = run->order->process;
    config.round = round;
    config.latency = latency;
    config.only_phases = only_phases;
    config.words_max = run->words_max[g];
    int failed = mk_streams_make(streams, &config, err);
    if (failed) mk_streams_free(streams);
    return failed;
}

static int open_instance(const struct run *run, const struct mk_cell *cell, uint32_t round,
                         struct mk_instance *instance, struct mk_err *err) {
    const struct mk_plan_group *group = &run->plan->groups[cell->group];
    struct mk_instance_config config = {0};
    config.identity = cell->identity;
    config.point = &run->plan->points[group->point];
    config.threads = group->threads;
    config.seed = mk_seed(cell->seed, run->order->process, round, MK_SEED_ALL);
    return mk_instance_open(instance, &config, err);
}

/* One round of one cell on a given instance. */
static void one_round(struct run *run, const struct mk_cell *cell, uint32_t round, bool latency, bool fresh,
                      struct mk_instance *instance, const struct mk_streams *streams) {
    struct mk_crew crew;
    memset(&crew, 0, sizeof crew);
    crew.plan = run->plan;
    crew.cell = cell;
    crew.group = &run->plan->groups[cell->group];
    crew.point = &run->plan->points[crew.group->point];
    crew.topo = run->topo;
    crew.counters = &run->counters;
    crew.counter_group = run->counters.groups ? round % run->counters.groups : 0;
    crew.instance = instance;
    crew.streams = streams;
    crew.fresh = fresh;
    crew.latency = latency;
    crew.sink = run->sink;
    crew.process = run->order->process;
    crew.round = round;
    note_progress(run, cell->index, round, latency ? "latency" : "run", cell->expected_ns / 1e9);
    size_t most = mk_crew_round(&crew);
    /* The next streams need not be longer than what the fastest contender can take in. */
    if (!cell->floor && !latency) {
        size_t need = most + most / 2 > (1u << 20) ? most + most / 2 : 1u << 20;
        if (need > run->words_max[cell->group]) run->words_max[cell->group] = need;
    }
}

static bool stopped(const struct run *run) {
    return run->sink->stop && *run->sink->stop;
}

/* Guards among its allocators may have met what nobody else did. */
static void close_instance(const struct run *run, uint32_t cell, uint32_t round, struct mk_instance *instance) {
    uint64_t strays = mk_instance_close(instance);
    if (!strays) return;
    char *text = mk_strays_text(strays);
    fail_cell(run, cell, round, "strays", text);
    free(text);
}

static void fresh_round(struct run *run, const struct mk_cell *cell, uint32_t round, bool latency,
                        const struct mk_streams *streams) {
    struct mk_instance instance;
    struct mk_err err = {{0}};
    if (stopped(run)) return;
    if (open_instance(run, cell, round, &instance, &err)) {
        fail_cell(run, cell->index, round, "create", err.text);
        return;
    }
    one_round(run, cell, round, latency, true, &instance, streams);
    close_instance(run, cell->index, round, &instance);
}

/* All cells of a comparison group that are in the order and of one sort (kept or fresh), shuffled. */
static size_t cells_of(struct run *run, uint32_t g, bool kept, uint32_t *list) {
    size_t n = 0;
    for (size_t i = 0; i < run->order->cells_n; i++) {
        const struct mk_cell *cell = &run->plan->cells[run->order->cells[i]];
        if (cell->group == g && cell->kept == kept && !cell->skipped && !cell->elsewhere) list[n++] = cell->index;
    }
    shuffle(&run->rng, list, n);
    return n;
}

static void group_round(struct run *run, uint32_t g, uint32_t round, bool latency, uint32_t *list) {
    struct mk_streams streams;
    struct mk_err err;
    size_t n = cells_of(run, g, false, list);
    if (!n || stopped(run)) return;
    if (make_streams(run, g, round, latency, false, &streams, &err)) {
        for (size_t i = 0; i < n; i++) fail_cell(run, list[i], round, "streams", err.text);
        return;
    }
    /* After the first round the streams are no longer than needed; until then every contender's need
     * is seen afresh. */
    if (round == 0 && !latency) run->words_max[g] = 0;
    for (size_t i = 0; i < n; i++) fresh_round(run, &run->plan->cells[list[i]], round, latency, &streams);
    mk_streams_free(&streams);
}

/* A kept cell: one instance through all its rounds, alone in the process's memory. */
static void kept_cell(struct run *run, const struct mk_cell *cell, uint32_t rounds, bool latency_too) {
    struct mk_instance instance;
    struct mk_err err = {{0}};
    run->words_max[cell->group] = 0;
    if (open_instance(run, cell, 0, &instance, &err)) {
        fail_cell(run, cell->index, 0, "create", err.text);
        return;
    }
    for (uint32_t round = 0; round < rounds + latency_too && !stopped(run); round++) {
        struct mk_streams streams;
        bool latency = round == rounds;
        note_progress(run, cell->index, round, "streams", cell->expected_ns / 1e9);
        if (make_streams(run, cell->group, round, latency, round > 0, &streams, &err)) {
            fail_cell(run, cell->index, round, "streams", err.text);
            break;
        }
        one_round(run, cell, round, latency, round == 0, &instance, &streams);
        mk_streams_free(&streams);
    }
    close_instance(run, cell->index, rounds, &instance);
}

static void measure(struct run *run) {
    uint32_t groups = (uint32_t)run->plan->groups_n, rounds = (uint32_t)run->plan->rounds;
    uint32_t *order = mk_need(groups, sizeof *order);
    uint32_t *list = mk_need(run->plan->cells_n, sizeof *list);
    bool latency = false;
    for (uint32_t round = 0; round <= rounds; round++) {
        for (uint32_t g = 0; g < groups; g++) order[g] = g;
        shuffle(&run->rng, order, groups);
        for (uint32_t i = 0; i < groups; i++) {
            const struct mk_workload *w = &run->plan->points[run->plan->groups[order[i]].point].workload;
            latency = w->latency.sample_every_ops != 0;
            if (round < rounds || latency) group_round(run, order[i], round, round == rounds, list);
        }
    }
    for (uint32_t i = 0; i < groups; i++) {
        const struct mk_workload *w = &run->plan->points[run->plan->groups[order[i]].point].workload;
        size_t n = cells_of(run, order[i], true, list);
        for (size_t c = 0; c < n; c++) {
            kept_cell(run, &run->plan->cells[list[c]], rounds, w->latency.sample_every_ops != 0);
        }
    }
    free(order);
    free(list);
}

static int open_counters(struct run *run, struct mk_err *err) {
    const struct mk_workload *w = &run->plan->points[0].workload;
    return mk_counter_open(&run->counters, (const char *const *)w->counters, (uint32_t)w->counters_n,
                           run->plan->counters_backend, err);
}

int mk_run_order(const struct mk_plan *plan, const struct mk_order *order, const struct mk_topo *topo,
                 const struct mk_run_sink *sink, struct mk_err *err) {
    struct run run;
    memset(&run, 0, sizeof run);
    run.plan = plan;
    run.order = order;
    run.topo = topo;
    run.sink = sink;
    run.words_max = mk_need(plan->groups_n, sizeof *run.words_max);
    mk_rng_seed(&run.rng, mk_seed(plan->seed, order->process, MK_SEED_ALL, 7));
    for (size_t i = 0; i < order->cells_n; i++) {
        if (order->cells[i] >= plan->cells_n) {
            free(run.words_max);
            return mk_fail(err, "the order names cell %llu of %zu", (unsigned long long)order->cells[i], plan->cells_n);
        }
    }
    int failed = open_counters(&run, err);
    if (!failed && order->sort == MK_ORDER_MEMORY) {
        for (size_t i = 0; i < order->cells_n; i++) {
            const struct mk_cell *cell = &plan->cells[order->cells[i]];
            if (cell->skipped || cell->elsewhere || stopped(&run)) continue;
            note_progress(&run, cell->index, 0, "memory", cell->expected_ns / 1e9 * (double)plan->rounds);
            mk_memory_measure(plan, cell, topo, sink);
        }
    } else if (!failed) {
        measure(&run);
    }
    free(run.words_max);
    return failed;
}
