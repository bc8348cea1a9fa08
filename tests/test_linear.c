/* test_linear.c - what is linearizable is called so, and nothing else: by hand, and against a search that tries
 * every order.
 */
#include "../harness/check/linear.h"

#include <stdlib.h>

#include "../harness/rng.h"
#include "../impl/map.h"
#include "../impl/reclaim.h"
#include "test.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define HISTORIES 6000
#else
#define HISTORIES 120000
#endif

static const struct mk_impl impl = {.value_bytes = 8};

static struct mk_linear_config config_of(const char *kind) {
    return (struct mk_linear_config){.model = mk_model_of(kind), .impl = &impl};
}

/* ---- histories by hand ----------------------------------------------------------------------- */

/* thread, from, to, and what was done with which answer */
#define PUT(T, FROM, TO, VALUE, PREVIOUS)                                                               \
    {.thread = (T), .call = (FROM), .ret = (TO), .code = MK_MAP_PUT, .key = 7, .value = (VALUE),        \
     .status = (PREVIOUS) ? MK_HIT : MK_MISS, .previous = (PREVIOUS)}
#define GET(T, FROM, TO, VALUE)                                                                         \
    {.thread = (T), .call = (FROM), .ret = (TO), .code = MK_MAP_GET, .key = 7,                          \
     .status = (VALUE) ? MK_HIT : MK_MISS, .seen = (VALUE)}
#define REMOVE(T, FROM, TO, VALUE)                                                                      \
    {.thread = (T), .call = (FROM), .ret = (TO), .code = MK_MAP_REMOVE, .key = 7,                       \
     .status = (VALUE) ? MK_HIT : MK_MISS, .seen = (VALUE)}
#define REFUSED(T, FROM, TO, VALUE)                                                                     \
    {.thread = (T), .call = (FROM), .ret = (TO), .code = MK_MAP_PUT, .key = 7, .value = (VALUE),        \
     .status = MK_NO_MEMORY}

/* Judges a list of events of a map that is empty at first. */
#define JUDGE(SLACK, ...)                                                       \
    judge_map((struct mk_event[]){__VA_ARGS__},                                 \
              sizeof(struct mk_event[]){__VA_ARGS__} / sizeof(struct mk_event), SLACK, false)

static enum mk_linear judge_map(const struct mk_event *events, size_t n, uint64_t slack, bool refusals) {
    static const unsigned char empty[MK_MODEL_STATE_MAX];
    struct mk_linear_config config = config_of("map");
    config.refusals = refusals;
    return mk_linear_part(events, n, slack, &config, empty, NULL);
}

TEST(nothing_is_linearizable) {
    unsigned char before[MK_MODEL_STATE_MAX] = {1, 2, 3}, after[MK_MODEL_STATE_MAX] = {0};
    struct mk_linear_config config = config_of("map");
    CHECK_EQ(mk_linear_part(NULL, 0, 0, &config, before, after), MK_LINEARIZABLE);
    CHECK(memcmp(before, after, config.model->state_bytes) == 0);
}

TEST(one_thread_is_a_sequence) {
    CHECK_EQ(JUDGE(0, PUT(0, 1, 2, 5, 0), GET(0, 2, 3, 5), REMOVE(0, 3, 4, 5), GET(0, 4, 5, 0)), MK_LINEARIZABLE);
    CHECK_EQ(JUDGE(0, PUT(0, 1, 2, 5, 0), GET(0, 2, 3, 6)), MK_NOT_LINEARIZABLE);
}

TEST(the_order_of_a_thread_counts_whatever_its_stamps) {
    CHECK_EQ(JUDGE(0, PUT(0, 1, 1, 5, 0), GET(0, 1, 1, 5)), MK_LINEARIZABLE);
    CHECK_EQ(JUDGE(0, GET(0, 1, 1, 5), PUT(0, 1, 1, 5, 0)), MK_NOT_LINEARIZABLE);
    CHECK_EQ(JUDGE(100, GET(0, 1, 2, 5), PUT(0, 2, 3, 5, 0)), MK_NOT_LINEARIZABLE);
    CHECK_EQ(JUDGE(UINT64_MAX, GET(0, 1, 2, 5), PUT(0, 2, 3, 5, 0)), MK_NOT_LINEARIZABLE);
}

