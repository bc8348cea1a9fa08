/* model_refcount.c - kind refcount: cells that hold counted objects. A cell has the tag that was put there last; an
 * object ends once, when the last reference to it is given back, and not before.
 *
 * Objects are spoiled when they end, and a read of a spoiled one is answered MK_TORN. Behind a flush the objects
 * that are there are those in cells, the own ones of registered threads, and pinned ones: the figures tell. */
#include <inttypes.h>
#include <stdlib.h>

#define MK_REFCOUNT_HEADER uint64_t unused; /* nothing is counted here */
#include "../../impl/refcount.h"
#include "../record.h"
#include "check.h"

/* ---- the sequential model -------------------------------------------------------------------- */

/* Of one cell. The weak reference that is kept for it is to what was there once; nobody else keeps that alive. */
struct state {
    uint64_t tag;
    bool present, watched, watched_is_there;
};

static uint64_t part_of(const struct mk_impl *impl, const struct mk_op *op) {
    (void)impl;
    return op->key;
}

static enum mk_status status_of(bool hit) {
    return hit ? MK_HIT : MK_MISS;
}

static void answer_refcount(const struct mk_impl *impl, void *of_cell, const struct mk_op *op,
                            struct mk_answer *answer) {
    struct state *state = of_cell;
    (void)impl;
    answer->status = status_of(state->present);
    answer->value = answer->previous = state->tag;
    switch (op->code) {
    case MK_REFCOUNT_LOAD: answer->states_value = state->present; break;
    case MK_REFCOUNT_REPLACE:
        answer->states_previous = state->present;
        *state = (struct state){.tag = op->value, .present = true, .watched = state->watched};
        break;
    case MK_REFCOUNT_WATCH:
        answer->states_value = state->present;
        if (state->present) state->watched = state->watched_is_there = true;
        break;
    case MK_REFCOUNT_UPGRADE:
        answer->states_value = state->watched_is_there;
        answer->status = status_of(state->watched_is_there);
        break;
    default: answer->status = MK_HIT; break; /* the thread's own object, which is always there */
    }
}

static void describe_state(const void *of_cell, char *out, size_t room) {
    const struct state *state = of_cell;
    if (state->present) {
        snprintf(out, room, "the cell had the tag 0x%" PRIx64 "%s", state->tag,
                 state->watched_is_there ? ", which was watched" : "");
    } else {
        snprintf(out, room, "the cell was empty");
    }
}

/* ---- cells ----------------------------------------------------------------------------------- */

#define CELLS_MAX 64
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

static bool offers(const struct mk_check *check, unsigned code) {
    return check->impl->offers >> code & 1;
}

/* Returns an operation that is offered. */
static unsigned draw_code(const struct mk_check *check, struct mk_rng *rng) {
    unsigned code;
    do {
        code = (unsigned)mk_rng_below(rng, MK_REFCOUNT_UPGRADE + 1);
    } while (!offers(check, code));
    return code;
}

/* 0 where it is not reported. */
static uint64_t stat(struct cells *cells, const char *name) {
    uint64_t value = 0;
    mk_subject_stat(&cells->subject, name, &value);
    return value;
}

static void visit_cell(void *arg, uint64_t cell, uint64_t tag) {
    struct cells *cells = arg;
    cells->walked++;
    if (cell >= cells->n || !cells->state[cell].present || cells->state[cell].tag != tag) {
        mk_found(cells->check, "walk finds 0x%" PRIx64 " in cell %" PRIu64, tag, cell);
    }
}

/* At quiescence, with `inside` threads registered: contents are the model's, and of all objects that were made
 * those are left that somebody holds. */
