/* streams.c - see streams.h. */
#include "streams.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "alloc_replay.h"
#include "registry.h"
#include "replay.h"

/* ---- from the workload's words to the generators' ------------------------------------------ */

static struct mk_keys_config keys_config(const struct mk_kind *kind, const struct mk_workload_keys *keys,
                                         uint64_t fresh_from) {
    struct mk_keys_config config = {0};
    config.count = keys->count;
    config.offset = keys->offset;
    config.fresh_from = fresh_from;
    config.distribution = (enum mk_distribution)keys->distribution;
    config.theta = keys->theta;
    config.hot_keys_frac = keys->hot_keys_frac;
    config.hot_ops_frac = keys->hot_ops_frac;
    config.form = kind->dense_keys ? MK_KEYS_SEQUENTIAL : (enum mk_key_form)keys->form;
    config.stride = keys->stride;
    return config;
}

static struct mk_blocks_config blocks_config(const struct mk_workload_blocks *blocks, struct mk_size_weight *list) {
    struct mk_blocks_config config = {0};
    config.live = blocks->live;
    config.batch = blocks->batch;
    config.pattern = (enum mk_block_pattern)blocks->pattern;
    config.min_bytes = (uint32_t)blocks->min_bytes;
    config.max_bytes = (uint32_t)blocks->max_bytes;
    config.sizes = blocks->min_bytes == blocks->max_bytes ? MK_SIZES_FIXED
                   : blocks->log_uniform                  ? MK_SIZES_LOG_UNIFORM
                                                          : MK_SIZES_UNIFORM;
    if (blocks->sizes_n) {
        config.sizes = MK_SIZES_WEIGHTED;
        config.list = list;
        config.list_count = blocks->sizes_n;
        for (size_t i = 0; i < blocks->sizes_n; i++) {
            list[i].bytes = (uint32_t)blocks->sizes[i].bytes;
            list[i].weight = blocks->sizes[i].weight;
        }
    }
    return config;
}

/* Ids of stages never meet: each may use as many fresh ones as its words could ask for. */
static uint64_t fresh_from(const struct mk_streams_config *config, uint64_t stage) {
    const struct mk_workload *w = &config->point->workload;
    uint64_t a_stage = w->stream_ops_max * config->threads;
    uint64_t stages = 1 + config->point->phases_n;
    uint64_t base = w->keys.offset + w->keys.count;
    for (size_t p = 0; p < config->point->phases_n; p++) {
        for (size_t g = 0; g < config->point->phases[p].groups_n; g++) {
            const struct mk_workload_keys *keys = &config->point->phases[p].groups[g].keys;
            if (keys->offset + keys->count > base) base = keys->offset + keys->count;
        }
    }
    return base + ((uint64_t)config->round * stages + stage) * a_stage * 4;
}

static int make_ops(struct mk_ops *ops, const struct mk_streams_config *config, const struct mk_workload_group *group,
                    uint64_t stage, uint32_t g, struct mk_err *err) {
    struct mk_script script;
    const struct mk_workload *w = &config->point->workload;
    struct mk_size_weight *list = mk_need(w->blocks.sizes_n + 1, sizeof *list);
    memset(&script, 0, sizeof script);
    script.ops = config->kind->ops;
    for (size_t i = 0; i < group->ops_n; i++) {
        for (size_t k = 0; script.ops[k].name; k++) {
            if (strcmp(script.ops[k].name, group->ops[i].name) == 0) script.share[k] = group->ops[i].value;
        }
    }
    script.run_len = (uint32_t)w->run_len;
    /* groups of one stage count their fresh ids from different ends of the stage's range */
    script.keys = keys_config(config->kind, &group->keys, fresh_from(config, stage) + g * w->stream_ops_max * config->threads);
    script.blocks = blocks_config(&w->blocks, list);
    int failed = mk_ops_init(ops, &script, mk_seed(config->seed, config->process, MK_SEED_ALL, MK_SEED_ALL), err);
    free(list);
    return failed;
}

/* ---- stages ------------------------------------------------------------------------------- */

static int only_code(const struct mk_ops *ops) {
    int only = -1;
    for (unsigned i = 0; i < ops->types; i++) {
        if (ops->type[i].share <= 0) continue;
        if (ops->type[i].role == MK_ROLE_BUILD) return -1; /* resets stand among its allocations */
        if (only >= 0 || ops->type[i].desc->second < MK_OPS_MAX) return -1;
        only = (int)ops->type[i].desc->code;
    }
    return only;
}

struct job {
    struct mk_streams *streams;
    const struct mk_streams_config *config;
    uint32_t thread;
};

