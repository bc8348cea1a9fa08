/* model_slots.c - kind slots: a slot belongs to whoever was given its handle, and to nobody else, until that is
 * given back; every other handle is refused.
 *
 * Two sorts of operations: those of streams work on cells, which threads share and histories tell of; those of the
 * contract on handles. Records that are taken by handle are written as a whole, with a tag that nobody else has,
 * and compared before they are given back, so that a slot with two owners is seen.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "../../impl/slots.h"
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

/* A cycle leaves every cell alone; there are as many slots as cells and threads, so that it finds one. */
static void answer_slots(const struct mk_impl *impl, void *of_cell, const struct mk_op *op,
                         struct mk_answer *answer) {
    struct state *state = of_cell;
    bool was = state->present;
    (void)impl;
    answer->status = was || op->code == MK_SLOTS_CYCLE ? MK_HIT : MK_MISS;
    answer->value = answer->previous = state->tag;
    switch (op->code) {
    case MK_SLOTS_READ: answer->states_value = was; break;
    case MK_SLOTS_EMPTY:
        answer->states_value = was;
        state->present = false;
        break;
    case MK_SLOTS_FILL:
        if (!was) *state = (struct state){op->value, true};
        break;
    case MK_SLOTS_REPLACE:
        answer->states_previous = was;
        *state = (struct state){op->value, true};
        break;
    default: break;
    }
}

static void describe_state(const void *of_cell, char *out, size_t room) {
    const struct state *state = of_cell;
    if (state->present) {
        snprintf(out, room, "the cell had a slot with the tag 0x%" PRIx64, state->tag);
    } else {
        snprintf(out, room, "the cell was empty");
    }
}

/* ---- cells ----------------------------------------------------------------------------------- */

#define CELLS_MAX 256
#define CELL_OPS (MK_SLOTS_CYCLE + 1)
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
    uint64_t n;
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

static void visit_cell(void *arg, uint64_t cell, uint64_t tag) {
    struct cells *cells = arg;
    cells->walked++;
    if (cell >= cells->n || !cells->state[cell].present || cells->state[cell].tag != tag) {
        mk_found(cells->check, "walk finds 0x%" PRIx64 " in cell %" PRIu64, tag, cell);
    }
}

/* At quiescence: what is live are the slots of cells, with what is in them. */
static void audit(struct cells *cells) {
    uint64_t present = 0;
    if (mk_check_failed(cells->check)) return;
    for (uint64_t i = 0; i < cells->n; i++) present += cells->state[i].present;
    mk_subject_expect_count(&cells->subject, present);
    cells->walked = 0;
    cells->check->impl->walk(cells->subject.self, visit_cell, cells);
    if (cells->walked != present) {
        mk_found(cells->check, "walk finds %" PRIu64 " slots, not %" PRIu64, cells->walked, present);
    }
}

static void run_model(struct mk_check *check) {
    static const uint64_t sizes[] = {1, 7, CELLS_MAX};
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    for (unsigned s = 0; s < 3 && !mk_check_failed(check); s++) {
        struct cells cells;
        if (open_cells(&cells, check, sizes[s], (struct mk_subject_config){.watched = true})) return;
        struct mk_thread *me = mk_subject_enter(&cells.subject, 0);
        for (unsigned part = 0; me && part < 4; part++) {
            for (uint64_t ops = mk_check_ops(check, 3000); ops && !mk_check_failed(check); ops--) {
                expect(&cells, me, (unsigned)mk_rng_below(&rng, CELL_OPS), mk_rng_below(&rng, cells.n));
            }
            audit(&cells);
        }
        if (me) mk_subject_leave(&cells.subject, 0);
        mk_subject_close(&cells.subject);
    }
}

/* ---- batch and step -------------------------------------------------------------------------- */

