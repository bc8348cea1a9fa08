/* program_ops.c - programs of operations that are drawn from the contract of a kind.
 *
 * A few threads do a few operations each, on few parts, beside a resize if there is one to be had. What they were
 * answered has to be linearizable. What "before" means there: where the memory model lets a load read an old
 * store, an operation that returned is before another one only if it happens before it (C11), for nothing else tells
 * a thread that it is over. So every call keeps the clock of its thread, and every return its epoch. In half of the
 * programs the oracle itself orders what returned before what is called next, as a program would whose threads tell
 * each other; in the other half it does not, so that it hides nothing.
 */
#include "program.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../check/linear.h"
#include "../check/timeline.h"
#include "../check/windows.h"
#include "../record.h"
#include "../registry.h"
#include "../rng.h"

#define THREADS_MAX 4
#define OPS_MAX 5 /* of a thread */
#define PREFIX_MAX 6
#define SHARED_MAX 3
#define KEYS_MAX 9
#define VERSION_STEP 4096 /* between tags, since updates add to them */
#define VALUES_MAX (PREFIX_MAX + THREADS_MAX * OPS_MAX) /* of a kind through which values pass */
#define NOTES_MAX (PREFIX_MAX + VALUES_MAX + 1)
#define LANES (THREADS_MAX + 1)
#define FAILED_MAX 1024 /* configurations that are remembered; a power of two */

enum phase { BEFORE, DURING, AFTER };

struct ops {
    struct mk_made made; /* first */
    const struct mk_model *model;
    uint64_t key[KEYS_MAX];
    uint32_t keys, shared; /* the first ones are shared */
    uint32_t values;       /* put in, where values pass through (model->monitor): these are 1, 2, ... */
    struct mk_op prefix[PREFIX_MAX];
    uint32_t prefixes;
    struct mk_op op[THREADS_MAX][OPS_MAX];
    uint32_t n[THREADS_MAX];
    uint32_t enters_late, leaves_early; /* a bit a thread: inside of its body */
    bool recycles;     /* who works alone before does so under the id of the first body, and leaves */
    bool alone_leaves; /* ... or under its own, and leaves before bodies begin */
    bool flushes_first; /* contents are looked at behind the flush */
    bool ordered;       /* returns happen before later calls */
};

/* One operation as it was carried out. */
struct note {
    struct mk_event event;
    struct mk_clock call; /* of its thread */
    uint32_t logical, ret; /* its thread, and in which epoch of it it returned */
    enum phase phase;
};

/* What one thread did, in order; the last lane is of whoever works alone. */
struct lane {
    struct note note[NOTES_MAX];
    uint32_t n;
};

/* The schedule at work. */
static struct run {
    struct ops *ops;
    struct lane lane[LANES];
    struct mk_view edge; /* what happens before every call, where the oracle orders them */
    struct mk_result answer[KEYS_MAX];
    uint32_t walked;
    /* Where values pass through, before they are taken out in the end: */
    uint64_t counted, found[VALUES_MAX];
} run;

/* ---- drawing --------------------------------------------------------------------------------- */

static bool has_key(const struct ops *ops, uint64_t key) {
    for (uint32_t i = 0; i < ops->keys; i++) {
        if (ops->key[i] == key) return true;
    }
    return false;
}

/* Near zero, at both ends, or anywhere. */
static void draw_keys(struct ops *ops, const struct mk_impl *impl, uint64_t limit, struct mk_rng *rng) {
    if (ops->model->monitor) {
        ops->keys = ops->shared = 1; /* and it is 0 */
        return;
    }
    uint64_t style = mk_rng_below(rng, 3);
    uint32_t n = (uint32_t)mk_rng_below(rng, KEYS_MAX - SHARED_MAX + 1);
    ops->shared = 1 + (uint32_t)mk_rng_below(rng, SHARED_MAX);
    n += ops->shared;
    if (impl->kind->dense_keys) ops->shared = n = 1u << mk_rng_below(rng, 3);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t key = style == 0 ? i : style == 1 && i < 2 ? -(uint64_t)i : mk_rng_next(rng);
        if (impl->kind->dense_keys) key = i;
        if (limit) key = key == (uint64_t)-1 ? limit - 1 : key % limit;
        if (!has_key(ops, key)) ops->key[ops->keys++] = key;
    }
    if (ops->shared > ops->keys) ops->shared = ops->keys;
}

