/* model_stack.c - kind stack: values, the last one in is the first one out. Every value that was pushed is popped
 * once or is still there. */
#include <inttypes.h>
#include <stdlib.h>

#include "../../impl/stack.h"
#include "../record.h"
#include "check.h"
#include "monitor.h"

/* ---- the sequential model -------------------------------------------------------------------- */

static uint64_t part_of(const struct mk_impl *impl, const struct mk_op *op) {
    (void)impl, (void)op;
    return 0;
}

static void answer_stack(const struct mk_impl *impl, void *state, const struct mk_op *op,
                         struct mk_answer *answer) {
    struct mk_row *row = state;
    (void)impl;
    answer->status = op->code == MK_STACK_POP && row->n ? MK_HIT : MK_MISS;
    if (op->code == MK_STACK_PUSH && row->n < MK_ROW_MAX) row->value[row->n++] = (uint8_t)op->value;
    if (answer->status != MK_HIT) return;
    answer->states_value = true;
    answer->value = row->value[--row->n];
    row->value[row->n] = 0;
}

static void describe_row(const void *state, char *out, size_t room) {
    const struct mk_row *row = state;
    size_t used = (size_t)snprintf(out, room, row->n ? "from the top it held" : "it was empty");
    for (unsigned i = row->n; i > 0 && used < room; i--) {
        used += (size_t)snprintf(out + used, room - used, " 0x%x", row->value[i - 1]);
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

#define THREAD_SHIFT 48

/* All differ, and use both ends of a word. `number` from 0. */
static uint64_t value_of(uint32_t thread, uint64_t number) {
    return (uint64_t)(thread + 1) << THREAD_SHIFT | number;
}

/* ---- one thread at a time -------------------------------------------------------------------- */

/* A stack and what it must hold, the last one in last. */
struct book {
    struct mk_check *check;
    struct mk_subject subject;
    uint64_t *held;
    size_t n, room;
    uint64_t pushed; /* values that were ever tried */
    uint64_t walked;
};

static int open_book(struct book *book, struct mk_check *check, struct mk_subject_config config) {
    memset(book, 0, sizeof *book);
    book->check = check;
    return mk_subject_open(&book->subject, check, &config);
}

static void close_book(struct book *book) {
    mk_subject_close(&book->subject);
    free(book->held);
}

static void judge_answer(struct book *book, const struct mk_op *op, const struct mk_result *seen,
                         enum mk_status right) {
    const char *name = mk_check_op(book->check, op->code);
    if (seen->status != right) {
        mk_found(book->check, "%s answers %u where %zu values are held; right is %u (0 miss, 1 hit, 2 no memory)",
                 name, seen->status, book->n, right);
    } else if (right == MK_HIT && seen->value != book->held[book->n - 1]) {
        mk_found(book->check, "%s takes 0x%" PRIx64 " off, while 0x%" PRIx64 " is on top of %zu values", name,
                 seen->value, book->held[book->n - 1], book->n);
    }
}

/* One operation, answered as it has to be. Returns its status. */
static enum mk_status expect(struct book *book, struct mk_thread *me, unsigned code) {
    struct mk_op op = {.code = code, .value = value_of(me->id, book->pushed)};
    uint64_t refused = mk_door_refused(&book->subject.door);
    struct mk_result seen = mk_subject_do(&book->subject, me, &op);
    if (seen.status == MK_NO_MEMORY && mk_door_refused(&book->subject.door) != refused) return MK_NO_MEMORY;
    judge_answer(book, &op, &seen, code == MK_STACK_POP && book->n ? MK_HIT : MK_MISS);
    if (code == MK_STACK_PUSH) {
        if (book->n == book->room) {
            book->room = book->room ? 2 * book->room : 64;
            book->held = mk_need_more(book->held, book->room, sizeof *book->held);
        }
        book->held[book->n++] = op.value;
        book->pushed++;
    } else if (book->n) {
        book->n--;
    }
    return seen.status;
}

static void expect_times(struct book *book, struct mk_thread *me, unsigned code, uint64_t times) {
    while (times-- && !mk_check_failed(book->check)) expect(book, me, code);
}

static void visit_value(void *arg, uint64_t above, uint64_t value) {
    struct book *book = arg;
    size_t at = book->n - 1 - (size_t)book->walked;
    if (above != book->walked) {
        mk_found(book->check, "walk says that %" PRIu64 " values lie above the one it comes to after %" PRIu64,
                 above, book->walked);
    } else if (book->walked >= book->n) {
        mk_found(book->check, "walk comes to 0x%" PRIx64 " after all of %zu values", value, book->n);
    } else if (value != book->held[at]) {
        mk_found(book->check, "walk finds 0x%" PRIx64 " below %" PRIu64 " values, where 0x%" PRIx64 " is", value,
                 above, book->held[at]);
    }
    book->walked++;
}

/* At quiescence: count and walk say what the book says. */
static void audit(struct book *book) {
    if (mk_check_failed(book->check)) return;
    mk_subject_expect_count(&book->subject, book->n);
    book->walked = 0;
    book->check->impl->walk(book->subject.self, visit_value, book);
    if (book->walked < book->n) {
        mk_found(book->check, "walk comes to %" PRIu64 " values of %zu", book->walked, book->n);
    }
}

/* Down to nothing. */
static void empty(struct book *book, struct mk_thread *me) {
    expect_times(book, me, MK_STACK_POP, book->n + 2);
    mk_subject_flush(&book->subject, me);
    mk_subject_expect_reclaimed(&book->subject);
    audit(book);
}

static void run_model(struct mk_check *check) {
    static const unsigned pushes_percent[] = {50, 70, 30, 95, 20, 50};
    struct book book;
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (open_book(&book, check, (struct mk_subject_config){.capacity = 1, .watched = true})) return;
    struct mk_thread *me = mk_subject_enter(&book.subject, 0);
    for (size_t part = 0; me && part < sizeof pushes_percent / sizeof *pushes_percent; part++) {
        for (uint64_t ops = mk_check_ops(check, 3000); ops && !mk_check_failed(check); ops--) {
            bool pushes = mk_rng_below(&rng, 100) < pushes_percent[part];
            expect(&book, me, pushes ? MK_STACK_PUSH : MK_STACK_POP);
        }
        audit(&book);
    }
    if (me) empty(&book, me);
    if (me) mk_subject_leave(&book.subject, 0);
    close_book(&book);
}

/* Up to n values and down to none, again and again. */
static void run_growth(struct mk_check *check) {
    struct book book;
    if (open_book(&book, check, (struct mk_subject_config){.capacity = 1, .watched = true})) return;
    struct mk_thread *me = mk_subject_enter(&book.subject, 0);
    for (unsigned time = 0; me && time < 3 && !mk_check_failed(check); time++) {
        uint64_t top = mk_check_ops(check, 20000) >> time;
        expect_times(&book, me, MK_STACK_PUSH, top);
        audit(&book);
        expect_times(&book, me, MK_STACK_POP, top / 2);
        audit(&book);
        expect_times(&book, me, MK_STACK_PUSH, top / 4);
        empty(&book, me);
    }
    if (me) mk_subject_leave(&book.subject, 0);
    close_book(&book);
}

/* ---- batch and step -------------------------------------------------------------------------- */

struct contents {
    uint64_t values, mixed;
};

static void visit_contents(void *arg, uint64_t above, uint64_t value) {
    struct contents *contents = arg;
    contents->values++;
    contents->mixed += mk_mix64(mk_mix64(above) ^ value);
}

static void compare(struct mk_check *check, const char *what, struct mk_subject *batch, struct mk_subject *step,
                    const struct mk_tally *by_batch, const struct mk_tally *by_step) {
    struct contents batch_has = {0, 0}, step_has = {0, 0};
    for (unsigned code = 0; code <= MK_STACK_POP; code++) {
        if (by_batch->hits[code] == by_step->hits[code]) continue;
        mk_found(check, "%s: %s hits %" PRIu64 " times by batch, %" PRIu64 " times by step", what,
                 mk_check_op(check, code), by_batch->hits[code], by_step->hits[code]);
    }
    if (by_batch->sum != by_step->sum || by_batch->failed != by_step->failed) {
        mk_found(check,
                 "%s: batch sees values that add up to 0x%" PRIx64 " and fails %" PRIu64 " times, step 0x%" PRIx64
                 " and %" PRIu64,
                 what, by_batch->sum, by_batch->failed, by_step->sum, by_step->failed);
    }
    check->impl->walk(batch->self, visit_contents, &batch_has);
    check->impl->walk(step->self, visit_contents, &step_has);
    if (batch_has.values != step_has.values || batch_has.mixed != step_has.mixed) {
        mk_found(check, "%s: batch leaves other contents (%" PRIu64 " values) than step (%" PRIu64 " values)", what,
                 batch_has.values, step_has.values);
    }
}

/* Streams of one operation (code) or of both (-1), through `fn`. */
static void batch_round(struct mk_subject *batch, struct mk_subject *step, struct mk_rng *rng, mk_batch_fn *fn,
                        int code) {
    enum { WORDS = 257 };
    uint64_t stream[WORDS];
    struct mk_tally by_batch = {{0}, 0, 0}, by_step = {{0}, 0, 0};
    for (unsigned i = 0; i < WORDS; i++) {
        struct mk_op op = {.code = code >= 0 ? (unsigned)code : (unsigned)mk_rng_below(rng, 2)};
        op.value = mk_rng_next(rng) >> MK_CODE_BITS;
        stream[i] = MK_PACK(op.code, op.value);
        struct mk_result result = mk_subject_do(step, &step->me[0], &op);
        by_step.hits[op.code] += result.status == MK_HIT;
        by_step.failed += result.status > MK_HIT;
        by_step.sum += op.code == MK_STACK_POP && result.status == MK_HIT ? result.value : 0;
    }
    fn(batch->self, &batch->me[0], stream, WORDS, &by_batch);
    compare(batch->check, code < 0 ? "mixed operations" : mk_check_op(batch->check, (unsigned)code), batch, step,
            &by_batch, &by_step);
}

static void run_batch(struct mk_check *check) {
    struct mk_subject_config config = {.capacity = 100, .watched = true};
    struct mk_subject batch, step;
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (mk_subject_open(&batch, check, &config)) return;
    if (mk_subject_open(&step, check, &config) == 0) {
        bool batch_in = mk_subject_enter(&batch, 0), step_in = mk_subject_enter(&step, 0);
        for (unsigned round = 0; batch_in && step_in && round < 8 && !mk_check_failed(check); round++) {
            batch_round(&batch, &step, &rng, check->impl->batch, -1);
            for (int code = 0; code < MK_OPS_MAX; code++) {
                if (check->impl->batch_of[code])
                    batch_round(&batch, &step, &rng, check->impl->batch_of[code], code);
            }
        }
        if (batch_in) mk_subject_leave(&batch, 0);
        if (step_in) mk_subject_leave(&step, 0);
        mk_subject_close(&step);
    }
    mk_subject_close(&batch);
}

/* ---- memory that is refused ------------------------------------------------------------------ */

/* Does everything with allocations from..to refused. Returns whether there were so many. */
static bool refuse(struct mk_check *check, uint64_t from, uint64_t to) {
    struct mk_subject_config config = {.watched = true, .refuse_from = from, .refuse_to = to};
    struct book book;
    if (open_book(&book, check, config)) return !mk_check_failed(check);
    struct mk_thread *me = mk_subject_enter(&book.subject, 0);
    for (uint64_t i = 0; me && i < 600 && !mk_check_failed(check); i++) {
        if (i == 500) book.subject.door.refuse_to = 0;
        if (expect(&book, me, i % 100 < 70 ? MK_STACK_PUSH : MK_STACK_POP) == MK_NO_MEMORY) audit(&book);
    }
    bool reached = mk_door_calls(&book.subject.door) >= from;
    audit(&book);
    if (me) empty(&book, me);
    if (me) mk_subject_leave(&book.subject, 0);
    close_book(&book);
    return reached;
}

static void run_no_memory(struct mk_check *check) {
    uint64_t stride = 1 + 20 / check->effort_percent;
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n); n += stride) continue;
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n + n % 40); n += 17 * stride) continue;
}

