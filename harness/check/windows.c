/* windows.c - see windows.h.
 *
 * Within a window nothing of the oracle orders two threads: operations are drawn before, each thread records what
 * it does in a list of its own, and stamps are all that they have in common. Windows begin and end with barriers.
 */
#include "windows.h"

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>

#include "../record.h"
#include "../registry.h"
#include "check.h"
#include "linear.h"
#include "timeline.h"
#include "values.h"
#include "view.h"

#define WINDOWS 40      /* of a trial, at full effort */
#define WINDOW_OPS 2000 /* of a thread, where the workload does not say */
#define KEYS 8          /* likewise */
#define KEYS_MAX 4096
#define STORM_KEYS 1500   /* that come and go in bulk ... */
#define STORM_KEYS_FEW 40 /* ... where each costs time linear in them */
#define STORMS 2          /* of a window, where values pass through: in, and out again */
#define VALUES 64         /* that fit at most into what cannot grow: now and then it is full */
#define YIELD_EVERY 128   /* operations */
#define VERSION_STEP 4096 /* between tags, since updates add to them */

struct keys {
    uint64_t *at; /* ascending, all different */
    size_t n;
};

/* Parts that come and go in bulk, by one thread alone: each answer is known beforehand. Without parts (see values.h)
 * it is values that do, and that is recorded as what the others do. */
struct storm {
    bool blows;
    unsigned add, remove; /* codes */
    struct keys keys;
    unsigned char *state; /* of the model, by key */
};

struct windows {
    struct mk_check *check;
    struct mk_subject subject;
    struct mk_stamps stamps;
    struct mk_history history;
    struct mk_parts *parts;
    struct keys keys;         /* on which all work */
    double share[MK_OPS_MAX]; /* of operations, by code: summed up, the last one is all */
    struct mk_op *drawn;      /* by thread: the operations of the next window */
    uint64_t ops;             /* of a thread in a window */
    uint64_t left;            /* windows */
    uint32_t recorders;       /* threads that work; behind them the storm and the one that stalls */
    bool stalls, over;
    struct storm storm;
    struct mk_result *answer; /* by key: of the read at the end of the window */
    struct mk_event_list drained; /* without parts: what was taken out at the end of the window */
    size_t walked;
    pthread_barrier_t gate;
    /* Relaxed: they order nothing. */
    _Atomic(uint64_t) started; /* threads, in all windows */
    _Atomic(uint32_t) at_work; /* recorders that are not through with the window */
};

/* ---- keys ------------------------------------------------------------------------------------ */