/* One stream through both doors. */
static void batch_round(struct cells *batch, struct cells *step, struct mk_rng *rng, mk_batch_fn *fn, int only) {
    enum { WORDS = 500 };
    uint64_t stream[WORDS];
    struct mk_tally by_batch = {{0}, 0, 0}, by_step = {{0}, 0, 0};
    for (unsigned i = 0; i < WORDS; i++) {
        unsigned code = only >= 0 ? (unsigned)only : (unsigned)mk_rng_below(rng, CELL_OPS);
        struct mk_op op = {.code = code, .key = mk_rng_below(rng, batch->n)};
        op.value = mk_slots_timed_tag(op.key);
        stream[i] = MK_PACK(code, op.key);
        struct mk_result result = mk_subject_do(&step->subject, &step->subject.me[0], &op);
        by_step.hits[code] += result.status == MK_HIT;
        by_step.failed += result.status > MK_HIT;
        by_step.sum += result.value;
    }
    fn(batch->subject.self, &batch->subject.me[0], stream, WORDS, &by_batch);
    for (unsigned code = 0; code < CELL_OPS; code++) {
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

/* ---- by handle ------------------------------------------------------------------------------- */

/* A slot that somebody holds. */
struct held {
    uint64_t handle, tag;
};

/* The slots that one thread holds. */
struct holder {
    struct mk_check *check;
    struct mk_subject *subject;
    struct mk_thread *me;
    struct held *held;
    uint32_t n, room;
    uint64_t tag; /* of the next one; of this holder alone */
};

static void open_holder(struct holder *holder, struct mk_subject *subject, struct mk_thread *me, uint32_t room) {
    *holder = (struct holder){subject->check, subject, me, mk_need(room, sizeof *holder->held), 0, room, 0};
    holder->tag = (uint64_t)me->id << 40;
}

static enum mk_status by_handle(struct holder *holder, unsigned code, uint64_t handle) {
    struct mk_op op = {.code = code, .key = handle};
    return mk_subject_do(holder->subject, holder->me, &op).status;
}

/* Takes one slot. Returns what that was answered, a hit only with a handle that is live. */
static enum mk_status take(struct holder *holder) {
    struct mk_op op = {.code = MK_SLOTS_TAKE, .value = ++holder->tag};
    uint64_t refused = mk_door_refused(&holder->subject->door);
    struct mk_result taken = mk_subject_do(holder->subject, holder->me, &op);
    bool excused = mk_check_refuses(holder->check) || mk_door_refused(&holder->subject->door) != refused;
    if (taken.status == MK_HIT) {
        holder->held[holder->n++] = (struct held){taken.value, op.value};
    } else if (taken.status == MK_TORN) {
        mk_found(holder->check, "the handle 0x%" PRIx64 " has just been taken and is not live", taken.value);
    } else if (taken.status != MK_MISS && !(taken.status == MK_NO_MEMORY && excused)) {
        mk_found(holder->check, "a take is refused although memory was not");
    }
    return taken.status;
}

static void look(struct holder *holder, const struct held *held, const char *when) {
    struct mk_op op = {.code = MK_SLOTS_LOOK, .key = held->handle};
    struct mk_result seen = mk_subject_do(holder->subject, holder->me, &op);
    if (seen.status == MK_HIT && seen.value == held->tag) return;
    if (seen.status == MK_MISS) {
        mk_found(holder->check, "the handle 0x%" PRIx64 " is not live, %s", held->handle, when);
    } else {
        mk_found(holder->check,
                 "the record of handle 0x%" PRIx64 " has the tag 0x%" PRIx64 ", not 0x%" PRIx64
                 ", %s: it has two owners",
                 held->handle, seen.value, held->tag, when);
    }
}

/* Gives one back, whoever took it. */
static void give(struct holder *holder, const struct held *held) {
    look(holder, held, "when it is given back");
    if (mk_check_failed(holder->check)) return;
    if (by_handle(holder, MK_SLOTS_GIVE, held->handle) != MK_HIT) {
        mk_found(holder->check, "the handle 0x%" PRIx64 " is live and cannot be given back", held->handle);
    }
}

/* Takes the i-th out of what is held. */
static struct held let_go(struct holder *holder, uint32_t i) {
    struct held held = holder->held[i];
    holder->held[i] = holder->held[--holder->n];
    return held;
}

static void give_all(struct holder *holder) {
    while (holder->n && !mk_check_failed(holder->check)) {
        struct held held = let_go(holder, holder->n - 1);
        give(holder, &held);
    }
}

static void close_holder(struct holder *holder) {
    give_all(holder);
    free(holder->held);
}

static void expect_refused(struct holder *holder, uint64_t handle, const char *what) {
    if (by_handle(holder, MK_SLOTS_AT, handle) != MK_MISS) {
        mk_found(holder->check, "finds a record by %s, 0x%" PRIx64, what, handle);
    }
    if (by_handle(holder, MK_SLOTS_GIVE, handle) != MK_REFUSED) {
        mk_found(holder->check, "takes back %s, 0x%" PRIx64, what, handle);
    }
}

static int compare_handles(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* No two of what is held may be one slot. */
static void expect_distinct(struct holder *holder) {
    uint64_t *index = mk_need(holder->n + 1, sizeof *index);
    for (uint32_t i = 0; i < holder->n; i++) index[i] = mk_handle_index(holder->held[i].handle);
    qsort(index, holder->n, sizeof *index, compare_handles);
    for (uint32_t i = 1; i < holder->n && !mk_check_failed(holder->check); i++) {
        if (index[i] == index[i - 1]) mk_found(holder->check, "slot %" PRIu64 " is given out twice", index[i]);
    }
    free(index);
}

/* Opens slots for `capacity`, with thread 0 as holder. Returns 0, or -1. */
static int open_one(struct mk_subject *subject, struct holder *holder, struct mk_check *check, uint64_t capacity,
                    uint32_t room, struct mk_subject_config config) {
    config.capacity = capacity;
    config.watched = true;
    if (mk_subject_open(subject, check, &config)) return -1;
    struct mk_thread *me = mk_subject_enter(subject, 0);
    if (me) {
        open_holder(holder, subject, me, room);
        return 0;
    }
    mk_subject_close(subject);
    return -1;
}

static void close_one(struct mk_subject *subject, struct holder *holder) {
    close_holder(holder);
    if (!mk_check_failed(holder->check)) mk_subject_expect_count(subject, 0);
    mk_subject_leave(subject, 0);
    mk_subject_close(subject);
}

/* ---- full ------------------------------------------------------------------------------------ */

static const char *unless_fixed(const struct mk_check *check) {
    return check->caps & MK_GROWS ? "is never full" : NULL;
}

/* Takes until that is missed. Returns how many it were. */
static uint32_t take_all(struct holder *holder) {
    uint32_t before = holder->n;
    while (holder->n < holder->room && !mk_check_failed(holder->check)) {
        if (take(holder) == MK_MISS) return holder->n - before;
    }
    if (!mk_check_failed(holder->check)) mk_found(holder->check, "is not full with %u slots live", holder->n);
    return holder->n - before;
}

/* Full, given back in some order, and full again with as many: no slot is lost, none is there twice. As many as
 * were asked for, and one for the thread, are had at least. */
static void full_again(struct holder *holder, struct mk_rng *rng, uint64_t capacity) {
    uint32_t all = 0;
    for (unsigned order = 0; order < 4 && !mk_check_failed(holder->check); order++) {
        uint32_t had = take_all(holder);
        if (order == 0) all = had;
        if (mk_check_failed(holder->check)) return;
        if (had < capacity + 1) {
            mk_found(holder->check, "is full with %u slots live, made for %" PRIu64, had, capacity + 1);
        } else if (had != all) {
            mk_found(holder->check, "is full with %u slots live, and was with %u before", had, all);
        }
        expect_distinct(holder);
        mk_subject_expect_count(holder->subject, holder->n);
        while (holder->n && !mk_check_failed(holder->check)) {
            uint32_t i = order == 0 ? holder->n - 1 : order == 1 ? 0 : (uint32_t)mk_rng_below(rng, holder->n);
            struct held held = let_go(holder, i);
            give(holder, &held);
            if (order == 3 && take(holder) == MK_MISS) {
                mk_found(holder->check, "misses the slot that was given back");
            }
            if (order == 3 && mk_rng_below(rng, 4) == 0) return; /* nothing follows but close_one */
        }
    }
}

static void run_full(struct mk_check *check) {
    static const uint64_t sizes[] = {1, 2, 63, 64, 1000};
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    for (unsigned s = 0; s < sizeof sizes / sizeof *sizes && !mk_check_failed(check); s++) {
        struct mk_subject subject;
        struct holder holder;
        uint32_t room = (uint32_t)sizes[s] + 100; /* a few more than were asked for may be there */
        if (open_one(&subject, &holder, check, sizes[s], room, (struct mk_subject_config){0})) return;
        full_again(&holder, &rng, sizes[s]);
        close_one(&subject, &holder);
    }
}

/* Many slots: more than one block of those that grow, more than one magazine. */
static void run_many(struct mk_check *check) {
    uint32_t n = (uint32_t)mk_check_ops(check, 10000);
    struct mk_subject subject;
    struct holder holder;
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (open_one(&subject, &holder, check, n, n + 1, (struct mk_subject_config){0})) return;
    for (unsigned time = 0; time < 3 && !mk_check_failed(check); time++) {
        while (holder.n < n && !mk_check_failed(check)) {
            if (take(&holder) == MK_MISS) mk_found(check, "is full with %u slots live, made for %u", holder.n, n);
        }
        expect_distinct(&holder);
        mk_subject_expect_count(&subject, holder.n);
        for (uint32_t i = 0; i < holder.n && !mk_check_failed(check); i++) {
            look(&holder, &holder.held[i], "while held");
        }
        uint32_t left = (uint32_t)mk_rng_below(&rng, n);
        while (holder.n > left && !mk_check_failed(check)) {
            struct held held = let_go(&holder, (uint32_t)mk_rng_below(&rng, holder.n));
            give(&holder, &held);
        }
        mk_subject_expect_count(&subject, holder.n);
    }
    close_one(&subject, &holder);
}

/* Slots that do not grow have to be told how many, and say so; so do more than handles can name. */
static void run_zero(struct mk_check *check) {
    static const uint64_t wrong[] = {0, (uint64_t)1 << 33};
    struct mk_subject subject;
    struct mk_subject_config config = {.capacity = 1};
    if (mk_subject_open(&subject, check, &config)) return;
    for (unsigned i = 0; i < 2; i++) {
        struct mk_config cfg = {.capacity = wrong[i], .threads_max = 1, .value_bytes = check->impl->value_bytes};
        struct mk_err err = {{0}};
        void *self;
        cfg.params = check->composition->params;
        if (check->impl->create(&self, &subject.door.mem, &cfg, &err) == 0) {
            mk_found(check, "is made for %" PRIu64 " slots", wrong[i]);
            check->impl->destroy(self);
        } else if (!err.text[0]) {
            mk_found(check, "refuses to be made for %" PRIu64 " slots and does not say why", wrong[i]);
        }
    }
    mk_subject_close(&subject);
}

/* ---- handles that must be refused ------------------------------------------------------------ */

/* `other` holds slots of another instance. */
static void wrong_handles(struct holder *holder, struct holder *other, uint32_t n) {
    while (holder->n < n && take(holder) == MK_HIT) continue;
    while (other->n < n && take(other) == MK_HIT) continue;
    if (mk_check_failed(holder->check)) return;
    expect_refused(holder, 0, "the handle 0");
    for (uint32_t i = 0; i < n && !mk_check_failed(holder->check); i++) {
        uint64_t handle = holder->held[i].handle;
        expect_refused(holder, other->held[i].handle, "a handle of another instance");
        expect_refused(holder, handle + ((uint64_t)1 << 32), "a handle with the next generation");
        expect_refused(holder, handle + ((uint64_t)2 << 32), "a handle with a later generation");
        expect_refused(holder, handle - ((uint64_t)1 << 32), "a handle with the generation before");
        expect_refused(holder, handle | UINT32_MAX, "a handle of a slot that there is not");
        expect_refused(holder, handle + 100000, "a handle of a slot that was never taken");
    }
    struct held first = let_go(holder, 0);
    give(holder, &first);
    expect_refused(holder, first.handle, "a handle that was given back");
    for (unsigned again = 0; again < 200 && !mk_check_failed(holder->check); again++) { /* its slot is used again */
        if (take(holder) == MK_MISS) break;
        expect_refused(holder, first.handle, "a handle that was given back some takes ago");
        struct held last = let_go(holder, holder->n - 1);
        give(holder, &last);
        expect_refused(holder, last.handle, "a handle that was given back");
    }
    mk_subject_expect_count(holder->subject, holder->n);
    for (uint32_t i = 0; i < holder->n && !mk_check_failed(holder->check); i++) {
        look(holder, &holder->held[i], "after wrong handles were refused");
    }
}

static void run_handles(struct mk_check *check) {
    static const uint32_t sizes[] = {1, 2, 100};
    for (unsigned s = 0; s < 3 && !mk_check_failed(check); s++) {
        struct mk_subject subject, other_subject;
        struct holder holder, other;
        struct mk_subject_config config = {0};
        if (open_one(&subject, &holder, check, sizes[s], sizes[s] + 1, config)) return;
        if (open_one(&other_subject, &other, check, sizes[s], sizes[s] + 1, config) == 0) {
            wrong_handles(&holder, &other, sizes[s]);
            close_one(&other_subject, &other);
        }
        close_one(&subject, &holder);
    }
}

/* ---- memory that is refused ------------------------------------------------------------------ */

/* Does everything with allocations from..to refused. Returns whether there were so many. */
static bool refuse(struct mk_check *check, uint64_t from, uint64_t to) {
    enum { SLOTS = 5000 };
    struct mk_subject_config config = {.refuse_from = from, .refuse_to = to};
    struct mk_subject subject;
    struct holder holder;
    if (open_one(&subject, &holder, check, SLOTS, SLOTS, config)) return !mk_check_failed(check);
    for (uint32_t i = 0; i < SLOTS && !mk_check_failed(check); i++) {
        if (i == SLOTS - 100) subject.door.refuse_to = 0;
        if (take(&holder) == MK_NO_MEMORY) mk_subject_expect_count(&subject, holder.n); /* as it was */
    }
    expect_distinct(&holder);
    bool reached = mk_door_calls(&subject.door) >= from;
    subject.door.refuse_to = 0;
    close_one(&subject, &holder);
    return reached;
}

static void run_no_memory(struct mk_check *check) {
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n); n++) continue;
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n + n % 40); n += 3) continue;
}

