/* test_monitor.c - monitors of stacks and queues against a search through all orders (short histories), against the
 * plain quadratic way (longer ones), and on worked examples. */
#include "test.h"

#include "../harness/check/monitor.h"
#include "../harness/rng.h"
#include "../impl/order.h"

#include <stdlib.h>

#if defined(MK_TSAN) || defined(__SANITIZE_ADDRESS__)
#define SLOWER 10
#else
#define SLOWER 1
#endif

typedef enum mk_linear (*monitor_fn)(const struct mk_event *, size_t, uint64_t, struct mk_monitor_report *);

static enum mk_linear monitor(bool stack, const struct mk_event *event, size_t n, uint64_t slack,
                              struct mk_monitor_report *report) {
    const monitor_fn of[] = {mk_monitor_queue, mk_monitor_stack};
    return of[stack](event, n, slack, report);
}

/* ---- all orders ------------------------------------------------------------------------------ */

#define SEARCH_MAX 16

/* What monitor.h says. */
static bool precedes(const struct mk_event *event, size_t n, uint64_t slack, size_t a, size_t b) {
    const struct mk_event *x = &event[a], *y = &event[b];
    if (x->ret + slack < y->call) return true;
    if (x->thread != y->thread || a == b || y->call < x->ret) return false;
    if (y->call == x->ret && x->call == x->ret) return false;
    for (size_t i = 0; i < n; i++)
        if (event[i].thread != x->thread && event[i].call >= y->call && event[i].call <= x->ret + slack)
            return false;
    return true;
}

struct search {
    const struct mk_event *event;
    size_t n;
    bool stack;
    uint32_t before[SEARCH_MAX]; /* bit per event that precedes it */
    uint64_t in[SEARCH_MAX];     /* the structure: in[from .. to - 1] */
};

static bool search_on(struct search *s, uint32_t done, size_t from, size_t to) {
    if (done == (1u << s->n) - 1) return true;
    for (size_t i = 0; i < s->n; i++) {
        if (done >> i & 1 || s->before[i] & ~done) continue;
        const struct mk_event *event = &s->event[i];
        uint32_t with = done | 1u << i;
        if (event->code == MK_MONITOR_IN) {
            uint64_t was = s->in[to];
            s->in[to] = event->value;
            if (search_on(s, with, from, to + 1)) return true;
            s->in[to] = was;
        } else if (event->status == MK_MISS) {
            if (from == to && search_on(s, with, from, to)) return true;
        } else if (from < to && s->in[s->stack ? to - 1 : from] == event->seen) {
            uint64_t was = event->seen;
            if (search_on(s, with, from + !s->stack, to - s->stack)) return true;
            s->in[s->stack ? to - 1 : from] = was;
        }
    }
    return false;
}

/* ---- histories ------------------------------------------------------------------------------- */

#define HISTORY_MAX 400

struct made {
    struct mk_event event[HISTORY_MAX];
    size_t n;
    uint64_t slack;
};

struct shape {
    bool stack;
    size_t ops;
    unsigned threads;
    unsigned out_percent;
    unsigned wild_percent; /* of what is taken out: from anywhere */
    size_t ins_first;      /* so many operations that put in */
    uint64_t reach;        /* operations may take as long as so many others */
    uint64_t grain;        /* so many stamps become one: threads have equal ones */
    uint64_t slack;        /* clocks of threads differ by up to so much */
};

static void swap(uint64_t *a, uint64_t *b) {
    uint64_t kept = *a;
    *a = *b;
    *b = kept;
}

/* Operations one after another, at moments that are 8 apart. */
static void make_sequence(struct made *made, const struct shape *shape, struct mk_rng *rng) {
    uint64_t in[HISTORY_MAX], value = 0;
    size_t from = 0, to = 0;
    made->n = shape->ops;
    for (size_t i = 0; i < made->n; i++) {
        struct mk_event *event = &made->event[i];
        *event = (struct mk_event){.thread = (uint16_t)mk_rng_below(rng, shape->threads), .status = MK_HIT};
        if (i < shape->ins_first || mk_rng_below(rng, 100) >= shape->out_percent) {
            event->value = in[to++] = ++value;
            continue;
        }
        event->code = MK_MONITOR_OUT;
        event->status = from == to ? MK_MISS : MK_HIT;
        if (from == to) continue;
        uint64_t *end = &in[shape->stack ? to - 1 : from];
        if (mk_rng_below(rng, 100) < shape->wild_percent) swap(end, &in[from + mk_rng_below(rng, to - from)]);
        event->seen = *end;
        shape->stack ? to-- : from++;
    }
}

