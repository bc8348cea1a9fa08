/* model_map.c - kind map: a key is absent, or has the value that was written last.
 *
 * Values are told apart by their tags. A tag is made of its key and of a version, so that a value that
 * belongs to another key, or to nobody, is seen wherever it turns up. Where threads share keys, what was
 * written must come back exactly once, as a previous value, a removed one, or at the end.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "../../impl/map.h"
#include "../record.h"
#include "../registry.h"
#include "check.h"

/* ---- the sequential model -------------------------------------------------------------------- */

/* Of one key. */
struct state {
    uint64_t tag;
    bool present;
    bool bumped; /* by an update, which changes the first word alone: step calls values of several words torn */
};

static uint64_t part_of(const struct mk_impl *impl, const struct mk_op *op) {
    (void)impl;
    return op->key;
}

/* How step calls the answer that a key was there, with its value. */
static enum mk_status hit(const struct mk_impl *impl, const struct state *state) {
    return state->bumped && impl->value_bytes > 8 ? MK_TORN : MK_HIT;
}

static void replace(struct state *state, uint64_t tag) {
    *state = (struct state){.tag = tag, .present = true};
}

static void answer_map(const struct mk_impl *impl, void *of_key, const struct mk_op *op, struct mk_answer *answer) {
    struct state *state = of_key;
    bool was = state->present;
    enum mk_status found = was ? hit(impl, state) : MK_MISS;
    answer->status = found;
    answer->value = answer->previous = state->tag;
    switch (op->code) {
    case MK_MAP_GET:
        answer->states_value = true; /* a miss leaves the value alone, and step had put 0 there */
        if (!was) answer->value = 0;
        break;
    case MK_MAP_READ_MODIFY_WRITE:
        answer->states_value = was;
        /* fall through */
    case MK_MAP_PUT:
        answer->states_previous = was;
        replace(state, op->value);
        break;
    case MK_MAP_INSERT_IF_ABSENT:
        answer->states_previous = was;
        if (!was) replace(state, op->value);
        break;
    case MK_MAP_REMOVE:
        answer->states_value = was;
        memset(state, 0, sizeof *state);
        break;
    case MK_MAP_CONTAINS: answer->status = was ? MK_HIT : MK_MISS; break;
    case MK_MAP_UPDATE:
        answer->status = was ? MK_HIT : MK_MISS;
        if (was) {
            state->tag++;
            state->bumped = true;
        }
        break;
    default: answer->status = MK_REFUSED; break;
    }
}

static void describe_state(const void *of_key, char *out, size_t room) {
    const struct state *state = of_key;
    if (state->present) {
        snprintf(out, room, "the key had the value 0x%" PRIx64, state->tag);
    } else {
        snprintf(out, room, "the key was absent");
    }
}

/* ---- keys and tags --------------------------------------------------------------------------- */

#define VERSION_BITS 40

static uint64_t tag_of(uint64_t key, uint64_t version) {
    return mk_mix64(key) + version;
}

/* Returns whether the value may belong to the key. */
static bool belongs(uint64_t key, uint64_t tag) {
    return tag - mk_mix64(key) < (uint64_t)1 << VERSION_BITS;
}

/* Keys of a run, and what the model says of each. */
struct book {
    struct mk_check *check;
    struct mk_subject *subject;
    size_t n;
    uint64_t *key; /* ascending, all different */
    struct state *state;
    bool *seen; /* by a walk */
    uint64_t version;
};