/* ---- several threads ------------------------------------------------------------------------- */

/* From any thread to any other. */
struct letterbox {
    _Atomic(uint32_t) full; /* 0 empty, 1 somebody is at it, 2 full */
    struct held held;
};

#define BOXES 16
#define CROWD_SLOTS 60 /* that one thread may hold */

struct crowd {
    uint64_t ops;
    uint64_t capacity; /* live slots of all threads together, at most */
    bool hands_over, leaves;
    struct letterbox box[BOXES];
    struct held *left; /* CROWD_SLOTS of each thread's: what it held when it left */
    uint32_t *left_n;
    uint32_t threads;
};

/* Puts one of ours into a box, or takes what is in it. */
static void hand_over(struct holder *holder, struct mk_rng *rng, struct letterbox *box) {
    uint32_t was = mk_rng_below(rng, 2) ? 0 : 2;
    if (was ? holder->n == holder->room : !holder->n) return;
    /* (1) acquire-CAS synchronizes-with the release-store (2): the handle, and the record of the slot */
    if (!atomic_compare_exchange_strong_explicit(&box->full, &was, 1, memory_order_acquire, memory_order_relaxed)) {
        return;
    }
    if (was) {
        holder->held[holder->n++] = box->held;
    } else {
        box->held = let_go(holder, (uint32_t)mk_rng_below(rng, holder->n));
    }
    /* (2) release-store synchronizes-with the acquire-CAS (1): the handle, and the record of the slot */
    atomic_store_explicit(&box->full, 2 - was, memory_order_release);
}