/* Puts calls and returns around the moments, of a thread never one after another the wrong way. Between two
 * operations of a thread there is one stamp mostly, sometimes two. */
static void spread(struct made *made, const struct shape *shape, struct mk_rng *rng) {
    uint64_t reach = 8 * shape->reach, base = reach + 8;
    made->slack = shape->slack;
    for (unsigned t = 0; t < shape->threads; t++) {
        uint64_t clock = mk_rng_below(rng, shape->slack + 1), free_at = 0;
        struct mk_event *last = NULL;
        for (size_t i = 0; i < made->n; i++) {
            struct mk_event *event = &made->event[i];
            if (event->thread != t) continue;
            uint64_t moment = base + 8 * i, call = moment - mk_rng_below(rng, reach + 1);
            if (call < free_at) call = free_at + mk_rng_below(rng, moment - free_at + 1);
            if (last && mk_rng_below(rng, 4)) last->ret = call;
            event->call = call;
            event->ret = free_at = moment + mk_rng_below(rng, 8);
            if (last && last->ret > event->call) event->call = last->ret;
            last = event;
            uint64_t end = moment + mk_rng_below(rng, reach + 1);
            for (size_t j = i + 1; j < made->n; j++)
                if (made->event[j].thread == t && end > base + 8 * j) end = base + 8 * j;
            if (end > event->ret) event->ret = free_at = end;
        }
        for (size_t i = 0; i < made->n; i++) {
            struct mk_event *event = &made->event[i];
            if (event->thread != t) continue;
            event->call = event->call / shape->grain + clock;
            event->ret = event->ret / shape->grain + clock;
        }
    }
}

/* Makes some answer another one. Values still go in once. */
static void mutate(struct made *made, struct mk_rng *rng) {
    struct mk_event *a = &made->event[mk_rng_below(rng, made->n)], *b = &made->event[mk_rng_below(rng, made->n)];
    switch (mk_rng_below(rng, 6)) {
    case 0: /* two answers, exchanged */
    case 1:
        if (a->code != MK_MONITOR_OUT || b->code != MK_MONITOR_OUT) break;
        swap(&a->seen, &b->seen);
        if (a->status != b->status) a->status ^= MK_HIT, b->status ^= MK_HIT;
        break;
    case 2: /* two values that go in */
        if (a->code == MK_MONITOR_IN && b->code == MK_MONITOR_IN) swap(&a->value, &b->value);
        break;
    case 3: /* nothing came out */
        if (a->code == MK_MONITOR_OUT && mk_rng_below(rng, 2)) a->status = MK_MISS, a->seen = 0;
        break;
    case 4: /* something did */
        if (a->code == MK_MONITOR_OUT && (a->status == MK_MISS || !mk_rng_below(rng, 8)))
            a->status = MK_HIT, a->seen = 1 + mk_rng_below(rng, made->n);
        break;
    default: /* it never happened */ *a = made->event[--made->n];
    }
}

static void shuffle(struct made *made, struct mk_rng *rng) {
    for (size_t i = made->n; i > 1; i--) {
        size_t j = mk_rng_below(rng, i);
        struct mk_event kept = made->event[i - 1];
        made->event[i - 1] = made->event[j];
        made->event[j] = kept;
    }
}

static void make(struct made *made, const struct shape *shape, unsigned mutations, struct mk_rng *rng) {
    make_sequence(made, shape, rng);
    spread(made, shape, rng);
    for (; mutations > 0 && made->n > 1; mutations--) mutate(made, rng);
    shuffle(made, rng);
}

static void print(const struct made *made) {
    for (size_t i = 0; i < made->n; i++) {
        const struct mk_event *event = &made->event[i];
        printf("  thread %u [%" PRIu64 ", %" PRIu64 "] %s %" PRIu64 "\n", event->thread, event->call, event->ret,
               event->code == MK_MONITOR_IN ? "in" : event->status == MK_HIT ? "out" : "empty",
               event->code == MK_MONITOR_IN ? event->value : event->seen);
    }
}

