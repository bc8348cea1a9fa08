/* model_queue.c - kind queue: values come out in the order in which they went in.
 *
 * Where threads share a queue, a value tells who put it in, and as which one: each comes out once, and those of one
 * thread come to another in their order. What cannot grow may be full; that it is not while there must be room is a
 * matter of cases here, for histories take its word.
 */
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>

#include "../../impl/queue.h"
#include "../record.h"
#include "../registry.h"
#include "check.h"
#include "monitor.h"

/* ---- the sequential model -------------------------------------------------------------------- */

static uint64_t part_of(const struct mk_impl *impl, const struct mk_op *op) {
    (void)impl, (void)op;
    return 0;
}

static void answer_queue(const struct mk_impl *impl, void *state, const struct mk_op *op,
                         struct mk_answer *answer) {
    struct mk_row *row = state;
    (void)impl;
    answer->status = MK_MISS;
    if (op->code == MK_QUEUE_ENQUEUE) {
        if (row->n < MK_ROW_MAX) row->value[row->n++] = (uint8_t)op->value;
    } else if (op->code != MK_QUEUE_DEQUEUE) {
        answer->status = MK_REFUSED;
    } else if (row->n) {
        *answer = (struct mk_answer){.status = MK_HIT, .states_value = true, .value = row->value[0]};
        memmove(row->value, row->value + 1, --row->n);
        row->value[row->n] = 0;
    }
}

static void describe_state(const void *state, char *out, size_t room) {
    const struct mk_row *row = state;
    if (!row->n) {
        snprintf(out, room, "the queue was empty");
    } else {
        snprintf(out, room, "the queue had %u value%s, v%u the next to come out", row->n, row->n == 1 ? "" : "s",
                 row->value[0]);
    }
}

/* ---- one thread ------------------------------------------------------------------------------ */

/* A queue, and what it must hold: values count up from `first`, so that two numbers tell which. */
struct book {
    struct mk_check *check;
    struct mk_subject subject;
    uint64_t capacity; /* what create was told */
    uint64_t first, end;
    uint64_t walked;
};

/* The value that is the nth to go in: all bits of it are used. */
static uint64_t value_of(uint64_t n) {
    return mk_mix64(n);
}

static int open_book(struct book *book, struct mk_check *check, uint64_t capacity,
                     struct mk_subject_config config) {
    memset(book, 0, sizeof *book);
    book->check = check;
    book->capacity = config.capacity = capacity;
    return mk_subject_open(&book->subject, check, &config);
}

static bool grows(const struct mk_check *check) {
    return check->caps & MK_GROWS;
}

/* Puts one more in. Returns whether it went in: refused it may be where memory was, or where there is no room. */
static bool put(struct book *book, struct mk_thread *me) {
    struct mk_op op = {.code = MK_QUEUE_ENQUEUE, .value = value_of(book->end)};
    uint64_t refused = mk_door_refused(&book->subject.door), n = book->end - book->first;
    struct mk_result result = mk_subject_do(&book->subject, me, &op);
    bool may_refuse =
        mk_door_refused(&book->subject.door) != refused || (!grows(book->check) && n >= book->capacity);
    if (result.status == MK_MISS) {
        book->end++;
    } else if (result.status != MK_NO_MEMORY) {
        mk_found(book->check, "enqueue answers %d", (int)result.status);
    } else if (!may_refuse) {
        mk_found(book->check, "enqueue answers that there is no room with %" PRIu64 " values in, of %" PRIu64, n,
                 grows(book->check) ? UINT64_MAX : book->capacity);
    }
    return result.status == MK_MISS;
}

/* Takes one out, which must be the next. Returns whether there was one. */
static bool take(struct book *book, struct mk_thread *me) {
    struct mk_op op = {.code = MK_QUEUE_DEQUEUE};
    bool any = book->first != book->end;
    uint64_t refused = mk_door_refused(&book->subject.door);
    struct mk_result result = mk_subject_do(&book->subject, me, &op);
    if (result.status == MK_NO_MEMORY && mk_door_refused(&book->subject.door) != refused) return false;
    if (result.status != (any ? MK_HIT : MK_MISS)) {
        mk_found(book->check, "dequeue answers %d with %" PRIu64 " values in", (int)result.status,
                 book->end - book->first);
    } else if (any && result.value != value_of(book->first)) {
        mk_found(book->check, "dequeue answers 0x%" PRIx64 ", where 0x%" PRIx64 " went in first", result.value,
                 value_of(book->first));
    }
    book->first += any;
    return any;
}