/* There are as many slots as all threads and boxes may hold together: a take that misses is wrong. */
static void crowd_op(struct holder *holder, struct mk_rng *rng) {
    uint64_t dice = mk_rng_below(rng, 8);
    if (dice < 4 && holder->n < holder->room) {
        if (take(holder) == MK_MISS) mk_found(holder->check, "a take misses although slots are free");
    } else if (dice < 7 && holder->n) {
        struct held held = let_go(holder, (uint32_t)mk_rng_below(rng, holder->n));
        give(holder, &held);
        if (dice == 4) expect_refused(holder, held.handle, "a handle that this thread has given back");
    } else if (holder->n) {
        look(holder, &holder->held[mk_rng_below(rng, holder->n)], "while held");
    }
}

static void crowd_body(struct mk_worker *worker) {
    struct crowd *crowd = worker->arg;
    struct holder holder;
    open_holder(&holder, worker->subject, worker->me, CROWD_SLOTS);
    holder.tag = mk_rng_next(&worker->rng); /* none looks like one of an earlier thread */
    for (uint64_t op = 0; op < crowd->ops && !mk_check_failed(worker->check); op++) {
        crowd_op(&holder, &worker->rng);
        mk_worker_pace(worker);
        if (crowd->hands_over) hand_over(&holder, &worker->rng, &crowd->box[mk_rng_below(&worker->rng, BOXES)]);
    }
    if (!crowd->leaves) give_all(&holder);
    crowd->left_n[worker->index] = holder.n;
    if (holder.n) memcpy(&crowd->left[worker->index * CROWD_SLOTS], holder.held, holder.n * sizeof *holder.held);
    free(holder.held);
}