static int compare_keys(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Makes n keys: the two ends, their neighbours, and random ones. */
static void open_book(struct book *book, struct mk_subject *subject, size_t n, uint64_t seed) {
    uint64_t limit = mk_key_limit(subject->impl, subject->check->composition->params);
    const uint64_t corners[] = {0, limit - 1, 1, limit - 2, (uint64_t)1 << 63, UINT32_MAX};
    struct mk_rng rng;
    mk_rng_seed(&rng, seed);
    memset(book, 0, sizeof *book);
    book->check = subject->check;
    book->subject = subject;
    if (limit && n > limit) n = limit;
    book->key = mk_need(n, sizeof *book->key);
    book->state = mk_need(n, sizeof *book->state);
    book->seen = mk_need(n, sizeof *book->seen);
    for (size_t next = 0; book->n < n;) {
        uint64_t key = next < 6 ? corners[next] : mk_rng_next(&rng);
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

static void close_book(struct book *book) {
    free(book->key);
    free(book->state);
    free(book->seen);
}

static uint64_t next_tag(struct book *book, size_t i) {
    return tag_of(book->key[i], ++book->version);
}

/* One operation on key i, which must be answered as the model says. */
static enum mk_status expect(struct book *book, struct mk_thread *me, unsigned code, size_t i, uint64_t tag) {
    struct mk_op op = {.code = code, .key = book->key[i], .value = tag};
    return mk_subject_expect(book->subject, me, &op, &book->state[i]);
}

static void visit_key(void *arg, uint64_t key, uint64_t tag) {
    struct book *book = arg;
    uint64_t *at = bsearch(&key, book->key, book->n, sizeof *book->key, compare_keys);
    size_t i = at ? (size_t)(at - book->key) : 0;
    if (!at) {
        mk_found(book->check, "walk comes to key 0x%" PRIx64 ", which was never put", key);
    } else if (!book->state[i].present) {
        mk_found(book->check, "walk comes to key 0x%" PRIx64 ", which is gone", key);
    } else if (book->seen[i]) {
        mk_found(book->check, "walk comes to key 0x%" PRIx64 " twice", key);
    } else if (book->state[i].tag != tag) {
        mk_found(book->check, "walk finds 0x%" PRIx64 " under key 0x%" PRIx64 ", not 0x%" PRIx64, tag, key,
                 book->state[i].tag);
    }
    if (at) book->seen[i] = true;
}

/* ---- scans ----------------------------------------------------------------------------------- */

static bool scans(const struct mk_check *check) {
    return check->impl->offers >> MK_MAP_SCAN & 1;
}

static const char *unless_scans(const struct mk_check *check) {
    return scans(check) ? NULL : "does not offer scan";
}

/* Scans, and files what no scan may answer, whatever others do meanwhile. Returns whether all of that was well. */
static bool scan_from(struct book *book, struct mk_thread *me, uint64_t from, struct mk_map_scan *scan) {
    struct mk_op op = {.code = MK_MAP_SCAN, .key = from, .value = (uintptr_t)scan};
    struct mk_result result = mk_subject_do(book->subject, me, &op);
    uint64_t low = from;
    if (result.status != (result.previous ? MK_HIT : MK_MISS) || result.previous != scan->visited) {
        mk_found(book->check, "scan answers %" PRIu64 " and visits %" PRIu64 " keys", result.previous,
                 scan->visited);
        return false;
    }
    if (scan->visited > scan->n) {
        mk_found(book->check, "scan of up to %" PRIu64 " keys visits %" PRIu64, scan->n, scan->visited);
        return false;
    }
    for (uint64_t i = 0; i < scan->visited; i++) {
        uint64_t key = scan->seen[i].key;
        if (key < low || (i && key == scan->seen[i - 1].key)) {
            mk_found(book->check, "scan from 0x%" PRIx64 " visits key 0x%" PRIx64 " as its number %" PRIu64
                     ": not ascending, or below", from, key, i);
            return false;
        }
        low = key;
    }
    return true;
}

/* Nobody else is at work: a scan visits the keys of the book that are there, with their values, up to n. */
static void expect_scan(struct book *book, struct mk_thread *me, uint64_t from, uint64_t n) {
    struct mk_map_scan scan = {.n = n, .seen = mk_need(n < book->n ? n + 1 : book->n + 1, sizeof *scan.seen)};
    uint64_t at = 0;
    bool bumped = false;
    if (scan.n > book->n + 1) scan.n = book->n + 1; /* one more than there can be */
    if (scan_from(book, me, from, &scan)) {
        for (size_t i = 0; i < book->n && at < scan.n; i++) {
            const struct state *state = &book->state[i];
            if (book->key[i] < from || !state->present) continue;
            bumped = bumped || state->bumped;
            if (at >= scan.visited || scan.seen[at].key != book->key[i]) {
                mk_found(book->check, "scan from 0x%" PRIx64 " passes by key 0x%" PRIx64, from, book->key[i]);
                break;
            }
            if (scan.seen[at].tag != state->tag) {
                mk_found(book->check, "scan finds 0x%" PRIx64 " under key 0x%" PRIx64 ", not 0x%" PRIx64,
                         scan.seen[at].tag, book->key[i], state->tag);
                break;
            }
            at++;
        }
        if (at < scan.visited && !mk_check_failed(book->check)) {
            mk_found(book->check, "scan from 0x%" PRIx64 " visits key 0x%" PRIx64 ", which is not there", from,
                     scan.seen[at].key);
        }
        if (scan.torn && !bumped) mk_found(book->check, "scan from 0x%" PRIx64 " visits a torn value", from);
    }
    free(scan.seen);
}

/* At quiescence: count, walk, a scan of it all and every single get say what the book says. */
static void audit(struct book *book, struct mk_thread *me) {
    uint64_t present = 0;
    for (size_t i = 0; i < book->n; i++) {
        present += book->state[i].present;
        book->seen[i] = false;
    }
    mk_subject_expect_count(book->subject, present);
    book->subject->impl->walk(book->subject->self, visit_key, book);
    if (scans(book->check)) expect_scan(book, me, 0, book->n + 1);
    for (size_t i = 0; i < book->n; i++) {
        if (book->state[i].present && !book->seen[i]) {
            mk_found(book->check, "walk does not come to key 0x%" PRIx64, book->key[i]);
        }
        expect(book, me, MK_MAP_GET, i, 0);
    }
}

/* ---- operations at random -------------------------------------------------------------------- */

/* Which operations there are to choose from. */
struct choice {
    unsigned code[MK_OPS_MAX];
    unsigned n;
};

static struct choice choose(const struct mk_check *check, uint32_t without) {
    struct choice choice = {.n = 0};
    for (unsigned code = 0; code <= MK_MAP_READ_MODIFY_WRITE; code++) {
        if ((check->impl->offers & ~without) >> code & 1) choice.code[choice.n++] = code;
    }
    return choice;
}

/* One operation of any sort on one of the keys first, first + step, ..., answered as the model says. */
static void random_op(struct book *book, const struct choice *choice, struct mk_thread *me, struct mk_rng *rng,
                      size_t first, size_t step, uint64_t version) {
    size_t i = first + step * mk_rng_below(rng, (book->n - first + step - 1) / step);
    expect(book, me, choice->code[mk_rng_below(rng, choice->n)], i, tag_of(book->key[i], version));
}

/* The same on any key, by a thread that is alone. */
static void random_ops(struct book *book, struct mk_thread *me, struct mk_rng *rng, uint64_t ops) {
    struct choice choice = choose(book->check, 0);
    while (ops-- && !mk_check_failed(book->check)) random_op(book, &choice, me, rng, 0, 1, ++book->version);
}

/* Puts, or removes, keys from..to-1 in an order that is neither theirs nor its reverse. */
static void sweep(struct book *book, struct mk_thread *me, unsigned code, size_t from, size_t to) {
    size_t n = to - from, step = 7;
    while (n % step == 0) step += 2;
    for (size_t k = 0, i = 0; k < n && !mk_check_failed(book->check); k++, i = (i + step) % n) {
        expect(book, me, code, from + i, next_tag(book, from + i));
    }
}

/* ---- cases of one thread --------------------------------------------------------------------- */

static const struct round {
    size_t keys;
    uint64_t capacity, ops;
} rounds[] = {{1, 0, 300}, {2, 1, 500}, {13, 1, 4000}, {13, 100000, 1000}, {400, 1, 15000}, {400, 400, 8000}};

static void run_model(struct mk_check *check) {
    for (size_t r = 0; r < sizeof rounds / sizeof *rounds && !mk_check_failed(check); r++) {
        struct mk_subject_config config = {.capacity = rounds[r].capacity, .watched = true};
        struct mk_subject subject;
        struct book book;
        struct mk_rng rng;
        if (mk_subject_open(&subject, check, &config)) return;
        mk_rng_seed(&rng, check->seed + r);
        open_book(&book, &subject, rounds[r].keys, check->seed ^ r);
        struct mk_thread *me = mk_subject_enter(&subject, 0);
        for (int part = 0; me && part < 4; part++) {
            random_ops(&book, me, &rng, mk_check_ops(check, rounds[r].ops / 4));
            audit(&book, me);
        }
        if (me) mk_subject_leave(&subject, 0);
        close_book(&book);
        mk_subject_close(&subject);
    }
}

/* Up to n keys and down to none, again and again. */
static void grow_and_shrink(struct mk_check *check, size_t n, unsigned times) {
    struct mk_subject_config config = {.capacity = 1, .watched = true};
    struct mk_subject subject;
    struct book book;
    if (mk_subject_open(&subject, check, &config)) return;
    open_book(&book, &subject, mk_check_ops(check, n), check->seed);
    struct mk_thread *me = mk_subject_enter(&subject, 0);
    for (unsigned time = 0; me && time < times && !mk_check_failed(check); time++) {
        size_t top = book.n >> time, half = top / 2;
        sweep(&book, me, MK_MAP_PUT, 0, half);
        sweep(&book, me, MK_MAP_PUT, 0, top);
        audit(&book, me);
        sweep(&book, me, MK_MAP_REMOVE, half, top);
        audit(&book, me);
        sweep(&book, me, MK_MAP_REMOVE, 0, top);
        mk_subject_flush(&subject, me);
        mk_subject_expect_reclaimed(&subject);
        audit(&book, me);
    }
    if (me) mk_subject_leave(&subject, 0);
    close_book(&book);
    mk_subject_close(&subject);
}

static void run_growth(struct mk_check *check) {
    grow_and_shrink(check, check->colliding ? 1000 : 20000, 3);
}

static const char *unless_colliding(const struct mk_check *check) {
    return check->colliding ? NULL : "its keys do not collide on purpose";
}

static void run_collisions(struct mk_check *check) {
    grow_and_shrink(check, 10000, 1);
}

/* A scan from anywhere: a key, its neighbours, the ends, or where there is nothing; of any length, none too. */
static void random_scan(struct book *book, struct mk_thread *me, struct mk_rng *rng) {
    uint64_t limit = mk_key_limit(book->subject->impl, book->check->composition->params);
    uint64_t from = book->key[mk_rng_below(rng, book->n)];
    switch (mk_rng_below(rng, 8)) {
    case 0: from++; break;
    case 1: from--; break;
    case 2: from = 0; break;
    case 3: from = limit - 1; break;
    case 4: from = mk_rng_next(rng); break;
    default: break;
    }
    expect_scan(book, me, limit ? from % limit : from, mk_rng_below(rng, mk_rng_below(rng, 2) ? 4 : book->n + 2));
}

static void run_scan(struct mk_check *check) {
    static const size_t keys[] = {1, 2, 13, 200, 2000};
    for (size_t k = 0; k < sizeof keys / sizeof *keys && !mk_check_failed(check); k++) {
        struct mk_subject_config config = {.capacity = 1, .watched = true};
        struct mk_subject subject;
        struct book book;
        struct mk_rng rng;
        if (mk_subject_open(&subject, check, &config)) return;
        mk_rng_seed(&rng, check->seed + k);
        open_book(&book, &subject, check->colliding && keys[k] > 200 ? 200 : keys[k], check->seed ^ k);
        struct mk_thread *me = mk_subject_enter(&subject, 0);
        for (uint64_t i = mk_check_ops(check, 1000); me && i && !mk_check_failed(check); i--) {
            random_ops(&book, me, &rng, mk_rng_below(&rng, 9));
            random_scan(&book, me, &rng);
        }
        if (me) {
            audit(&book, me);
            sweep(&book, me, MK_MAP_REMOVE, 0, book.n);
            expect_scan(&book, me, 0, 3);
            mk_subject_leave(&subject, 0);
        }
        close_book(&book);
        mk_subject_close(&subject);
    }
}

/* ---- batch and step -------------------------------------------------------------------------- */

/* Two maps of one seed, and what the one that is worked by step has come to. */
struct twins {
    struct mk_subject batch, step;
    struct mk_thread *batch_me, *step_me;
    unsigned words; /* of a value */
};

/* What a batch adds to its sum for a value with this tag: its first word, and its last one, which tells of
 * the key alone, since updates change the first. */
static uint64_t seen_value(const struct twins *twins, uint64_t key, uint64_t tag) {
    return twins->words == 1 ? tag : tag + mk_value_word(mk_value_tag(key), twins->words - 1);
}

/* Works one word by step, as a batch would. Returns whether it hit. */
static bool step_word(struct twins *twins, uint64_t word, struct mk_tally *tally) {
    bool scan = MK_CODE(word) == MK_MAP_SCAN || MK_CODE(word) == MK_MAP_SCAN_100;
    struct mk_op op = {.code = MK_CODE(word), .key = MK_OPERAND(word)};
    if (!scan) op.value = mk_value_tag(op.key);
    struct mk_result result = mk_subject_do(&twins->step, twins->step_me, &op);
    bool found = result.status == MK_HIT || result.status == MK_TORN;
    switch (op.code) {
    case MK_MAP_READ_MODIFY_WRITE: tally->sum += found; /* fall through */
    case MK_MAP_PUT:
    case MK_MAP_INSERT_IF_ABSENT:
        if (found) tally->sum += seen_value(twins, op.key, result.previous);
        break;
    case MK_MAP_GET:
    case MK_MAP_REMOVE:
        if (found) tally->sum += seen_value(twins, op.key, result.value);
        break;
    case MK_MAP_SCAN:
    case MK_MAP_SCAN_100: tally->sum += result.value; break;
    default: break;
    }
    tally->hits[op.code] += found;
    tally->failed += !found && result.status != MK_MISS;
    return found;
}

static void compare_tallies(struct mk_check *check, const char *what, const struct mk_tally *batch,
                            const struct mk_tally *step) {
    for (unsigned code = 0; code < MK_OPS_MAX; code++) {
        if (batch->hits[code] == step->hits[code]) continue;
        mk_found(check, "%s: %s hits %" PRIu64 " times by batch, %" PRIu64 " times by step", what,
                 mk_check_op(check, code), batch->hits[code], step->hits[code]);
    }
    if (batch->failed != step->failed) {
        mk_found(check, "%s: batch fails %" PRIu64 " times, step %" PRIu64, what, batch->failed, step->failed);
    }
    if (batch->sum != step->sum) {
        mk_found(check, "%s: the values that batch sees add up to 0x%" PRIx64 ", those of step to 0x%" PRIx64, what,
                 batch->sum, step->sum);
    }
}

struct contents {
    uint64_t keys, mixed;
};

static void visit_contents(void *arg, uint64_t key, uint64_t tag) {
    struct contents *contents = arg;
    contents->keys++;
    contents->mixed += mk_mix64(mk_mix64(key) ^ tag);
}

/* Streams of one operation (code) or of all (-1), through `batch`. */
static void batch_round(struct twins *twins, struct mk_rng *rng, mk_batch_fn *batch, int code, uint64_t keys) {
    enum { WORDS = 257 };
    struct mk_check *check = twins->batch.check;
    struct choice choice = choose(check, 0);
    if (scans(check)) choice.code[choice.n++] = MK_MAP_SCAN;
    uint64_t stream[WORDS], limit = mk_key_limit(check->impl, check->composition->params);
    struct mk_tally by_batch = {{0}, 0, 0}, by_step = {{0}, 0, 0};
    struct contents batch_has = {0, 0}, step_has = {0, 0};
    char what[64];
    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t key = mk_mix64(mk_rng_below(rng, keys)) >> MK_CODE_BITS;
        if (limit) key %= limit;
        stream[i] = MK_PACK(code >= 0 ? (unsigned)code : choice.code[mk_rng_below(rng, choice.n)], key);
        step_word(twins, stream[i], &by_step);
    }
    batch(twins->batch.self, twins->batch_me, stream, WORDS, &by_batch);
    snprintf(what, sizeof what, code < 0 ? "mixed operations" : "%s alone", mk_check_op(check, (unsigned)code));
    compare_tallies(check, what, &by_batch, &by_step);
    check->impl->walk(twins->batch.self, visit_contents, &batch_has);
    check->impl->walk(twins->step.self, visit_contents, &step_has);
    if (batch_has.keys != step_has.keys || batch_has.mixed != step_has.mixed) {
        mk_found(check, "%s: batch leaves other contents (%" PRIu64 " keys) than step (%" PRIu64 " keys)", what,
                 batch_has.keys, step_has.keys);
    }
}

static void batch_rounds(struct twins *twins, struct mk_rng *rng) {
    struct mk_check *check = twins->batch.check;
    for (uint64_t round = 0; round < 4 && !mk_check_failed(check); round++) {
        for (uint64_t i = 0; i < mk_check_ops(check, 8); i++) {
            batch_round(twins, rng, check->impl->batch, -1, 50 + 200 * round);
        }
        for (int code = 0; code < MK_OPS_MAX; code++) {
            mk_batch_fn *batch = check->impl->batch_of[code];
            if (batch) batch_round(twins, rng, batch, code, 50 + 200 * round);
        }
    }
}

static void run_batch(struct mk_check *check) {
    struct mk_subject_config config = {.capacity = 100, .watched = true};
    struct twins twins = {.words = check->impl->value_bytes / 8};
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (mk_subject_open(&twins.batch, check, &config)) return;
    if (mk_subject_open(&twins.step, check, &config) == 0) {
        twins.batch_me = mk_subject_enter(&twins.batch, 0);
        twins.step_me = mk_subject_enter(&twins.step, 0);
        if (twins.batch_me && twins.step_me) batch_rounds(&twins, &rng);
        if (twins.batch_me) mk_subject_leave(&twins.batch, 0);
        if (twins.step_me) mk_subject_leave(&twins.step, 0);
        mk_subject_close(&twins.step);
    }
    mk_subject_close(&twins.batch);
}

/* ---- memory that is refused ------------------------------------------------------------------ */

/* Does everything once to some keys, and audits whenever memory was refused: nothing may have changed. */
static void refused_script(struct book *book, struct mk_thread *me) {
    static const struct {
        unsigned code;
        size_t first, step;
    } script[] = {{MK_MAP_PUT, 0, 1},    {MK_MAP_PUT, 0, 2},
                  {MK_MAP_UPDATE, 0, 5}, {MK_MAP_READ_MODIFY_WRITE, 1, 3},
                  {MK_MAP_REMOVE, 0, 2}, {MK_MAP_INSERT_IF_ABSENT, 0, 3},
                  {MK_MAP_REMOVE, 0, 1}, {MK_MAP_PUT, 0, 9}};
    for (size_t s = 0; s < sizeof script / sizeof *script; s++) {
        if (!(book->check->impl->offers >> script[s].code & 1)) continue;
        for (size_t i = script[s].first; i < book->n; i += script[s].step) {
            if (expect(book, me, script[s].code, i, next_tag(book, i)) == MK_NO_MEMORY) audit(book, me);
            if (mk_check_failed(book->check)) return;
        }
    }
    audit(book, me);
}

/* Runs the script with allocations from..to refused, then, with memory again, once more. Returns whether there
 * were so many allocations. */
static bool refuse(struct mk_check *check, uint64_t from, uint64_t to) {
    struct mk_subject_config config = {.capacity = 1, .watched = true, .refuse_from = from, .refuse_to = to};
    struct mk_subject subject;
    struct book book;
    if (mk_subject_open(&subject, check, &config)) return !mk_check_failed(check);
    open_book(&book, &subject, 90, check->seed);
    struct mk_thread *me = mk_subject_enter(&subject, 0);
    if (me) refused_script(&book, me);
    bool reached = mk_door_calls(&subject.door) >= from;
    if (me) {
        subject.door.refuse_to = 0;
        refused_script(&book, me);
        mk_subject_flush(&subject, me);
        mk_subject_expect_reclaimed(&subject);
        mk_subject_leave(&subject, 0);
    }
    close_book(&book);
    mk_subject_close(&subject);
    return reached;
}

static void run_no_memory(struct mk_check *check) {
    uint64_t stride = 1 + 20 / check->effort_percent; /* every single one, unless in a great hurry */
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n); n += stride) continue;
    for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, n, n + n % 40); n += 17 * stride) continue;
}

