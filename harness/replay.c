/* replay.c - see replay.h. */
#include "replay.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../impl/alloc.h"
#include "alloc_replay.h"
#include "allocprofile.h"
#include "record.h"
#include "registry.h"

/* ---- a trace in memory --------------------------------------------------------------------- */

struct event {
    uint64_t time_ns;
    uint32_t key; /* index into keys */
    uint32_t code;
};

struct events {
    struct event *at;
    size_t n;
};

struct replay {
    struct mk_optrace_info info;
    struct mk_optrace_keys keys;
    struct events thread[MK_RECORD_THREADS_MAX];
    uint64_t ops_of[MK_RECORD_THREADS_MAX];     /* by thread: bits of the codes it has */
    const struct mk_op_desc *op[MK_RECORD_OPS]; /* of the kind */
    uint64_t most;                              /* operations of a lane: those beyond are left out */
    uint64_t *id;                               /* by key: its rank */
    uint64_t *before; /* ids that are there beforehand; where what is taken out has no key, any new ones */
    size_t before_n;
};

char *mk_replay_path(const struct mk_workload *w) {
    const char *slash = w->path ? strrchr(w->path, '/') : NULL, *replayed = mk_workload_replayed(w);
    if (replayed[0] == '/' || !slash) return mk_need_text(replayed);
    return mk_need_format("%.*s/%s", (int)(slash - w->path), w->path, replayed);
}

static void take(void *arg, const struct mk_optrace_record *record) {
    struct replay *replay = arg;
    struct events *events = &replay->thread[record->thread];
    struct event event = {record->time_ns, 0, record->code};
    if (mk_optrace_ops[record->code].keyed) event.key = mk_optrace_keys_add(&replay->keys, record);
    replay->ops_of[record->thread] |= (uint64_t)1 << record->code;
    if (events->n < replay->most) *(struct event *)mk_grow(&events->at, &events->n, sizeof event) = event;
}

static void free_replay(struct replay *replay) {
    if (!replay) return;
    for (uint32_t t = 0; t < MK_RECORD_THREADS_MAX; t++) free(replay->thread[t].at);
    mk_optrace_info_free(&replay->info);
    mk_optrace_keys_free(&replay->keys);
    free(replay->id);
    free(replay->before);
    free(replay);
}

/* ---- several threads in the order of time -------------------------------------------------- */

/* A heap of threads, the one whose next event is the earliest on top. */
struct merge {
    const struct replay *replay;
    uint32_t *thread;
    size_t *at; /* by thread */
    uint32_t n;
};

static bool is_before(const struct merge *m, uint32_t a, uint32_t b) {
    uint64_t left = m->replay->thread[a].at[m->at[a]].time_ns, right = m->replay->thread[b].at[m->at[b]].time_ns;
    return left < right || (left == right && a < b);
}

static void sink(struct merge *m, uint32_t i) {
    for (uint32_t child; (child = 2 * i + 1) < m->n; i = child) {
        if (child + 1 < m->n && is_before(m, m->thread[child + 1], m->thread[child])) child++;
        if (!is_before(m, m->thread[child], m->thread[i])) return;
        uint32_t held = m->thread[i];
        m->thread[i] = m->thread[child];
        m->thread[child] = held;
    }
}

/* Of every `step`-th thread from `first`. */
static void merge_open(struct merge *m, const struct replay *replay, uint32_t first, uint32_t step) {
    *m = (struct merge){replay, mk_need(MK_RECORD_THREADS_MAX, sizeof *m->thread),
                        mk_need(MK_RECORD_THREADS_MAX, sizeof *m->at), 0};
    for (uint32_t t = first; t < replay->info.threads; t += step) {
        if (replay->thread[t].n) m->thread[m->n++] = t;
    }
    for (uint32_t i = m->n; i-- > 0;) sink(m, i);
}

/* Returns the next event, or NULL. */
static const struct event *merge_next(struct merge *m) {
    if (!m->n) return NULL;
    uint32_t t = m->thread[0];
    const struct event *event = &m->replay->thread[t].at[m->at[t]++];
    if (m->at[t] == m->replay->thread[t].n) m->thread[0] = m->thread[--m->n];
    sink(m, 0);
    return event;
}

static void merge_close(struct merge *m) {
    free(m->thread);
    free(m->at);
}