/* What threads and boxes still hold, at quiescence: no slot twice, as many as are counted, and all of it can be
 * given by another thread. */
static void collect(struct mk_subject *subject, struct crowd *crowd, uint32_t id) {
    struct mk_thread *me = mk_subject_enter(subject, id);
    struct holder holder;
    if (!me) return;
    open_holder(&holder, subject, me, crowd->threads * CROWD_SLOTS + BOXES);
    for (uint32_t t = 0; t < crowd->threads; t++) {
        for (uint32_t i = 0; i < crowd->left_n[t]; i++) {
            holder.held[holder.n++] = crowd->left[t * CROWD_SLOTS + i];
        }
        crowd->left_n[t] = 0;
    }
    for (unsigned i = 0; i < BOXES; i++) {
        /* (3) relaxed: all threads have been joined */
        if (atomic_exchange_explicit(&crowd->box[i].full, 0, memory_order_relaxed)) {
            holder.held[holder.n++] = crowd->box[i].held;
        }
    }
    expect_distinct(&holder);
    if (!mk_check_failed(subject->check)) mk_subject_expect_count(subject, holder.n);
    give_all(&holder);
    mk_subject_flush(subject, me);
    if (!mk_check_failed(subject->check)) mk_subject_expect_count(subject, 0);
    free(holder.held);
    mk_subject_leave(subject, id);
}