/* ---- cases of several threads ---------------------------------------------------------------- */

/* What one thread did to one key: copies added less copies removed, tags written less tags taken out. */
struct account {
    int64_t keys;
    uint64_t tags;
};

struct shared {
    struct book book;
    struct choice choice;
    struct account *accounts; /* by thread, then key */
    uint64_t ops;
};

/* A value that came back: it must belong to the key and be whole. */
static void judge_value(struct mk_check *check, uint64_t key, uint64_t tag) {
    if (!belongs(key, tag)) {
        mk_found(check, "key 0x%" PRIx64 " answers 0x%" PRIx64 ", a value that was never written to it", key, tag);
    }
}

static void judge_status(struct mk_check *check, uint64_t key, enum mk_status status) {
    if (status == MK_TORN) mk_found(check, "key 0x%" PRIx64 " answers half of one value and half of another", key);
    if (status == MK_REFUSED || (status == MK_NO_MEMORY && !mk_check_refuses(check))) {
        mk_found(check, "key 0x%" PRIx64 " is refused (%s) although memory was not", key,
                 status == MK_REFUSED ? "as an argument" : "for lack of memory");
    }
}

static void enter_account(struct mk_check *check, struct account *account, const struct mk_op *op,
                          const struct mk_result *result) {
    bool was = result->status == MK_HIT;
    judge_status(check, op->key, result->status);
    if (result->status == MK_NO_MEMORY) return; /* and so nothing has changed */
    switch (op->code) {
    case MK_MAP_GET:
        if (was) judge_value(check, op->key, result->value);
        break;
    case MK_MAP_PUT:
    case MK_MAP_READ_MODIFY_WRITE:
        account->keys += !was;
        account->tags += op->value - (was ? result->previous : 0);
        if (was) judge_value(check, op->key, result->previous);
        break;
    case MK_MAP_INSERT_IF_ABSENT:
        account->keys += !was;
        account->tags += was ? 0 : op->value;
        if (was) judge_value(check, op->key, result->previous);
        break;
    case MK_MAP_REMOVE:
        account->keys -= was;
        account->tags -= was ? result->value : 0;
        if (was) judge_value(check, op->key, result->value);
        break;
    case MK_MAP_UPDATE: account->tags += was; break; /* adds 1 */
    default: break;
    }
}