/* ---- ids, and what is there beforehand ------------------------------------------------------ */

struct ranked {
    uint64_t key;
    uint32_t index;
};

static int by_key(const void *a, const void *b) {
    const struct ranked *left = a, *right = b;
    return (left->key > right->key) - (left->key < right->key);
}

/* Ranks keep the order of the keys: under form sequential, neighbours stay neighbours. */
static void rank_keys(struct replay *replay) {
    size_t n = replay->keys.n;
    struct ranked *ranked = mk_need(n + 1, sizeof *ranked);
    replay->id = mk_need(n + 1, sizeof *replay->id);
    for (size_t i = 0; i < n; i++) ranked[i] = (struct ranked){replay->keys.at[i].key, (uint32_t)i};
    qsort(ranked, n, sizeof *ranked, by_key);
    for (size_t i = 0; i < n; i++) replay->id[ranked[i].index] = i;
    free(ranked);
}

/* Whether a key that is first met by this was there before. A scan says nothing about the key it begins at. */
static bool was_there(uint32_t code) {
    return code != MK_RECORD_PUT && code != MK_RECORD_INSERT && code != MK_RECORD_INSERT_IF_ABSENT &&
           code != MK_RECORD_SCAN;
}

/* Returns how many have to be in, so that in the order of time nothing is taken out where nothing is. */
static uint64_t count_deficit(const struct replay *replay) {
    struct merge merge;
    uint64_t in = 0, deficit = 0;
    merge_open(&merge, replay, 0, 1);
    for (const struct event *event; (event = merge_next(&merge));) {
        if (replay->op[event->code]->effect == MK_EFFECT_ADD)
            in++;
        else if (in)
            in--;
        else
            deficit++;
    }
    merge_close(&merge);
    return deficit;
}

static void find_before(struct replay *replay, const struct mk_kind *kind) {
    if (mk_expect_any(kind->ops)) {
        uint64_t n = count_deficit(replay);
        replay->before = mk_need(n + 1, sizeof *replay->before);
        for (; replay->before_n < n; replay->before_n++)
            replay->before[replay->before_n] = replay->keys.n + replay->before_n;
        return;
    }
    replay->before = mk_need(replay->keys.n + 1, sizeof *replay->before);
    for (size_t i = 0; i < replay->keys.n; i++) {
        if (was_there(replay->keys.at[i].first_code)) replay->before[replay->before_n++] = replay->id[i];
    }
}

/* ---- loading ------------------------------------------------------------------------------- */

/* As much of a path as fits into a sentence: its end. */
static const char *short_path(const char *path) {
    size_t n = strlen(path);
    return n > 80 ? path + n - 80 : path;
}

static int map_ops(struct replay *replay, const struct mk_kind *kind, const char *path, struct mk_err *err) {
    for (unsigned code = MK_OPTRACE_FIRST_OP; code < MK_RECORD_OPS; code++) {
        replay->op[code] = mk_kind_op(kind, mk_optrace_ops[code].name);
        if (replay->op[code] || !replay->info.of_op[code]) continue;
        return mk_fail(err,
                       "trace %s: %" PRIu64
                       " operations are \"%s\", which kind %s does not have (`memkit-bench trace info` says "
                       "what it replays on)",
                       short_path(path), replay->info.of_op[code], mk_optrace_ops[code].name, kind->name);
    }
    return 0;
}

static int load(struct replay *replay, const struct mk_workload *w, const struct mk_kind *kind, const char *path,
                struct mk_err *err) {
    struct mk_err why;
    replay->most = w->ops_count && w->ops_count < w->stream_ops_max ? w->ops_count : w->stream_ops_max;
    if (mk_optrace_read(path, false, take, replay, &replay->info, &why)) {
        return mk_fail(err, "trace %s: %.170s", short_path(path), why.text);
    }
    if (!replay->info.operations) return mk_fail(err, "trace %s holds no operations", short_path(path));
    if (map_ops(replay, kind, path, err)) return -1;
    rank_keys(replay);
    find_before(replay, kind);
    return 0;
}

/* Returns the workload's trace in memory, to be freed by free_replay, or NULL with err set. */
static struct replay *open_replay(const struct mk_workload *w, const struct mk_kind *kind, struct mk_err *err) {
    struct replay *replay = mk_need(1, sizeof *replay);
    char *path = mk_replay_path(w);
    int failed = load(replay, w, kind, path, err);
    free(path);
    if (!failed) return replay;
    free_replay(replay);
    return NULL;
}