static uint32_t place_in_group(const struct mk_stage *stage, uint32_t thread) {
    uint32_t place = 0;
    for (uint32_t t = 0; t < thread; t++) place += stage->group_of[t] == stage->group_of[thread];
    return place;
}

static uint32_t group_size(const struct mk_stage *stage, uint32_t threads, uint32_t thread) {
    uint32_t size = 0;
    for (uint32_t t = 0; t < threads; t++) size += stage->group_of[t] == stage->group_of[thread];
    return size;
}

/* Words of one thread in one stage; `salt` sets stages apart. */
static void fill_stage(const struct job *job, struct mk_stage *stage, uint64_t salt) {
    const struct mk_streams_config *config = job->config;
    struct mk_ops_stream stream;
    struct mk_words *words = &stage->words[job->thread];
    const struct mk_ops *ops = &stage->ops[stage->group_of[job->thread]];
    uint32_t round = config->round * 2 + (config->latency ? 1 : 0);
    uint64_t seed = mk_seed(config->seed ^ mk_mix64(salt), config->process, round, job->thread);
    if (!words->n) return;
    words->at = mk_need(words->n, sizeof *words->at);
    mk_ops_begin(&stream, ops, seed, place_in_group(stage, job->thread),
                 group_size(stage, config->threads, job->thread));
    mk_ops_fill(&stream, words->at, words->n);
}

/* Returns whether operations of the kind name keys, or values that are drawn as keys are; a group may have none. */
static bool has_keys(const struct mk_kind *kind) {
    for (const struct mk_op_desc *op = kind->ops; op->name; op++) {
        if (op->operand == MK_OPERAND_KEY || op->operand == MK_OPERAND_FRESH) return true;
    }
    return false;
}

static void fill_prefill(const struct job *job) {
    const struct mk_streams_config *config = job->config;
    const struct mk_workload *w = &config->point->workload;
    struct mk_words *words = &job->streams->prefill[job->thread];
    const struct mk_stage *stage = &job->streams->phase[0];
    const struct mk_ops *ops = &stage->ops[stage->group_of[job->thread]];
    if (mk_kind_has_blocks(config->kind)) {
        words->n = mk_prefill_blocks_count(ops);
        words->at = mk_need(words->n + 1, sizeof *words->at);
        mk_prefill_blocks(ops, (enum mk_prefill_order)w->prefill.order,
                          mk_seed(config->seed ^ 3, config->process, MK_SEED_ALL, job->thread), words->at);
        return;
    }
    /* One seed and one form for all groups, so the first group's keys are everybody's. */
    struct mk_keys keys;
    struct mk_keys_config all = keys_config(config->kind, &w->keys, fresh_from(config, 0));
    struct mk_err err;
    uint32_t parts = w->prefill.by == MK_BY_ONE ? 1 : config->threads;
    if (job->thread >= parts || !has_keys(config->kind)) return;
    if (mk_keys_init(&keys, &all, mk_seed(config->seed, config->process, MK_SEED_ALL, MK_SEED_ALL), &err)) return;
    words->n = mk_prefill_keys_count(&keys, config->kind->ops, w->prefill.frac, job->thread, parts);
    words->at = mk_need(words->n + 1, sizeof *words->at);
    if (words->n) {
        mk_prefill_keys(&keys, config->kind->ops, w->prefill.frac, (enum mk_prefill_order)w->prefill.order, job->thread,
                        parts, words->at);
    }
}

static void *fill_thread(void *arg) {
    const struct job *job = arg;
    struct mk_streams *streams = job->streams;
    if (!job->config->only_phases) {
        fill_prefill(job);
        fill_stage(job, &streams->age, 1000);
    }
    for (size_t p = 0; p < streams->point->phases_n; p++) fill_stage(job, &streams->phase[p], p + 1);
    return NULL;
}

static int open_stage(struct mk_stage *stage, const struct mk_streams_config *config,
                      const struct mk_workload_phase *phase, uint64_t number, struct mk_err *err) {
    stage->ops_n = phase->groups_n;
    stage->ops = mk_need(phase->groups_n, sizeof *stage->ops);
    stage->group_of = mk_need(config->threads, sizeof *stage->group_of);
    stage->words = mk_need(config->threads, sizeof *stage->words);
    stage->only = mk_need(config->threads, sizeof *stage->only);
    for (uint32_t g = 0; g < phase->groups_n; g++) {
        if (make_ops(&stage->ops[g], config, &phase->groups[g], number, g, err)) return -1;
    }
    for (uint32_t t = 0; t < config->threads; t++) {
        stage->group_of[t] = mk_plan_group_of(phase, config->threads, t);
        stage->only[t] = only_code(&stage->ops[stage->group_of[t]]);
    }
    return 0;
}