/* ---- threads that come and go, and one that stays inside ------------------------------------- */

static const char *unless_holds(const struct mk_check *check) {
    return check->impl->hold && check->impl->unhold ? NULL : "readers cannot be made to stay inside";
}

/* A thread stays inside a section while another one changes everything. */
static void run_held(struct mk_check *check) {
    struct book book;
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (open_book(&book, check, (struct mk_subject_config){.threads_max = 2, .watched = true})) return;
    struct mk_thread *reader = mk_subject_enter(&book.subject, 0), *me = mk_subject_enter(&book.subject, 1);
    if (reader && me) {
        expect_times(&book, me, MK_STACK_PUSH, 300);
        check->impl->hold(book.subject.self, reader);
        expect_times(&book, me, MK_STACK_POP, 200);
        for (uint64_t ops = mk_check_ops(check, 4000); ops && !mk_check_failed(check); ops--) {
            expect(&book, me, (unsigned)mk_rng_below(&rng, 2));
        }
        check->impl->unhold(book.subject.self, reader);
        audit(&book);
        empty(&book, me);
    }
    if (reader) mk_subject_leave(&book.subject, 0);
    if (me) mk_subject_leave(&book.subject, 1);
    close_book(&book);
}

/* ---- several threads ------------------------------------------------------------------------- */