TEST(a_stale_read) {
    CHECK_EQ(JUDGE(0, PUT(0, 1, 2, 5, 0), PUT(0, 3, 4, 6, 5), GET(1, 5, 6, 5)), MK_NOT_LINEARIZABLE);
    CHECK_EQ(JUDGE(0, PUT(0, 1, 2, 5, 0), PUT(0, 3, 4, 6, 5), GET(1, 5, 6, 6)), MK_LINEARIZABLE);
}

TEST(a_read_that_overlaps_may_be_on_either_side) {
    CHECK_EQ(JUDGE(0, PUT(0, 1, 2, 5, 0), PUT(0, 3, 5, 6, 5), GET(1, 4, 6, 5)), MK_LINEARIZABLE);
    CHECK_EQ(JUDGE(0, PUT(0, 1, 2, 5, 0), PUT(0, 3, 5, 6, 5), GET(1, 4, 6, 6)), MK_LINEARIZABLE);
    CHECK_EQ(JUDGE(0, PUT(0, 1, 2, 5, 0), PUT(0, 3, 9, 6, 5), GET(1, 4, 5, 6), GET(1, 6, 7, 5)),
             MK_NOT_LINEARIZABLE);
}

TEST(a_lost_update) {
    CHECK_EQ(JUDGE(0, PUT(0, 1, 9, 5, 0), PUT(1, 1, 9, 6, 0)), MK_NOT_LINEARIZABLE);
    CHECK_EQ(JUDGE(0, PUT(0, 1, 9, 5, 0), PUT(1, 1, 9, 6, 5)), MK_LINEARIZABLE);
    CHECK_EQ(JUDGE(0, PUT(0, 1, 9, 5, 6), PUT(1, 1, 9, 6, 0)), MK_LINEARIZABLE);
    CHECK_EQ(JUDGE(0, PUT(0, 1, 9, 5, 6), PUT(1, 1, 9, 6, 5)), MK_NOT_LINEARIZABLE);
}

TEST(a_value_is_removed_once) {
    CHECK_EQ(JUDGE(0, PUT(0, 1, 2, 5, 0), REMOVE(1, 3, 9, 5), REMOVE(2, 3, 9, 5)), MK_NOT_LINEARIZABLE);
    CHECK_EQ(JUDGE(0, PUT(0, 1, 2, 5, 0), REMOVE(1, 3, 9, 5), REMOVE(2, 3, 9, 0)), MK_LINEARIZABLE);
}

TEST(who_returned_first_comes_first_across_threads) {
    CHECK_EQ(JUDGE(0, PUT(0, 1, 4, 5, 0), GET(1, 5, 6, 0)), MK_NOT_LINEARIZABLE);
    CHECK_EQ(JUDGE(0, PUT(0, 1, 4, 5, 0), GET(1, 4, 6, 0)), MK_LINEARIZABLE); /* at once: they overlap */
    CHECK_EQ(JUDGE(0, PUT(0, 1, 4, 5, 0), GET(1, 3, 6, 0)), MK_LINEARIZABLE);
}

TEST(slack_makes_them_overlap) {
    CHECK_EQ(JUDGE(9, PUT(0, 10, 40, 5, 0), GET(1, 50, 60, 0)), MK_NOT_LINEARIZABLE);
    CHECK_EQ(JUDGE(10, PUT(0, 10, 40, 5, 0), GET(1, 50, 60, 0)), MK_LINEARIZABLE);
    CHECK_EQ(JUDGE(UINT64_MAX, PUT(0, 10, 40, 5, 0), GET(1, 50, 60, 0)), MK_LINEARIZABLE);
}

