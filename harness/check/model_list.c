/* model_list.c - kind list: a key is in the set or not, and a walk comes to those that are, ascending.
 *
 * Keys have no values, so that what threads did to one key is told by numbers alone: how often it was inserted,
 * less how often it was removed, is 0 or 1, and says whether it is there.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "../../impl/list.h"
#include "../record.h"
#include "../registry.h"
#include "check.h"

/* ---- the sequential model -------------------------------------------------------------------- */

/* Of one key. */
struct state {
    bool present;
};

static uint64_t part_of(const struct mk_impl *impl, const struct mk_op *op) {
    (void)impl;
    return op->key;
}

static void answer_list(const struct mk_impl *impl, void *of_key, const struct mk_op *op,
                        struct mk_answer *answer) {
    struct state *state = of_key;
    (void)impl;
    answer->status = state->present ? MK_HIT : MK_MISS;
    if (op->code == MK_LIST_INSERT) state->present = true;
    if (op->code == MK_LIST_REMOVE) state->present = false;
    if (op->code > MK_LIST_REMOVE) answer->status = MK_REFUSED;
}

static void describe_state(const void *of_key, char *out, size_t room) {
    snprintf(out, room, ((const struct state *)of_key)->present ? "the key was in the set" : "the key was absent");
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Keys of a run, and what the model says of each. */
struct book {
    struct mk_check *check;
    struct mk_subject subject;
    size_t n;
    uint64_t *key; /* ascending, all different */
    struct state *state;
    size_t walked; /* the place that a walk has come to: how many keys it has gone past */
};

static int compare_keys(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Makes n keys: the two ends, their neighbours, and random ones, half of them close together. */
static void make_keys(struct book *book, size_t n, uint64_t seed) {
    uint64_t limit = mk_key_limit(book->check->impl, book->check->composition->params);
    const uint64_t corners[] = {0, limit - 1, 1, limit - 2, (uint64_t)1 << 63, UINT32_MAX};
    struct mk_rng rng;
    mk_rng_seed(&rng, seed);
    if (limit && n > limit) n = limit;
    book->key = mk_need(n, sizeof *book->key);
    book->state = mk_need(n, sizeof *book->state);
    uint64_t base = mk_rng_next(&rng);
    for (size_t next = 0; book->n < n;) {
        uint64_t key = next < 6 ? corners[next] : next & 1 ? base + next : mk_rng_next(&rng);
        next++;
        book->key[book->n++] = limit ? key % limit : key;
        if (book->n < n) continue;
        qsort(book->key, n, sizeof *book->key, compare_keys);
        book->n = 0;
        for (size_t i = 0; i < n; i++) {
            if (!i || book->key[i] != book->key[i - 1]) book->key[book->n++] = book->key[i];
        }
    }
}

/* Makes a list, and n keys for it. Returns 0, or -1 and nothing kept. */
static int open_book(struct book *book, struct mk_check *check, size_t n, uint64_t seed,
                     struct mk_subject_config config) {
    memset(book, 0, sizeof *book);
    book->check = check;
    if (mk_subject_open(&book->subject, check, &config)) return -1;
    make_keys(book, n, seed);
    return 0;
}

static void close_book(struct book *book) {
    free(book->key);
    free(book->state);
    mk_subject_close(&book->subject);
}

/* One operation on key i, which must be answered as the model says. */
static enum mk_status expect(struct book *book, struct mk_thread *me, unsigned code, size_t i) {
    struct mk_op op = {.code = code, .key = book->key[i]};
    return mk_subject_expect(&book->subject, me, &op, &book->state[i]);
}

/* The next key that is there must be this one. */
static void visit_key(void *arg, uint64_t key, uint64_t tag) {
    struct book *book = arg;
    (void)tag;
    while (book->walked < book->n && !book->state[book->walked].present) book->walked++;
    if (book->walked < book->n && book->key[book->walked] == key) {
        book->walked++;
        return;
    }
    uint64_t *at = bsearch(&key, book->key, book->n, sizeof *book->key, compare_keys);
    if (!at) {
        mk_found(book->check, "walk comes to key 0x%" PRIx64 ", which was never inserted", key);
    } else if (!book->state[at - book->key].present) {
        mk_found(book->check, "walk comes to key 0x%" PRIx64 ", which is gone", key);
    } else if ((size_t)(at - book->key) < book->walked) {
        mk_found(book->check, "walk comes to key 0x%" PRIx64 " twice, or after a higher one", key);
    } else {
        mk_found(book->check, "walk comes to key 0x%" PRIx64 " and not to 0x%" PRIx64 ", which is before it", key,
                 book->key[book->walked]);
        book->walked = (size_t)(at - book->key) + 1;
    }
}

/* At quiescence: count, an ascending walk and every single lookup say what the book says. */
static void audit(struct book *book, struct mk_thread *me) {
    uint64_t present = 0;
    for (size_t i = 0; i < book->n; i++) present += book->state[i].present;
    mk_subject_expect_count(&book->subject, present);
    book->walked = 0;
    book->subject.impl->walk(book->subject.self, visit_key, book);
    while (book->walked < book->n && !book->state[book->walked].present) book->walked++;
    if (book->walked < book->n) {
        mk_found(book->check, "walk ends before key 0x%" PRIx64, book->key[book->walked]);
    }
    for (size_t i = 0; i < book->n && !mk_check_failed(book->check); i++) expect(book, me, MK_LIST_CONTAINS, i);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* One operation of any sort on one of the keys first, first + step, ..., answered as the model says. */
static void random_op(struct book *book, struct mk_thread *me, struct mk_rng *rng, size_t first, size_t step) {
    size_t i = first + step * mk_rng_below(rng, (book->n - first + step - 1) / step);
    expect(book, me, (unsigned)mk_rng_below(rng, MK_LIST_REMOVE + 1), i);
}

static void random_ops(struct book *book, struct mk_thread *me, struct mk_rng *rng, uint64_t ops) {
    while (ops-- && !mk_check_failed(book->check)) random_op(book, me, rng, 0, 1);
}

/* Does one operation to each of the keys from..to-1, every step-th first: with 1 ascending, with n - 1 descending.
 * */
static void sweep(struct book *book, struct mk_thread *me, unsigned code, size_t from, size_t to, size_t step) {
    size_t n = to - from;
    for (size_t k = 0, i = 0; k < n && !mk_check_failed(book->check); k++, i = (i + step) % n) {
        expect(book, me, code, from + i);
    }
}

/* Returns a step for sweeps of n that is neither ascending nor descending and comes to every key. */
static size_t odd_step(size_t n) {
    size_t step = 7;
    while (n % step == 0) step += 2;
    return step;
}

/* Down to nothing, and all that was removed given back. */
static void clear(struct book *book, struct mk_thread *me) {
    for (size_t i = 0; i < book->n && !mk_check_failed(book->check); i++) expect(book, me, MK_LIST_REMOVE, i);
    mk_subject_flush(&book->subject, me);
    mk_subject_expect_reclaimed(&book->subject);
    audit(book, me);
}

/* ---- cases of one thread --------------------------------------------------------------------- */

static const struct round {
    size_t keys;
    uint64_t capacity, ops;
} rounds[] = {{1, 0, 300}, {2, 1, 500}, {13, 1, 4000}, {13, 100000, 1000}, {300, 1, 8000}};

static void run_model(struct mk_check *check) {
    for (size_t r = 0; r < sizeof rounds / sizeof *rounds && !mk_check_failed(check); r++) {
        struct book book;
        struct mk_rng rng;
        struct mk_subject_config config = {.capacity = rounds[r].capacity, .watched = true};
        if (open_book(&book, check, rounds[r].keys, check->seed ^ r, config)) return;
        mk_rng_seed(&rng, check->seed + r);
        struct mk_thread *me = mk_subject_enter(&book.subject, 0);
        for (int part = 0; me && part < 4; part++) {
            random_ops(&book, me, &rng, mk_check_ops(check, rounds[r].ops / 4));
            audit(&book, me);
        }
        if (me) mk_subject_leave(&book.subject, 0);
        close_book(&book);
    }
}

/* Whatever the order in which keys come and go. */
static void run_order(struct mk_check *check) {
    struct book book;
    if (open_book(&book, check, mk_check_ops(check, 600), check->seed,
                  (struct mk_subject_config){.watched = true})) {
        return;
    }
    size_t n = book.n, steps[] = {1, n > 1 ? n - 1 : 1, odd_step(n)};
    struct mk_thread *me = mk_subject_enter(&book.subject, 0);
    for (unsigned in = 0; me && in < 3; in++) {
        for (unsigned out = 0; out < 3 && !mk_check_failed(check); out++) {
            sweep(&book, me, MK_LIST_INSERT, 0, n / 2, in == 2 ? odd_step(n / 2 ? n / 2 : 1) : 1);
            sweep(&book, me, MK_LIST_INSERT, 0, n, steps[in]);
            audit(&book, me);
            sweep(&book, me, MK_LIST_REMOVE, n / 3, n / 3 * 2, 1);
            audit(&book, me);
            sweep(&book, me, MK_LIST_REMOVE, 0, n, steps[out]);
            clear(&book, me);
        }
    }
    if (me) mk_subject_leave(&book.subject, 0);
    close_book(&book);
}

struct contents {
    uint64_t keys, mixed;
};

static void visit_contents(void *arg, uint64_t key, uint64_t tag) {
    struct contents *contents = arg;
    (void)tag;
    contents->keys++;
    contents->mixed += mk_mix64(key);
}

/* Streams of one operation (code) or of all (-1), through `batch`, and by step to a list of its own. */
static void batch_round(struct mk_subject *batch, struct mk_subject *step, struct mk_rng *rng, mk_batch_fn *fn,
                        int code, uint64_t keys) {
    enum { WORDS = 257 };
    struct mk_check *check = batch->check;
    uint64_t stream[WORDS], limit = mk_key_limit(check->impl, check->composition->params);
    struct mk_tally by_batch = {{0}, 0, 0}, by_step = {{0}, 0, 0};
    struct contents batch_has = {0, 0}, step_has = {0, 0};
    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t key = mk_mix64(mk_rng_below(rng, keys)) >> MK_CODE_BITS;
        struct mk_op op = {.code = code >= 0 ? (unsigned)code : (unsigned)mk_rng_below(rng, MK_LIST_REMOVE + 1),
                           .key = limit ? key % limit : key};
        struct mk_result result = mk_subject_do(step, &step->me[0], &op);
        stream[i] = MK_PACK(op.code, op.key);
        by_step.hits[op.code] += result.status == MK_HIT;
        by_step.failed += result.status > MK_HIT;
        by_step.sum += result.status == MK_HIT ? op.key : 0;
    }
    fn(batch->self, &batch->me[0], stream, WORDS, &by_batch);
    for (unsigned c = 0; c <= MK_LIST_REMOVE; c++) {
        if (by_batch.hits[c] == by_step.hits[c]) continue;
        mk_found(check, "%s hits %" PRIu64 " times by batch, %" PRIu64 " times by step", mk_check_op(check, c),
                 by_batch.hits[c], by_step.hits[c]);
    }
    if (by_batch.sum != by_step.sum || by_batch.failed != by_step.failed) {
        mk_found(check,
                 "batch hits keys that add up to 0x%" PRIx64 " and fails %" PRIu64 " times, step 0x%" PRIx64
                 " and %" PRIu64,
                 by_batch.sum, by_batch.failed, by_step.sum, by_step.failed);
    }
    check->impl->walk(batch->self, visit_contents, &batch_has);
    check->impl->walk(step->self, visit_contents, &step_has);
    if (batch_has.keys != step_has.keys || batch_has.mixed != step_has.mixed) {
        mk_found(check, "batch leaves other contents (%" PRIu64 " keys) than step (%" PRIu64 " keys)",
                 batch_has.keys, step_has.keys);
    }
}

static void run_batch(struct mk_check *check) {
    struct mk_subject_config config = {.watched = true};
    struct mk_subject batch, step;
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (mk_subject_open(&batch, check, &config)) return;
    if (mk_subject_open(&step, check, &config) == 0) {
        bool batch_in = mk_subject_enter(&batch, 0), step_in = mk_subject_enter(&step, 0);
        for (uint64_t round = 0; batch_in && step_in && round < 4 && !mk_check_failed(check); round++) {
            batch_round(&batch, &step, &rng, check->impl->batch, -1, 50 + 100 * round);
            for (int code = 0; code < MK_OPS_MAX; code++) {
                mk_batch_fn *fn = check->impl->batch_of[code];
                if (fn) batch_round(&batch, &step, &rng, fn, code, 50 + 100 * round);
            }
        }
        if (batch_in) mk_subject_leave(&batch, 0);
        if (step_in) mk_subject_leave(&step, 0);
        mk_subject_close(&step);
    }
    mk_subject_close(&batch);
}

/* Does everything once to some keys, and audits whenever memory was refused: nothing may have changed. */
static void refused_script(struct book *book, struct mk_thread *me) {
    static const struct {
        unsigned code;
        size_t first, step;
    } script[] = {{MK_LIST_INSERT, 0, 2}, {MK_LIST_INSERT, 0, 1}, {MK_LIST_REMOVE, 0, 3}, {MK_LIST_INSERT, 0, 6},
                  {MK_LIST_REMOVE, 1, 2}, {MK_LIST_REMOVE, 0, 1}, {MK_LIST_INSERT, 0, 9}};
    for (size_t s = 0; s < sizeof script / sizeof *script; s++) {
        for (size_t i = script[s].first; i < book->n; i += script[s].step) {
            if (expect(book, me, script[s].code, i) == MK_NO_MEMORY) audit(book, me);
            if (mk_check_failed(book->check)) return;
        }
    }
    audit(book, me);
}

/* Runs the script with allocations from..to refused, then, with memory again, once more. Returns whether there
 * were so many allocations. */
static bool refuse(struct mk_check *check, uint64_t from, uint64_t to) {
    struct mk_subject_config config = {.watched = true, .refuse_from = from, .refuse_to = to};
    struct book book;
    if (open_book(&book, check, 60, check->seed, config)) return !mk_check_failed(check);
    struct mk_thread *me = mk_subject_enter(&book.subject, 0);
    if (me) refused_script(&book, me);
    bool reached = mk_door_calls(&book.subject.door) >= from;
    if (me) {
        book.subject.door.refuse_to = 0;
        refused_script(&book, me);
        mk_subject_flush(&book.subject, me);
        mk_subject_expect_reclaimed(&book.subject);
        mk_subject_leave(&book.subject, 0);
    }
    close_book(&book);
    return reached;
}

static void run_no_memory(struct mk_check *check) {
    uint64_t stride = 1 + 20 / check->effort_percent; /* every single one, unless in a great hurry */
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n); n += stride) continue;
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n + n % 40); n += 17 * stride) continue;
}