/* How many words a thread may need in a phase. */
static size_t phase_words(const struct mk_streams_config *config, const struct mk_workload_phase *phase, uint32_t group) {
    const struct mk_workload *w = &config->point->workload;
    const struct mk_workload_group *of = &phase->groups[group];
    size_t n = mk_plan_stream_words(w, phase, config->threads);
    if (of->stall_ms) return 1;
    if (phase->ops_count) return n;
    if (config->words_max && config->words_max < n) n = config->words_max;
    if (of->rate_ops > 0) {
        /* twice what the rate can ask for, so that the stream is not what ends the phase */
        double asked = 2 * of->rate_ops * ((double)phase->duration_ms + (double)w->warmup_ms) / 1000 + 1024;
        if (asked < (double)n) n = (size_t)asked;
    }
    return n;
}

/* Of one thread that allocates: every block goes some times, and so do batches and lives. */
static size_t age_words_of_blocks(const struct mk_streams_config *config, const struct mk_workload_group *group) {
    const struct mk_workload *w = &config->point->workload;
    uint64_t most = w->blocks.live;
    if (w->prefill.age_ops != MK_AGE_TWICE) return w->prefill.age_ops;
    if (config->turns && w->blocks.batch > most) most = w->blocks.batch;
    if (config->turns && group->thread_life_ops > most) most = group->thread_life_ops;
    return 4 * most;
}

static size_t age_words(const struct mk_streams_config *config, const struct mk_stage *stage, uint32_t thread) {
    const struct mk_workload *w = &config->point->workload;
    const struct mk_workload_phase *phase = &config->point->phases[0];
    const struct mk_workload_group *group = &phase->groups[stage->group_of[thread]];
    const struct mk_ops *ops = &stage->ops[stage->group_of[thread]];
    bool changes = false;
    if (group->stall_ms) return 0;
    for (unsigned i = 0; i < ops->types; i++) {
        const struct mk_op_desc *op = ops->type[i].desc;
        bool hands_over = mk_ops_gives(ops->type[i].role) || mk_ops_takes(ops->type[i].role);
        /* a mix that changes nothing ages nothing; hand-over needs both sides at once */
        changes = changes || (op->effect != MK_EFFECT_NONE && op->effect != MK_EFFECT_READ) ||
                  ops->type[i].role == MK_ROLE_REPLACE || (config->turns && mk_kind_has_blocks(config->kind));
        if (hands_over && !config->turns) return 0;
    }
    if (!changes) return 0;
    if (mk_kind_has_blocks(config->kind)) return age_words_of_blocks(config, group);
    uint64_t all = w->prefill.age_ops == MK_AGE_TWICE ? 2 * w->keys.count : w->prefill.age_ops;
    return mk_split(all, thread + 1, config->threads) - mk_split(all, thread, config->threads);
}

/* Words of a trace, by the same way from ids to keys. */
static int make_replay(struct mk_streams *streams, const struct mk_streams_config *config, struct mk_err *err) {
    struct mk_keys keys;
    struct mk_keys_config all = keys_config(config->kind, &config->point->workload.keys, 0);
    if (mk_kind_has_blocks(config->kind)) return mk_replay_make_blocks(streams, config, err);
    if (mk_keys_init(&keys, &all, mk_seed(config->seed, config->process, MK_SEED_ALL, MK_SEED_ALL), err)) return -1;
    return mk_replay_make(streams, config, &keys, err);
}

int mk_streams_make(struct mk_streams *streams, const struct mk_streams_config *config, struct mk_err *err) {
    const struct mk_plan_point *point = config->point;
    memset(streams, 0, sizeof *streams);
    streams->kind = config->kind;
    streams->point = point;
    streams->threads = config->threads;
    streams->refills = mk_kind_has_blocks(config->kind);
    streams->prefill = mk_need(config->threads, sizeof *streams->prefill);
    streams->phase = mk_need(point->phases_n, sizeof *streams->phase);
    if (open_stage(&streams->age, config, &point->phases[0], 0, err)) return -1;
    for (uint32_t t = 0; t < config->threads && !config->only_phases && !point->traces_n; t++) {
        streams->age.words[t].n = age_words(config, &streams->age, t);
    }
    for (size_t p = 0; p < point->phases_n; p++) {
        if (open_stage(&streams->phase[p], config, &point->phases[p], p + 1, err)) return -1;
        for (uint32_t t = 0; t < config->threads; t++) {
            streams->phase[p].words[t].n = phase_words(config, &point->phases[p], streams->phase[p].group_of[t]);
        }
    }
    if (point->traces_n) return make_replay(streams, config, err);
    pthread_t *id = mk_need(config->threads, sizeof *id);
    struct job *job = mk_need(config->threads, sizeof *job);
    uint32_t started = 0;
    for (; started < config->threads; started++) {
        job[started] = (struct job){streams, config, started};
        if (pthread_create(&id[started], NULL, fill_thread, &job[started])) break;
    }
    for (uint32_t t = 0; t < started; t++) pthread_join(id[t], NULL);
    free(job);
    free(id);
    return started == config->threads ? 0 : mk_fail(err, "cannot start thread %u of %u", started, config->threads);
}