static void visit_value(void *arg, uint64_t key, uint64_t value) {
    struct book *book = arg;
    if (key != book->walked || value != value_of(book->first + key)) {
        mk_found(book->check,
                 "walk comes to 0x%" PRIx64 " at place %" PRIu64 ", where 0x%" PRIx64 " is at place %" PRIu64,
                 value, key, value_of(book->first + book->walked), book->walked);
    }
    book->walked++;
}

/* At quiescence: count and an ordered walk say what the book says. */
static void audit(struct book *book) {
    mk_subject_expect_count(&book->subject, book->end - book->first);
    book->walked = 0;
    book->subject.impl->walk(book->subject.self, visit_value, book);
    if (book->walked != book->end - book->first) {
        mk_found(book->check, "walk comes to %" PRIu64 " values of %" PRIu64, book->walked,
                 book->end - book->first);
    }
}

static void drain(struct book *book, struct mk_thread *me) {
    while (!mk_check_failed(book->check) && take(book, me)) continue;
    mk_subject_flush(&book->subject, me);
    mk_subject_expect_reclaimed(&book->subject);
    audit(book);
}

static void run_model(struct mk_check *check) {
    static const uint64_t capacities[] = {1, 2, 3, 64, 1000};
    for (size_t c = 0; c < sizeof capacities / sizeof *capacities && !mk_check_failed(check); c++) {
        struct book book;
        struct mk_rng rng;
        if (open_book(&book, check, capacities[c], (struct mk_subject_config){.watched = true})) return;
        mk_rng_seed(&rng, check->seed + c);
        struct mk_thread *me = mk_subject_enter(&book.subject, 0);
        for (unsigned part = 0; me && part < 6; part++) { /* mostly in, mostly out, either */
            for (uint64_t ops = mk_check_ops(check, 2000); ops && !mk_check_failed(check); ops--) {
                if (mk_rng_below(&rng, 8) < (part % 3 == 0 ? 6 : part % 3 == 1 ? 2 : 4)) {
                    put(&book, me);
                } else {
                    take(&book, me);
                }
            }
            audit(&book);
        }
        if (me) drain(&book, me);
        if (me) mk_subject_leave(&book.subject, 0);
        mk_subject_close(&book.subject);
    }
}

/* Up to n values and down to none, again and again, from every place that a ring can begin at. */
static void run_fill(struct mk_check *check) {
    static const uint64_t sizes[] = {1, 5, 16, 3000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes && !mk_check_failed(check); s++) {
        struct book book;
        uint64_t laps = sizes[s] < 100 ? 3 * sizes[s] + 3 : 3, n = grows(check) ? 7 : 1;
        if (open_book(&book, check, sizes[s], (struct mk_subject_config){.watched = true})) return;
        struct mk_thread *me = mk_subject_enter(&book.subject, 0);
        for (uint64_t lap = 0; me && lap < laps && !mk_check_failed(check); lap++) {
            for (uint64_t i = 0; i < n * sizes[s] && !mk_check_failed(check); i++) put(&book, me);
            if (!grows(check)) {
                while (!mk_check_failed(check) && book.end - book.first < 4 * sizes[s] + 4 && put(&book, me))
                    continue;
                if (book.end - book.first >= 4 * sizes[s] + 4) {
                    mk_found(check, "never full: %" PRIu64 " values are in, of %" PRIu64, book.end - book.first,
                             sizes[s]);
                }
            }
            audit(&book);
            drain(&book, me);
            for (uint64_t i = 0; i < 1 + lap % 3 && !mk_check_failed(check); i++) { /* on by one or two */
                if (put(&book, me)) take(&book, me);
            }
        }
        if (me) mk_subject_leave(&book.subject, 0);
        mk_subject_close(&book.subject);
    }
}

/* ---- batch and step -------------------------------------------------------------------------- */

