/* model_reclaim.c - kind reclaim: cells that name nodes. A cell holds the tag that was put there last; a node
 * that a reader can still hold is not freed, and everything retired is freed in the end.
 *
 * The nodes of a cell are spoiled before they are freed, and a read of a spoiled one is answered MK_TORN. */
#include <inttypes.h>
#include <stdlib.h>

#include "../../impl/reclaim.h"
#include "../record.h"
#include "check.h"

/* ---- the sequential model -------------------------------------------------------------------- */

/* Of one cell. */
struct state {
    uint64_t tag;
    bool present;
};

static uint64_t part_of(const struct mk_impl *impl, const struct mk_op *op) {
    (void)impl;
    return op->key;
}

static void answer_reclaim(const struct mk_impl *impl, void *of_cell, const struct mk_op *op,
                           struct mk_answer *answer) {
    struct state *state = of_cell;
    (void)impl;
    answer->status = state->present && op->code != MK_RECLAIM_ENTER_LEAVE ? MK_HIT : MK_MISS;
    answer->value = answer->previous = state->tag;
    if (op->code == MK_RECLAIM_READ) answer->states_value = state->present;
    if (op->code != MK_RECLAIM_REPLACE) return;
    answer->states_previous = state->present;
    *state = (struct state){op->value, true};
}

static void describe_state(const void *of_cell, char *out, size_t room) {
    const struct state *state = of_cell;
    if (state->present) {
        snprintf(out, room, "the cell had the tag 0x%" PRIx64, state->tag);
    } else {
        snprintf(out, room, "the cell was empty");
    }
}

/* ---- cells ----------------------------------------------------------------------------------- */

#define CELLS_MAX 256
#define VERSION_BITS 40

static uint64_t tag_of(uint64_t cell, uint64_t version) {
    return mk_mix64(cell) + version;
}

static bool belongs(uint64_t cell, uint64_t tag) {
    return tag - mk_mix64(cell) < (uint64_t)1 << VERSION_BITS;
}

struct cells {
    struct mk_check *check;
    struct mk_subject subject;
    uint64_t n; /* a power of two */
    struct state state[CELLS_MAX];
    uint64_t version, walked;
};

static int open_cells(struct cells *cells, struct mk_check *check, uint64_t n, struct mk_subject_config config) {
    memset(cells, 0, sizeof *cells);
    cells->check = check;
    cells->n = n;
    config.capacity = n;
    return mk_subject_open(&cells->subject, check, &config);
}

static enum mk_status expect(struct cells *cells, struct mk_thread *me, unsigned code, uint64_t cell) {
    struct mk_op op = {.code = code, .key = cell, .value = tag_of(cell, ++cells->version)};
    return mk_subject_expect(&cells->subject, me, &op, &cells->state[cell]);
}

static void replace_all(struct cells *cells, struct mk_thread *me, uint64_t times) {
    for (uint64_t i = 0; i < times * cells->n && !mk_check_failed(cells->check); i++) {
        expect(cells, me, MK_RECLAIM_REPLACE, i % cells->n);
    }
}

static uint64_t stat(struct cells *cells, const char *name) {
    uint64_t value = 0;
    if (!mk_subject_stat(&cells->subject, name, &value)) mk_found(cells->check, "does not report %s", name);
    return value;
}

static void visit_cell(void *arg, uint64_t cell, uint64_t tag) {
    struct cells *cells = arg;
    cells->walked++;
    if (cell >= cells->n || !cells->state[cell].present || cells->state[cell].tag != tag) {
        mk_found(cells->check, "walk finds 0x%" PRIx64 " in cell %" PRIu64, tag, cell);
    }
}