TEST(an_order_between_three_threads) {
    /* 6 was put over 5, and one has seen 6 before another one begins, which sees 5 */
    CHECK_EQ(JUDGE(0, PUT(0, 1, 2, 5, 0), PUT(0, 3, 99, 6, 5), GET(1, 10, 20, 6), GET(2, 21, 30, 5)),
             MK_NOT_LINEARIZABLE);
    CHECK_EQ(JUDGE(0, PUT(0, 1, 2, 5, 0), PUT(0, 3, 99, 6, 5), GET(1, 10, 20, 6), GET(2, 20, 30, 5)),
             MK_LINEARIZABLE);
}

TEST(what_was_refused_changes_nothing) {
    const struct mk_event events[] = {PUT(0, 1, 2, 5, 0), REFUSED(0, 3, 4, 6), GET(0, 5, 6, 5)};
    CHECK_EQ(judge_map(events, 3, 0, true), MK_LINEARIZABLE);
    CHECK_EQ(judge_map(events, 3, 0, false), MK_NOT_LINEARIZABLE);
    const struct mk_event effective[] = {PUT(0, 1, 2, 5, 0), REFUSED(0, 3, 4, 6), GET(0, 5, 6, 6)};
    CHECK_EQ(judge_map(effective, 3, 0, true), MK_NOT_LINEARIZABLE);
}

TEST(the_state_before_and_after) {
    unsigned char state[MK_MODEL_STATE_MAX] = {0};
    char text[80];
    struct mk_linear_config config = config_of("map");
    const struct mk_event put[] = {PUT(0, 1, 2, 5, 0)}, over[] = {PUT(0, 1, 2, 6, 5)};
    CHECK_EQ(mk_linear_part(over, 1, 0, &config, state, state), MK_NOT_LINEARIZABLE);
    CHECK_EQ(mk_linear_part(put, 1, 0, &config, state, state), MK_LINEARIZABLE);
    CHECK_EQ(mk_linear_part(over, 1, 0, &config, state, state), MK_LINEARIZABLE);
    config.model->describe(state, text, sizeof text);
    CHECK_STR(text, "the key had the value 0x6");
}

TEST(cells_that_name_nodes) {
    struct mk_linear_config config = config_of("reclaim");
    unsigned char state[MK_MODEL_STATE_MAX] = {0};
    struct mk_event events[] = {
        {.thread = 0, .call = 1, .ret = 2, .code = MK_RECLAIM_REPLACE, .value = 5, .status = MK_MISS},
        {.thread = 0, .call = 3, .ret = 9, .code = MK_RECLAIM_REPLACE, .value = 6, .status = MK_HIT, .previous = 5},
        {.thread = 1, .call = 4, .ret = 6, .code = MK_RECLAIM_READ, .status = MK_HIT, .seen = 6},
        {.thread = 1, .call = 6, .ret = 8, .code = MK_RECLAIM_ENTER_LEAVE, .status = MK_MISS},
        {.thread = 1, .call = 8, .ret = 9, .code = MK_RECLAIM_READ, .status = MK_HIT, .seen = 6}};
    CHECK_EQ(mk_linear_part(events, 5, 0, &config, state, NULL), MK_LINEARIZABLE);
    events[4].seen = 5;
    CHECK_EQ(mk_linear_part(events, 5, 0, &config, state, NULL), MK_NOT_LINEARIZABLE);
    events[4].status = MK_TORN; /* a node that had been spoiled */
    CHECK_EQ(mk_linear_part(events, 5, 0, &config, state, NULL), MK_NOT_LINEARIZABLE);
}

/* ---- when it takes too long ------------------------------------------------------------------ */

#define CROWD 14

/* Fills in a put and a remove a thread, all at once, and a read of what nobody wrote: to see that nothing fits, all
 * orders have to be tried. */
static size_t fill_crowd(struct mk_event *events) {
    size_t n = 0;
    for (uint16_t t = 0; t < CROWD; t++) {
        struct mk_event in = PUT(t, 1, 9, t + 1u, 0), out = REMOVE(t, 1, 20, t + 1u);
        events[n++] = in;
        events[n++] = out;
    }
    struct mk_event read = GET(CROWD, 1, 20, 99);
    events[n++] = read;
    return n;
}