static void batch_round(struct mk_subject *batch, struct mk_subject *step, struct mk_rng *rng, mk_batch_fn *fn,
                        int code) {
    enum { WORDS = 257 };
    struct mk_check *check = batch->check;
    uint64_t stream[WORDS];
    struct mk_tally by_batch = {{0}, 0, 0}, by_step = {{0}, 0, 0};
    for (unsigned i = 0; i < WORDS; i++) {
        struct mk_op op = {.code = code >= 0 ? (unsigned)code : (unsigned)mk_rng_below(rng, MK_QUEUE_DEQUEUE + 1),
                           .value = mk_rng_next(rng) >> MK_CODE_BITS};
        struct mk_result result = mk_subject_do(step, &step->me[0], &op);
        stream[i] = MK_PACK(op.code, op.value);
        by_step.hits[op.code] += result.status == MK_HIT;
        by_step.failed += result.status > MK_HIT;
        by_step.sum += result.value;
    }
    fn(batch->self, &batch->me[0], stream, WORDS, &by_batch);
    for (unsigned c = 0; c <= MK_QUEUE_DEQUEUE; c++) {
        if (by_batch.hits[c] == by_step.hits[c]) continue;
        mk_found(check, "%s hits %" PRIu64 " times by batch, %" PRIu64 " times by step", mk_check_op(check, c),
                 by_batch.hits[c], by_step.hits[c]);
    }
    if (by_batch.sum != by_step.sum || by_batch.failed != by_step.failed) {
        mk_found(check,
                 "batch takes out values that add up to 0x%" PRIx64 " and fails %" PRIu64 " times, step 0x%" PRIx64
                 " and %" PRIu64,
                 by_batch.sum, by_batch.failed, by_step.sum, by_step.failed);
    }
    if (check->impl->count(batch->self) != check->impl->count(step->self)) {
        mk_found(check, "batch leaves %" PRIu64 " values, step %" PRIu64, check->impl->count(batch->self),
                 check->impl->count(step->self));
    }
}

static void run_batch(struct mk_check *check) {
    struct mk_subject_config config = {.capacity = 300, .watched = true};
    struct mk_subject batch, step;
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (mk_subject_open(&batch, check, &config)) return;
    if (mk_subject_open(&step, check, &config) == 0) {
        bool batch_in = mk_subject_enter(&batch, 0), step_in = mk_subject_enter(&step, 0);
        for (uint64_t round = 0; batch_in && step_in && round < 6 && !mk_check_failed(check); round++) {
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

/* Up and down with allocations from..to refused, and audits whenever one was; then, with memory again, once more.
 * Returns whether there were so many allocations. */
static bool refuse(struct mk_check *check, uint64_t from, uint64_t to) {
    struct book book;
    struct mk_subject_config config = {.watched = true, .refuse_from = from, .refuse_to = to};
    if (open_book(&book, check, 100, config)) return !mk_check_failed(check);
    struct mk_thread *me = mk_subject_enter(&book.subject, 0);
    bool reached = false;
    for (unsigned time = 0; me && time < 2; time++) {
        for (unsigned i = 0; i < 90 && !mk_check_failed(check); i++) {
            if (!put(&book, me)) audit(&book);
            if (i % 3 == 2) take(&book, me);
        }
        if (time == 0) reached = mk_door_calls(&book.subject.door) >= from;
        book.subject.door.refuse_to = 0;
        drain(&book, me);
    }
    if (me) mk_subject_leave(&book.subject, 0);
    mk_subject_close(&book.subject);
    return reached;
}

static void run_no_memory(struct mk_check *check) {
    uint64_t stride = 1 + 20 / check->effort_percent; /* every single one, unless in a great hurry */
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n); n += stride) continue;
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n + n % 40); n += 17 * stride) continue;
}