static const char *unless_holds(const struct mk_check *check) {
    return check->impl->hold && check->impl->unhold ? NULL : "readers cannot be made to stay inside";
}

/* A reader stays inside while another thread changes everything. */
static void run_held(struct mk_check *check) {
    struct book book;
    struct mk_rng rng;
    if (open_book(&book, check, 200, check->seed, (struct mk_subject_config){.threads_max = 2, .watched = true}))
        return;
    mk_rng_seed(&rng, check->seed);
    struct mk_thread *reader = mk_subject_enter(&book.subject, 0), *me = mk_subject_enter(&book.subject, 1);
    if (reader && me) {
        sweep(&book, me, MK_LIST_INSERT, 0, book.n / 2, 1);
        check->impl->hold(book.subject.self, reader);
        sweep(&book, me, MK_LIST_INSERT, 0, book.n, odd_step(book.n));
        random_ops(&book, me, &rng, mk_check_ops(check, 5000));
        check->impl->unhold(book.subject.self, reader);
        audit(&book, me);
        clear(&book, me);
    }
    if (reader) mk_subject_leave(&book.subject, 0);
    if (me) mk_subject_leave(&book.subject, 1);
    close_book(&book);
}

/* ---- cases of several threads ---------------------------------------------------------------- */

/* What threads work on together. */
struct shared {
    struct book book;
    uint64_t ops;
    int64_t *balance; /* by thread, then key: inserted less removed */
};