/* What one thread did. */
struct account {
    uint64_t pushed;  /* its numbers below this are in, or were */
    uint64_t *popped; /* what it took off */
    size_t popped_n;
    /* Numbers of its own that may be in, as far as it knows, the last one last: when it takes one off, those above
     * it are out, too. */
    uint64_t *own;
    size_t own_n;
    unsigned char *came; /* by number: how often it came out */
};

struct sharing {
    struct mk_check *check;
    struct mk_subject subject;
    struct account *account; /* by thread */
    uint64_t ops;            /* of a thread in one run */
    unsigned pushes_percent; /* of even threads; odd ones have the rest */
};

static uint64_t number_of(uint64_t value) {
    return value & (((uint64_t)1 << THREAD_SHIFT) - 1);
}

/* The thread of `account` is the one that pushed the value, and knows that it is out. */
static void strike(struct mk_check *check, struct account *account, uint64_t value) {
    uint64_t number = number_of(value);
    while (account->own_n && account->own[account->own_n - 1] > number) account->own_n--;
    if (account->own_n && account->own[account->own_n - 1] == number) {
        account->own_n--;
        return;
    }
    mk_found(check, "0x%" PRIx64 " comes out after a value that its thread had pushed before it", value);
}

static void share_one(struct mk_worker *worker, struct account *account, unsigned code) {
    struct mk_op op = {.code = code, .value = value_of(worker->me->id, account->pushed)};
    struct mk_result result = mk_subject_do(worker->subject, worker->me, &op);
    bool refused = result.status == MK_NO_MEMORY && mk_check_refuses(worker->check);
    if (result.status > MK_HIT && !refused) {
        mk_found(worker->check, "%s answers %u although memory was not refused", mk_check_op(worker->check, code),
                 result.status);
    } else if (result.status > MK_HIT) {
        return;
    } else if (code == MK_STACK_PUSH) {
        account->own[account->own_n++] = account->pushed++;
    } else if (result.status == MK_HIT) {
        account->popped[account->popped_n++] = result.value;
        if (result.value >> THREAD_SHIFT == worker->me->id + 1) strike(worker->check, account, result.value);
    }
}