TEST(too_many_orders_are_unknown_and_no_pass) {
    unsigned char state[MK_MODEL_STATE_MAX] = {0};
    struct mk_event events[2 * CROWD + 1];
    struct mk_linear_config config = config_of("map");
    config.steps_max = 1000;
    CHECK_EQ(mk_linear_part(events, fill_crowd(events), 0, &config, state, NULL), MK_LINEAR_UNKNOWN);
    config.steps_max = 0;
    CHECK_EQ(mk_linear_part(events, fill_crowd(events), 0, &config, state, NULL), MK_NOT_LINEARIZABLE);
}

/* ---- a model of which answers say little ----------------------------------------------------- */

/* A register. Writing and adding say nothing of what was there, so that many orders of the same operations are
 * right, lead to different states, and, behind a write, to the same ones again. */
enum { REGISTER_READ, REGISTER_WRITE, REGISTER_ADD };

static void answer_register(const struct mk_impl *of, void *state, const struct mk_op *op,
                            struct mk_answer *answer) {
    (void)of;
    uint64_t value;
    memcpy(&value, state, sizeof value);
    answer->status = MK_HIT;
    answer->states_value = op->code == REGISTER_READ;
    answer->value = value;
    if (op->code == REGISTER_WRITE) value = op->value;
    if (op->code == REGISTER_ADD) value += 100 * op->value;
    memcpy(state, &value, sizeof value);
}

static void describe_register(const void *state, char *out, size_t room) {
    uint64_t value;
    memcpy(&value, state, sizeof value);
    snprintf(out, room, "%" PRIu64, value);
}

static uint64_t part_of_register(const struct mk_impl *of, const struct mk_op *op) {
    (void)of;
    return op->key;
}

static const struct mk_model register_model = {.kind = "register", .names = {"read", "write", "add"},
                                               .state_bytes = 8, .part = part_of_register,
                                               .answer = answer_register, .describe = describe_register,
                                               .reads = 1 << REGISTER_READ};

/* ---- against all orders ---------------------------------------------------------------------- */

#define EVENTS_MAX 8

/* A search without any wit. */
struct brute {
    const struct mk_event *event;
    size_t n;
    uint64_t slack;
    const struct mk_linear_config *config;
    const char *after; /* a state in words, that is looked for; NULL = any */
};

static bool precedes(const struct brute *brute, size_t a, size_t b) {
    const struct mk_event *first = &brute->event[a], *second = &brute->event[b];
    return first->thread == second->thread ? a < b : first->ret + brute->slack < second->call;
}

/* Returns whether the events that are not in `done` can be put into an order behind those that are. */
static bool try_orders(const struct brute *brute, unsigned done, const unsigned char *state) {
    char words[80];
    if (done == (1u << brute->n) - 1) {
        brute->config->model->describe(state, words, sizeof words);
        return !brute->after || strcmp(words, brute->after) == 0;
    }
    for (size_t i = 0; i < brute->n; i++) {
        bool free = !(done >> i & 1);
        for (size_t j = 0; j < brute->n; j++) free = free && (done >> j & 1 || j == i || !precedes(brute, j, i));
        if (!free) continue;
        const struct mk_event *event = &brute->event[i];
        unsigned char next[MK_MODEL_STATE_MAX];
        memcpy(next, state, sizeof next);
        bool right = event->status == MK_NO_MEMORY && brute->config->refusals;
        if (!right) {
            struct mk_op op = {.code = event->code, .key = event->key, .value = event->value};
            struct mk_result seen = {(enum mk_status)event->status, event->seen, event->previous};
            struct mk_answer answer = {.status = MK_MISS};
            brute->config->model->answer(&impl, next, &op, &answer);
            right = mk_answer_matches(&answer, &seen);
        }
        if (right && try_orders(brute, done | 1u << i, next)) return true;
    }
    return false;
}