static void shared_body(struct mk_worker *worker) {
    struct shared *shared = worker->arg;
    struct book *book = &shared->book;
    struct account *accounts = shared->accounts + worker->index * book->n;
    uint64_t version = (uint64_t)worker->index << 32;
    for (uint64_t ops = shared->ops; ops && !mk_check_failed(worker->check); ops--) {
        size_t i = mk_rng_below(&worker->rng, book->n);
        struct mk_op op = {.code = shared->choice.code[mk_rng_below(&worker->rng, shared->choice.n)],
                           .key = book->key[i],
                           .value = tag_of(book->key[i], ++version)};
        struct mk_result result = mk_subject_do(worker->subject, worker->me, &op);
        enter_account(worker->check, &accounts[i], &op, &result);
        mk_worker_pace(worker);
    }
}

/* Adds the threads' accounts up to what every key must have come to. */
static void settle(struct shared *shared, uint32_t threads) {
    struct book *book = &shared->book;
    for (size_t i = 0; i < book->n; i++) {
        struct account sum = {0, 0};
        for (uint32_t t = 0; t < threads; t++) {
            sum.keys += shared->accounts[t * book->n + i].keys;
            sum.tags += shared->accounts[t * book->n + i].tags;
        }
        if (sum.keys != 0 && sum.keys != 1) {
            mk_found(book->check, "key 0x%" PRIx64 " was added %" PRId64 " times more than it was removed",
                     book->key[i], sum.keys);
        } else if (sum.keys == 0 && sum.tags) {
            mk_found(book->check, "key 0x%" PRIx64 " is gone, but not every value written came back once",
                     book->key[i]);
        }
        book->state[i] = (struct state){.tag = sum.tags, .present = sum.keys == 1};
    }
}