struct codes {
    unsigned at[MK_OPS_MAX];
    uint32_t n;
};

/* Operations that may be drawn: all, or those that call themselves lock-free. */
static struct codes codes_of(const struct mk_model *model, const struct mk_impl *impl, bool lock_free) {
    struct codes codes = {.n = 0};
    for (unsigned code = 0; code < MK_OPS_MAX; code++) {
        if (!mk_history_draws(model, impl, code)) continue;
        if (!lock_free || impl->progress[code] >= MK_LOCK_FREE) codes.at[codes.n++] = code;
    }
    return codes;
}

/* Some of them, so that one program is of one sort of work and the next of another; one that changes something is
 * among them where there is such. */
static struct codes some_of(const struct codes *all, const struct mk_model *model, struct mk_rng *rng) {
    struct codes some = {.n = 0}, writes = {.n = 0};
    bool changes = false;
    for (uint32_t i = 0; i < all->n; i++) {
        bool reads = model->reads >> all->at[i] & 1;
        if (!reads) writes.at[writes.n++] = all->at[i];
        if (mk_rng_below(rng, 3) == 0) continue;
        some.at[some.n++] = all->at[i];
        changes = changes || !reads;
    }
    if (!changes && writes.n) some.at[some.n++] = writes.at[mk_rng_below(rng, writes.n)];
    return some.n ? some : *all;
}

static struct mk_op op_of(struct ops *ops, unsigned code, uint32_t key, uint32_t lane, uint32_t *version) {
    struct mk_op op = {.code = code, .key = ops->key[key]};
    if (ops->model->monitor) {
        if (ops->model->puts_in >> code & 1) op.value = ++ops->values;
        return op;
    }
    op.value = mk_mix64(op.key) + ((uint64_t)(lane + 1) << 44) + (uint64_t)++*version * VERSION_STEP;
    return op;
}

static uint32_t draw_key(const struct ops *ops, struct mk_rng *rng) {
    return (uint32_t)mk_rng_below(rng, mk_rng_below(rng, 8) ? ops->shared : ops->keys);
}

static unsigned adding(const struct mk_impl *impl, const struct codes *codes) {
    for (const struct mk_op_desc *op = impl->kind->ops; op->name; op++) {
        for (uint32_t i = 0; op->effect == MK_EFFECT_ADD && i < codes->n; i++) {
            if (codes->at[i] == op->code) return op->code;
        }
    }
    return codes->at[0];
}

static void draw_prefix(struct ops *ops, const struct mk_impl *impl, const struct codes *all, struct mk_rng *rng) {
    unsigned adds = adding(impl, all);
    uint32_t version = 0, first = (uint32_t)mk_rng_below(rng, ops->keys);
    ops->prefixes = (uint32_t)mk_rng_below(rng, PREFIX_MAX + 1);
    for (uint32_t i = 0; i < ops->prefixes; i++) {
        bool fills = mk_rng_below(rng, 4) != 0;
        unsigned code = fills ? adds : all->at[mk_rng_below(rng, all->n)];
        uint32_t key = fills ? (first + i) % ops->keys : (uint32_t)mk_rng_below(rng, ops->keys);
        ops->prefix[i] = op_of(ops, code, key, THREADS_MAX, &version);
    }
}

/* Returns whether one thread alone may put in, and one take out: then there are two, the first of which puts in. */
static bool is_one_each(const struct ops *ops) {
    return !(ops->made.plan.unit->caps & MK_CONCURRENT);
}

static void draw_bodies(struct ops *ops, const struct codes *all, struct mk_rng *rng) {
    struct codes codes = some_of(all, ops->model, rng);
    for (uint32_t t = 0; t < ops->made.plan.threads; t++) {
        uint32_t version = 0;
        ops->n[t] = 2 + (uint32_t)mk_rng_below(rng, OPS_MAX - 1);
        for (uint32_t i = 0; i < ops->n[t]; i++) {
            unsigned code = codes.at[mk_rng_below(rng, codes.n)];
            if (is_one_each(ops)) code = (unsigned)__builtin_ctz(t ? ops->model->takes_out : ops->model->puts_in);
            ops->op[t][i] = op_of(ops, code, draw_key(ops, rng), t, &version);
        }
    }
}