/* ---- kind alloc ----------------------------------------------------------------------------- */

/* Returns 0 where the file is of the sort that the kind replays; -1 with err set where it is of the other one. */
static int check_sort(const char *path, const struct mk_kind *kind, struct mk_err *err) {
    static const char operations[] = "memkit.optrace/1";
    char head[sizeof operations] = {0};
    FILE *file = fopen(path, "rb");
    size_t got = file ? fread(head, 1, sizeof operations - 1, file) : 0;
    if (file) fclose(file);
    if (mk_kind_has_blocks(kind) && got == sizeof operations - 1 && strcmp(head, operations) == 0) {
        return mk_fail(err, "trace %s is of operations on maps, lists, queues or stacks (memkit.optrace/1); kind %s replays "
                            "traces of allocations (memkit.trace/1), which `memkit-bench record` makes",
                       short_path(path), kind->name);
    }
    if (!mk_kind_has_blocks(kind) && mk_alloctrace_is(path)) {
        return mk_fail(err, "trace %s is of allocations (memkit.trace/1), which kind alloc replays; kind %s replays traces of "
                            "operations (memkit.optrace/1): `memkit-bench trace --help` says how to record one",
                       short_path(path), kind->name);
    }
    return 0;
}

/* A trace that is there, or one that is made of a profile: `made` then holds it. */
struct blocks {
    struct mk_alloctrace trace;
    char *made;
};

static void close_blocks(struct blocks *blocks) {
    mk_alloctrace_close(&blocks->trace);
    free(blocks->made);
}

static int open_blocks(struct blocks *blocks, const struct mk_workload *w, const char *path, struct mk_err *err) {
    struct mk_err why;
    blocks->made = NULL;
    if (w->profile) return mk_allocprofile_open(&blocks->trace, path, w->seed, w->events, &blocks->made, err);
    if (!mk_alloctrace_open(&blocks->trace, path, false, &why)) return 0;
    close_blocks(blocks);
    return mk_fail(err, "trace %s: %.170s", short_path(path), why.text);
}

static int plan_blocks(struct mk_plan_point *point, const char *path, struct mk_err *err) {
    struct blocks blocks;
    if (open_blocks(&blocks, &point->workload, path, err)) return -1;
    int failed = mk_alloc_replay_plan(point, &blocks.trace, mk_workload_replayed(&point->workload), err);
    close_blocks(&blocks);
    return failed;
}

int mk_replay_make_blocks(struct mk_streams *streams, const struct mk_streams_config *config, struct mk_err *err) {
    const struct mk_plan_trace *planned = &config->point->traces[0];
    const struct mk_workload *w = &config->point->workload;
    struct blocks blocks;
    struct mk_err why;
    char *path = mk_replay_path(w);
    int failed = open_blocks(&blocks, w, path, err);
    free(path);
    if (failed) return -1;
    streams->replay = mk_need(1, sizeof *streams->replay);
    if (blocks.trace.info.checksum != planned->checksum) {
        failed = mk_fail(err, "trace %s has changed since the run was planned: run it again", short_path(planned->path));
    } else if (mk_alloc_replay_make(streams->replay, streams->phase[0].words, &blocks.trace, w->ops_count, &why)) {
        failed = mk_fail(err, "trace %s: %.170s", short_path(planned->path), why.text);
    }
    for (uint32_t t = 0; t < config->threads; t++) streams->phase[0].only[t] = MK_ALLOC_REPLAY;
    close_blocks(&blocks);
    return failed;
}

int mk_replay_check(const struct mk_workload *w, const char *path, const struct mk_kind *kind, struct mk_err *err) {
    struct mk_optrace_info info;
    struct mk_alloctrace trace;
    struct blocks blocks;
    if (check_sort(path, kind, err)) return -1;
    if (w->profile) {
        if (open_blocks(&blocks, w, path, err)) return -1;
        close_blocks(&blocks);
        return 0;
    }
    if (mk_kind_has_blocks(kind)) {
        int failed = mk_alloctrace_open(&trace, path, false, err) || mk_alloctrace_walk(&trace, NULL, NULL, err);
        if (!failed && mk_alloctrace_lacks(&trace.info.tally))
            failed = mk_fail(err, "it is not whole: `memkit-bench trace verify` says what is missing");
        mk_alloctrace_close(&trace);
        return failed ? -1 : 0;
    }
    int failed = mk_optrace_read(path, false, NULL, NULL, &info, err);
    mk_optrace_info_free(&info);
    return failed;
}