static void free_stage(struct mk_stage *stage, uint32_t threads) {
    for (uint32_t t = 0; t < threads && stage->words; t++) free(stage->words[t].at);
    free(stage->words);
    free(stage->ops);
    free(stage->group_of);
    free(stage->only);
}

void mk_streams_free(struct mk_streams *streams) {
    for (uint32_t t = 0; t < streams->threads && streams->prefill; t++) free(streams->prefill[t].at);
    free(streams->prefill);
    free_stage(&streams->age, streams->threads);
    for (size_t p = 0; streams->phase && p < streams->point->phases_n; p++) {
        free_stage(&streams->phase[p], streams->threads);
    }
    free(streams->phase);
    if (streams->replay) mk_alloc_replay_free(streams->replay);
    free(streams->replay);
    memset(streams, 0, sizeof *streams);
}

const struct mk_op_desc *mk_streams_op(const struct mk_kind *kind, unsigned code) {
    for (const struct mk_op_desc *op = kind->ops; op->name; op++) {
        if (op->code == code) return op;
    }
    return NULL;
}

/* ---- what a script implies ----------------------------------------------------------------- */

static int replay(struct mk_expect *expect, const struct mk_words *words, const size_t *from, const size_t *to,
                  uint32_t threads, struct mk_expected *out, struct mk_err *err) {
    const uint64_t **at = mk_need(threads, sizeof *at);
    size_t *n = mk_need(threads, sizeof *n);
    for (uint32_t t = 0; t < threads; t++) {
        size_t begin = from ? from[t] : 0, end = to ? to[t] : words[t].n;
        at[t] = words[t].at + begin;
        n[t] = end - begin;
    }
    int failed = mk_expect_replay(expect, at, n, threads, out, err);
    free(at);
    free(n);
    return failed;
}

int mk_streams_expect(const struct mk_streams *streams, const size_t *begun, const size_t *consumed,
                      struct mk_expected *out, struct mk_err *err) {
    const struct mk_ops *first = &streams->phase[0].ops[0];
    uint32_t threads = streams->threads;
    struct mk_expected ignored;
    bool any = mk_expect_any(streams->kind->ops);
    if (any && threads > 1) return mk_fail(err, "who finds it empty is the clock's");
    if (!any && !first->uses_keys) return mk_fail(err, "the kind has no keys to follow");
    if (streams->point->traces_n && threads > 1 && mk_replay_settled(streams, 0, err)) return -1;
    struct mk_expect *expect = mk_expect_open(&first->keys, streams->kind->ops, err);
    if (!expect) return -1;
    int failed = replay(expect, streams->prefill, NULL, NULL, threads, &ignored, err) ||
                 replay(expect, streams->age.words, NULL, NULL, threads, &ignored, err);
    for (size_t p = 0; p < streams->point->phases_n && !failed; p++) {
        failed = replay(expect, streams->phase[p].words, NULL, begun + p * threads, threads, &ignored, err) ||
                 replay(expect, streams->phase[p].words, begun + p * threads, consumed + p * threads, threads, &out[p],
                        err);
    }
    mk_expect_close(expect);
    return failed;
}

double mk_streams_expect_distinct(const struct mk_streams *streams, uint32_t phase, const struct mk_expected *replayed) {
    const struct mk_stage *stage = &streams->phase[phase];
    const struct mk_workload_phase *of = &streams->point->phases[phase];
    if (streams->point->traces_n) return NAN;
    for (size_t g = 0; g < stage->ops_n; g++) {
        const struct mk_workload_keys *a = &of->groups[0].keys, *b = &of->groups[g].keys;
        if (a->count != b->count || a->offset != b->offset || a->distribution != b->distribution) return NAN;
        for (unsigned i = 0; i < stage->ops[g].types; i++) {
            if (stage->ops[g].type[i].role == MK_ROLE_FRESH && stage->ops[g].type[i].share > 0) return NAN;
        }
    }
    return mk_keys_expected_distinct(&stage->ops[0].keys, replayed->keyed_count);
}