static void draw(struct ops *ops, const struct mk_impl *impl, const struct codes *codes, bool lock_free,
                 uint64_t seed) {
    struct mk_stage_plan *plan = &ops->made.plan;
    struct codes all = codes_of(ops->model, impl, false);
    struct mk_rng rng;
    mk_rng_seed(&rng, seed);
    draw_keys(ops, impl, mk_key_limit(impl, plan->unit->composition.params), &rng);
    plan->threads = 2 + (uint32_t)mk_rng_below(&rng, THREADS_MAX - 1);
    if (is_one_each(ops)) plan->threads = 2;
    plan->capacity = impl->kind->dense_keys ? ops->keys : mk_rng_below(&rng, 2);
    if (ops->model->monitor) plan->capacity = 1 + mk_rng_below(&rng, 4);
    plan->seed = mk_rng_next(&rng);
    plan->refused_early = mk_rng_below(&rng, 4) == 0;
    draw_prefix(ops, impl, &all, &rng);
    draw_bodies(ops, codes, &rng);
    uint64_t bits = mk_rng_next(&rng);
    ops->recycles = bits & 1;
    ops->alone_leaves = bits >> 1 & 1;
    ops->flushes_first = bits >> 2 & 1;
    ops->ordered = bits >> 3 & 1;
    if (lock_free) return; /* who has been stopped would stay out */
    ops->enters_late = bits >> 4 & bits >> 12 & 0xff;
    ops->leaves_early = bits >> 20 & bits >> 28 & 0xff;
}

/* ---- one operation --------------------------------------------------------------------------- */

static struct mk_result carry_out(uint32_t lane_index, enum phase phase, struct mk_thread *me,
                                  const struct mk_op *op) {
    struct lane *lane = &run.lane[lane_index];
    struct note *note = &lane->note[lane->n++];
    struct mk_result result = {MK_REFUSED, 0, 0};
    if (run.ops->ordered) mk_rt_acquire(&run.edge);
    note->call = mk_rt.now->hb;
    uint64_t call = mk_rt.steps;
    mk_stage.impl->step(mk_stage.self, me, op, &result);
    note->event = (struct mk_event){.call = call, .ret = mk_rt.steps, .key = op->key, .value = op->value,
                                    .seen = result.value, .previous = result.previous,
                                    .thread = (uint16_t)lane_index, .code = (uint8_t)op->code,
                                    .status = (uint8_t)result.status};
    note->phase = phase;
    note->logical = mk_rt.now->number;
    note->ret = mk_rt.now->hb.at[note->logical];
    if (run.ops->ordered) mk_rt_release(&run.edge);
    return result;
}

/* ---- is there an order? ---------------------------------------------------------------------- */

/* The operations on one part, by lane, and how far an order has come. */
struct look {
    const struct note *note[LANES][NOTES_MAX];
    uint32_t n[LANES], done[LANES], left;
    uint64_t failed[FAILED_MAX];
    uint32_t failed_n;
    /* Where values pass through: as which one, from 1 on, each was taken out when all was over; 0: before. */
    uint8_t rank[UINT8_MAX + 1];
    bool first_first; /* of two values that are in, the one that went in first comes out first */
};
static struct look look;

static bool precedes(const struct note *a, const struct note *b) {
    if (a->phase != b->phase) return a->phase < b->phase;
    if (mk_rt.memory == MK_MEMORY_SC && a->event.ret < b->event.call) return true;
    return b->call.at[a->logical] >= a->ret;
}

static const struct note *next_of(uint32_t lane) {
    return look.done[lane] < look.n[lane] ? look.note[lane][look.done[lane]] : NULL;
}

/* Whether no other operation that is left has to come before. */
static bool may_come(uint32_t lane) {
    const struct note *note = next_of(lane);
    for (uint32_t other = 0; note && other < LANES; other++) {
        const struct note *rival = other == lane ? NULL : next_of(other);
        if (rival && precedes(rival, note)) return false;
    }
    return note != NULL;
}