/* At quiescence: contents are the model's, figures add up, and flush frees what is retired. */
static void audit(struct cells *cells, struct mk_thread *me, uint64_t retired) {
    uint64_t present = 0;
    if (mk_check_failed(cells->check)) return;
    for (uint64_t i = 0; i < cells->n; i++) present += cells->state[i].present;
    mk_subject_expect_count(&cells->subject, present);
    cells->walked = 0;
    cells->check->impl->walk(cells->subject.self, visit_cell, cells);
    if (cells->walked != present) {
        mk_found(cells->check, "walk finds %" PRIu64 " nodes, not %" PRIu64, cells->walked, present);
    }
    if (stat(cells, "retired") != retired ||
        stat(cells, "retired") != stat(cells, "freed") + stat(cells, "unreclaimed")) {
        mk_found(cells->check,
                 "%" PRIu64 " nodes were retired; it reports %" PRIu64 " retired, %" PRIu64 " freed, %" PRIu64
                 " unreclaimed",
                 retired, stat(cells, "retired"), stat(cells, "freed"), stat(cells, "unreclaimed"));
    }
    if (stat(cells, "peak_unreclaimed") < stat(cells, "unreclaimed")) {
        mk_found(cells->check, "reports a peak of %" PRIu64 " unreclaimed nodes while %" PRIu64 " are",
                 stat(cells, "peak_unreclaimed"), stat(cells, "unreclaimed"));
    }
    mk_subject_flush(&cells->subject, me);
    mk_subject_expect_reclaimed(&cells->subject);
}

/* ---- cases of one OS thread ------------------------------------------------------------------ */

static void run_model(struct mk_check *check) {
    struct cells cells;
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (open_cells(&cells, check, 64, (struct mk_subject_config){.watched = true})) return;
    struct mk_thread *me = mk_subject_enter(&cells.subject, 0);
    uint64_t retired = 0;
    for (unsigned part = 0; me && part < 4; part++) {
        for (uint64_t ops = mk_check_ops(check, 4000); ops && !mk_check_failed(check); ops--) {
            unsigned code = (unsigned)mk_rng_below(&rng, MK_RECLAIM_REPLACE + 1);
            enum mk_status status = expect(&cells, me, code, mk_rng_below(&rng, cells.n));
            retired += code == MK_RECLAIM_REPLACE && status == MK_HIT;
        }
        audit(&cells, me, retired);
    }
    if (me) mk_subject_leave(&cells.subject, 0);
    mk_subject_close(&cells.subject);
}

/* One cell's worth of both doors. */
static void batch_round(struct cells *batch, struct cells *step, struct mk_rng *rng, mk_batch_fn *fn, int only) {
    enum { WORDS = 500 };
    uint64_t stream[WORDS];
    struct mk_tally by_batch = {{0}, 0, 0}, by_step = {{0}, 0, 0};
    for (unsigned i = 0; i < WORDS; i++) {
        unsigned code = only >= 0 ? (unsigned)only : (unsigned)mk_rng_below(rng, MK_RECLAIM_REPLACE + 1);
        struct mk_op op = {.code = code, .key = mk_rng_below(rng, batch->n)};
        op.value = op.key; /* what a batch writes */
        stream[i] = MK_PACK(code, op.key);
        struct mk_result result = mk_subject_do(&step->subject, &step->subject.me[0], &op);
        by_step.hits[code] += result.status == MK_HIT;
        by_step.failed += result.status > MK_HIT;
        by_step.sum += result.value;
    }
    fn(batch->subject.self, &batch->subject.me[0], stream, WORDS, &by_batch);
    for (unsigned code = 0; code <= MK_RECLAIM_REPLACE; code++) {
        if (by_batch.hits[code] == by_step.hits[code]) continue;
        mk_found(batch->check, "%s hits %" PRIu64 " times by batch, %" PRIu64 " times by step",
                 mk_check_op(batch->check, code), by_batch.hits[code], by_step.hits[code]);
    }
    if (by_batch.sum != by_step.sum || by_batch.failed != by_step.failed) {
        mk_found(batch->check,
                 "batch sees tags that add up to 0x%" PRIx64 " and fails %" PRIu64 " times, step 0x%" PRIx64
                 " and %" PRIu64,
                 by_batch.sum, by_batch.failed, by_step.sum, by_step.failed);
    }
}

static void run_batch(struct mk_check *check) {
    struct mk_subject_config config = {.watched = true};
    struct cells batch, step;
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (open_cells(&batch, check, 64, config)) return;
    if (open_cells(&step, check, 64, config) == 0) {
        bool batch_in = mk_subject_enter(&batch.subject, 0), step_in = mk_subject_enter(&step.subject, 0);
        for (unsigned round = 0; batch_in && step_in && round < 4; round++) {
            batch_round(&batch, &step, &rng, check->impl->batch, -1);
            for (int code = 0; code < MK_OPS_MAX; code++) {
                if (check->impl->batch_of[code]) {
                    batch_round(&batch, &step, &rng, check->impl->batch_of[code], code);
                }
            }
        }
        if (batch_in) mk_subject_leave(&batch.subject, 0);
        if (step_in) mk_subject_leave(&step.subject, 0);
        mk_subject_close(&step.subject);
    }
    mk_subject_close(&batch.subject);
}