static void share_body(struct mk_worker *worker) {
    struct sharing *sharing = worker->arg;
    struct account *account = &sharing->account[worker->me->id];
    unsigned pushes = worker->me->id % 2 ? 100 - sharing->pushes_percent : sharing->pushes_percent;
    for (uint64_t ops = sharing->ops; ops && !mk_check_failed(worker->check); ops--) {
        share_one(worker, account, mk_rng_below(&worker->rng, 100) < pushes ? MK_STACK_PUSH : MK_STACK_POP);
        mk_worker_pace(worker);
    }
}

static void note_out(struct sharing *sharing, uint64_t value) {
    uint64_t thread = (value >> THREAD_SHIFT) - 1, number = number_of(value);
    if (thread >= sharing->subject.threads_max || number >= sharing->account[thread].pushed) {
        mk_found(sharing->check, "0x%" PRIx64 " comes out, which was never pushed", value);
    } else if (++sharing->account[thread].came[number] == 2) {
        mk_found(sharing->check, "0x%" PRIx64 " comes out more than once", value);
    }
}

/* By one thread: takes off what is there, which is no more than what was pushed, in the order of each thread. */
static void drain(struct sharing *sharing, struct mk_thread *me) {
    struct mk_op op = {.code = MK_STACK_POP};
    uint64_t most = 1;
    for (uint32_t t = 0; t < sharing->subject.threads_max; t++) most += sharing->account[t].pushed;
    for (; most && !mk_check_failed(sharing->check); most--) {
        struct mk_result result = mk_subject_do(&sharing->subject, me, &op);
        if (result.status != MK_HIT) break;
        uint64_t thread = (result.value >> THREAD_SHIFT) - 1;
        note_out(sharing, result.value);
        if (thread < sharing->subject.threads_max) strike(sharing->check, &sharing->account[thread], result.value);
    }
}