/* As audit, by a thread of its own, and down to nothing. */
static void audit_and_clear(struct book *book) {
    struct mk_thread *me = mk_subject_enter(book->subject, 0);
    if (!me) return;
    audit(book, me);
    sweep(book, me, MK_MAP_REMOVE, 0, book->n);
    mk_subject_flush(book->subject, me);
    mk_subject_expect_reclaimed(book->subject);
    audit(book, me);
    mk_subject_leave(book->subject, 0);
}

static void share(struct mk_check *check, size_t keys, uint64_t ops) {
    struct mk_subject_config config = {.capacity = keys / 8, .threads_max = check->threads};
    struct mk_subject subject;
    struct shared shared = {.ops = mk_check_ops(check, ops)};
    if (mk_subject_open(&subject, check, &config)) return;
    open_book(&shared.book, &subject, keys, check->seed);
    /* a bumped value of several words looks torn, and could hide one that is */
    shared.choice = choose(check, check->impl->value_bytes > 8 ? 1u << MK_MAP_UPDATE : 0);
    shared.accounts = mk_need(check->threads * keys, sizeof *shared.accounts);
    mk_subject_run(&subject, 0, check->threads, check->seed + keys, shared_body, &shared);
    if (!mk_check_failed(check)) settle(&shared, check->threads);
    if (!mk_check_failed(check)) audit_and_clear(&shared.book);
    free(shared.accounts);
    close_book(&shared.book);
    mk_subject_close(&subject);
}