/* Draws what really happened, in one order: an operation and its answer for each event, and when it took effect. */
static void draw_truth(struct mk_event *events, size_t n, const struct mk_linear_config *config,
                       struct mk_rng *rng) {
    static const uint8_t all[] = {MK_MAP_GET,    MK_MAP_GET,    MK_MAP_PUT,              MK_MAP_PUT,
                                  MK_MAP_REMOVE, MK_MAP_UPDATE, MK_MAP_INSERT_IF_ABSENT, MK_MAP_CONTAINS,
                                  MK_MAP_READ_MODIFY_WRITE},
                         few[] = {REGISTER_READ, REGISTER_WRITE, REGISTER_ADD};
    bool map = config->model != &register_model;
    unsigned char state[MK_MODEL_STATE_MAX] = {0};
    unsigned threads = 2 + (unsigned)mk_rng_below(rng, 3);
    for (size_t i = 0; i < n; i++) {
        struct mk_op op = {.code = map ? all[mk_rng_below(rng, sizeof all)] : few[mk_rng_below(rng, sizeof few)]};
        op.value = 10 * (1 + (map ? mk_rng_below(rng, 4) : i)); /* a map's may come again */
        struct mk_answer answer = {.status = MK_MISS};
        events[i] = (struct mk_event){.code = (uint8_t)op.code, .value = op.value};
        events[i].thread = (uint16_t)mk_rng_below(rng, threads);
        if (config->refusals && mk_rng_below(rng, 8) == 0) {
            events[i].status = MK_NO_MEMORY;
            continue;
        }
        config->model->answer(&impl, state, &op, &answer);
        events[i].status = (uint8_t)answer.status;
        events[i].seen = answer.states_value ? answer.value : 0;
        events[i].previous = answer.states_previous ? answer.previous : 0;
    }
}

/* Gives the events stamps around the moments 10, 20, ... and sorts them by thread. Operations of a thread that
 * would overlap meet in one stamp. */
static void draw_stamps(struct mk_event *events, size_t n, struct mk_rng *rng) {
    struct mk_event sorted[EVENTS_MAX];
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t moment = 10 * (i + 1), reach = mk_rng_below(rng, 4) ? 12 : 45;
        uint64_t before = mk_rng_below(rng, reach), behind = mk_rng_below(rng, reach);
        events[i].call = moment > before ? moment - before : 0;
        events[i].ret = moment + behind;
    }
    for (uint16_t thread = 0; thread < 4; thread++) {
        struct mk_event *last = NULL;
        uint64_t last_moment = 0;
        for (size_t i = 0; i < n; i++) {
            if (events[i].thread != thread) continue;
            if (last && last->ret > events[i].call) {
                last->ret = events[i].call = last_moment + mk_rng_below(rng, 10 * (i + 1) - last_moment + 1);
            }
            last = &sorted[kept++];
            last_moment = 10 * (i + 1);
            *last = events[i];
        }
    }
    memcpy(events, sorted, n * sizeof *events);
}

/* Makes an answer another: of the kind that can be right. */
static void spoil(struct mk_event *event, struct mk_rng *rng) {
    uint64_t value = 10 * (1 + mk_rng_below(rng, 4));
    switch (mk_rng_below(rng, 3)) {
    case 0: event->seen = value; break;
    case 1: event->previous = value; break;
    default: event->status ^= event->status < MK_NO_MEMORY; break;
    }
}