/* Does everything with allocations from..to refused. Returns whether there were so many. */
static bool refuse(struct mk_check *check, uint64_t from, uint64_t to) {
    struct mk_subject_config config = {.watched = true, .refuse_from = from, .refuse_to = to};
    struct cells cells;
    if (open_cells(&cells, check, 16, config)) return !mk_check_failed(check);
    struct mk_thread *me = mk_subject_enter(&cells.subject, 0);
    for (uint64_t i = 0; me && i < 600 && !mk_check_failed(check); i++) {
        if (i == 500) cells.subject.door.refuse_to = 0;
        if (expect(&cells, me, MK_RECLAIM_REPLACE, i % cells.n) == MK_NO_MEMORY) {
            expect(&cells, me, MK_RECLAIM_READ, i % cells.n); /* as it was */
        }
    }
    bool reached = mk_door_calls(&cells.subject.door) >= from;
    if (me) {
        mk_subject_flush(&cells.subject, me);
        mk_subject_expect_reclaimed(&cells.subject);
        mk_subject_leave(&cells.subject, 0);
    }
    mk_subject_close(&cells.subject);
    return reached;
}

static void run_no_memory(struct mk_check *check) {
    uint64_t stride = 1 + 20 / check->effort_percent;
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n); n += stride) continue;
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n + n % 40); n += 17 * stride) continue;
}

/* ---- how much waits -------------------------------------------------------------------------- */

/* What a second registered thread does while the first one replaces. */
enum other { NOT_THERE, IDLE, IDLE_AFTER_READING, INSIDE };

/* Returns the peak of what waited. */
static uint64_t peak_of(struct mk_check *check, uint64_t times, enum other what) {
    struct cells cells;
    if (open_cells(&cells, check, 64, (struct mk_subject_config){.threads_max = 2, .watched = true})) return 0;
    struct mk_thread *me = mk_subject_enter(&cells.subject, 0);
    struct mk_thread *other = what != NOT_THERE ? mk_subject_enter(&cells.subject, 1) : NULL;
    if (what == IDLE_AFTER_READING && other) expect(&cells, other, MK_RECLAIM_READ, 0);
    if (what == INSIDE && other) check->impl->hold(cells.subject.self, other);
    if (me) replace_all(&cells, me, times);
    uint64_t peak = stat(&cells, "peak_unreclaimed");
    if (what == INSIDE && other) check->impl->unhold(cells.subject.self, other);
    if (other) mk_subject_leave(&cells.subject, 1);
    if (me) {
        audit(&cells, me, (times - 1) * cells.n);
        mk_subject_leave(&cells.subject, 0);
    }
    mk_subject_close(&cells.subject);
    return peak;
}

/* Four times as many retirements must not leave more waiting. */
static void expect_bounded(struct mk_check *check, const char *when, enum other what) {
    uint64_t times = mk_check_ops(check, 400) + 100;
    if (mk_check_failed(check)) return;
    uint64_t peak = peak_of(check, times, what), peak_of_more = peak_of(check, 4 * times, what);
    if (mk_check_failed(check) || peak_of_more <= 2 * peak + 64) return;
    mk_found(check,
             "%s up to %" PRIu64 " nodes wait after %" PRIu64 " retirements, but %" PRIu64
             " after four times as many",
             when, peak, times * 64, peak_of_more);
}

static void run_bounded(struct mk_check *check) {
    expect_bounded(check, "with one thread", NOT_THERE);
    expect_bounded(check, "with an idle registered thread", IDLE);
    expect_bounded(check, "with a registered thread that has read and is idle since", IDLE_AFTER_READING);
    if (check->caps & MK_BOUNDED) expect_bounded(check, "with a reader that stays inside", INSIDE);
}

/* A reader stands in a section. Until it leaves, no node is freed that was linked when it entered: all those
 * that are retired while every cell is replaced once. */