/* A ring that is to hold nothing says so, rather than refuse everything later. */
static void run_no_room(struct mk_check *check) {
    struct mk_memory *memory = NULL;
    struct mk_memory_config below = {.chain = check->composition->memory,
                                     .chain_n = check->composition->memory_n,
                                     .fallback = mk_registry_default("alloc"),
                                     .threads_max = 1};
    struct mk_config config = {.params = check->composition->params, .threads_max = 1};
    struct mk_err err = {{0}};
    void *self = NULL;
    memory = mk_memory_open(&below, &err);
    if (!memory) {
        mk_found(check, "no memory to be handed in: %s", err.text);
        return;
    }
    if (check->impl->create(&self, mk_memory_mem(memory), &config, &err) == 0) {
        mk_found(check, "a queue that cannot grow is made for 0 values");
        check->impl->destroy(self);
    } else if (!err.text[0]) {
        mk_found(check, "a capacity of 0 is refused without a word");
    }
    mk_memory_close(memory);
}

static const char *unless_bounded(const struct mk_check *check) {
    return check->caps & MK_GROWS ? "it grows" : NULL;
}

/* ---- one thread that puts in, one that takes out --------------------------------------------- */

/* What goes from one thread to the other, in order. */
struct pipe {
    uint64_t ops;        /* values of one run */
    uint64_t put, taken; /* by those who did, before */
    uint32_t shift;      /* who puts in */
};

static void pipe_put(struct mk_worker *worker, struct pipe *pipe) {
    for (uint64_t left = pipe->ops; left && !mk_check_failed(worker->check);) {
        struct mk_op op = {.code = MK_QUEUE_ENQUEUE, .value = value_of(pipe->put)};
        enum mk_status status = mk_subject_do(worker->subject, worker->me, &op).status;
        if (status == MK_MISS) {
            pipe->put++;
            left--;
        } else if (status != MK_NO_MEMORY || (grows(worker->check) && !mk_check_refuses(worker->check))) {
            mk_found(worker->check, "enqueue answers %d although memory was not refused", (int)status);
        } else {
            sched_yield();
        }
        mk_worker_pace(worker);
    }
}

static void pipe_take(struct mk_worker *worker, struct pipe *pipe) {
    for (uint64_t left = pipe->ops; left && !mk_check_failed(worker->check);) {
        struct mk_op op = {.code = MK_QUEUE_DEQUEUE};
        struct mk_result result = mk_subject_do(worker->subject, worker->me, &op);
        if (result.status == MK_HIT && result.value != value_of(pipe->taken)) {
            mk_found(worker->check, "takes 0x%" PRIx64 " out as number %" PRIu64 ", which was 0x%" PRIx64,
                     result.value, pipe->taken, value_of(pipe->taken));
        } else if (result.status == MK_HIT) {
            pipe->taken++;
            left--;
        } else if (result.status == MK_MISS) {
            sched_yield();
        } else if (result.status != MK_NO_MEMORY || !mk_check_refuses(worker->check)) {
            mk_found(worker->check, "dequeue answers %d although memory was not refused", (int)result.status);
        }
        mk_worker_pace(worker);
    }
}

static void pipe_body(struct mk_worker *worker) {
    struct pipe *pipe = worker->arg;
    if ((worker->index + pipe->shift) % 2) {
        pipe_take(worker, pipe);
    } else {
        pipe_put(worker, pipe);
    }
}

/* Threads change their roles from one run to the next. */
static void run_pipe(struct mk_check *check) {
    static const uint64_t capacities[] = {1, 7, 1024};
    for (size_t c = 0; c < sizeof capacities / sizeof *capacities && !mk_check_failed(check); c++) {
        struct mk_subject_config config = {.capacity = capacities[c], .threads_max = 2};
        struct pipe pipe = {.ops = mk_check_ops(check, c ? 20000 : 4000)};
        struct mk_subject subject;
        if (mk_subject_open(&subject, check, &config)) return;
        for (pipe.shift = 0; pipe.shift < 3 && !mk_check_failed(check); pipe.shift++) {
            mk_subject_run(&subject, 0, 2, check->seed + pipe.shift, pipe_body, &pipe);
        }
        if (!mk_check_failed(check)) mk_subject_expect_count(&subject, 0);
        mk_subject_close(&subject);
    }
}

/* ---- any number of threads ------------------------------------------------------------------- */

#define OWNER_BITS 8

/* Values are of the thread that puts them in, and count up. */
struct shared {
    uint64_t ops;
    bool pairs;               /* each takes one out for every one it puts in: there is room, and there is one */
    uint64_t *put;            /* by thread: how many it put in, ever */
    uint64_t *taken, *latest; /* by taker, then by who put in: how many, and the last one, plus 1 */
    uint64_t *mixed;          /* by taker: the sum of what it took out, mixed */
    uint32_t threads;
};