static void audit_and_clear(struct book *book) {
    struct mk_thread *me = mk_check_failed(book->check) ? NULL : mk_subject_enter(&book->subject, 0);
    if (!me) return;
    audit(book, me);
    clear(book, me);
    mk_subject_leave(&book->subject, 0);
}

static void judge_status(struct mk_check *check, uint64_t key, enum mk_status status) {
    if (status <= MK_HIT || (status == MK_NO_MEMORY && mk_check_refuses(check))) return;
    mk_found(check, "key 0x%" PRIx64 " is refused (%s) although memory was not", key,
             status == MK_NO_MEMORY ? "for lack of memory" : "as an argument");
}

static void shared_body(struct mk_worker *worker) {
    struct shared *shared = worker->arg;
    struct book *book = &shared->book;
    int64_t *balance = shared->balance + worker->index * book->n;
    for (uint64_t ops = shared->ops; ops && !mk_check_failed(worker->check); ops--) {
        size_t i = mk_rng_below(&worker->rng, book->n);
        struct mk_op op = {.code = (unsigned)mk_rng_below(&worker->rng, MK_LIST_REMOVE + 1), .key = book->key[i]};
        struct mk_result result = mk_subject_do(worker->subject, worker->me, &op);
        judge_status(worker->check, op.key, result.status);
        balance[i] += op.code == MK_LIST_INSERT && result.status == MK_MISS;
        balance[i] -= op.code == MK_LIST_REMOVE && result.status == MK_HIT;
        mk_worker_pace(worker);
    }
}