static void hold_as(struct mk_check *check, uint32_t reader_id) {
    struct cells cells;
    if (open_cells(&cells, check, CELLS_MAX, (struct mk_subject_config){.threads_max = 2, .watched = true})) return;
    struct mk_thread *reader = mk_subject_enter(&cells.subject, reader_id);
    struct mk_thread *me = mk_subject_enter(&cells.subject, 1 - reader_id);
    if (reader && me) {
        replace_all(&cells, me, 3);
        check->impl->hold(cells.subject.self, reader);
        uint64_t freed = stat(&cells, "freed"), waiting = stat(&cells, "unreclaimed");
        replace_all(&cells, me, 1);
        if (stat(&cells, "freed") - freed > waiting) {
            mk_found(check,
                     "%" PRIu64 " nodes waited when a reader entered; %" PRIu64
                     " were freed before it left, so some "
                     "that it could reach",
                     waiting, stat(&cells, "freed") - freed);
        }
        check->impl->unhold(cells.subject.self, reader);
        replace_all(&cells, me, 4);
        audit(&cells, me, 7 * cells.n);
    }
    if (reader) mk_subject_leave(&cells.subject, reader_id);
    if (me) mk_subject_leave(&cells.subject, 1 - reader_id);
    mk_subject_close(&cells.subject);
}

static void run_held(struct mk_check *check) {
    hold_as(check, 0);
    hold_as(check, 1);
}

/* ---- cases of several threads ---------------------------------------------------------------- */

/* What threads wrote into cells less what they took out, and how often they retired. */
struct account {
    uint64_t tags[CELLS_MAX];
    uint64_t added, retired;
};

struct sharing {
    struct cells cells;
    struct account *account; /* by thread */
    uint64_t ops;
    unsigned writers;
};

static void share_body(struct mk_worker *worker) {
    struct sharing *sharing = worker->arg;
    struct account *account = &sharing->account[worker->index];
    uint64_t version = mk_rng_next(&worker->rng) >> (65 - VERSION_BITS);
    for (uint64_t ops = sharing->ops; ops && !mk_check_failed(worker->check); ops--) {
        struct mk_op op = {.code = worker->index < sharing->writers ? MK_RECLAIM_REPLACE : MK_RECLAIM_READ,
                           .key = mk_rng_below(&worker->rng, sharing->cells.n)};
        op.value = tag_of(op.key, ++version);
        struct mk_result result = mk_subject_do(worker->subject, worker->me, &op);
        if (result.status == MK_TORN) {
            mk_found(worker->check,
                     "a reader of cell %" PRIu64 " holds a node that has been freed (it reads 0x%" PRIx64 ")",
                     op.key, result.value);
        } else if (result.status == MK_NO_MEMORY && mk_check_refuses(worker->check)) {
            continue; /* nothing has changed */
        } else if (result.status > MK_HIT) {
            mk_found(worker->check, "cell %" PRIu64 " is refused although memory was not", op.key);
        } else if (result.status == MK_HIT && !belongs(op.key, result.value)) {
            mk_found(worker->check, "cell %" PRIu64 " answers 0x%" PRIx64 ", which was never put there", op.key,
                     result.value);
        }
        mk_worker_pace(worker);
        if (op.code != MK_RECLAIM_REPLACE) continue;
        account->tags[op.key] += op.value - (result.status == MK_HIT ? result.previous : 0);
        account->added += result.status == MK_MISS;
        account->retired += result.status == MK_HIT;
    }
}

/* Adds up what the threads did, into the model's state. Returns how many nodes they retired. */
static uint64_t settle(struct sharing *sharing, uint32_t threads) {
    struct cells *cells = &sharing->cells;
    uint64_t tags[CELLS_MAX] = {0}, retired = 0;
    for (uint32_t t = 0; t < threads; t++) {
        struct account *account = &sharing->account[t];
        for (uint64_t i = 0; i < cells->n; i++) tags[i] += account->tags[i];
        retired += account->retired;
        memset(account, 0, sizeof *account);
    }
    for (uint64_t i = 0; i < cells->n; i++) {
        cells->state[i].tag += tags[i];
        cells->state[i].present = cells->state[i].present || tags[i];
    }
    return retired;
}