/* Fixed ones: in the end one thread alone gets as many as they were made for. */
static void expect_all_there(struct mk_subject *subject, uint64_t capacity) {
    struct mk_thread *me = subject->impl->caps & MK_GROWS ? NULL : mk_subject_enter(subject, 0);
    struct holder holder;
    if (!me) return;
    open_holder(&holder, subject, me, (uint32_t)capacity);
    while (holder.n < capacity && !mk_check_failed(subject->check)) {
        if (take(&holder) == MK_MISS) {
            mk_found(subject->check, "is full with %u slots live, made for %" PRIu64 ": slots are lost", holder.n,
                     capacity);
        }
    }
    expect_distinct(&holder);
    close_holder(&holder);
    mk_subject_leave(subject, 0);
}

/* Threads work at once, `times` times, each time new ones. */
static void crowd_of(struct mk_check *check, uint64_t ops, uint64_t times, bool hands_over) {
    uint32_t threads = check->threads;
    struct crowd *crowd = mk_need(1, sizeof *crowd);
    struct mk_subject subject;
    crowd->ops = ops;
    crowd->threads = threads;
    crowd->capacity = threads * CROWD_SLOTS + BOXES;
    crowd->hands_over = crowd->leaves = hands_over;
    crowd->left = mk_need(threads * CROWD_SLOTS, sizeof *crowd->left);
    crowd->left_n = mk_need(threads, sizeof *crowd->left_n);
    struct mk_subject_config config = {.capacity = crowd->capacity, .threads_max = threads};
    if (mk_subject_open(&subject, check, &config) == 0) {
        for (uint64_t time = 0; time < times && !mk_check_failed(check); time++) {
            mk_subject_run(&subject, 0, threads, check->seed + time, crowd_body, crowd);
            if (!mk_check_failed(check)) collect(&subject, crowd, (uint32_t)(time % threads));
        }
        if (!mk_check_failed(check)) expect_all_there(&subject, crowd->capacity);
        mk_subject_close(&subject);
    }
    free(crowd->left);
    free(crowd->left_n);
    free(crowd);
}

static void run_threads(struct mk_check *check) {
    crowd_of(check, mk_check_ops(check, 30000), 1, false);
}

static void run_handover(struct mk_check *check) {
    crowd_of(check, mk_check_ops(check, 30000), 1, true);
}

static void run_births(struct mk_check *check) {
    crowd_of(check, 60, mk_check_ops(check, 100), true);
}

/* Threads on shared cells: what is in a cell belongs to it. */
struct sharing {
    struct cells cells;
    uint64_t ops;
};