static struct mk_op op_of_event(const struct mk_event *event) {
    return (struct mk_op){.code = event->code, .key = event->key, .value = event->value};
}

/* Works an operation on *state. Returns whether it was answered so. */
static bool apply(const struct note *note, void *state) {
    struct mk_op op = op_of_event(&note->event);
    struct mk_result seen = {(enum mk_status)note->event.status, note->event.seen, note->event.previous};
    struct mk_answer answer;
    bool refused = mk_stage.refusals || mk_model_is_full(run.ops->model, mk_stage.impl, note->event.code);
    if (seen.status == MK_NO_MEMORY && refused) return true;
    memset(&answer, 0, sizeof answer);
    run.ops->model->answer(mk_stage.impl, state, &op, &answer);
    return mk_answer_matches(&answer, &seen);
}

/* Where values pass through: those that are taken out when all is over lie in the row, from when they went in, as they
 * will then. Without regard to that, a search would find out only in the end that they went in the other way round. */
static void learn_ranks(void) {
    const struct mk_model *model = run.ops->model;
    const struct lane *lane = &run.lane[THREADS_MAX];
    unsigned char row[MK_MODEL_STATE_MAX] MK_ALIGNED(16) = {0};
    struct mk_answer answer = {MK_MISS, false, false, 0, 0};
    struct mk_op op = {.code = (unsigned)__builtin_ctz(model->puts_in)};
    uint8_t rank = 0;
    memset(look.rank, 0, sizeof look.rank);
    for (uint32_t i = 0; i < lane->n; i++) {
        const struct mk_event *event = &lane->note[i].event;
        bool comes_out = lane->note[i].phase == AFTER && event->status == MK_HIT;
        if (comes_out && event->seen <= UINT8_MAX) look.rank[event->seen] = ++rank;
    }
    for (op.value = 1; op.value <= 2; op.value++) model->answer(mk_stage.impl, row, &op, &answer);
    op.code = model->observe;
    model->answer(mk_stage.impl, row, &op, &answer);
    look.first_first = answer.value == 1;
}

static bool keeps_ranks(const unsigned char *state) {
    const struct mk_row *row = (const struct mk_row *)state;
    uint8_t last = 0;
    for (uint32_t i = 0; i < row->n; i++) {
        uint8_t rank = look.rank[row->value[look.first_first ? i : row->n - 1 - i]];
        if (!rank) continue;
        if (rank < last) return false;
        last = rank;
    }
    return true;
}

static uint64_t hash_of(const unsigned char *state) {
    uint64_t hash = 1;
    for (uint32_t i = 0; i < LANES; i++) hash = mk_mix64(hash ^ look.done[i]);
    for (size_t i = 0; i < run.ops->model->state_bytes; i++) hash = mk_mix64(hash ^ state[i]);
    return hash | 1;
}

/* Returns where the configuration is remembered, or is to be. */
static uint64_t *failed_at(uint64_t hash) {
    uint32_t at = (uint32_t)hash & (FAILED_MAX - 1);
    while (look.failed[at] && look.failed[at] != hash) at = (at + 1) & (FAILED_MAX - 1);
    return &look.failed[at];
}

static void remember(const unsigned char *state) {
    if (look.failed_n == FAILED_MAX / 2) return;
    if (!look.failed_n) memset(look.failed, 0, sizeof look.failed);
    *failed_at(hash_of(state)) = hash_of(state);
    look.failed_n++;
}

/* Returns the lane to be tried after `tried` (LANES: none yet): by the time of return. LANES: there is none. */
static uint32_t next_lane(uint32_t tried) {
    uint32_t best = LANES;
    for (uint32_t lane = 0; lane < LANES; lane++) {
        if (!may_come(lane)) continue;
        uint64_t at = next_of(lane)->event.ret * LANES + lane;
        if (tried < LANES && at <= next_of(tried)->event.ret * LANES + tried) continue;
        if (best == LANES || at < next_of(best)->event.ret * LANES + best) best = lane;
    }
    return best;
}