static void compare_with_all_orders(const struct mk_model *model) {
    uint64_t verdicts[3] = {0}, overlapping = 0;
    struct mk_rng rng;
    mk_rng_seed(&rng, 11);
    for (unsigned i = 0; i < HISTORIES; i++) {
        static const unsigned char empty[MK_MODEL_STATE_MAX];
        struct mk_linear_config config = {.model = model, .impl = &impl};
        struct mk_event events[EVENTS_MAX];
        unsigned char after[MK_MODEL_STATE_MAX] = {0};
        char words[80];
        size_t n = 2 + mk_rng_below(&rng, EVENTS_MAX - 1);
        config.refusals = mk_rng_below(&rng, 4) == 0;
        draw_truth(events, n, &config, &rng);
        for (uint64_t spoiled = mk_rng_below(&rng, 3); spoiled > 0; spoiled--) {
            spoil(&events[mk_rng_below(&rng, n)], &rng);
        }
        draw_stamps(events, n, &rng);
        struct brute brute = {events, n, mk_rng_below(&rng, 3) * 5, &config, NULL};
        bool wanted = try_orders(&brute, 0, empty);
        enum mk_linear got = mk_linear_part(events, n, brute.slack, &config, empty, after);
        verdicts[got]++;
        if (got != (wanted ? MK_LINEARIZABLE : MK_NOT_LINEARIZABLE)) {
            mk_test_fail(__FILE__, __LINE__, "history %u: verdict %u, but %s", i, got,
                         wanted ? "an order exists" : "no order does");
            return;
        }
        overlapping += wanted && brute.slack == 0 && events[0].thread != events[n - 1].thread;
        if (!wanted) continue;
        config.model->describe(after, words, sizeof words);
        brute.after = words;
        if (!try_orders(&brute, 0, empty)) {
            mk_test_fail(__FILE__, __LINE__, "history %u: no order ends in: %s", i, words);
            return;
        }
    }
    CHECK_EQ(verdicts[MK_LINEAR_UNKNOWN], 0);
    CHECK(verdicts[MK_LINEARIZABLE] > HISTORIES / 4);
    CHECK(verdicts[MK_NOT_LINEARIZABLE] > HISTORIES / 4);
    CHECK(overlapping > HISTORIES / 20);
}

TEST(agrees_with_all_orders) {
    compare_with_all_orders(mk_model_of("map"));
}

TEST(agrees_with_all_orders_where_answers_say_little) {
    compare_with_all_orders(&register_model);
}

/* ---- whole histories ------------------------------------------------------------------------- */

static void add(struct mk_history *history, struct mk_event event, uint64_t key) {
    struct mk_event_list *list = &history->thread[event.thread];
    event.key = key;
    list->at[list->n++] = event;
}
#define ADD(KEY, ...) add(&history, (struct mk_event)__VA_ARGS__, KEY)

static const char *state_of(struct mk_parts *parts, const struct mk_linear_config *config, uint64_t part) {
    static char words[80];
    config->model->describe(mk_parts_state(parts, part), words, sizeof words);
    return words;
}

static void count_part(void *arg, uint64_t part, const void *state) {
    (void)part;
    (void)state;
    ++*(unsigned *)arg;
}

/* Of parts whose state is known. */
static unsigned count_parts(struct mk_parts *parts) {
    unsigned n = 0;
    mk_parts_each(parts, count_part, &n);
    return n;
}

TEST(parts_are_kept_by_number) {
    struct mk_linear_config config = config_of("map");
    struct mk_parts *parts = mk_parts_open(config.model);
    for (uint64_t i = 0; i < 1000; i++) {
        struct mk_op op = {.code = MK_MAP_PUT, .value = i};
        struct mk_answer answer;
        config.model->answer(&impl, mk_parts_state(parts, i << 40), &op, &answer);
    }
    CHECK_EQ(count_parts(parts), 1000);
    CHECK_STR(state_of(parts, &config, UINT64_C(17) << 40), "the key had the value 0x11");
    CHECK_STR(state_of(parts, &config, 17), "the key was absent");
    CHECK_EQ(count_parts(parts), 1001);
    mk_parts_close(parts);
}

static struct mk_history open_history(uint32_t threads) {
    struct mk_history history;
    struct mk_stamps stamps = {.slack = 0};
    mk_history_open(&history, threads, 16, &stamps);
    return history;
}