static int compare_keys(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static uint64_t *find_key(const struct keys *keys, uint64_t key) {
    return keys->n ? bsearch(&key, keys->at, keys->n, sizeof *keys->at, compare_keys) : NULL;
}

/* Makes n keys, or fewer where there are not so many: the two ends, and random ones, but none of `others`. */
static struct keys make_keys(const struct mk_check *check, size_t n, uint64_t seed, const struct keys *others) {
    struct keys keys = {mk_need(n, sizeof *keys.at), 0};
    const struct mk_impl *impl = check->impl;
    uint64_t limit = mk_key_limit(impl, check->composition->params);
    struct mk_rng rng;
    mk_rng_seed(&rng, seed);
    for (size_t tries = 0; keys.n < n && tries < 8; tries++) {
        for (size_t i = keys.n; i < n; i++) {
            uint64_t key = impl->kind->dense_keys ? i : i == 0 ? 0 : i == 1 ? limit - 1 : mk_rng_next(&rng);
            keys.at[i] = limit ? key % limit : key;
        }
        qsort(keys.at, n, sizeof *keys.at, compare_keys);
        keys.n = 0;
        for (size_t i = 0; i < n; i++) {
            bool again = keys.n && keys.at[i] == keys.at[keys.n - 1];
            if (!again && !(others && find_key(others, keys.at[i]))) keys.at[keys.n++] = keys.at[i];
        }
    }
    return keys;
}

/* Returns whether values pass through what is tried, which then has no parts. */
static bool has_values(const struct windows *windows) {
    return windows->check->model->monitor != NULL;
}

/* Returns whether one thread alone may put in, and one take out: then two record, the first of which puts in. */
static bool is_one_each(const struct mk_check *check) {
    return !(check->caps & MK_CONCURRENT);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* Returns whether a read may look torn after the operation, although all is well: what is torn would be hidden. */
static bool looks_torn_after(const struct mk_model *model, const struct mk_impl *impl, unsigned code) {
    for (unsigned first = 0; first < MK_OPS_MAX; first++) {
        unsigned char state[MK_MODEL_STATE_MAX] MK_ALIGNED(16) = {0};
        unsigned codes[] = {first, code, model->observe};
        struct mk_answer answer;
        if (!(impl->offers >> first & 1) || !model->names[first]) continue;
        for (size_t i = 0; i < 3; i++) {
            struct mk_op op = {.code = codes[i], .value = 1};
            memset(&answer, 0, sizeof answer);
            model->answer(impl, state, &op, &answer);
        }
        if (answer.status == MK_TORN) return true;
    }
    return false;
}

bool mk_history_draws(const struct mk_model *model, const struct mk_impl *impl, unsigned code) {
    return impl->offers >> code & 1 && model->names[code] && !(model->several >> code & 1) &&
           !looks_torn_after(model, impl, code);
}

static bool may_draw(const struct mk_check *check, unsigned code) {
    return mk_history_draws(check->model, check->impl, code);
}

static void set_shares(struct windows *windows) {
    const double *wanted = windows->check->shape->share;
    double sum = 0, all = 0;
    for (unsigned code = 0; code < MK_OPS_MAX; code++) sum += may_draw(windows->check, code) ? wanted[code] : 0;
    for (unsigned code = 0; code < MK_OPS_MAX; code++) {
        if (may_draw(windows->check, code)) all += sum > 0 ? wanted[code] : 1;
        windows->share[code] = all;
    }
}

/* Tags are made of their key and of a version that no other operation has: foreign and torn ones are seen. */
static uint64_t next_tag(struct mk_worker *worker, uint64_t key, uint64_t *version) {
    *version += VERSION_STEP;
    return mk_mix64(key) + ((uint64_t)(worker->index + 1) << 44) + *version;
}

static void draw(struct mk_worker *worker, struct windows *windows, uint64_t *version) {
    struct mk_op *op = windows->drawn + worker->index * windows->ops;
    for (struct mk_op *end = op + windows->ops; op < end; op++) {
        double at = mk_rng_unit(&worker->rng) * windows->share[MK_OPS_MAX - 1];
        op->code = 0;
        while (op->code < MK_OPS_MAX - 1 && windows->share[op->code] <= at) op->code++;
        if (is_one_each(worker->check)) {
            const struct mk_model *model = worker->check->model;
            op->code = (unsigned)__builtin_ctz(worker->index ? model->takes_out : model->puts_in);
        }
        op->key = windows->keys.at[mk_rng_below(&worker->rng, windows->keys.n)];
        op->value = next_tag(worker, op->key, version);
    }
}

/* ---- a window -------------------------------------------------------------------------------- */

static void refuse(struct mk_worker *worker, bool some) {
    mk_door_refuse_some(some ? worker->check->pressure->refuse_one_in : 0, mk_rng_next(&worker->rng));
}

/* Waits until all recorders are here: threads that a barrier lets go start one after another. */
static void start_together(struct windows *windows, uint64_t window) {
    atomic_fetch_add_explicit(&windows->started, 1, memory_order_relaxed);
    for (uint32_t spins = 1;
         atomic_load_explicit(&windows->started, memory_order_relaxed) < (window + 1) * windows->recorders;
         spins++) {
        if (spins % 64 == 0) sched_yield();
    }
}

static void record(struct mk_worker *worker, struct windows *windows, uint64_t window) {
    struct mk_event_list *list = &windows->history.thread[worker->index];
    const struct mk_op *op = windows->drawn + worker->index * windows->ops;
    uint64_t phase = mk_rng_below(&worker->rng, YIELD_EVERY), ops = worker->me ? windows->ops : 0;
    start_together(windows, window);
    uint64_t call = mk_stamp(&windows->stamps);
    for (uint64_t i = 0; i < ops; i++) {
        struct mk_result result = mk_subject_do(worker->subject, worker->me, &op[i]);
        uint64_t ret = mk_stamp(&windows->stamps);
        mk_history_record(list, call, ret, worker->index, &op[i], &result);
        call = ret;
        if (i % YIELD_EVERY != phase) continue;
        sched_yield(); /* outside of operations, or these would seem to last as long */
        call = mk_stamp(&windows->stamps);
    }
    atomic_fetch_sub_explicit(&windows->at_work, 1, memory_order_relaxed);
}

static bool are_at_work(struct windows *windows) {
    return atomic_load_explicit(&windows->at_work, memory_order_relaxed) != 0;
}

static enum mk_status storm_do(struct mk_worker *worker, struct storm *storm, unsigned code, size_t i,
                               uint64_t *version) {
    uint64_t key = storm->keys.at[i];
    struct mk_op op = {.code = code, .key = key, .value = next_tag(worker, key, version)};
    return mk_subject_expect(worker->subject, worker->me, &op,
                             storm->state + i * worker->check->model->state_bytes);
}

/* While the others are at work, puts many in and takes as many out, all of it recorded. */
static void blow_values(struct mk_worker *worker, struct windows *windows, uint64_t *version) {
    struct mk_event_list *list = &windows->history.thread[windows->recorders];
    struct storm *storm = &windows->storm;
    size_t of_one = list->room / (2 * STORMS);
    uint64_t call = mk_stamp(&windows->stamps);
    while (list->n < 2 * STORMS * of_one && are_at_work(windows)) {
        struct mk_op op = {.code = list->n / of_one % 2 ? storm->remove : storm->add};
        op.value = next_tag(worker, op.key, version);
        struct mk_result result = mk_subject_do(worker->subject, worker->me, &op);
        uint64_t ret = mk_stamp(&windows->stamps);
        mk_history_record(list, call, ret, worker->index, &op, &result);
        call = ret;
    }
}

/* While the others are at work, adds all and removes all; then removes what is left. */
static void blow(struct mk_worker *worker, struct windows *windows, uint64_t *version) {
    struct storm *storm = &windows->storm;
    bool adds = true;
    for (size_t i = 0; are_at_work(windows) && !mk_check_failed(worker->check);) {
        storm_do(worker, storm, adds ? storm->add : storm->remove, i, version);
        if (++i < storm->keys.n) continue;
        i = 0;
        adds = !adds;
    }
    refuse(worker, false);
    for (size_t i = 0; i < storm->keys.n && !mk_check_failed(worker->check); i++) {
        storm_do(worker, storm, storm->remove, i, version);
    }
    refuse(worker, true);
}

/* ---- between windows ------------------------------------------------------------------------- */

/* Takes out what is there, as the last operations of the window: no more than was put in, and one that misses. */
static void drain(struct mk_worker *worker, struct windows *windows) {
    const struct mk_model *model = worker->check->model;
    struct mk_event_list *list = &windows->drained;
    struct mk_op op = {.code = model->observe};
    struct mk_result result = {MK_HIT, 0, 0};
    size_t room = 1;
    for (uint32_t t = 0; t < windows->history.threads; t++) {
        const struct mk_event_list *of = &windows->history.thread[t];
        for (size_t i = 0; i < of->n; i++) room += model->puts_in >> of->at[i].code & 1;
    }
    if (room > list->room) {
        list->at = mk_need_more(list->at, room, sizeof *list->at);
        list->room = room;
    }
    list->n = 0;
    while (list->n < room && result.status == MK_HIT) {
        uint64_t call = mk_stamp(&windows->stamps);
        result = mk_subject_do(worker->subject, worker->me, &op);
        mk_history_record(list, call, mk_stamp(&windows->stamps), worker->index, &op, &result);
    }
}

/* Reads every part, as the last operations of the window. */
static void observe(struct mk_worker *worker, struct windows *windows) {
    struct mk_event_list *list = &windows->history.thread[worker->index];
    for (size_t i = 0; i < windows->keys.n; i++) {
        struct mk_op op = {.code = worker->check->model->observe, .key = windows->keys.at[i]};
        uint64_t call = mk_stamp(&windows->stamps);
        windows->answer[i] = mk_subject_do(worker->subject, worker->me, &op);
        mk_history_record(list, call, mk_stamp(&windows->stamps), worker->index, &op, &windows->answer[i]);
    }
}

static void visit_part(void *arg, uint64_t key, uint64_t tag) {
    struct windows *windows = arg;
    uint64_t *at = find_key(&windows->keys, key);
    const struct mk_result *answer = at ? &windows->answer[at - windows->keys.at] : NULL;
    windows->walked++;
    if (!answer || answer->status == MK_MISS) {
        mk_found(windows->check, "walk comes to key 0x%" PRIx64 ", which is not there", key);
    } else if (answer->status == MK_HIT && answer->value != tag) {
        mk_found(windows->check,
                 "walk finds 0x%" PRIx64 " under key 0x%" PRIx64 ", where %s has just read 0x%" PRIx64, tag, key,
                 mk_check_op(windows->check, windows->check->model->observe), answer->value);
    }
}

/* What is counted and walked is what reads have just found. */
static void compare_contents(struct windows *windows) {
    const struct mk_impl *impl = windows->check->impl;
    uint64_t present = 0;
    for (size_t i = 0; i < windows->keys.n; i++) present += windows->answer[i].status != MK_MISS;
    mk_subject_expect_count(&windows->subject, present);
    if (!impl->walk) return;
    windows->walked = 0;
    impl->walk(windows->subject.self, visit_part, windows);
    if (windows->walked != present) {
        mk_found(windows->check, "walk comes to %zu keys, while reads find %" PRIu64, windows->walked, present);
    }
}

/* What is wrong with an answer, whatever the order; or NULL. */
static const char *fault_of(unsigned status) {
    switch (status) {
    case MK_TORN: return "answers half of one value and half of another, or of none";
    case MK_REFUSED: return "is refused, as if its argument were wrong";
    case MK_NO_MEMORY: return "is refused for lack of memory, although there was memory";
    default: return NULL;
    }
}

void mk_history_tell(struct mk_violation *violation, const struct mk_linear_config *config,
                     struct mk_finding *told) {
    struct mk_text text = {0}, drawing = {0}, what = {0};
    struct mk_view view;
    mk_violation_shrink(violation, config);
    mk_timeline_text(violation, config, &text);
    mk_timeline_svg(violation, config, &drawing);
    mk_view_open(&view, violation, config);
    mk_view_title(&view, &what);
    const struct mk_event *misfit = mk_view_knows(&view) ? &violation->event[view.explained.misfit] : NULL;
    const char *fault = misfit ? fault_of(misfit->status) : NULL;
    if (fault) mk_text_printf(&what, ": %s %s", config->model->names[misfit->code], fault);
    mk_view_close(&view);
    told->what = mk_text_take(&what);
    told->detail = mk_text_take(&text);
    told->picture = mk_text_take(&drawing);
}

static void file_violation(struct windows *windows, const struct mk_linear_config *config,
                           struct mk_violation *violation) {
    struct mk_finding told = {0};
    mk_history_tell(violation, config, &told);
    mk_found_with(windows->check, told.detail, told.picture, "%s", told.what);
    free(told.what);
    mk_violation_free(violation);
}

static enum mk_linear judge_parts(struct mk_worker *worker, struct windows *windows,
                                  const struct mk_linear_config *config) {
    struct mk_linear_report report;
    observe(worker, windows);
    enum mk_linear verdict = mk_linear_judge(&windows->history, config, windows->parts, &report);
    if (verdict == MK_NOT_LINEARIZABLE) {
        file_violation(windows, config, &report.violation);
    } else {
        compare_contents(windows);
    }
    return verdict;
}

static void visit_nothing(void *arg, uint64_t key, uint64_t tag) {
    struct windows *windows = arg;
    (void)key;
    if (!windows->walked++) mk_found(windows->check, "walk finds 0x%" PRIx64 ", where nothing is left", tag);
}

/* A monitor names few operations; where these are not enough to see why, its sentence has to do. */
static void file_values(struct windows *windows, const struct mk_linear_config *config,
                        struct mk_values_report *report) {
    static const unsigned char empty[MK_MODEL_STATE_MAX];
    struct mk_violation *violation = &report->violation;
    struct mk_finding told = {0};
    if (mk_linear_part(violation->event, violation->n, violation->slack, config, empty, NULL) == MK_NOT_LINEARIZABLE) {
        mk_history_tell(violation, config, &told);
    } else {
        told.what = mk_need_text("operations have no order that the sequential model allows");
    }
    mk_found_with(windows->check, told.detail, told.picture, "%s%s%s", told.what, report->what[0] ? ": " : "",
                  report->what);
    free(told.what);
    mk_violation_free(violation);
}

/* All that was done, and what was taken out behind it. */
static struct mk_event *all_events(const struct windows *windows, size_t *n) {
    const struct mk_history *history = &windows->history;
    *n = windows->drained.n;
    for (uint32_t t = 0; t < history->threads; t++) *n += history->thread[t].n;
    struct mk_event *event = mk_need(*n + 1, sizeof *event), *end = event;
    for (uint32_t t = 0; t < history->threads; t++) {
        memcpy(end, history->thread[t].at, history->thread[t].n * sizeof *end);
        end += history->thread[t].n;
    }
    memcpy(end, windows->drained.at, windows->drained.n * sizeof *end);
    return event;
}

/* Every window begins and ends with nothing inside, so that its events alone are judged. */
static enum mk_linear judge_values(struct mk_worker *worker, struct windows *windows,
                                   const struct mk_linear_config *config) {
    struct mk_values_report report;
    size_t n;
    drain(worker, windows);
    struct mk_event *event = all_events(windows, &n);
    enum mk_linear verdict = mk_values_judge(event, n, windows->history.slack, config, &report);
    free(event);
    if (verdict == MK_NOT_LINEARIZABLE) {
        file_values(windows, config, &report);
        return verdict;
    }
    mk_subject_expect_count(&windows->subject, 0);
    windows->walked = 0;
    if (windows->check->impl->walk) windows->check->impl->walk(windows->subject.self, visit_nothing, windows);
    return verdict;
}

/* By one thread, while the others wait. */
static void judge(struct mk_worker *worker, struct windows *windows) {
    struct mk_check *check = windows->check;
    struct mk_linear_config config = {.model = check->model, .impl = check->impl};
    windows->over = !worker->me;
    if (windows->over) return;
    config.refusals = mk_check_refuses(check);
    refuse(worker, false);
    enum mk_linear verdict =
        has_values(windows) ? judge_values(worker, windows, &config) : judge_parts(worker, windows, &config);
    check->tried.windows++;
    check->tried.unknown += verdict == MK_LINEAR_UNKNOWN;
    mk_history_clear(&windows->history);
    atomic_store_explicit(&windows->at_work, windows->recorders, memory_order_relaxed);
    windows->over = mk_check_failed(check) || --windows->left == 0;
    refuse(worker, true);
}

/* Has the recorders leave, and come back under each other's ids; in the end everyone has its own. One that finds no
 * place any more is a finding; it takes part in barriers alone until that is seen. */
static void be_born_again(struct mk_worker *worker, struct windows *windows, uint64_t window) {
    uint32_t shift = windows->over ? 0 : (uint32_t)(mk_mix64(worker->check->seed + window) % windows->recorders);
    bool leaves = worker->index < windows->recorders && worker->me;
    if (leaves) mk_subject_leave(worker->subject, worker->me->id);
    pthread_barrier_wait(&windows->gate);
    if (!leaves) return;
    refuse(worker, false);
    worker->me = mk_subject_enter(worker->subject, (worker->index + shift) % windows->recorders);
    refuse(worker, true);
}

static void body(struct mk_worker *worker) {
    struct windows *windows = worker->arg;
    bool records = worker->index < windows->recorders;
    bool blows = !records && windows->storm.blows && worker->index == windows->recorders;
    bool stalls = !records && !blows;
    uint64_t version = 0;
    for (uint64_t window = 0;; window++) {
        if (records) draw(worker, windows, &version);
        if (stalls) worker->check->impl->hold(windows->subject.self, worker->me);
        pthread_barrier_wait(&windows->gate);
        if (records) record(worker, windows, window);
        if (blows && has_values(windows)) blow_values(worker, windows, &version);
        if (blows && !has_values(windows)) blow(worker, windows, &version);
        pthread_barrier_wait(&windows->gate);
        if (stalls) worker->check->impl->unhold(windows->subject.self, worker->me);
        if (windows->stalls) pthread_barrier_wait(&windows->gate);
        if (worker->index == 0) judge(worker, windows);
        pthread_barrier_wait(&windows->gate);
        if (worker->check->pressure->births) be_born_again(worker, windows, window);
        if (windows->over) break;
    }
}

/* ---- a trial --------------------------------------------------------------------------------- */

/* Returns the code of an operation that may be drawn and does that to the set of keys, or MK_NO_CODE. */
static unsigned code_of(const struct mk_check *check, enum mk_effect effect) {
    for (const struct mk_op_desc *op = check->impl->kind->ops; op->name; op++) {
        if (op->effect == effect && op->second == MK_NO_CODE && may_draw(check, op->code)) return op->code;
    }
    return MK_NO_CODE;
}

static void open_storm(struct windows *windows) {
    struct mk_check *check = windows->check;
    struct storm *storm = &windows->storm;
    if (!check->pressure->storms) return;
    storm->add = code_of(check, MK_EFFECT_ADD);
    storm->remove = code_of(check, MK_EFFECT_REMOVE);
    storm->blows = true;
    if (has_values(windows)) return;
    storm->keys =
        make_keys(check, check->colliding ? STORM_KEYS_FEW : STORM_KEYS, ~check->seed, &windows->keys);
    storm->state = mk_need(storm->keys.n + 1, check->model->state_bytes);
}

static void close_windows(struct windows *windows) {
    pthread_barrier_destroy(&windows->gate);
    mk_history_close(&windows->history);
    mk_parts_close(windows->parts);
    free(windows->keys.at);
    free(windows->storm.keys.at);
    free(windows->storm.state);
    free(windows->drawn);
    free(windows->answer);
    free(windows->drained.at);
    free(windows);
}

static struct windows *open_windows(struct mk_check *check) {
    size_t keys = check->pressure->tiny ? 2 : check->shape->keys ? check->shape->keys : KEYS;
    struct windows *windows = aligned_alloc(MK_CACHE_LINE, sizeof *windows);
    if (!windows) mk_need(SIZE_MAX, 1); /* says so, and ends the program */
    memset(windows, 0, sizeof *windows);
    windows->check = check;
    windows->recorders = is_one_each(check) ? 2 : check->threads;
    windows->ops = check->shape->window_ops ? check->shape->window_ops : WINDOW_OPS;
    windows->left = mk_check_ops(check, WINDOWS);
    windows->stalls = check->pressure->stalls && check->impl->hold && check->impl->unhold;
    if (has_values(windows)) keys = 1;
    windows->keys = make_keys(check, keys < KEYS_MAX ? keys : KEYS_MAX, check->seed, NULL);
    set_shares(windows);
    open_storm(windows);
    mk_stamps_open(&windows->stamps, false);
    uint32_t lists = windows->recorders + (windows->storm.blows && has_values(windows));
    mk_history_open(&windows->history, lists, windows->ops + windows->keys.n, &windows->stamps);
    windows->parts = mk_parts_open(check->model);
    windows->drawn = mk_need(windows->recorders * windows->ops, sizeof *windows->drawn);
    windows->answer = mk_need(windows->keys.n, sizeof *windows->answer);
    atomic_init(&windows->at_work, windows->recorders);
    pthread_barrier_init(&windows->gate, NULL, windows->recorders + windows->storm.blows + windows->stalls);
    return windows;
}

static void run_history(struct mk_check *check) {
    struct windows *windows = open_windows(check);
    uint32_t threads = windows->recorders + windows->storm.blows + windows->stalls;
    struct mk_subject_config config = {.capacity = windows->keys.n / 8, .threads_max = threads};
    if (has_values(windows)) config.capacity = 1 + check->seed % VALUES;
    if (check->pressure->tiny) config.capacity = 1;
    if (check->impl->kind->dense_keys) config.capacity = windows->keys.n;
    if (mk_subject_open(&windows->subject, check, &config) == 0) {
        mk_subject_run(&windows->subject, 0, threads, check->seed, body, windows);
        mk_subject_close(&windows->subject);
    }
    close_windows(windows);
}

static const char *skips(const struct mk_check *check) {
    if (!check->model || !check->model->histories) return "threads share nothing that a history could tell of";
    if (check->pressure->storms && is_one_each(check)) return "a storm would be a second thread that puts in";
    if (check->pressure->storms && check->impl->kind->dense_keys) return "has no parts for a storm";
    if (check->pressure->storms &&
        (code_of(check, MK_EFFECT_ADD) == MK_NO_CODE || code_of(check, MK_EFFECT_REMOVE) == MK_NO_CODE)) {
        return "nothing can be added and removed in bulk";
    }
    return NULL;
}

const struct mk_case mk_history_case = {
    "history",     "recorded windows of operations are linearizable, and contents agree with what they returned",
    MK_ONE_EACH, MK_FLOOR,
    skips,       run_history};