static void audit(struct cells *cells, struct mk_thread *me, uint64_t inside) {
    uint64_t present = 0;
    if (mk_check_failed(cells->check)) return;
    for (uint64_t i = 0; i < cells->n; i++) present += cells->state[i].present;
    mk_subject_expect_count(&cells->subject, present);
    cells->walked = 0;
    cells->check->impl->walk(cells->subject.self, visit_cell, cells);
    if (cells->walked != present) {
        mk_found(cells->check, "walk finds %" PRIu64 " objects, not %" PRIu64, cells->walked, present);
    }
    mk_subject_flush(&cells->subject, me);
    mk_subject_expect_reclaimed(&cells->subject);
    uint64_t made = stat(cells, "made"), ended = stat(cells, "ended"), again = stat(cells, "ended_again");
    uint64_t held = present + inside, pinned = stat(cells, "pinned");
    if (made - ended < held || made - ended > held + pinned) {
        mk_found(cells->check,
                 "%" PRIu64 " objects were made and %" PRIu64 " have ended, but %" PRIu64 " are held and %" PRIu64
                 " were pinned",
                 made, ended, held, pinned);
    }
    if (again) mk_found(cells->check, "%" PRIu64 " objects ended that had ended before", again);
}

/* ---- cases of one OS thread ------------------------------------------------------------------ */

static void run_model(struct mk_check *check) {
    struct cells cells;
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (open_cells(&cells, check, CELLS_MAX, (struct mk_subject_config){.watched = true})) return;
    struct mk_thread *me = mk_subject_enter(&cells.subject, 0);
    for (unsigned part = 0; me && part < 4; part++) {
        for (uint64_t ops = mk_check_ops(check, 4000); ops && !mk_check_failed(check); ops--) {
            expect(&cells, me, draw_code(check, &rng), mk_rng_below(&rng, cells.n));
        }
        audit(&cells, me, 1);
    }
    if (me) mk_subject_leave(&cells.subject, 0);
    mk_subject_close(&cells.subject);
}

/* Two registered threads that one OS thread stands for in turn: each drops what the other has made and cloned,
 * first one leaves and then the other, and both come back under the other's id. */
static void run_owners(struct mk_check *check) {
    struct cells cells;
    struct mk_rng rng;
    struct mk_thread *me[2];
    mk_rng_seed(&rng, check->seed);
    if (open_cells(&cells, check, 8, (struct mk_subject_config){.threads_max = 2, .watched = true})) return;
    me[0] = mk_subject_enter(&cells.subject, 0);
    me[1] = mk_subject_enter(&cells.subject, 1);
    for (uint64_t times = mk_check_ops(check, 100); me[0] && me[1] && times && !mk_check_failed(check); times--) {
        unsigned first = (unsigned)mk_rng_below(&rng, 2);
        for (unsigned i = 0; i < 40; i++) {
            expect(&cells, me[mk_rng_below(&rng, 2)], draw_code(check, &rng), mk_rng_below(&rng, cells.n));
        }
        if (times % 2) audit(&cells, me[first], 2);
        mk_subject_leave(&cells.subject, me[first]->id);
        for (unsigned i = 0; i < 10; i++) {
            expect(&cells, me[1 - first], draw_code(check, &rng), mk_rng_below(&rng, cells.n));
        }
        audit(&cells, me[1 - first], 1);
        mk_subject_leave(&cells.subject, me[1 - first]->id);
        me[0] = mk_subject_enter(&cells.subject, first);
        me[1] = mk_subject_enter(&cells.subject, 1 - first);
    }
    if (me[0]) mk_subject_leave(&cells.subject, me[0]->id);
    if (me[1]) mk_subject_leave(&cells.subject, me[1]->id);
    mk_subject_close(&cells.subject);
}