/* At quiescence: every value that was pushed came out once. */
static void settle(struct sharing *sharing) {
    uint32_t threads = sharing->subject.threads_max;
    struct mk_thread *me = mk_check_failed(sharing->check) ? NULL : mk_subject_enter(&sharing->subject, 0);
    if (!me) return;
    for (uint32_t t = 0; t < threads; t++) {
        for (size_t i = 0; i < sharing->account[t].popped_n; i++) note_out(sharing, sharing->account[t].popped[i]);
    }
    drain(sharing, me);
    for (uint32_t t = 0; t < threads && !mk_check_failed(sharing->check); t++) {
        for (uint64_t i = 0; i < sharing->account[t].pushed; i++) {
            if (sharing->account[t].came[i]) continue;
            mk_found(sharing->check, "0x%" PRIx64 " was pushed and is lost", value_of(t, i));
            break;
        }
    }
    mk_subject_flush(&sharing->subject, me);
    if (!mk_check_failed(sharing->check)) mk_subject_expect_count(&sharing->subject, 0);
    mk_subject_expect_reclaimed(&sharing->subject);
    mk_subject_leave(&sharing->subject, 0);
}

/* Threads that do `ops` operations each, `times` times; between these they leave. */
static void share(struct mk_check *check, uint64_t ops, uint64_t times, unsigned pushes_percent) {
    struct mk_subject_config config = {.capacity = 1, .threads_max = check->threads};
    struct sharing sharing = {.check = check, .ops = ops, .pushes_percent = pushes_percent};
    if (mk_subject_open(&sharing.subject, check, &config)) return;
    sharing.account = mk_need(check->threads, sizeof *sharing.account);
    for (uint32_t t = 0; t < check->threads; t++) {
        sharing.account[t].popped = mk_need(ops * times, sizeof(uint64_t));
        sharing.account[t].own = mk_need(ops * times, sizeof(uint64_t));
        sharing.account[t].came = mk_need(ops * times, 1);
    }
    for (uint64_t time = 0; time < times && !mk_check_failed(check); time++) {
        mk_subject_run(&sharing.subject, 0, check->threads, check->seed + time, share_body, &sharing);
    }
    settle(&sharing);
    for (uint32_t t = 0; t < check->threads; t++) {
        free(sharing.account[t].popped);
        free(sharing.account[t].own);
        free(sharing.account[t].came);
    }
    free(sharing.account);
    mk_subject_close(&sharing.subject);
}

/* Near empty, deep, and from some threads to the others. */
static void run_shared(struct mk_check *check) {
    static const unsigned pushes_percent[] = {50, 60, 90, 40};
    for (size_t i = 0; i < sizeof pushes_percent / sizeof *pushes_percent && !mk_check_failed(check); i++) {
        share(check, mk_check_ops(check, 20000), 1, pushes_percent[i]);
    }
}

static void run_births(struct mk_check *check) {
    share(check, 40, mk_check_ops(check, 60), 55);
}

static const struct mk_case stack_cases[] = {
    {"model", "random operations of one thread, each answered as the model says", 0, MK_FLOOR, NULL, run_model},
    {"growth", "up to 20000 values and down to none, again and again", MK_GROWS, MK_FLOOR, NULL, run_growth},
    {"batch", "batch and step agree in answers and contents", 0, MK_FLOOR, NULL, run_batch},
    {"no_memory", "every single allocation refused: nothing changes, nothing leaks", 0, MK_FLOOR, NULL,
     run_no_memory},
    {"held", "a thread stays inside a section while everything changes", 0, MK_FLOOR, unless_holds, run_held},
    {"shared", "threads push and pop: every value comes out once, in the order of its thread", MK_CONCURRENT,
     MK_FLOOR, NULL, run_shared},
    {"births", "short-lived threads lose nothing", MK_CONCURRENT, MK_FLOOR, NULL, run_births},
    {.name = NULL}};

MK_KIND_MODEL(stack, .names = {"push", "pop"}, .state_bytes = sizeof(struct mk_row), .part = part_of,
              .answer = answer_stack, .describe = describe_row, .histories = true, .observe = MK_STACK_POP,
              .monitor = mk_monitor_stack, .puts_in = 1u << MK_STACK_PUSH, .takes_out = 1u << MK_STACK_POP,
              .cases = stack_cases);