/* ---- against all orders ---------------------------------------------------------------------- */

/* Returns whether those operations have an order, bit per event of a short history, whose others are forgotten once
 * it is known what precedes what. */
static bool has_order(bool stack, const struct made *made, uint32_t which) {
    struct search s = {.event = made->event, .n = made->n, .stack = stack};
    for (size_t i = 0; i < s.n; i++)
        for (size_t j = 0; j < s.n; j++)
            s.before[i] |= (uint32_t)precedes(s.event, s.n, made->slack, j, i) << j;
    return search_on(&s, ~which & ((1u << s.n) - 1), 0, 0);
}

static bool same(const struct mk_event *a, const struct mk_event *b) {
    return a->thread == b->thread && a->call == b->call && a->ret == b->ret && a->code == b->code &&
           a->status == b->status && a->value == b->value && a->seen == b->seen;
}

/* Returns the value that an event is about, 0 for an empty answer. */
static uint64_t value_of(const struct mk_event *event) {
    return event->code == MK_MONITOR_IN ? event->value : event->seen;
}

/* Returns which operations are in a report, leaving out those on one value (0: none). */
static uint32_t reported(const struct made *made, const struct mk_monitor_report *report, uint64_t without) {
    uint32_t which = 0;
    for (size_t r = 0; r < report->n; r++)
        for (size_t i = 0; i < made->n; i++) {
            uint64_t value = value_of(&made->event[i]);
            if (same(&made->event[i], &report->event[r]) && (value == 0 || value != without)) which |= 1u << i;
        }
    return which;
}

/* Returns whether what is reported is at fault by itself, and would not be without any value of it. */
static bool convicts(bool stack, const struct made *made, const struct mk_monitor_report *report) {
    if (has_order(stack, made, reported(made, report, 0)) || strlen(report->what) < 10) return false;
    for (size_t r = 0; r < report->n; r++) {
        uint64_t value = value_of(&report->event[r]);
        if (value != 0 && !has_order(stack, made, reported(made, report, value))) return false;
    }
    return true;
}

struct tally {
    uint64_t orderly, not, wrong, empty, stays, slack, convicted, pairs, more;
};

static void tally_kinds(const struct made *made, struct tally *tally) {
    bool empty = false;
    int stay = 0;
    for (size_t i = 0; i < made->n; i++) {
        empty |= made->event[i].status == MK_MISS;
        if (made->event[i].status == MK_HIT) stay += made->event[i].code == MK_MONITOR_IN ? 1 : -1;
    }
    tally->empty += empty;
    tally->stays += stay > 0;
    tally->slack += made->slack > 0;
}

static void compare(bool stack, const struct made *made, bool right, struct tally *tally) {
    struct mk_monitor_report report;
    bool order = has_order(stack, made, UINT32_MAX);
    enum mk_linear said = monitor(stack, made->event, made->n, made->slack, &report);
    bool fits = said == (order ? MK_LINEARIZABLE : MK_NOT_LINEARIZABLE) && (order || !right);
    *(order ? &tally->orderly : &tally->not) += 1;
    tally_kinds(made, tally);
    if (said == MK_NOT_LINEARIZABLE && report.n < MK_MONITOR_EVENTS_MAX) {
        fits &= convicts(stack, made, &report);
        tally->convicted++;
        bool found_empty = strstr(report.what, "empty,") != NULL;
        tally->pairs += !found_empty && (report.n == 3 || report.n == 4);
        tally->more += !found_empty && report.n >= 5;
    }
    if (said == MK_LINEARIZABLE) fits &= report.n == 0 && !report.what[0];
    if (fits) return;
    if (tally->wrong++ == 0) {
        printf("%s, slack %" PRIu64 ", an order %s; the monitor: %d, \"%s\", %zu events\n",
               stack ? "stack" : "queue", made->slack, order ? "exists" : "does not exist", (int)said, report.what,
               report.n);
        print(made);
    }
}