/* ---- planning ------------------------------------------------------------------------------- */

static char *text_or_null(const char *text) {
    return text ? mk_need_text(text) : NULL;
}

static void describe(struct mk_plan_trace *trace, const struct replay *replay, const char *path) {
    const struct mk_optrace_info *info = &replay->info;
    trace->path = mk_need_text(path);
    trace->program = text_or_null(info->program);
    trace->date = text_or_null(info->date);
    trace->clock = text_or_null(info->clock);
    trace->machine = text_or_null(info->machine);
    trace->checksum = info->checksum;
    trace->operations = info->operations;
    trace->dropped = info->dropped;
    trace->duration_ns = info->last_ns - info->first_ns;
    trace->threads = info->threads;
    trace->keys = replay->keys.n;
    trace->prefilled = replay->before_n;
    for (uint32_t t = 0; t < info->threads; t++) {
        *(uint64_t *)mk_grow(&trace->ops_of, &trace->ops_of_n, sizeof *trace->ops_of) = replay->ops_of[t];
    }
}

int mk_replay_plan(struct mk_plan_point *point, const struct mk_kind *kind, struct mk_err *err) {
    struct mk_workload *w = &point->workload;
    struct mk_workload_phase *phase = &point->phases[0];
    struct mk_workload_group *group = &phase->groups[0];
    char *path = mk_replay_path(w);
    int failed = check_sort(path, kind, err);
    if (!failed && mk_kind_has_blocks(kind)) failed = plan_blocks(point, path, err);
    free(path);
    if (failed || mk_kind_has_blocks(kind)) return failed;
    struct replay *replay = open_replay(w, kind, err);
    if (!replay) return -1;
    describe(mk_grow(&point->traces, &point->traces_n, sizeof *point->traces), replay, w->trace);
    uint64_t ids = replay->keys.n + (mk_expect_any(kind->ops) ? replay->before_n : 0);
    w->keys.count = group->keys.count = ids ? ids : 1;
    w->prefill.frac = (double)replay->before_n / (double)w->keys.count;
    w->prefill.age_ops = 0;
    phase->duration_ms = 0;
    phase->ops_count = replay->info.operations < replay->most ? replay->info.operations : replay->most;
    for (unsigned code = MK_OPTRACE_FIRST_OP; code < MK_RECORD_OPS; code++) {
        if (!replay->info.of_op[code]) continue;
        struct mk_share *share = mk_grow(&group->ops, &group->ops_n, sizeof *share);
        share->name = mk_need_text(mk_optrace_ops[code].name);
        share->value = (double)replay->info.of_op[code] / (double)replay->info.operations;
    }
    free_replay(replay);
    return 0;
}

/* ---- words --------------------------------------------------------------------------------- */

static void fill_lane(const struct replay *replay, const struct mk_keys *keys, uint32_t lane, uint32_t lanes,
                      struct mk_words *words) {
    struct merge merge;
    size_t room = 0;
    for (uint32_t t = lane; t < replay->info.threads; t += lanes) room += replay->thread[t].n;
    if (room > replay->most) room = (size_t)replay->most;
    words->at = mk_need(room + 1, sizeof *words->at);
    words->n = 0;
    merge_open(&merge, replay, lane, lanes);
    while (words->n < room) {
        const struct event *event = merge_next(&merge);
        const struct mk_op_desc *op = replay->op[event->code];
        words->at[words->n++] =
            MK_PACK(op->code, op->operand == MK_OPERAND_NONE ? 0 : mk_keys_key(keys, replay->id[event->key]));
    }
    merge_close(&merge);
}

/* Returns the code that puts something in, whatever is there. */
static unsigned adding_code(const struct mk_kind *kind) {
    const struct mk_op_desc *op = kind->ops;
    while (op->effect != MK_EFFECT_ADD || op->second != MK_NO_CODE) op++;
    return op->code;
}