static void take_one(struct mk_worker *worker, struct shared *shared, const struct mk_result *result) {
    uint64_t owner = result->value & ((1u << OWNER_BITS) - 1), number = result->value >> OWNER_BITS;
    if (owner >= shared->threads || number >= (uint64_t)1 << 48) {
        mk_found(worker->check, "takes out 0x%" PRIx64 ", which was never put in", result->value);
        return;
    }
    uint64_t *latest = &shared->latest[worker->index * shared->threads + owner];
    if (number < *latest) {
        mk_found(worker->check, "takes out value %" PRIu64 " of thread %" PRIu64 " after value %" PRIu64, number,
                 owner, *latest - 1);
    }
    *latest = number + 1;
    shared->taken[worker->index * shared->threads + owner]++;
    shared->mixed[worker->index] += mk_mix64(result->value);
}

static bool put_one(struct mk_worker *worker, struct shared *shared) {
    uint64_t *put = &shared->put[worker->index];
    struct mk_op op = {.code = MK_QUEUE_ENQUEUE, .value = *put << OWNER_BITS | worker->index};
    enum mk_status status = mk_subject_do(worker->subject, worker->me, &op).status;
    bool may_refuse = mk_check_refuses(worker->check) || (!(worker->check->caps & MK_GROWS) && !shared->pairs);
    if (status == MK_MISS) {
        ++*put;
    } else if (status != MK_NO_MEMORY || !may_refuse) {
        mk_found(worker->check, "enqueue answers %d (%s) where there is room", (int)status,
                 status == MK_NO_MEMORY ? "no memory" : "refused");
    }
    return status == MK_MISS;
}

static void shared_body(struct mk_worker *worker) {
    struct shared *shared = worker->arg;
    bool owes = false;
    for (uint64_t ops = shared->ops; (ops || owes) && !mk_check_failed(worker->check); ops -= ops != 0) {
        if (!owes && (shared->pairs || mk_rng_below(&worker->rng, 2))) {
            owes = put_one(worker, shared) && shared->pairs;
        } else {
            struct mk_result result =
                mk_subject_do(worker->subject, worker->me, &(struct mk_op){.code = MK_QUEUE_DEQUEUE});
            if (result.status == MK_HIT) {
                take_one(worker, shared, &result);
                owes = false;
            } else if (owes && result.status == MK_MISS) {
                mk_found(worker->check, "finds the queue empty, although more was put in before than is taken out");
            } else if (result.status > MK_HIT &&
                       !(result.status == MK_NO_MEMORY && mk_check_refuses(worker->check))) {
                mk_found(worker->check, "dequeue answers %d", (int)result.status);
            }
        }
        mk_worker_pace(worker);
    }
}

/* What is left in is taken out by thread 0; then each value has come out once. */
static void settle(struct mk_subject *subject, struct shared *shared) {
    struct mk_check *check = subject->check;
    struct mk_worker last = {.subject = subject, .check = check, .me = mk_subject_enter(subject, 0)};
    uint64_t mixed = 0, left = subject->impl->count(subject->self);
    if (!last.me) return;
    memset(shared->latest, 0,
           shared->threads * sizeof *shared->latest); /* of the first taker, who is another now */
    for (uint64_t i = 0; i <= left && !mk_check_failed(check); i++) {
        struct mk_result result = mk_subject_do(subject, last.me, &(struct mk_op){.code = MK_QUEUE_DEQUEUE});
        if (result.status != (i < left ? MK_HIT : MK_MISS)) {
            mk_found(check, "dequeue answers %d with %" PRIu64 " values counted", (int)result.status, left - i);
        } else if (i < left) {
            take_one(&last, shared, &result);
        }
    }
    for (uint32_t owner = 0; owner < shared->threads && !mk_check_failed(check); owner++) {
        uint64_t taken = 0;
        for (uint32_t taker = 0; taker < shared->threads; taker++)
            taken += shared->taken[taker * shared->threads + owner];
        if (taken != shared->put[owner]) {
            mk_found(check, "thread %u put in %" PRIu64 " values, and %" PRIu64 " came out", owner,
                     shared->put[owner], taken);
        }
        for (uint64_t number = 0; number < shared->put[owner]; number++)
            mixed += mk_mix64(number << OWNER_BITS | owner);
        mixed -= shared->mixed[owner];
    }
    if (!mk_check_failed(check) && mixed)
        mk_found(check, "as many values came out as went in, but not each one once");
    mk_subject_flush(subject, last.me);
    mk_subject_expect_reclaimed(subject);
    mk_subject_leave(subject, 0);
}