static void compare_many(bool stack, uint64_t n, uint64_t seed) {
    struct tally tally = {0};
    struct made made;
    struct mk_rng rng;
    mk_rng_seed(&rng, seed);
    for (uint64_t i = 0; i < n; i++) {
        struct shape shape = {.stack = stack, .ops = 3 + mk_rng_below(&rng, 7), .grain = 1};
        if (mk_rng_below(&rng, 3)) shape.ins_first = 1 + mk_rng_below(&rng, shape.ops / 2);
        shape.threads = 2 + (unsigned)mk_rng_below(&rng, 3);
        shape.out_percent = 35 + (unsigned)mk_rng_below(&rng, 50);
        shape.reach = 1 + mk_rng_below(&rng, 5);
        if (mk_rng_below(&rng, 4) == 0) shape.grain = 1 + mk_rng_below(&rng, 16);
        if (mk_rng_below(&rng, 4) == 0) shape.slack = 1 + mk_rng_below(&rng, 12);
        if (mk_rng_below(&rng, 3)) shape.wild_percent = 60;
        unsigned mutations = mk_rng_below(&rng, 3) == 0 ? 1 + (unsigned)mk_rng_below(&rng, 3) : 0;
        make(&made, &shape, mutations, &rng);
        compare(stack, &made, mutations == 0 && shape.wild_percent == 0, &tally);
    }
    CHECK_EQ(tally.wrong, 0);
    uint64_t many = n < 100000 ? n / 20 : 5000;
    CHECK(tally.orderly > many);
    CHECK(tally.not > many);
    CHECK(tally.empty > many);
    CHECK(tally.stays > many);
    CHECK(tally.slack > many);
    CHECK(tally.convicted > many);
    if (getenv("MK_MONITOR_HISTORIES"))
        printf("%s: %" PRIu64 " orderly, %" PRIu64 " not (reported in full %" PRIu64 ", two values %" PRIu64
               ", more %" PRIu64 "), with empty %" PRIu64 ", staying %" PRIu64 ", slack %" PRIu64 "\n",
               stack ? "stack" : "queue", tally.orderly, tally.not, tally.convicted, tally.pairs, tally.more,
               tally.empty, tally.stays, tally.slack);
}

/* How many histories: MK_MONITOR_HISTORIES of the environment, for long runs by hand. */
static uint64_t histories(uint64_t n) {
    const char *asked = getenv("MK_MONITOR_HISTORIES");
    return asked ? strtoull(asked, NULL, 10) : n / SLOWER;
}

TEST(queues_agree_with_a_search_through_all_orders) {
    compare_many(false, histories(150000), 1);
}

TEST(stacks_agree_with_a_search_through_all_orders) {
    compare_many(true, histories(150000), 2);
}

/* ---- against the plain way ------------------------------------------------------------------- */

/* The same theory (monitor_stack.c, monitor_queue.c) without ranks, sweeps and trees: values and what precedes
 * what. */
struct plain {
    size_t in[HISTORY_MAX], out[HISTORY_MAX], values; /* events; no_event: stays in */
    size_t part[HISTORY_MAX];                         /* of a value; gone: left out */
    bool before[HISTORY_MAX][HISTORY_MAX];
};
enum { no_event = HISTORY_MAX, gone = HISTORY_MAX };

static bool out_before_out(const struct plain *p, size_t u, size_t v) {
    return p->out[u] != no_event && (p->out[v] == no_event || p->before[p->out[u]][p->out[v]]);
}

static bool in_before_out(const struct plain *p, size_t u, size_t v) {
    return p->out[v] == no_event || p->before[p->in[u]][p->out[v]];
}

/* Returns false if a value comes from nowhere, twice, or too early. */
static bool plain_values(struct plain *p, const struct made *made) {
    p->values = 0;
    for (size_t i = 0; i < made->n; i++) {
        for (size_t j = 0; j < made->n; j++) p->before[i][j] = precedes(made->event, made->n, made->slack, i, j);
        if (made->event[i].code != MK_MONITOR_IN) continue;
        p->in[p->values] = i;
        p->out[p->values++] = no_event;
    }
    for (size_t i = 0; i < made->n; i++) {
        size_t v = 0;
        if (made->event[i].code != MK_MONITOR_OUT || made->event[i].status != MK_HIT) continue;
        while (v < p->values && made->event[p->in[v]].value != made->event[i].seen) v++;
        if (v == p->values || p->out[v] != no_event || p->before[i][p->in[v]]) return false;
        p->out[v] = i;
    }
    return true;
}