static int compare_words(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void fill_before(const struct replay *replay, const struct mk_streams_config *config,
                        const struct mk_keys *keys, struct mk_words *words) {
    const struct mk_workload_prefill *prefill = &config->point->workload.prefill;
    uint32_t parts = prefill->by == MK_BY_ONE ? 1 : config->threads;
    unsigned code = adding_code(config->kind);
    struct mk_perm order;
    struct mk_rng rng;
    if (!replay->before_n) return;
    mk_rng_seed(&rng, mk_seed(config->seed ^ 5, config->process, MK_SEED_ALL, MK_SEED_ALL));
    mk_perm_init(&order, replay->before_n, &rng);
    for (uint32_t part = 0; part < parts; part++) {
        uint64_t first = mk_split(replay->before_n, part, parts), end = mk_split(replay->before_n, part + 1, parts);
        struct mk_words *of = &words[part];
        of->at = mk_need(end - first + 1, sizeof *of->at);
        for (uint64_t i = first; i < end; i++) {
            of->at[of->n++] = MK_PACK(code, mk_keys_key(keys, replay->before[mk_perm_at(&order, i)]));
        }
        if (prefill->order == MK_PREFILL_SORTED) qsort(of->at, of->n, sizeof *of->at, compare_words);
    }
}

int mk_replay_make(struct mk_streams *streams, const struct mk_streams_config *config, const struct mk_keys *keys,
                   struct mk_err *err) {
    const struct mk_plan_trace *planned = &config->point->traces[0];
    struct replay *replay = open_replay(&config->point->workload, config->kind, err);
    if (!replay) return -1;
    int failed = 0;
    if (replay->info.checksum != planned->checksum) {
        failed =
            mk_fail(err, "trace %s has changed since the run was planned: run it again", short_path(planned->path));
    }
    for (uint32_t t = 0; t < config->threads && !failed; t++) {
        fill_lane(replay, keys, t, config->threads, &streams->phase[0].words[t]);
    }
    if (!failed && !config->only_phases) fill_before(replay, config, keys, streams->prefill);
    free_replay(replay);
    return failed;
}

/* ---- what follows from it ------------------------------------------------------------------- */

#define SEVERAL UINT32_MAX
#define UNSETTLED_FRAC 0.01 /* of an operation's hits may be the clock's; verdicts allow for more */

int mk_replay_settled(const struct mk_streams *streams, uint32_t phase, struct mk_err *err) {
    const struct mk_words *words = streams->phase[phase].words;
    const struct mk_keys *keys = &streams->phase[phase].ops[0].keys;
    bool changes[MK_OPS_MAX] = {false}, follows[MK_OPS_MAX] = {false};
    uint64_t all[MK_OPS_MAX] = {0}, open[MK_OPS_MAX] = {0};
    for (const struct mk_op_desc *op = streams->kind->ops; op->name; op++) {
        changes[op->code] = changes[op->code] || (op->effect != MK_EFFECT_NONE && op->effect != MK_EFFECT_READ);
        follows[op->code] = follows[op->code] || op->effect != MK_EFFECT_NONE;
    }
    uint32_t *changer = mk_need(keys->cfg.count, sizeof *changer); /* by id: thread + 1, or SEVERAL */
    for (uint32_t t = 0; t < streams->threads; t++) {
        for (size_t i = 0; i < words[t].n; i++) {
            uint64_t id = mk_keys_id(keys, MK_OPERAND(words[t].at[i]));
            if (changes[MK_CODE(words[t].at[i])])
                changer[id] = changer[id] && changer[id] != t + 1 ? SEVERAL : t + 1;
        }
    }
    for (uint32_t t = 0; t < streams->threads; t++) {
        for (size_t i = 0; i < words[t].n; i++) {
            unsigned code = MK_CODE(words[t].at[i]);
            uint32_t by = changer[mk_keys_id(keys, MK_OPERAND(words[t].at[i]))];
            all[code]++;
            open[code] += follows[code] && by && by != t + 1;
        }
    }
    free(changer);
    for (unsigned code = 0; code < MK_OPS_MAX; code++) {
        if ((double)open[code] > UNSETTLED_FRAC * (double)all[code]) {
            return mk_fail(err,
                           "keys that one thread changes and another one works on: who comes first is the clock's");
        }
    }
    return 0;
}