static void run_shared(struct mk_check *check) {
    static const uint64_t sizes[] = {1, 16, CELLS_MAX};
    uint32_t threads = check->threads;
    for (unsigned s = 0; s < 3 && !mk_check_failed(check); s++) {
        struct sharing sharing = {.ops = mk_check_ops(check, 30000), .writers = (threads + 1) / 2};
        if (open_cells(&sharing.cells, check, sizes[s], (struct mk_subject_config){.threads_max = threads})) return;
        sharing.account = mk_need(threads, sizeof *sharing.account);
        mk_subject_run(&sharing.cells.subject, 0, threads, check->seed + s, share_body, &sharing);
        uint64_t retired = settle(&sharing, threads);
        struct mk_thread *me = mk_subject_enter(&sharing.cells.subject, 0);
        if (me && !mk_check_failed(check)) audit(&sharing.cells, me, retired);
        if (me) mk_subject_leave(&sharing.cells.subject, 0);
        free(sharing.account);
        mk_subject_close(&sharing.cells.subject);
    }
}

/* Short-lived threads leave garbage behind, all the more as thread 0 stands in a section. Later it has to adopt
 * that: after as many retirements again, no more may wait than one thread alone keeps waiting. */
static void run_births(struct mk_check *check) {
    uint32_t threads = check->threads;
    struct sharing sharing = {.ops = 100, .writers = threads};
    uint64_t times = mk_check_ops(check, 60), retired = 0;
    if (open_cells(&sharing.cells, check, 64, (struct mk_subject_config){.threads_max = threads})) return;
    sharing.account = mk_need(threads, sizeof *sharing.account);
    struct mk_thread *me = mk_subject_enter(&sharing.cells.subject, 0);
    if (me) check->impl->hold(sharing.cells.subject.self, me);
    for (uint64_t time = 0; me && time < times && !mk_check_failed(check); time++) {
        mk_subject_run(&sharing.cells.subject, 1, threads - 1, check->seed + time, share_body, &sharing);
        retired += settle(&sharing, threads);
    }
    if (me) check->impl->unhold(sharing.cells.subject.self, me);
    if (me && !mk_check_failed(check)) {
        uint64_t alone = peak_of(check, 100, NOT_THERE), again = retired / 64 + 1, fresh = 0;
        for (uint64_t i = 0; i < 64; i++) fresh += !sharing.cells.state[i].present;
        replace_all(&sharing.cells, me, again);
        uint64_t waiting = stat(&sharing.cells, "unreclaimed");
        if (waiting > 2 * alone + 64 && !(check->caps & (MK_NEVER_FREES | MK_FREES_LATER))) {
            mk_found(check,
                     "garbage of threads that have gone is not adopted: %" PRIu64 " nodes wait, where one thread "
                     "alone keeps %" PRIu64,
                     waiting, alone);
        }
        audit(&sharing.cells, me, retired + again * 64 - fresh);
    }
    if (me) mk_subject_leave(&sharing.cells.subject, 0);
    free(sharing.account);
    mk_subject_close(&sharing.cells.subject);
}

static const char *unless_sections_protect(const struct mk_check *check) {
    return check->caps & MK_UNLINKED_OK ? NULL : "a section alone protects no node";
}

static const struct mk_case reclaim_cases[] = {
    {"model", "random operations of one thread, each answered as the model says", 0, 0, NULL, run_model},
    {"batch", "batch and step agree", 0, 0, NULL, run_batch},
    {"no_memory", "every single allocation refused: nothing changes, nothing leaks", 0, MK_FLOOR, NULL,
     run_no_memory},
    {"bounded", "what waits to be freed does not grow with what was retired", 0,
     MK_FLOOR | MK_NEVER_FREES | MK_FREES_LATER, NULL, run_bounded},
    {"held", "what a reader that stays inside could hold is not freed", 0, MK_FLOOR, unless_sections_protect,
     run_held},
    {"shared", "readers beside writers: no freed node is read, no tag is lost", MK_CONCURRENT, MK_FLOOR, NULL,
     run_shared},
    {"births", "short-lived threads: what they retired is adopted", MK_CONCURRENT, MK_FLOOR, NULL, run_births},
    {.name = NULL}};

MK_KIND_MODEL(reclaim, .names = {"enter_leave", "read", "replace"}, .state_bytes = sizeof(struct state),
              .part = part_of, .answer = answer_reclaim, .describe = describe_state,
              .reads = 1u << MK_RECLAIM_ENTER_LEAVE | 1u << MK_RECLAIM_READ, .histories = true,
              .observe = MK_RECLAIM_READ, .cases = reclaim_cases);