/* The same stream by both doors. */
static void batch_round(struct cells *batch, struct cells *step, struct mk_rng *rng, mk_batch_fn *fn, int only) {
    enum { WORDS = 500 };
    uint64_t stream[WORDS];
    struct mk_tally by_batch = {{0}, 0, 0}, by_step = {{0}, 0, 0};
    for (unsigned i = 0; i < WORDS; i++) {
        unsigned code = only >= 0 ? (unsigned)only : draw_code(batch->check, rng);
        struct mk_op op = {.code = code, .key = mk_rng_below(rng, batch->n)};
        op.value = op.key; /* what a batch writes */
        stream[i] = MK_PACK(code, op.key);
        struct mk_result result = mk_subject_do(&step->subject, &step->subject.me[0], &op);
        by_step.hits[code] += result.status == MK_HIT;
        by_step.failed += result.status > MK_HIT;
        by_step.sum += result.value;
    }
    fn(batch->subject.self, &batch->subject.me[0], stream, WORDS, &by_batch);
    for (unsigned code = 0; code < MK_OPS_MAX; code++) {
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
    if (open_cells(&batch, check, CELLS_MAX, config)) return;
    if (open_cells(&step, check, CELLS_MAX, config) == 0) {
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
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (open_cells(&cells, check, 16, config)) return !mk_check_failed(check);
    struct mk_thread *me = mk_subject_enter(&cells.subject, 0);
    for (uint64_t i = 0; me && i < 400 && !mk_check_failed(check); i++) {
        unsigned code = i % 2 ? draw_code(check, &rng) : MK_REFCOUNT_REPLACE;
        if (i == 300) cells.subject.door.refuse_to = 0;
        if (expect(&cells, me, code, i % cells.n) == MK_NO_MEMORY) {
            expect(&cells, me, MK_REFCOUNT_LOAD, i % cells.n); /* as it was */
        }
    }
    bool reached = mk_door_calls(&cells.subject.door) >= from;
    if (me) {
        cells.subject.door.refuse_to = 0;
        audit(&cells, me, 1);
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

/* The own object of one thread is held by all boxes at once: so by more than a narrow count, or one that is to pin,
 * has room for. Then another thread drops all of them. */
static void run_many(struct mk_check *check) {
    struct cells cells;
    if (open_cells(&cells, check, CELLS_MAX, (struct mk_subject_config){.threads_max = 2, .watched = true})) return;
    struct mk_thread *me = mk_subject_enter(&cells.subject, 0), *other = mk_subject_enter(&cells.subject, 1);
    for (uint64_t time = 0; me && other && time < 4 && !mk_check_failed(check); time++) {
        struct mk_thread *giver = time % 2 ? other : me, *taker = time % 2 ? me : other;
        for (uint64_t i = 0; i < cells.n; i++) expect(&cells, giver, MK_REFCOUNT_HANDOFF, i);
        expect(&cells, giver, MK_REFCOUNT_PAIR, 0);
        for (uint64_t i = 0; i < cells.n; i++) expect(&cells, taker, MK_REFCOUNT_HANDOFF, (i * 7 + time) % cells.n);
        expect(&cells, giver, MK_REFCOUNT_READ, 0);
        if (time == 3) audit(&cells, me, 2);
    }
    if (me) mk_subject_leave(&cells.subject, 0);
    if (other) {
        audit(&cells, other, 1);
        mk_subject_leave(&cells.subject, 1);
    }
    mk_subject_close(&cells.subject);
}

/* ---- cases of several threads ---------------------------------------------------------------- */

/* What threads put into cells less what they took out. */
struct account {
    uint64_t tags[CELLS_MAX];
};

struct sharing {
    struct cells cells;
    struct account *account; /* by thread */
    uint64_t ops;
};

static void judge_answer(struct mk_worker *worker, const struct mk_op *op, const struct mk_result *result) {
    const char *name = mk_check_op(worker->check, op->code);
    bool of_cell = op->code == MK_REFCOUNT_LOAD || op->code == MK_REFCOUNT_REPLACE || op->code >= MK_REFCOUNT_WATCH;
    if (result->status == MK_TORN) {
        mk_found(worker->check, "%s of cell %" PRIu64 " holds an object that has ended (it reads 0x%" PRIx64 ")",
                 name, op->key, result->value);
    } else if (result->status == MK_NO_MEMORY && mk_check_refuses(worker->check)) {
        return; /* nothing has changed */
    } else if (result->status > MK_HIT) {
        mk_found(worker->check, "%s of cell %" PRIu64 " is refused although memory was not", name, op->key);
    } else if (result->status == MK_HIT && of_cell && !belongs(op->key, result->value)) {
        mk_found(worker->check, "%s of cell %" PRIu64 " answers 0x%" PRIx64 ", which was never put there", name,
                 op->key, result->value);
    } else if (result->status == MK_MISS && !of_cell) {
        mk_found(worker->check, "%s finds no object, although each thread has one", name);
    }
}

static void share_body(struct mk_worker *worker) {
    struct sharing *sharing = worker->arg;
    struct account *account = &sharing->account[worker->index];
    uint64_t version = mk_rng_next(&worker->rng) >> (65 - VERSION_BITS);
    for (uint64_t ops = sharing->ops; ops && !mk_check_failed(worker->check); ops--) {
        struct mk_op op = {.code = draw_code(worker->check, &worker->rng),
                           .key = mk_rng_below(&worker->rng, sharing->cells.n)};
        op.value = tag_of(op.key, ++version);
        struct mk_result result = mk_subject_do(worker->subject, worker->me, &op);
        judge_answer(worker, &op, &result);
        mk_worker_pace(worker);
        if (op.code != MK_REFCOUNT_REPLACE || result.status > MK_HIT) continue;
        account->tags[op.key] += op.value - (result.status == MK_HIT ? result.previous : 0);
    }
}

/* Adds up what the threads did, into the model's state: the tags put in less those taken out are the one that is
 * there. */
static void settle(struct sharing *sharing, uint32_t threads) {
    for (uint64_t i = 0; i < sharing->cells.n; i++) {
        struct state *state = &sharing->cells.state[i];
        for (uint32_t t = 0; t < threads; t++) state->tag += sharing->account[t].tags[i];
        state->present = state->tag != 0;
    }
    memset(sharing->account, 0, threads * sizeof *sharing->account);
}

/* Some threads work and leave, `times` over. Then thread 0, which has nothing of its own among what they left,
 * looks at what is there. */
static void share(struct mk_check *check, uint64_t cells, uint64_t times, uint64_t ops) {
    uint32_t threads = check->threads;
    struct sharing sharing = {.ops = ops};
    if (open_cells(&sharing.cells, check, cells, (struct mk_subject_config){.threads_max = threads})) return;
    sharing.account = mk_need(threads, sizeof *sharing.account);
    for (uint64_t time = 0; time < times && !mk_check_failed(check); time++) {
        mk_subject_run(&sharing.cells.subject, 0, threads, check->seed + time, share_body, &sharing);
        settle(&sharing, threads);
    }
    struct mk_thread *me = mk_check_failed(check) ? NULL : mk_subject_enter(&sharing.cells.subject, 0);
    if (me) {
        audit(&sharing.cells, me, 1);
        mk_subject_leave(&sharing.cells.subject, 0);
    }
    free(sharing.account);
    mk_subject_close(&sharing.cells.subject);
}

static void run_shared(struct mk_check *check) {
    share(check, 4, 1, mk_check_ops(check, 20000));
    share(check, 1, 1, mk_check_ops(check, 5000));
}

static void run_births(struct mk_check *check) {
    share(check, 8, mk_check_ops(check, 100), 60);
}

static const struct mk_case refcount_cases[] = {
    {"model", "random operations of one thread, each answered as the model says", 0, 0, NULL, run_model},
    {"batch", "batch and step agree", 0, 0, NULL, run_batch},
    {"no_memory", "every single allocation refused: nothing changes, nothing leaks", 0, MK_FLOOR, NULL,
     run_no_memory},
    {"many", "more references to one object than a narrow count has room for", 0, 0, NULL, run_many},
    {"owners", "objects outlive the threads that made them, and end once", 0, 0, NULL, run_owners},
    {"shared", "threads clone and drop what others replace: no object ends too early, twice, or never",
     MK_CONCURRENT, MK_FLOOR, NULL, run_shared},
    {"births", "short-lived threads: what they leave behind ends all the same", MK_CONCURRENT, MK_FLOOR, NULL,
     run_births},
    {.name = NULL}};

MK_KIND_MODEL(refcount, .names = {"pair", "read", "load", "replace", "handoff", "share", "watch", "upgrade"},
              .state_bytes = sizeof(struct state), .part = part_of, .answer = answer_refcount,
              .describe = describe_state, .several = 1u << MK_REFCOUNT_WATCH | 1u << MK_REFCOUNT_UPGRADE,
              .reads = 1u << MK_REFCOUNT_PAIR | 1u << MK_REFCOUNT_READ | 1u << MK_REFCOUNT_LOAD |
                       1u << MK_REFCOUNT_HANDOFF | 1u << MK_REFCOUNT_SHARE,
              .histories = true, .observe = MK_REFCOUNT_LOAD, .cases = refcount_cases);