/* Numbers parts: values that are in for certain at a common moment are in one, and so on. */
static void plain_parts(struct plain *p) {
    for (size_t v = 0; v < p->values; v++)
        if (p->part[v] != gone) p->part[v] = v;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t u = 0; u < p->values; u++)
            for (size_t v = 0; v < p->values; v++) {
                if (p->part[u] == gone || p->part[v] == gone || p->part[u] >= p->part[v]) continue;
                if (!in_before_out(p, u, v) || !in_before_out(p, v, u)) continue;
                p->part[v] = p->part[u];
                changed = true;
            }
    }
}

static bool plain_empty(const struct plain *p, const struct made *made) {
    for (size_t e = 0; e < made->n; e++) {
        if (made->event[e].status != MK_MISS) continue;
        for (size_t u = 0; u < p->values; u++)
            for (size_t v = 0; v < p->values; v++)
                if (p->part[u] != gone && p->part[u] == p->part[v] && p->before[p->in[u]][e] &&
                    (p->out[v] == no_event || p->before[e][p->out[v]]))
                    return false;
    }
    return true;
}

/* Returns whether v can be at the bottom of its part. */
static bool plain_bottom(const struct plain *p, size_t v) {
    for (size_t u = 0; u < p->values; u++)
        if (p->part[u] == p->part[v] && (p->before[p->in[u]][p->in[v]] || out_before_out(p, v, u))) return false;
    return true;
}

static bool plain_stack(struct plain *p) {
    size_t left = 0;
    for (size_t v = 0; v < p->values; v++) left += p->part[v] != gone;
    for (bool found = true; found && left > 0;) {
        found = false;
        plain_parts(p);
        for (size_t v = 0; v < p->values; v++) {
            if (p->part[v] == gone || !plain_bottom(p, v)) continue;
            p->part[v] = gone;
            left--;
            found = true;
        }
    }
    return left == 0;
}

static bool plain_queue(const struct plain *p) {
    for (size_t u = 0; u < p->values; u++)
        for (size_t v = 0; v < p->values; v++)
            if (p->before[p->in[u]][p->in[v]] && out_before_out(p, v, u)) return false;
    return true;
}

static bool plain(bool stack, const struct made *made) {
    static struct plain p;
    if (!plain_values(&p, made)) return false;
    for (size_t v = 0; v < p.values; v++) p.part[v] = in_before_out(&p, v, v) ? v : gone;
    plain_parts(&p);
    return plain_empty(&p, made) && (stack ? plain_stack(&p) : plain_queue(&p));
}

static void compare_longer(bool stack, unsigned n, uint64_t seed) {
    static struct made made;
    struct mk_rng rng;
    unsigned orderly = 0, not = 0;
    mk_rng_seed(&rng, seed);
    for (unsigned i = 0; i < n; i++) {
        struct shape shape = {.stack = stack, .ops = 20 + mk_rng_below(&rng, HISTORY_MAX - 20), .grain = 1};
        shape.threads = 2 + (unsigned)mk_rng_below(&rng, 15);
        shape.out_percent = 45 + (unsigned)mk_rng_below(&rng, 15);
        if (mk_rng_below(&rng, 2)) shape.ins_first = mk_rng_below(&rng, shape.ops / 2);
        shape.reach = 1 + mk_rng_below(&rng, mk_rng_below(&rng, 2) ? 10 : 100);
        if (mk_rng_below(&rng, 4) == 0) shape.grain = 1 + mk_rng_below(&rng, 16);
        if (mk_rng_below(&rng, 4) == 0) shape.slack = 1 + mk_rng_below(&rng, 30);
        if (mk_rng_below(&rng, 3)) shape.wild_percent = (unsigned)mk_rng_below(&rng, 8);
        make(&made, &shape, 0, &rng);
        struct mk_monitor_report report;
        bool order = plain(stack, &made);
        enum mk_linear said = monitor(stack, made.event, made.n, made.slack, &report);
        order ? orderly++ : not++;
        if (said == (order ? MK_LINEARIZABLE : MK_NOT_LINEARIZABLE) && (order || shape.wild_percent > 0)) continue;
        mk_test_fail(__FILE__, __LINE__, "history %u of %zu operations: %d, but %d by the plain way: %s", i, made.n,
                     (int)said, order, report.what);
        return;
    }
    CHECK(orderly > n / 10);
    CHECK(not > n / 10);
}