/* Returns whether what is left can be put into an order from this state on. */
static bool has_order(const unsigned char *state) {
    unsigned char after[MK_MODEL_STATE_MAX] MK_ALIGNED(16);
    if (!look.left) return true;
    if (look.failed_n && *failed_at(hash_of(state))) return false;
    for (uint32_t lane = next_lane(LANES); lane < LANES; lane = next_lane(lane)) {
        memcpy(after, state, run.ops->model->state_bytes);
        if (!apply(next_of(lane), after) || (run.ops->model->monitor && !keeps_ranks(after))) continue;
        look.done[lane]++;
        look.left--;
        bool found = has_order(after);
        look.done[lane]--;
        look.left++;
        if (found) return true;
    }
    remember(state);
    return false;
}

static void look_at(uint64_t part) {
    memset(look.n, 0, sizeof look.n);
    memset(look.done, 0, sizeof look.done);
    look.left = look.failed_n = 0;
    if (run.ops->model->monitor) learn_ranks();
    for (uint32_t lane = 0; lane < LANES; lane++) {
        for (uint32_t i = 0; i < run.lane[lane].n; i++) {
            const struct note *note = &run.lane[lane].note[i];
            struct mk_op op = op_of_event(&note->event);
            if (run.ops->model->part(mk_stage.impl, &op) != part) continue;
            look.note[lane][look.n[lane]++] = note;
            look.left++;
        }
    }
}

/* ---- what is said of a history without one ------------------------------------------------------ */

#define WIDE ((uint64_t)1 << 20) /* steps; no schedule has so many */

/* The operations as they took place; `loose`: those of different threads at work at once are in no order. */
static struct mk_violation violation_of(uint64_t part, bool loose) {
    struct mk_violation violation = {.part = part, .slack = loose ? WIDE : 0};
    violation.event = mk_need(look.left, sizeof *violation.event);
    for (uint32_t lane = 0; lane < LANES; lane++) {
        for (uint32_t i = 0; i < look.n[lane]; i++) {
            struct mk_event *event = &violation.event[violation.n++];
            *event = look.note[lane][i]->event;
            uint64_t later = loose ? 3 * WIDE * look.note[lane][i]->phase : 0;
            event->call += later;
            event->ret += later;
        }
    }
    return violation;
}

/* Tells what is wrong: without regard to when operations took place, where that will do. */
static void fail_history(uint64_t part) {
    static const unsigned char empty[MK_MODEL_STATE_MAX];
    struct mk_linear_config config = {.model = run.ops->model, .impl = mk_stage.impl,
                                      .refusals = mk_stage.refusals};
    struct mk_violation violation = violation_of(part, true);
    struct mk_finding told = {0};
    char what[sizeof((struct mk_failure *)0)->what];
    enum mk_linear verdict =
        mk_linear_part(violation.event, violation.n, violation.slack, &config, empty, NULL);
    if (verdict != MK_NOT_LINEARIZABLE) {
        mk_violation_free(&violation);
        violation = violation_of(part, false);
        verdict = mk_linear_part(violation.event, violation.n, 0, &config, empty, NULL);
    }
    if (verdict == MK_NOT_LINEARIZABLE) {
        mk_history_tell(&violation, &config, &told);
        snprintf(what, sizeof what, "%s", told.what);
        free(told.what);
    } else {
        snprintf(what, sizeof what, "operations on key 0x%" PRIx64 " have no order that agrees with what happens "
                 "before what", part);
    }
    mk_violation_free(&violation);
    mk_stage_fail(told.detail, told.picture, "%s", what);
}

static void judge(void) {
    static const unsigned char empty[MK_MODEL_STATE_MAX] MK_ALIGNED(16);
    for (uint32_t i = 0; i < run.ops->keys; i++) {
        struct mk_op op = {.code = run.ops->model->observe, .key = run.ops->key[i]};
        uint64_t part = run.ops->model->part(mk_stage.impl, &op);
        look_at(part);
        if (!has_order(empty)) fail_history(part);
    }
}

/* ---- contents -------------------------------------------------------------------------------- */