TEST(a_history_is_judged_part_by_part) {
    struct mk_linear_config config = config_of("map");
    struct mk_parts *parts = mk_parts_open(config.model);
    struct mk_history history = open_history(3);
    struct mk_linear_report report;
    ADD(1, PUT(0, 1, 2, 5, 0));
    ADD(2, PUT(0, 2, 9, 6, 0));
    ADD(2, GET(2, 4, 5, 6));
    ADD(1, PUT(2, 5, 6, 7, 5));
    ADD(1, GET(0, 20, 21, 7));
    ADD(2, GET(0, 21, 22, 6));
    CHECK_EQ(mk_linear_judge(&history, &config, parts, &report), MK_LINEARIZABLE);
    CHECK_EQ(report.parts, 2);
    CHECK(!report.violated);
    CHECK_STR(state_of(parts, &config, 1), "the key had the value 0x7");
    CHECK_STR(state_of(parts, &config, 2), "the key had the value 0x6");
    mk_history_clear(&history); /* what follows begins with what was left */
    ADD(1, REMOVE(1, 30, 31, 7));
    ADD(1, GET(0, 40, 41, 0));
    CHECK_EQ(mk_linear_judge(&history, &config, parts, &report), MK_LINEARIZABLE);
    CHECK_EQ(report.parts, 1);
    CHECK_STR(state_of(parts, &config, 1), "the key was absent");
    CHECK_STR(state_of(parts, &config, 2), "the key had the value 0x6");
    mk_parts_close(parts);
    mk_history_close(&history);
}

TEST(a_violation_is_handed_out_whole) {
    struct mk_linear_config config = config_of("map");
    struct mk_parts *parts = mk_parts_open(config.model);
    struct mk_history history = open_history(2);
    struct mk_linear_report report;
    history.slack = 3;
    ADD(1, PUT(0, 1, 2, 5, 0));
    ADD(9, PUT(0, 2, 3, 6, 0));
    ADD(1, GET(0, 30, 31, 5));
    ADD(9, GET(0, 31, 32, 6));
    CHECK_EQ(mk_linear_judge(&history, &config, parts, &report), MK_LINEARIZABLE);
    mk_history_clear(&history);
    ADD(1, PUT(0, 40, 41, 8, 5));
    ADD(9, PUT(0, 41, 42, 7, 6));
    ADD(9, GET(1, 50, 51, 6));
    ADD(9, GET(0, 60, 61, 7));
    ADD(1, GET(0, 61, 62, 8));
    CHECK_EQ(mk_linear_judge(&history, &config, parts, &report), MK_NOT_LINEARIZABLE);
    CHECK(report.violated);
    CHECK_EQ(report.parts, 2);
    CHECK_EQ(report.unknown, 0);
    CHECK_EQ(report.violation.part, 9);
    CHECK_EQ(report.violation.slack, 3);
    CHECK_EQ(report.violation.n, 3);
    CHECK_EQ(report.violation.event[2].thread, 1);
    char words[80];
    config.model->describe(report.violation.before, words, sizeof words);
    CHECK_STR(words, "the key had the value 0x6");
    CHECK_EQ(mk_linear_part(report.violation.event, report.violation.n, report.violation.slack, &config,
                            report.violation.before, NULL),
             MK_NOT_LINEARIZABLE);
    CHECK_STR(state_of(parts, &config, 9), "the key had the value 0x7"); /* as the last read says */
    CHECK_STR(state_of(parts, &config, 1), "the key had the value 0x8");
    mk_violation_free(&report.violation);
    mk_parts_close(parts);
    mk_history_close(&history);
}

TEST(the_first_part_that_is_wrong_is_handed_out) {
    struct mk_linear_config config = config_of("map");
    struct mk_parts *parts = mk_parts_open(config.model);
    struct mk_history history = open_history(1);
    struct mk_linear_report report;
    for (uint64_t key = 3; key < 6; key++) ADD(key, GET(0, 10 * key, 10 * key + 1, key == 3 ? 0 : key));
    CHECK_EQ(mk_linear_judge(&history, &config, parts, &report), MK_NOT_LINEARIZABLE);
    CHECK_EQ(report.parts, 3);
    CHECK_EQ(report.violation.part, 4);
    CHECK_EQ(report.violation.n, 1);
    CHECK_EQ(report.violation.event->seen, 4);
    CHECK_STR(state_of(parts, &config, 5), "the key had the value 0x5");
    mk_violation_free(&report.violation);
    mk_parts_close(parts);
    mk_history_close(&history);
}