static void run_shared(struct mk_check *check) {
    static const size_t keys[] = {1, 4, 48, 3000};
    for (size_t k = 0; k < sizeof keys / sizeof *keys && !mk_check_failed(check); k++) {
        share(check, check->colliding && keys[k] > 100 ? 100 : keys[k], 30000);
    }
}

/* Of `owners` threads each has keys of its own; thread `index` works on its ones. */
static void work_on_own(struct mk_worker *worker, struct shared *shared, uint32_t owners) {
    uint64_t version = mk_rng_next(&worker->rng) >> (65 - VERSION_BITS);
    for (uint64_t ops = shared->ops; ops && !mk_check_failed(worker->check); ops--) {
        random_op(&shared->book, &shared->choice, worker->me, &worker->rng, worker->index, owners, ++version);
        mk_worker_pace(worker);
    }
}

static void owned_body(struct mk_worker *worker) {
    work_on_own(worker, worker->arg, worker->n);
}

static void run_owned(struct mk_check *check) {
    static const size_t keys_each[] = {2, 1000};
    for (size_t k = 0; k < 2 && !mk_check_failed(check); k++) {
        size_t keys = check->threads * (check->colliding && k ? 30 : keys_each[k]);
        struct mk_subject_config config = {.capacity = 1, .threads_max = check->threads};
        struct mk_subject subject;
        struct shared shared = {.ops = mk_check_ops(check, 40000), .choice = choose(check, 0)};
        if (mk_subject_open(&subject, check, &config)) return;
        open_book(&shared.book, &subject, keys, check->seed);
        mk_subject_run(&subject, 0, check->threads, check->seed + k, owned_body, &shared);
        if (!mk_check_failed(check)) audit_and_clear(&shared.book);
        close_book(&shared.book);
        mk_subject_close(&subject);
    }
}

/* ---- keys that are always there -------------------------------------------------------------- */

#define STABLE_KEYS 12
#define STABLE_WRITTEN 8 /* of these, the first ones are replaced; the others have the value of the beginning */

/* The first STABLE_KEYS of the book are always there. */
struct stable {
    struct book book;
    uint64_t ops;              /* of a reader */
    size_t storm;              /* other keys, that come and go */
    _Atomic(uint32_t) readers; /* still at work: writers go on for so long */
};

/* Relaxed: it is to order nothing. */
static bool is_read(struct stable *stable) {
    return !mk_check_failed(stable->book.check) && atomic_load_explicit(&stable->readers, memory_order_relaxed);
}

/* Replaces them, each by higher and higher versions. */
static void stable_write(struct mk_worker *worker, struct stable *stable) {
    /* above those that were there first */
    for (uint64_t version = STABLE_KEYS + 1; is_read(stable); version++) {
        size_t i = version % STABLE_WRITTEN;
        expect(&stable->book, worker->me, MK_MAP_PUT, i, tag_of(stable->book.key[i], version));
        mk_worker_pace(worker);
    }
}

/* Lets other keys come and go, so that the structure grows and shrinks around them. */
static void stable_storm(struct mk_worker *worker, struct stable *stable) {
    while (is_read(stable)) {
        sweep(&stable->book, worker->me, MK_MAP_PUT, STABLE_KEYS, STABLE_KEYS + stable->storm);
        sweep(&stable->book, worker->me, MK_MAP_REMOVE, STABLE_KEYS, STABLE_KEYS + stable->storm);
    }
}

/* Looks them up: always there, whole, never an older version than last time, and where nobody writes the same. */
static void stable_read(struct mk_worker *worker, struct stable *stable) {
    uint64_t newest[STABLE_KEYS] = {0};
    for (uint64_t ops = stable->ops; ops && !mk_check_failed(worker->check); ops--) {
        size_t i = mk_rng_below(&worker->rng, STABLE_KEYS);
        uint64_t key = stable->book.key[i];
        struct mk_op op = {.code = ops % 8 ? MK_MAP_GET : MK_MAP_CONTAINS, .key = key};
        struct mk_result result = mk_subject_do(worker->subject, worker->me, &op);
        judge_status(worker->check, key, result.status);
        if (result.status == MK_MISS) {
            mk_found(worker->check, "misses key 0x%" PRIx64 ", which is always there", key);
        }
        if (result.status != MK_HIT || op.code != MK_MAP_GET) continue;
        judge_value(worker->check, key, result.value);
        uint64_t version = result.value - mk_mix64(key);
        if (version < newest[i]) {
            mk_found(worker->check, "key 0x%" PRIx64 " answers version %" PRIu64 " after version %" PRIu64, key,
                     version, newest[i]);
        }
        if (i >= STABLE_WRITTEN && result.value != stable->book.state[i].tag) {
            mk_found(worker->check, "key 0x%" PRIx64 " answers 0x%" PRIx64 ", and nobody has written to it since it was 0x%" PRIx64,
                     key, result.value, stable->book.state[i].tag);
        }
        newest[i] = version;
        mk_worker_pace(worker);
    }
    atomic_fetch_sub_explicit(&stable->readers, 1, memory_order_relaxed);
}