static void visit(void *arg, uint64_t key, uint64_t tag) {
    const struct ops *ops = run.ops;
    uint32_t i = 0;
    (void)arg;
    while (i < ops->keys && ops->key[i] != key) i++;
    run.walked++;
    if (i == ops->keys || run.answer[i].status == MK_MISS) {
        mk_stage_fail(NULL, NULL, "walk comes to key 0x%" PRIx64 ", which is not there", key);
    } else if (run.answer[i].status == MK_HIT && run.answer[i].value != tag) {
        mk_stage_fail(NULL, NULL,
                      "walk finds 0x%" PRIx64 " under key 0x%" PRIx64 ", where %s has just read 0x%" PRIx64, tag, key,
                      ops->model->names[ops->model->observe], run.answer[i].value);
    }
}

static void compare_contents(void) {
    const struct mk_impl *impl = mk_stage.impl;
    uint32_t present = 0;
    for (uint32_t i = 0; i < run.ops->keys; i++) present += run.answer[i].status != MK_MISS;
    uint64_t count = impl->count ? impl->count(mk_stage.self) : present;
    if (count != present) {
        mk_stage_fail(NULL, NULL, "counts %" PRIu64 " keys, while reads find %u", count, present);
    }
    if (!impl->walk) return;
    run.walked = 0;
    impl->walk(mk_stage.self, visit, NULL);
    if (run.walked != present) {
        mk_stage_fail(NULL, NULL, "walk comes to %u keys, while reads find %u", run.walked, present);
    }
}

/* ---- values that pass through ------------------------------------------------------------------ */

static void visit_value(void *arg, uint64_t key, uint64_t value) {
    (void)arg, (void)key;
    if (run.walked < VALUES_MAX) run.found[run.walked] = value;
    run.walked++;
}

/* What is counted and walked, and then taken out: no more than was put in, and one that misses. */
static void drain(struct mk_thread *me) {
    const struct mk_impl *impl = mk_stage.impl;
    struct mk_op op = {.code = run.ops->model->observe};
    run.counted = impl->count ? impl->count(mk_stage.self) : UINT64_MAX;
    run.walked = 0;
    if (impl->walk) impl->walk(mk_stage.self, visit_value, NULL);
    for (uint32_t i = 0; i <= run.ops->values; i++) {
        if (carry_out(THREADS_MAX, AFTER, me, &op).status != MK_HIT) break;
    }
}

/* Behind the judge: what was taken out is what was there. */
static void compare_values(void) {
    const struct lane *lane = &run.lane[THREADS_MAX];
    uint32_t there = 0, met = 0;
    for (uint32_t i = 0; i < lane->n; i++) {
        const struct mk_event *event = &lane->note[i].event;
        if (lane->note[i].phase != AFTER || event->status != MK_HIT) continue;
        there++;
        for (uint32_t k = 0; k < run.walked && k < VALUES_MAX; k++) met += run.found[k] == event->seen;
    }
    if (run.counted != UINT64_MAX && run.counted != there) {
        mk_stage_fail(NULL, NULL, "counts %" PRIu64 " values, while %u can be taken out", run.counted, there);
    }
    if (mk_stage.impl->walk && (run.walked != there || met != there)) {
        mk_stage_fail(NULL, NULL, "walk comes to %u values, %u of them right, while %u can be taken out", run.walked, met,
                      there);
    }
    uint64_t left = mk_stage.impl->count ? mk_stage.impl->count(mk_stage.self) : 0;
    if (left) mk_stage_fail(NULL, NULL, "counts %" PRIu64 " values where nothing can be taken out any more", left);
}

/* ---- a schedule ------------------------------------------------------------------------------ */

static void begin(void *arg) {
    struct ops *ops = arg;
    run.ops = ops;
    for (uint32_t i = 0; i < LANES; i++) run.lane[i].n = 0;
    memset(&run.edge, 0, sizeof run.edge);
    if (!mk_stage_open(&ops->made.plan)) return;
    uint32_t alone = ops->recycles ? 0 : ops->made.plan.threads;
    struct mk_thread *me = mk_stage_enter(alone);
    for (uint32_t i = 0; me && i < ops->prefixes; i++) carry_out(THREADS_MAX, BEFORE, me, &ops->prefix[i]);
    if (me && (ops->recycles || ops->alone_leaves)) mk_stage_leave(alone);
    for (uint32_t i = 0; i < ops->made.plan.threads; i++) {
        if (!(ops->enters_late >> i & 1)) mk_stage_enter(i);
    }
}