/* Judges a history of one part that is wrong, and returns what the part is taken for afterwards. */
static const char *after_last_read(struct mk_linear_config *config, struct mk_event read, unsigned *known) {
    static char words[80];
    struct mk_parts *parts = mk_parts_open(config->model);
    struct mk_history history = open_history(2);
    struct mk_linear_report report;
    ADD(3, PUT(0, 1, 2, 5, 77));
    add(&history, read, 3);
    CHECK_EQ(mk_linear_judge(&history, config, parts, &report), MK_NOT_LINEARIZABLE);
    mk_violation_free(&report.violation);
    snprintf(words, sizeof words, "%s", state_of(parts, config, 3));
    *known = count_parts(parts);
    mk_parts_close(parts);
    mk_history_close(&history);
    return words;
}

TEST(the_last_read_says_how_it_goes_on) {
    static const struct mk_impl wide = {.value_bytes = 64};
    struct mk_linear_config config = config_of("map");
    struct mk_event read = GET(1, 8, 9, 42);
    unsigned known;
    CHECK_STR(after_last_read(&config, read, &known), "the key had the value 0x2a");
    CHECK_EQ(known, 1);
    read.status = MK_MISS;
    read.seen = 0;
    CHECK_STR(after_last_read(&config, read, &known), "the key was absent");
    CHECK_EQ(known, 1);
    read.status = MK_REFUSED;
    after_last_read(&config, read, &known);
    CHECK_EQ(known, 0);
    read.status = MK_TORN; /* how values of several words come back that were counted up */
    read.seen = 42;
    config.impl = &wide;
    CHECK_STR(after_last_read(&config, read, &known), "the key had the value 0x2a");
    CHECK_EQ(known, 1);
}

TEST(a_part_of_unknown_state_is_unknown_until_it_is_read) {
    struct mk_linear_config config = config_of("map");
    struct mk_parts *parts = mk_parts_open(config.model);
    struct mk_history history = open_history(1);
    struct mk_linear_report report;
    ADD(3, PUT(0, 1, 2, 5, 77)); /* wrong, and not read */
    CHECK_EQ(mk_linear_judge(&history, &config, parts, &report), MK_NOT_LINEARIZABLE);
    mk_violation_free(&report.violation);
    CHECK_EQ(count_parts(parts), 0);
    mk_history_clear(&history);
    ADD(3, GET(0, 3, 4, 5));
    CHECK_EQ(mk_linear_judge(&history, &config, parts, &report), MK_LINEAR_UNKNOWN);
    CHECK_EQ(report.parts, 1);
    CHECK_EQ(report.unknown, 1);
    CHECK(!report.violated);
    mk_history_clear(&history);
    ADD(3, REMOVE(0, 5, 6, 5));
    CHECK_EQ(mk_linear_judge(&history, &config, parts, &report), MK_LINEARIZABLE);
    mk_parts_close(parts);
    mk_history_close(&history);
}

TEST(what_took_too_long_is_unknown_in_the_report) {
    struct mk_linear_config config = config_of("map");
    struct mk_parts *parts = mk_parts_open(config.model);
    struct mk_history history = open_history(CROWD + 1);
    struct mk_event events[2 * CROWD + 1];
    struct mk_linear_report report;
    size_t n = fill_crowd(events);
    config.steps_max = 1000;
    for (size_t i = 0; i < n; i++) add(&history, events[i], 4);
    ADD(4, GET(0, 30, 31, 0));
    ADD(5, PUT(0, 31, 32, 1, 0));
    ADD(5, GET(0, 32, 33, 1));
    CHECK_EQ(mk_linear_judge(&history, &config, parts, &report), MK_LINEAR_UNKNOWN);
    CHECK_EQ(report.parts, 2);
    CHECK_EQ(report.unknown, 1);
    CHECK_STR(state_of(parts, &config, 4), "the key was absent");
    CHECK_EQ(count_parts(parts), 2);
    mk_parts_close(parts);
    mk_history_close(&history);
}