TEST(longer_queues_agree_with_the_plain_way) {
    compare_longer(false, 400 / SLOWER, 3);
}

TEST(longer_stacks_agree_with_the_plain_way) {
    compare_longer(true, 400 / SLOWER, 4);
}

/* ---- worked examples ------------------------------------------------------------------------- */

/* A history in words: thread, call, ret, what. */
#define IN(THREAD, CALL, RET, VALUE) \
    {.thread = THREAD, .call = CALL, .ret = RET, .code = MK_MONITOR_IN, .value = VALUE, .status = MK_HIT}
#define OUT(THREAD, CALL, RET, VALUE) \
    {.thread = THREAD, .call = CALL, .ret = RET, .code = MK_MONITOR_OUT, .seen = VALUE, .status = MK_HIT}
#define EMPTY(THREAD, CALL, RET) {.thread = THREAD, .call = CALL, .ret = RET, .code = MK_MONITOR_OUT}

static void says(bool stack, const struct mk_event *history, size_t n, uint64_t slack, enum mk_linear verdict,
                 size_t events, const char *what) {
    struct mk_monitor_report report;
    CHECK_EQ(monitor(stack, history, n, slack, &report), verdict);
    CHECK_EQ(report.n, events);
    CHECK_STR(report.what, what);
    for (size_t i = 1; i < report.n; i++) CHECK(report.event[i - 1].call <= report.event[i].call);
}

#define SAYS(STACK, SLACK, VERDICT, EVENTS, WHAT, ...)                                        \
    do {                                                                                      \
        const struct mk_event history[] = {__VA_ARGS__};                                      \
        says(STACK, history, sizeof history / sizeof *history, SLACK, VERDICT, EVENTS, WHAT); \
    } while (0)

TEST(nothing_is_linearizable) {
    for (int stack = 0; stack < 2; stack++) {
        says(stack, NULL, 0, 0, MK_LINEARIZABLE, 0, "");
        SAYS(stack, 0, MK_LINEARIZABLE, 0, "", EMPTY(0, 1, 2));
        SAYS(stack, 0, MK_LINEARIZABLE, 0, "", IN(0, 1, 2, 7));
    }
}

TEST(values_come_out_once_and_after_they_went_in) {
    for (int stack = 0; stack < 2; stack++) {
        SAYS(stack, 0, MK_NOT_LINEARIZABLE, 1, "0x7 was taken out, but never put in", OUT(0, 1, 2, 7));
        SAYS(stack, 0, MK_NOT_LINEARIZABLE, 2, "0x7 was taken out before it was put in", IN(0, 3, 4, 7),
             OUT(1, 1, 2, 7));
        SAYS(stack, 0, MK_NOT_LINEARIZABLE, 3, "0x7 was taken out more than once", OUT(0, 5, 9, 7), IN(0, 3, 4, 7),
             OUT(1, 6, 8, 7));
        SAYS(stack, 0, MK_LINEAR_UNKNOWN, 0, "0x7 was put in twice: nothing can be said of such a history",
             IN(0, 5, 9, 7), IN(0, 3, 4, 7));
    }
}

TEST(other_statuses_say_nothing) {
    for (int stack = 0; stack < 2; stack++)
        SAYS(stack, 0, MK_LINEARIZABLE, 0, "", IN(0, 1, 2, 7),
             {.call = 3, .ret = 4, .value = 7, .status = MK_NO_MEMORY},
             {.call = 5, .ret = 6, .code = MK_MONITOR_OUT, .status = MK_REFUSED}, OUT(0, 6, 7, 7), EMPTY(0, 7, 8));
}