/* Adds the threads' accounts up to what every key must have come to. */
static void settle(struct shared *shared, uint32_t threads) {
    struct book *book = &shared->book;
    for (size_t i = 0; i < book->n; i++) {
        int64_t sum = 0;
        for (uint32_t t = 0; t < threads; t++) sum += shared->balance[t * book->n + i];
        if (sum != 0 && sum != 1) {
            mk_found(book->check, "key 0x%" PRIx64 " was inserted %" PRId64 " times more than it was removed",
                     book->key[i], sum);
        }
        book->state[i].present = sum == 1;
    }
}

static void run_shared(struct mk_check *check) {
    static const size_t keys[] = {1, 3, 16, 200};
    for (size_t k = 0; k < sizeof keys / sizeof *keys && !mk_check_failed(check); k++) {
        struct shared shared = {.ops = mk_check_ops(check, keys[k] > 100 ? 10000 : 30000)};
        struct mk_subject_config config = {.threads_max = check->threads};
        if (open_book(&shared.book, check, keys[k], check->seed + k, config)) return;
        shared.balance = mk_need(check->threads * shared.book.n, sizeof *shared.balance);
        mk_subject_run(&shared.book.subject, 0, check->threads, check->seed + k, shared_body, &shared);
        if (!mk_check_failed(check)) settle(&shared, check->threads);
        audit_and_clear(&shared.book);
        free(shared.balance);
        close_book(&shared.book);
    }
}