static void share_body(struct mk_worker *worker) {
    struct sharing *sharing = worker->arg;
    uint64_t version = mk_rng_next(&worker->rng) >> (65 - VERSION_BITS);
    for (uint64_t ops = sharing->ops; ops && !mk_check_failed(worker->check); ops--) {
        struct mk_op op = {.code = (unsigned)mk_rng_below(&worker->rng, CELL_OPS),
                           .key = mk_rng_below(&worker->rng, sharing->cells.n)};
        op.value = tag_of(op.key, ++version);
        struct mk_result result = mk_subject_do(worker->subject, worker->me, &op);
        bool tells = result.status == MK_HIT && op.code != MK_SLOTS_FILL && op.code != MK_SLOTS_CYCLE;
        if (result.status == MK_TORN) {
            mk_found(worker->check, "%s of cell %" PRIu64 " finds a slot that is not live, or has two owners",
                     mk_check_op(worker->check, op.code), op.key);
        } else if (result.status > MK_HIT && !(result.status == MK_NO_MEMORY && mk_check_refuses(worker->check))) {
            mk_found(worker->check, "%s of cell %" PRIu64 " is refused although memory was not",
                     mk_check_op(worker->check, op.code), op.key);
        } else if (tells && !belongs(op.key, result.value)) {
            mk_found(worker->check, "cell %" PRIu64 " answers 0x%" PRIx64 ", which was never put there", op.key,
                     result.value);
        }
        mk_worker_pace(worker);
    }
}

static void count_cell(void *arg, uint64_t cell, uint64_t tag) {
    struct cells *cells = arg;
    cells->walked++;
    if (cell >= cells->n || !belongs(cell, tag)) {
        mk_found(cells->check, "walk finds 0x%" PRIx64 " in cell %" PRIu64, tag, cell);
    }
}

static void run_shared(struct mk_check *check) {
    static const uint64_t sizes[] = {1, 16, CELLS_MAX};
    for (unsigned s = 0; s < 3 && !mk_check_failed(check); s++) {
        struct sharing sharing = {.ops = mk_check_ops(check, 30000)};
        struct mk_subject_config config = {.threads_max = check->threads};
        if (open_cells(&sharing.cells, check, sizes[s], config)) return;
        mk_subject_run(&sharing.cells.subject, 0, check->threads, check->seed + s, share_body, &sharing);
        if (!mk_check_failed(check)) check->impl->walk(sharing.cells.subject.self, count_cell, &sharing.cells);
        if (!mk_check_failed(check)) mk_subject_expect_count(&sharing.cells.subject, sharing.cells.walked);
        mk_subject_close(&sharing.cells.subject);
    }
}

static const struct mk_case slots_cases[] = {
    {"model", "random operations of one thread, each answered as the model says", 0, MK_FLOOR, NULL, run_model},
    {"batch", "batch and step agree", 0, MK_FLOOR, NULL, run_batch},
    {"full", "full with as many as asked for, and again however they were given back", 0, MK_FLOOR, unless_fixed,
     run_full},
    {"many", "10000 slots at once: each another one, each with what was put there", 0, MK_FLOOR, NULL, run_many},
    {"zero", "none, and more than handles can name, are refused with a sentence", 0, MK_FLOOR, unless_fixed,
     run_zero},
    {"handles", "handles that are given back, foreign, or were never taken are refused, and nothing comes of it", 0,
     MK_FLOOR, NULL, run_handles},
    {"no_memory", "every single allocation refused: nothing changes, nothing leaks", 0, MK_FLOOR, NULL,
     run_no_memory},
    {"threads", "threads at once: no slot has two owners, none is lost", MK_CONCURRENT, MK_FLOOR, NULL,
     run_threads},
    {"handover", "slots given by other threads than took them", MK_CONCURRENT, MK_FLOOR, NULL, run_handover},
    {"births", "short-lived threads, whose slots are given by later ones", MK_CONCURRENT, MK_FLOOR, NULL,
     run_births},
    {"shared", "threads on shared cells: a slot is read as it was written", MK_CONCURRENT, MK_FLOOR, NULL,
     run_shared},
    {.name = NULL}};

MK_KIND_MODEL(slots, .names = {"take", "give", "read", "replace", "cycle"}, .state_bytes = sizeof(struct state),
              .part = part_of, .answer = answer_slots, .describe = describe_state,
              .several = 1u << MK_SLOTS_CYCLE, .reads = 1u << MK_SLOTS_READ | 1u << MK_SLOTS_CYCLE,
              .histories = true, .observe = MK_SLOTS_READ, .cases = slots_cases);