TEST(queues_keep_their_order) {
    SAYS(false, 0, MK_NOT_LINEARIZABLE, 4, "0x4 was put in after 0x3, but was taken out before it", IN(0, 1, 2, 3),
         IN(0, 2, 3, 4), OUT(1, 5, 6, 4), OUT(1, 6, 7, 3));
    SAYS(false, 0, MK_NOT_LINEARIZABLE, 3, "0x4 was put in after 0x3, but was taken out and the other never was",
         IN(0, 1, 2, 3), IN(0, 2, 3, 4), OUT(1, 5, 6, 4));
    SAYS(false, 0, MK_LINEARIZABLE, 0, "", IN(0, 1, 3, 3), IN(1, 2, 4, 4), OUT(1, 5, 6, 4), OUT(1, 6, 7, 3));
}

TEST(stacks_keep_theirs) {
    SAYS(true, 0, MK_NOT_LINEARIZABLE, 4, "0x3 was taken out, although 0x4 was on top of it", IN(0, 1, 2, 3),
         IN(0, 2, 3, 4), OUT(1, 5, 6, 3), OUT(1, 6, 7, 4));
    SAYS(true, 0, MK_NOT_LINEARIZABLE, 3, "0x3 was taken out, although 0x4 was on top of it", IN(0, 1, 2, 3),
         IN(0, 2, 3, 4), OUT(1, 5, 6, 3));
    SAYS(true, 0, MK_LINEARIZABLE, 0, "", IN(0, 1, 3, 3), IN(1, 2, 4, 4), OUT(1, 5, 6, 3), OUT(1, 6, 7, 4));
}

/* Every two of the three can be in some order; all three cannot. */
TEST(a_stack_may_need_three_values_to_be_wrong) {
    SAYS(true, 0, MK_NOT_LINEARIZABLE, 6,
         "it was never empty while these came and went, but none can have been at the bottom: 0x1, 0x2 and 0x3",
         IN(0, 0, 10, 1), IN(1, 0, 20, 2), IN(2, 15, 60, 3), OUT(0, 40, 70, 1), OUT(1, 71, 79, 2),
         OUT(2, 80, 95, 3));
}

TEST(it_is_not_empty_while_something_is_in) {
    for (int stack = 0; stack < 2; stack++) {
        SAYS(stack, 0, MK_NOT_LINEARIZABLE, 3, "it was found empty, but something was in it all the while: 0x3",
             IN(0, 1, 2, 3), EMPTY(1, 3, 4), OUT(0, 5, 6, 3));
        SAYS(stack, 0, MK_NOT_LINEARIZABLE, 2, "it was found empty, but something was in it all the while: 0x3",
             IN(0, 1, 2, 3), EMPTY(1, 3, 4));
        SAYS(stack, 0, MK_NOT_LINEARIZABLE, 5,
             "it was found empty, but at every moment of that some of these were in it: 0x3 and 0x4",
             IN(0, 1, 2, 3), IN(0, 4, 5, 4), EMPTY(1, 3, 9), OUT(2, 6, 13, 3), OUT(0, 12, 14, 4));
        SAYS(stack, 0, MK_LINEARIZABLE, 0, "", IN(0, 1, 2, 3), IN(0, 4, 7, 4), EMPTY(1, 3, 9), OUT(2, 6, 13, 3),
             OUT(0, 12, 14, 4));
    }
}

TEST(the_order_of_a_thread_counts_where_nothing_else_began) {
    /* One thread alone, whose operations share stamps; then with slack; then another thread begins in between. */
    SAYS(false, 0, MK_NOT_LINEARIZABLE, 4, "0x4 was put in after 0x3, but was taken out before it", IN(0, 1, 2, 3),
         IN(0, 2, 3, 4), OUT(0, 3, 4, 4), OUT(0, 4, 5, 3));
    SAYS(false, 9, MK_NOT_LINEARIZABLE, 4, "0x4 was put in after 0x3, but was taken out before it", IN(0, 1, 2, 3),
         IN(0, 2, 3, 4), OUT(0, 3, 4, 4), OUT(0, 4, 5, 3));
    SAYS(false, 9, MK_LINEARIZABLE, 0, "", IN(0, 1, 2, 3), IN(0, 2, 3, 4), OUT(1, 3, 4, 4), OUT(1, 4, 5, 3));
    SAYS(false, UINT64_MAX, MK_NOT_LINEARIZABLE, 4, "0x4 was put in after 0x3, but was taken out before it",
         IN(0, 1, 2, 3), IN(0, 2, 3, 4), OUT(0, 3, 4, 4), OUT(0, 4, 5, 3));
}