/* Has threads share a queue, `times` times in a row, from thread `first` on. */
static void share(struct mk_check *check, uint64_t capacity, uint64_t ops, bool pairs, uint64_t times) {
    uint32_t threads = check->threads < 1u << OWNER_BITS ? check->threads : 1u << OWNER_BITS;
    struct mk_subject_config config = {.capacity = capacity, .threads_max = threads};
    struct mk_subject subject;
    struct shared shared = {.ops = ops, .pairs = pairs, .threads = threads};
    if (mk_subject_open(&subject, check, &config)) return;
    shared.put = mk_need(threads, sizeof *shared.put);
    shared.mixed = mk_need(threads, sizeof *shared.mixed);
    shared.taken = mk_need((size_t)threads * threads, sizeof *shared.taken);
    shared.latest = mk_need((size_t)threads * threads, sizeof *shared.latest);
    for (uint64_t time = 0; time < times && !mk_check_failed(check); time++) {
        mk_subject_run(&subject, 0, threads, check->seed + time, shared_body, &shared);
    }
    if (!mk_check_failed(check)) settle(&subject, &shared);
    free(shared.put);
    free(shared.mixed);
    free(shared.taken);
    free(shared.latest);
    mk_subject_close(&subject);
}

static void run_shared(struct mk_check *check) {
    static const uint64_t capacities[] = {1, 8, 1000};
    for (size_t c = 0; c < sizeof capacities / sizeof *capacities && !mk_check_failed(check); c++) {
        share(check, capacities[c], mk_check_ops(check, 30000), false, 1);
    }
}

static void run_pairs(struct mk_check *check) {
    share(check, check->threads, mk_check_ops(check, 30000), true, 1);
    if (!mk_check_failed(check)) share(check, 4 * check->threads, mk_check_ops(check, 30000), true, 1);
}

static void run_births(struct mk_check *check) {
    share(check, 64, 40, false, mk_check_ops(check, 60));
}

static const struct mk_case queue_cases[] = {
    {"model", "random operations of one thread, each answered as the model says", 0, MK_FLOOR, NULL, run_model},
    {"fill", "up to full, or to many, and down to none, from every place", 0, MK_FLOOR, NULL, run_fill},
    {"batch", "batch and step agree in answers and contents", 0, MK_FLOOR, NULL, run_batch},
    {"no_memory", "every single allocation refused: nothing changes, nothing leaks", 0, MK_FLOOR, NULL,
     run_no_memory},
    {"no_room", "a capacity of 0 is refused, with a reason", 0, MK_FLOOR, unless_bounded, run_no_room},
    {"pipe", "from one thread to another, in order", MK_ONE_EACH, MK_FLOOR, NULL, run_pipe},
    {"shared", "threads that put in and take out: each value comes out once, those of a thread in order",
     MK_CONCURRENT, MK_FLOOR, NULL, run_shared},
    {"pairs", "who takes out as many as it puts in finds room for them, and finds them", MK_CONCURRENT, MK_FLOOR,
     NULL, run_pairs},
    {"births", "short-lived threads lose nothing", MK_CONCURRENT, MK_FLOOR, NULL, run_births},
    {.name = NULL}};

MK_KIND_MODEL(queue, .names = {"enqueue", "dequeue"}, .state_bytes = sizeof(struct mk_row), .part = part_of,
              .answer = answer_queue, .describe = describe_state, .histories = true, .observe = MK_QUEUE_DEQUEUE,
              .monitor = mk_monitor_queue, .puts_in = 1u << MK_QUEUE_ENQUEUE, .takes_out = 1u << MK_QUEUE_DEQUEUE,
              .cases = queue_cases);