/* Of `owners` threads each has keys of its own, between those of the others. */
static void work_on_own(struct mk_worker *worker, struct shared *shared, uint32_t owners) {
    for (uint64_t ops = shared->ops; ops && !mk_check_failed(worker->check); ops--) {
        random_op(&shared->book, worker->me, &worker->rng, worker->index, owners);
        mk_worker_pace(worker);
    }
}

static void owned_body(struct mk_worker *worker) {
    work_on_own(worker, worker->arg, worker->n);
}

static void run_owned(struct mk_check *check) {
    static const size_t keys_each[] = {1, 3, 40};
    for (size_t k = 0; k < sizeof keys_each / sizeof *keys_each && !mk_check_failed(check); k++) {
        struct shared shared = {.ops = mk_check_ops(check, k == 2 ? 10000 : 30000)};
        struct mk_subject_config config = {.threads_max = check->threads};
        if (open_book(&shared.book, check, keys_each[k] * check->threads, check->seed + k, config)) return;
        mk_subject_run(&shared.book.subject, 0, check->threads, check->seed + k, owned_body, &shared);
        audit_and_clear(&shared.book);
        close_book(&shared.book);
    }
}

/* Every other key is always there, and every other one of the rest never; threads let what is left come and go. */
struct stable {
    struct book book;
    uint64_t ops;              /* of a reader */
    _Atomic(uint32_t) readers; /* still at work: the writers go on for so long */
};