static void stable_body(struct mk_worker *worker) {
    switch (worker->index) {
    case 0: stable_write(worker, worker->arg); break;
    case 1: stable_storm(worker, worker->arg); break;
    default: stable_read(worker, worker->arg); break;
    }
}

static void run_stable(struct mk_check *check) {
    struct mk_subject_config config = {.capacity = 1, .threads_max = check->threads < 3 ? 3 : check->threads};
    struct mk_subject subject;
    struct stable stable = {.ops = mk_check_ops(check, 60000), .storm = check->colliding ? 40 : 1500};
    atomic_init(&stable.readers, config.threads_max - 2);
    if (mk_subject_open(&subject, check, &config)) return;
    open_book(&stable.book, &subject, STABLE_KEYS + stable.storm, check->seed);
    stable.storm = stable.book.n - STABLE_KEYS; /* where there are no more keys */
    struct mk_thread *me = mk_subject_enter(&subject, 0);
    if (me) {
        sweep(&stable.book, me, MK_MAP_PUT, 0, STABLE_KEYS);
        mk_subject_leave(&subject, 0);
    }
    mk_subject_run(&subject, 0, config.threads_max, check->seed, stable_body, &stable);
    if (!mk_check_failed(check)) audit_and_clear(&stable.book);
    close_book(&stable.book);
    mk_subject_close(&subject);
}

/* ---- scans beside others --------------------------------------------------------------------- */

/* Of the keys of a book, which ascend, by their number. */
static bool always_there(size_t i) {
    return i % 8 == 3;
}

static bool never_there(size_t i) {
    return i % 8 == 5;
}

/* One thread replaces what is always there, by higher and higher versions; nobody else touches it. */
static void scan_write(struct mk_worker *worker, struct stable *stable) {
    struct book *book = &stable->book;
    for (uint64_t version = 2; is_read(stable); version++) {
        for (size_t i = 3; i < book->n && is_read(stable); i += 16) {
            expect(book, worker->me, MK_MAP_PUT, i, tag_of(book->key[i], version));
            mk_worker_pace(worker);
        }
    }
}

/* Lets the others come and go, some at a time. */
static void scan_storm(struct mk_worker *worker, struct stable *stable) {
    struct book *book = &stable->book;
    while (is_read(stable)) {
        size_t from = mk_rng_below(&worker->rng, book->n), n = 1 + mk_rng_below(&worker->rng, book->n / 4);
        unsigned code = mk_rng_below(&worker->rng, 2) ? MK_MAP_PUT : MK_MAP_REMOVE;
        for (size_t i = from; i < from + n && i < book->n; i++) {
            if (!always_there(i) && !never_there(i)) expect(book, worker->me, code, i, tag_of(book->key[i], 1));
        }
        mk_worker_pace(worker);
    }
}

/* What was always there between `from` and the end of the scan was visited, what never was was not. */
static void judge_scan(struct stable *stable, uint64_t from, const struct mk_map_scan *scan) {
    struct book *book = &stable->book;
    uint64_t at = 0, end = scan->visited == scan->n ? scan->seen[scan->n - 1].key : UINT64_MAX;
    for (size_t i = 0; i < book->n && book->key[i] <= end; i++) {
        if (book->key[i] < from) continue;
        bool visited = at < scan->visited && scan->seen[at].key == book->key[i];
        if (visited && never_there(i)) {
            mk_found(book->check, "scan visits key 0x%" PRIx64 ", which was never put", book->key[i]);
        } else if (!visited && always_there(i)) {
            mk_found(book->check, "scan from 0x%" PRIx64 " passes by key 0x%" PRIx64 ", which is always there",
                     from, book->key[i]);
        } else if (visited && !belongs(book->key[i], scan->seen[at].tag)) {
            mk_found(book->check, "scan finds 0x%" PRIx64 " under key 0x%" PRIx64 ", which nobody put there",
                     scan->seen[at].tag, book->key[i]);
        } else if (visited && always_there(i) && i % 16 != 3 && scan->seen[at].tag != tag_of(book->key[i], 1)) {
            mk_found(book->check, "scan finds another value under key 0x%" PRIx64 " than it always had",
                     book->key[i]);
        }
        at += visited;
    }
    if (at < scan->visited && !mk_check_failed(book->check)) {
        mk_found(book->check, "scan visits key 0x%" PRIx64 ", which was never put", scan->seen[at].key);
    }
    if (scan->torn) mk_found(book->check, "scan from 0x%" PRIx64 " visits a torn value", from);
}

static void scan_read(struct mk_worker *worker, struct stable *stable) {
    struct book *book = &stable->book;
    struct mk_map_scan scan = {.seen = mk_need(book->n + 1, sizeof *scan.seen)};
    for (uint64_t left = stable->ops; left && !mk_check_failed(worker->check); left--) {
        uint64_t from = left % 4 ? book->key[mk_rng_below(&worker->rng, book->n)] : 0;
        scan.n = 1 + mk_rng_below(&worker->rng, left % 3 ? 20 : book->n);
        if (scan_from(book, worker->me, from, &scan)) judge_scan(stable, from, &scan);
        mk_worker_pace(worker);
    }
    free(scan.seen);
    atomic_fetch_sub_explicit(&stable->readers, 1, memory_order_relaxed);
}

static void scan_body(struct mk_worker *worker) {
    switch (worker->index) {
    case 0: scan_write(worker, worker->arg); break;
    case 1: scan_storm(worker, worker->arg); break;
    default: scan_read(worker, worker->arg); break;
    }
}