static void body(void *arg, uint32_t number) {
    struct ops *ops = arg;
    if (!mk_stage.self) return;
    if (ops->enters_late >> number & 1) mk_stage_enter(number);
    if (!mk_stage.in[number]) return;
    for (uint32_t i = 0; i < ops->n[number]; i++) {
        carry_out(number, DURING, &mk_stage.me[number], &ops->op[number][i]);
    }
    if (ops->leaves_early >> number & 1) mk_stage_leave(number);
}

static void end(void *arg) {
    struct ops *ops = arg;
    uint32_t alone = ops->made.plan.threads;
    if (!mk_stage.self) return;
    mk_stage_calm();
    struct mk_thread *me = mk_stage.in[alone] ? &mk_stage.me[alone] : mk_stage_enter(alone);
    if (!me) mk_stage_fail(NULL, NULL, "has no place for a thread, although memory is not refused any more");
    if (ops->model->monitor) drain(me);
    for (uint32_t i = 0; i < ops->keys && !ops->model->monitor; i++) {
        struct mk_op op = {.code = ops->model->observe, .key = ops->key[i]};
        run.answer[i] = carry_out(THREADS_MAX, AFTER, me, &op);
    }
    judge();
    if (ops->flushes_first) mk_stage_flush(me);
    if (ops->model->monitor) {
        compare_values();
    } else {
        compare_contents();
    }
    if (!ops->flushes_first) mk_stage_flush(me);
    mk_stage_close();
    if (mk_rt.aside) return;
    for (uint32_t i = 0; i < LANES; i++) ops->made.ops += run.lane[i].n;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* Returns why threads of the composition may wait for each other, whatever its operations promise; or NULL. The
 * allocator at the bottom is the runtime's own heap here, which never blocks. */
static const char *blocks_of_parts(const struct mk_conform_unit *unit) {
    const struct mk_impl *impl = unit->composition.impl;
    for (size_t i = 0; i < unit->composition.memory_n; i++) {
        const struct mk_impl *memory = unit->composition.memory[i].impl;
        if (memory == mk_registry_default("alloc")) continue;
        for (unsigned code = MK_ALLOC_ALLOC; code <= MK_ALLOC_FREE; code++) {
            if (memory->progress[code] < MK_LOCK_FREE) return "its allocator does not call itself lock-free";
        }
    }
    const struct mk_impl *part;
    for (const char *at = impl->parts; mk_registry_next_part(&at, &part);) {
        for (unsigned code = 0; part && code < MK_OPS_MAX; code++) {
            bool counts = part->must_offer >> code & 1 && part->kind->dense_keys; /* reclaimers; a hash is pure */
            if (counts && part->progress[code] < MK_LOCK_FREE) {
                return "its reclaimer does not call itself lock-free";
            }
        }
    }
    return NULL;
}

const char *mk_program_not_lock_free(const struct mk_conform_unit *unit) {
    const struct mk_impl *impl = unit->composition.impl;
    const struct mk_model *model = mk_model_of(impl->kind->name);
    if (!model || !model->histories) return "threads share nothing that a history could tell of";
    if (!codes_of(model, impl, true).n) return "no operation calls itself lock-free";
    return blocks_of_parts(unit);
}

int mk_program_of_ops(const struct mk_conform_unit *unit, uint64_t seed, bool lock_free, struct mk_program *out,
                      struct mk_err *err) {
    const struct mk_impl *impl = unit->composition.impl;
    const struct mk_model *model = mk_model_of(impl->kind->name);
    if (!model || !model->histories) return mk_fail(err, "threads share nothing that a history could tell of");
    const char *why = lock_free ? mk_program_not_lock_free(unit) : NULL;
    if (why) return mk_fail(err, "%s", why);
    struct codes codes = codes_of(model, impl, lock_free);
    struct ops *ops = mk_need(1, sizeof *ops);
    ops->made.plan.unit = unit;
    ops->model = model;
    draw(ops, impl, &codes, lock_free, seed);
    *out = (struct mk_program){.threads = ops->made.plan.threads, .arg = ops, .begin = begin, .body = body,
                               .end = end};
    return 0;
}