enum sort { ALWAYS, COMES, ALWAYS_TOO, NEVER, SORTS };

/* Relaxed: it is to order nothing. */
static bool is_read(struct stable *stable) {
    return !mk_check_failed(stable->book.check) && atomic_load_explicit(&stable->readers, memory_order_relaxed);
}

static void stable_write(struct mk_worker *worker, struct stable *stable) {
    for (size_t i = worker->index; is_read(stable); i++) {
        size_t key = (i % (stable->book.n / SORTS)) * SORTS + COMES;
        struct mk_op op = {.code = i & 2 ? MK_LIST_REMOVE : MK_LIST_INSERT, .key = stable->book.key[key]};
        judge_status(worker->check, op.key, mk_subject_do(worker->subject, worker->me, &op).status);
        mk_worker_pace(worker);
    }
}

static void stable_read(struct mk_worker *worker, struct stable *stable) {
    for (uint64_t ops = stable->ops; ops && !mk_check_failed(worker->check); ops--) {
        size_t i = mk_rng_below(&worker->rng, stable->book.n);
        struct mk_op op = {.code = MK_LIST_CONTAINS, .key = stable->book.key[i]};
        enum mk_status status = mk_subject_do(worker->subject, worker->me, &op).status;
        judge_status(worker->check, op.key, status);
        if (i % SORTS == NEVER && status == MK_HIT) {
            mk_found(worker->check, "finds key 0x%" PRIx64 ", which was never inserted", op.key);
        } else if (i % SORTS != NEVER && i % SORTS != COMES && status == MK_MISS) {
            mk_found(worker->check, "misses key 0x%" PRIx64 ", which is always there", op.key);
        }
        mk_worker_pace(worker);
    }
    atomic_fetch_sub_explicit(&stable->readers, 1, memory_order_relaxed);
}

static void stable_body(struct mk_worker *worker) {
    if (worker->index < 2) {
        stable_write(worker, worker->arg);
    } else {
        stable_read(worker, worker->arg);
    }
}