static void run_scan_beside(struct mk_check *check) {
    static const size_t keys[] = {16, 1000};
    for (size_t k = 0; k < 2 && !mk_check_failed(check); k++) {
        struct mk_subject_config config = {.capacity = 1, .threads_max = check->threads < 3 ? 3 : check->threads};
        struct mk_subject subject;
        struct stable stable = {.ops = mk_check_ops(check, k ? 1000 : 6000)};
        atomic_init(&stable.readers, config.threads_max - 2);
        if (mk_subject_open(&subject, check, &config)) return;
        open_book(&stable.book, &subject, check->colliding && k ? 100 : keys[k], check->seed + k);
        struct book *book = &stable.book;
        struct mk_thread *me = mk_subject_enter(&subject, 0);
        for (size_t i = 3; me && i < book->n; i += 8) expect(book, me, MK_MAP_PUT, i, tag_of(book->key[i], 1));
        if (me) mk_subject_leave(&subject, 0);
        mk_subject_run(&subject, 0, config.threads_max, check->seed, scan_body, &stable);
        if (!mk_check_failed(check)) audit_and_clear(book);
        close_book(book);
        mk_subject_close(&subject);
    }
}

/* ---- threads that come and go, and one that stays inside ------------------------------------- */

static void brief_body(struct mk_worker *worker) {
    work_on_own(worker, worker->arg, worker->n + 1);
}

/* Short-lived threads, ids recycled, and thread 0, which stays. What each does to keys of its own must be there
 * when the next one comes. */
static void run_births(struct mk_check *check) {
    struct mk_subject_config config = {.capacity = 1, .threads_max = check->threads};
    struct mk_subject subject;
    struct shared shared = {.ops = 40, .choice = choose(check, 0)};
    if (mk_subject_open(&subject, check, &config)) return;
    open_book(&shared.book, &subject, 50 * check->threads, check->seed);
    struct mk_thread *me = mk_subject_enter(&subject, 0);
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    uint64_t times = mk_check_ops(check, 60), version = 0;
    uint32_t last = check->threads - 1; /* whose keys are those of thread 0 */
    for (uint64_t time = 0; me && time < times && !mk_check_failed(check); time++) {
        mk_subject_run(&subject, 1, last, check->seed + time, brief_body, &shared);
        for (int i = 0; i < 20; i++) {
            random_op(&shared.book, &shared.choice, me, &rng, last, check->threads, ++version);
        }
    }
    if (me) {
        audit(&shared.book, me);
        mk_subject_leave(&subject, 0);
    }
    if (!mk_check_failed(check)) audit_and_clear(&shared.book);
    close_book(&shared.book);
    mk_subject_close(&subject);
}

static const char *unless_holds(const struct mk_check *check) {
    return check->impl->hold && check->impl->unhold ? NULL : "readers cannot be made to stay inside";
}

/* A reader stays inside while another thread changes everything. */
static void run_held(struct mk_check *check) {
    struct mk_subject_config config = {.capacity = 1, .threads_max = 2, .watched = true};
    struct mk_subject subject;
    struct book book;
    struct mk_rng rng;
    if (mk_subject_open(&subject, check, &config)) return;
    open_book(&book, &subject, check->colliding ? 100 : 1000, check->seed);
    mk_rng_seed(&rng, check->seed);
    struct mk_thread *reader = mk_subject_enter(&subject, 0), *me = mk_subject_enter(&subject, 1);
    if (reader && me) {
        sweep(&book, me, MK_MAP_PUT, 0, book.n / 2);
        check->impl->hold(subject.self, reader);
        sweep(&book, me, MK_MAP_PUT, 0, book.n);
        random_ops(&book, me, &rng, mk_check_ops(check, 5000));
        check->impl->unhold(subject.self, reader);
        audit(&book, me);
        sweep(&book, me, MK_MAP_REMOVE, 0, book.n);
        mk_subject_flush(&subject, me);
        mk_subject_expect_reclaimed(&subject);
        audit(&book, me);
    }
    if (reader) mk_subject_leave(&subject, 0);
    if (me) mk_subject_leave(&subject, 1);
    close_book(&book);
    mk_subject_close(&subject);
}

static const struct mk_case map_cases[] = {
    {"model", "random operations of one thread, each answered as the model says", 0, MK_FLOOR, NULL, run_model},
    {"growth", "up to 20000 keys and down to none, again and again", MK_GROWS, MK_FLOOR, NULL, run_growth},
    {"collisions", "10000 keys of one hash", MK_GROWS, MK_FLOOR, unless_colliding, run_collisions},
    {"scan", "scans of one thread visit what is there, ascending, from anywhere", 0, MK_FLOOR, unless_scans,
     run_scan},
    {"batch", "batch and step agree in answers and contents", 0, MK_FLOOR, NULL, run_batch},
    {"no_memory", "every single allocation refused: nothing changes, nothing leaks", 0, MK_FLOOR, NULL,
     run_no_memory},
    {"held", "a reader stays inside while everything changes", 0, MK_FLOOR, unless_holds, run_held},
    {"shared", "threads on shared keys: what was written comes back exactly once", MK_CONCURRENT, MK_FLOOR, NULL,
     run_shared},
    {"owned", "threads on keys of their own among those of others: one legal answer each", MK_CONCURRENT, MK_FLOOR,
     NULL, run_owned},
    {"stable", "keys that are always there are never missed while they are replaced and others come and go",
     MK_CONCURRENT, MK_FLOOR, NULL, run_stable},
    {"scan_beside", "scans pass by no key that is always there while it is replaced and others come and go",
     MK_CONCURRENT, MK_FLOOR, unless_scans, run_scan_beside},
    {"births", "short-lived threads lose nothing", MK_CONCURRENT, MK_FLOOR, NULL, run_births},
    {.name = NULL}};

MK_KIND_MODEL(map,
              .names = {"get", "put", "remove", "contains", "insert_if_absent", "update", "read_modify_write", "scan",
                        "scan_100"},
              .state_bytes = sizeof(struct state), .part = part_of, .answer = answer_map, .describe = describe_state,
              .several = 1u << MK_MAP_READ_MODIFY_WRITE | 1u << MK_MAP_SCAN | 1u << MK_MAP_SCAN_100,
              .reads = 1u << MK_MAP_GET | 1u << MK_MAP_CONTAINS, .histories = true, .observe = MK_MAP_GET,
              .cases = map_cases);