static void run_stable(struct mk_check *check) {
    static const size_t keys[] = {2 * SORTS, 20 * SORTS};
    for (size_t k = 0; k < 2 && !mk_check_failed(check); k++) {
        uint32_t threads = check->threads < 3 ? 3 : check->threads;
        struct stable stable = {.ops = mk_check_ops(check, 30000)};
        atomic_init(&stable.readers, threads - 2);
        if (open_book(&stable.book, check, keys[k], check->seed,
                      (struct mk_subject_config){.threads_max = threads})) {
            return;
        }
        struct book *book = &stable.book;
        struct mk_thread *me = mk_subject_enter(&book->subject, 0);
        for (size_t i = 0; me && i < book->n; i++) {
            if (i % SORTS == ALWAYS || i % SORTS == ALWAYS_TOO) expect(book, me, MK_LIST_INSERT, i);
        }
        if (me) mk_subject_leave(&book->subject, 0);
        if (me) mk_subject_run(&book->subject, 0, threads, check->seed, stable_body, &stable);
        me = mk_check_failed(check) ? NULL : mk_subject_enter(&book->subject, 0);
        for (size_t i = COMES; me && i < book->n; i += SORTS) { /* whatever they have come to */
            struct mk_op op = {.code = MK_LIST_REMOVE, .key = book->key[i]};
            mk_subject_do(&book->subject, me, &op);
        }
        if (me) mk_subject_leave(&book->subject, 0);
        audit_and_clear(book);
        close_book(book);
    }
}

static void brief_body(struct mk_worker *worker) {
    work_on_own(worker, worker->arg, worker->n + 1);
}

/* Short-lived threads, ids recycled, and thread 0, which stays. What each does to keys of its own must be there
 * when the next one comes. */
static void run_births(struct mk_check *check) {
    struct shared shared = {.ops = 40};
    struct mk_rng rng;
    struct mk_subject_config config = {.threads_max = check->threads};
    if (open_book(&shared.book, check, 10 * check->threads, check->seed, config)) return;
    struct mk_thread *me = mk_subject_enter(&shared.book.subject, 0);
    uint32_t last = check->threads - 1; /* whose keys are those of thread 0 */
    mk_rng_seed(&rng, check->seed);
    for (uint64_t time = 0; me && time < mk_check_ops(check, 60) && !mk_check_failed(check); time++) {
        mk_subject_run(&shared.book.subject, 1, last, check->seed + time, brief_body, &shared);
        for (int i = 0; i < 20; i++) random_op(&shared.book, me, &rng, last, check->threads);
    }
    if (me && !mk_check_failed(check)) audit(&shared.book, me);
    if (me) mk_subject_leave(&shared.book.subject, 0);
    audit_and_clear(&shared.book);
    close_book(&shared.book);
}

static const struct mk_case list_cases[] = {
    {"model", "random operations of one thread, each answered as the model says", 0, MK_FLOOR, NULL, run_model},
    {"order", "walks ascend, in whatever order keys come and go", 0, MK_FLOOR, NULL, run_order},
    {"batch", "batch and step agree in answers and contents", 0, MK_FLOOR, NULL, run_batch},
    {"no_memory", "every single allocation refused: nothing changes, nothing leaks", 0, MK_FLOOR, NULL,
     run_no_memory},
    {"held", "a reader stays inside while everything changes", 0, MK_FLOOR, unless_holds, run_held},
    {"shared", "threads on shared keys: each is inserted as often as removed, or once more and there",
     MK_CONCURRENT, MK_FLOOR, NULL, run_shared},
    {"owned", "threads on keys of their own between those of others: one legal answer each", MK_CONCURRENT,
     MK_FLOOR, NULL, run_owned},
    {"stable",
     "keys that are always there are never missed while their neighbours come and go, and others never met",
     MK_CONCURRENT, MK_FLOOR, NULL, run_stable},
    {"births", "short-lived threads lose nothing", MK_CONCURRENT, MK_FLOOR, NULL, run_births},
    {.name = NULL}};

MK_KIND_MODEL(list, .names = {"contains", "insert", "remove"}, .state_bytes = sizeof(struct state), .part = part_of,
              .answer = answer_list, .describe = describe_state, .reads = 1u << MK_LIST_CONTAINS, .histories = true,
              .observe = MK_LIST_CONTAINS, .cases = list_cases);
