/* test_timeline.c - violations made small, and shown as text and as a drawing. */
#include "test.h"

#include <stdlib.h>

#include "../harness/check/explain.h"
#include "../harness/check/timeline.h"
#include "../harness/rng.h"
#include "../impl/map.h"

#define KEY 0x2a

static const struct mk_impl impl = {.kind = &mk_kind_map, .value_bytes = 8};

static struct mk_linear_config config_of(void) {
    return (struct mk_linear_config){.model = mk_model_of("map"), .impl = &impl};
}

/* A violation to be filled in, with room for n events. */
static struct mk_violation violation_of(size_t n) {
    struct mk_violation violation = {.part = KEY};
    violation.event = aligned_alloc(MK_CACHE_LINE, (n + 1) * sizeof *violation.event);
    return violation;
}

static struct mk_event *add(struct mk_violation *violation, unsigned thread, uint64_t call, uint64_t ret,
                            unsigned code, uint64_t value, enum mk_status status, uint64_t seen,
                            uint64_t previous) {
    struct mk_event *event = &violation->event[violation->n++];
    *event = (struct mk_event){.call = call,
                               .ret = ret,
                               .key = KEY,
                               .value = value,
                               .seen = seen,
                               .previous = previous,
                               .thread = (uint16_t)thread,
                               .code = (uint8_t)code,
                               .status = (uint8_t)status};
    return event;
}

static enum mk_linear judge(const struct mk_violation *violation) {
    struct mk_linear_config config = config_of();
    return mk_linear_part(violation->event, violation->n, violation->slack, &config, violation->before, NULL);
}

static enum mk_linear explain(const struct mk_violation *violation) {
    struct mk_linear_config config = config_of();
    struct mk_explained explained;
    mk_explain(violation, &config, 0, &explained);
    enum mk_linear verdict = explained.verdict;
    mk_explained_free(&explained);
    return verdict;
}

static void shrink(struct mk_violation *violation) {
    struct mk_linear_config config = config_of();
    mk_violation_shrink(violation, &config);
}

static char *text_of(const struct mk_violation *violation) {
    struct mk_linear_config config = config_of();
    struct mk_text text = {0};
    mk_timeline_text(violation, &config, &text);
    return mk_text_take(&text);
}

static char *svg_of(const struct mk_violation *violation) {
    struct mk_linear_config config = config_of();
    struct mk_text text = {0};
    mk_timeline_svg(violation, &config, &text);
    return mk_text_take(&text);
}

/* ---- histories made up ----------------------------------------------------------------------- */

struct making {
    struct mk_rng rng;
    unsigned threads;
    size_t n; /* of all threads */
    uint64_t version;
    unsigned idle; /* 0: threads never rest, so that hardly a moment is quiet; else more rest the greater it is */
};

static int compare_events(const void *left, const void *right) {
    const struct mk_event *a = left, *b = right;
    if (a->thread != b->thread) return a->thread - b->thread;
    return (a->call > b->call) - (a->call < b->call);
}

/* A linearizable history: every operation takes effect somewhere between its call and its return. */
static struct mk_violation make(struct making *making) {
    static const unsigned codes[] = {MK_MAP_GET, MK_MAP_GET,    MK_MAP_CONTAINS,
                                     MK_MAP_PUT, MK_MAP_REMOVE, MK_MAP_INSERT_IF_ABSENT};
    struct mk_violation made = violation_of(making->n);
    struct mk_linear_config config = config_of();
    unsigned char state[MK_MODEL_STATE_MAX] MK_ALIGNED(16) = {0};
    uint64_t free_from[64] = {0}, now = 0;
    for (size_t i = 0; i < making->n; i++) {
        unsigned thread = (unsigned)mk_rng_below(&making->rng, making->threads);
        uint64_t rest = making->idle ? mk_rng_below(&making->rng, 100 * making->idle) : 0;
        struct mk_op op = {.code = codes[mk_rng_below(&making->rng, 6)], .key = KEY, .value = ++making->version};
        struct mk_answer answer = {0};
        now += 1 + mk_rng_below(&making->rng, 20) + rest / making->threads;
        uint64_t call = now - mk_rng_below(&making->rng, 40 * making->threads < now ? 40 * making->threads : now);
        if (call < free_from[thread]) call = free_from[thread];
        if (call > now) now = call;
        config.model->answer(&impl, state, &op, &answer);
        uint64_t ret = now + 1 + mk_rng_below(&making->rng, 40 * making->threads);
        free_from[thread] = ret;
        add(&made, thread, call, ret, op.code, op.value, answer.status, answer.states_value ? answer.value : 0,
            answer.states_previous ? answer.previous : 0);
    }
    qsort(made.event, made.n, sizeof *made.event, compare_events);
    return made;
}

/* Makes one get answer a value that had been replaced long before. Returns whether there was one. */
static bool make_stale(struct mk_violation *violation, struct mk_rng *rng) {
    for (int tries = 0; tries < 10000; tries++) {
        struct mk_event *get = &violation->event[mk_rng_below(rng, violation->n)];
        struct mk_event *put = &violation->event[mk_rng_below(rng, violation->n)];
        if (get->code != MK_MAP_GET || put->code != MK_MAP_PUT || put->ret + 2000 > get->call) continue;
        if (get->call < 3000 || get->seen == put->value) continue;
        get->status = MK_HIT;
        get->seen = put->value;
        return true;
    }
    return false;
}

/* Wing and Gong 1993, as plainly as can be. `left`: bit per event. */
static bool has_order(const struct mk_violation *violation, uint32_t left, const unsigned char *before) {
    if (!left) return true;
    for (unsigned i = 0; i < violation->n; i++) {
        const struct mk_event *event = &violation->event[i];
        bool first = left >> i & 1;
        for (unsigned k = 0; k < violation->n && first; k++) {
            const struct mk_event *other = &violation->event[k];
            if (!(left >> k & 1)) continue;
            first = other->thread == event->thread ? k >= i : other->ret + violation->slack >= event->call;
        }
        unsigned char state[MK_MODEL_STATE_MAX] MK_ALIGNED(16);
        struct mk_op op = mk_event_op(event);
        struct mk_result seen = {event->status, event->seen, event->previous};
        struct mk_answer answer = {0};
        memcpy(state, before, sizeof state);
        if (first) mk_model_of("map")->answer(&impl, state, &op, &answer);
        if (first && mk_answer_matches(&answer, &seen) && has_order(violation, left & ~(1u << i), state))
            return true;
    }
    return false;
}

/* ---- tests ----------------------------------------------------------------------------------- */

TEST(explaining_agrees_with_the_plain_search) {
    struct making making = {.n = 7};
    size_t wrong = 0, violations = 0;
    mk_rng_seed(&making.rng, 1);
    for (int i = 0; i < 6000 && !wrong; i++) {
        making.threads = 1 + (unsigned)mk_rng_below(&making.rng, 4);
        making.idle = (unsigned)mk_rng_below(&making.rng, 2);
        struct mk_violation made = make(&making);
        made.slack = mk_rng_below(&making.rng, 2) * 15;
        /* something else is seen, often what another one wrote */
        struct mk_event *event = &made.event[mk_rng_below(&making.rng, made.n)];
        event->status = (uint8_t)mk_rng_below(&making.rng, 2);
        event->seen = event->status ? made.event[mk_rng_below(&making.rng, made.n)].value : 0;
        bool orders = has_order(&made, (1u << made.n) - 1, made.before);
        violations += !orders;
        wrong += (explain(&made) == MK_LINEARIZABLE) != orders || (judge(&made) == MK_LINEARIZABLE) != orders;
        if (!orders) {
            shrink(&made);
            wrong += has_order(&made, (1u << made.n) - 1, made.before);
        }
        mk_violation_free(&made);
    }
    CHECK_EQ(wrong, 0);
    CHECK(violations > 1000 && violations < 5900);
}

static void shrink_long(size_t n, unsigned threads, unsigned idle, size_t most) {
    struct making making = {.n = n, .threads = threads, .idle = idle};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        mk_rng_seed(&making.rng, seed);
        struct mk_violation made = make(&making);
        CHECK_EQ(judge(&made), MK_LINEARIZABLE);
        CHECK_EQ(explain(&made), MK_LINEARIZABLE);
        CHECK(make_stale(&made, &making.rng));
        CHECK_EQ(judge(&made), MK_NOT_LINEARIZABLE);
        shrink(&made);
        CHECK_EQ(judge(&made), MK_NOT_LINEARIZABLE);
        CHECK(made.n >= 1);
        if (made.n > most) mk_test_fail(__FILE__, __LINE__, "%u threads: %zu events are left", threads, made.n);
        mk_violation_free(&made);
    }
}

TEST(a_stale_read_among_5000_operations_is_made_small) {
    shrink_long(5000, 1, 1, 6);
    shrink_long(5000, 3, 4, 6);
    shrink_long(5000, 4, 8, 6);
}

TEST(a_history_without_a_quiet_moment_is_made_small) {
    shrink_long(2000, 6, 0, 16);
}

TEST(what_is_linearizable_is_left_alone) {
    struct making making = {.n = 50, .threads = 3};
    struct mk_violation made = make(&making);
    shrink(&made);
    CHECK_EQ(made.n, 50);
    mk_violation_free(&made);
}

/* Two puts at once, of which one returns what the other one has replaced already. */
static struct mk_violation lost_put(void) {
    struct mk_violation lost = violation_of(8);
    add(&lost, 0, 1000, 1100, MK_MAP_PUT, 0x111, MK_MISS, 0, 0);
    add(&lost, 0, 2000, 2400, MK_MAP_PUT, 0x222, MK_HIT, 0, 0x111);
    add(&lost, 1, 2100, 2300, MK_MAP_PUT, 0x333, MK_HIT, 0, 0x111);
    add(&lost, 1, 3000, 3100, MK_MAP_REMOVE, 0, MK_HIT, 0x222, 0);
    add(&lost, 3, 900, 950, MK_MAP_CONTAINS, 0, MK_MISS, 0, 0);
    add(&lost, 3, 2050, 2350, MK_MAP_GET, 0, MK_HIT, 0x111, 0);
    return lost;
}

TEST(a_lost_replacement_is_shown) {
    struct mk_violation lost = lost_put();
    CHECK_EQ(judge(&lost), MK_NOT_LINEARIZABLE);
    shrink(&lost);
    CHECK_EQ(judge(&lost), MK_NOT_LINEARIZABLE);
    CHECK_EQ(lost.n, 2); /* neither the get nor what came before or behind is needed */
    char *text = text_of(&lost);
    CHECK_STR(text, "key 0x2a: 2 operations of 2 threads have no order that the sequential model allows\n"
                    "before: the key had the value v1\n"
                    "\n"
                    "     ticks  thread 0                      thread 1\n"
                    "         0  [ put v2\n"
                    "       100  |                             [ put v3\n"
                    "       300  |                             ] hit, was v1  (1)\n"
                    "       400  ] hit, was v1  (!)\n"
                    "\n"
                    "The longest order that the model allows:\n"
                    "  (1) thread 1: put v3 -> hit, was v1\n"
                    "  (!) the put of thread 0 has no place: it answers hit, was v1\n"
                    "      it would have a place if it answered hit, was v3\n"
                    "\n"
                    "  v1 = 0x111\n"
                    "  v2 = 0x222\n"
                    "  v3 = 0x333\n");
    free(text);
    mk_violation_free(&lost);
}

static void save(const char *name, const char *text) {
    const char *folder = getenv("MK_TIMELINE_SAVE"); /* for people to look at */
    char path[512];
    if (!folder) return;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    if (out) fputs(text, out), fclose(out);
}

/* Returns whether the tags of a document are balanced, its attributes quoted and its entities known. */
static bool is_well_formed(const char *at) {
    char open[16][24];
    size_t depth = 0, elements = 0;
    for (; *at; at++) {
        if (*at == '&' && strncmp(at, "&lt;", 4) != 0 && strncmp(at, "&gt;", 4) != 0 &&
            strncmp(at, "&amp;", 5) != 0 && strncmp(at, "&quot;", 6) != 0) {
            return false;
        }
        if (*at == '>') return false;
        if (*at != '<') continue;
        char name[24] = "";
        bool ends = at[1] == '/', quoted = false;
        sscanf(at + 1 + ends, "%23[a-z]", name);
        for (at++; *at && (quoted || *at != '>'); at++) {
            if (*at == '<') return false;
            quoted ^= *at == '"';
        }
        if (!name[0] || !*at) return false;
        elements++;
        if (ends && (!depth-- || strcmp(open[depth], name) != 0)) return false;
        if (ends || at[-1] == '/') continue;
        if (depth == 16 || (!depth && elements > 1)) return false;
        strcpy(open[depth++], name);
    }
    return depth == 0 && elements > 0;
}

TEST(the_drawing_is_well_formed_and_says_the_same) {
    CHECK(is_well_formed("<a b=\"c\"><d/>&lt;</a>"));
    CHECK(!is_well_formed("<a><b></a></b>"));
    CHECK(!is_well_formed("<a>x & y</a>"));
    struct mk_violation lost = lost_put();
    shrink(&lost);
    char *svg = svg_of(&lost);
    CHECK(is_well_formed(svg));
    CHECK(strstr(svg, "<title>key 0x2a: 2 operations of 2 threads have no order"));
    CHECK(strstr(svg, "before: the key had the value v1"));
    CHECK(strstr(svg, "class=\"bad\""));
    CHECK(strstr(svg, ">put v3<"));
    CHECK(strstr(svg, ">v3 = 0x333<"));
    CHECK(strstr(svg, "<circle"));
    CHECK(!strstr(svg, "script"));
    save("lost.svg", svg);
    free(svg);
    mk_violation_free(&lost);
}

TEST(what_a_model_calls_its_operations_is_escaped) {
    struct mk_model model = *mk_model_of("map");
    struct mk_linear_config config = {.model = &model, .impl = &impl};
    struct mk_violation lost = lost_put();
    struct mk_text text = {0};
    model.names[MK_MAP_PUT] = "put<\"&>";
    mk_timeline_svg(&lost, &config, &text);
    CHECK(is_well_formed(text.at));
    CHECK(strstr(text.at, "put&lt;&quot;&amp;&gt;"));
    mk_text_free(&text);
    mk_violation_free(&lost);
}

TEST(a_torn_value_is_called_so) {
    struct mk_violation torn = violation_of(3);
    add(&torn, 1, 10, 20, MK_MAP_PUT, 0x111, MK_MISS, 0, 0);
    add(&torn, 2, 30, 40, MK_MAP_GET, 0, MK_TORN, 0x777, 0);
    shrink(&torn);
    char *text = text_of(&torn);
    CHECK_EQ(torn.n, 1);
    CHECK(strstr(text, "key 0x2a: one operation does not do what the sequential model does"));
    CHECK(strstr(text, "] torn v2  (!)"));
    CHECK(strstr(text, "it answers torn v2, half of one value and half of another\n"
                       "      it would have a place if it answered hit v1\n"));
    CHECK(strstr(text, "v2 = 0x777 (none of these wrote it)"));
    free(text);
    mk_violation_free(&torn);
}

TEST(refused_memory_is_legal_where_the_configuration_says_so) {
    struct mk_linear_config config = config_of();
    struct mk_explained explained;
    struct mk_violation refused = violation_of(2);
    add(&refused, 1, 10, 20, MK_MAP_PUT, 0x111, MK_NO_MEMORY, 0, 0);
    add(&refused, 1, 30, 40, MK_MAP_GET, 0, MK_MISS, 0, 0);
    CHECK_EQ(explain(&refused), MK_NOT_LINEARIZABLE);
    config.refusals = true;
    mk_explain(&refused, &config, 0, &explained);
    CHECK_EQ(explained.verdict, MK_LINEARIZABLE);
    mk_explained_free(&explained);
    mk_violation_free(&refused);
}

static size_t longest_line(const char *text) {
    size_t longest = 0;
    for (size_t n; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        longest = n > longest ? n : longest;
    }
    return longest;
}

TEST(many_threads_have_narrow_columns) {
    struct mk_violation many = violation_of(24);
    for (unsigned thread = 0; thread < 24; thread++) {
        add(&many, thread, 100 + thread, 200 + thread, MK_MAP_PUT, 0x111 * (thread + 1), thread ? MK_HIT : MK_MISS,
            0, 0x111 * (thread == 23 ? 1 : thread));
    }
    CHECK_EQ(judge(&many), MK_NOT_LINEARIZABLE);
    char *text = text_of(&many), *svg = svg_of(&many);
    CHECK(longest_line(text) <= 100);
    CHECK(strstr(text, "put v24"));
    CHECK(is_well_formed(svg));
    save("many.svg", svg);
    save("many.txt", text);
    free(text);
    free(svg);
    mk_violation_free(&many);
}

TEST(a_long_violation_is_shown_from_its_end) {
    struct making making = {.n = 400, .threads = 6};
    mk_rng_seed(&making.rng, 3);
    struct mk_violation made = make(&making);
    CHECK(make_stale(&made, &making.rng));
    char *text = text_of(&made), *svg = svg_of(&made);
    CHECK(strstr(text, "calls and returns before)"));
    CHECK(strstr(text, "  (!)"));
    CHECK(longest_line(text) <= 120);
    CHECK(is_well_formed(svg));
    save("long.svg", svg);
    save("long.txt", text);
    free(text);
    free(svg);
    mk_violation_free(&made);
}

TEST(a_few_threads_with_reads_between) {
    struct mk_violation some = violation_of(8);
    add(&some, 0, 1000, 1900, MK_MAP_PUT, 0xa1b2c3d4e5f60001, MK_HIT, 0, 0xa1b2c3d4e5f60000);
    add(&some, 0, 2600, 2700, MK_MAP_GET, 0, MK_HIT, 0xa1b2c3d4e5f60002, 0);
    add(&some, 1, 1100, 1700, MK_MAP_PUT, 0xa1b2c3d4e5f60002, MK_HIT, 0, 0xa1b2c3d4e5f60001);
    add(&some, 1, 30000, 31900, MK_MAP_INSERT_IF_ABSENT, 0xa1b2c3d4e5f60003, MK_MISS, 0, 0);
    add(&some, 2, 2000, 2900, MK_MAP_REMOVE, 0, MK_HIT, 0xa1b2c3d4e5f60002, 0);
    add(&some, 2, 30100, 31000, MK_MAP_GET, 0, MK_HIT, 0xa1b2c3d4e5f60002, 0);
    struct mk_text text = {0};
    struct mk_linear_config config = config_of();
    struct mk_op op = {.code = MK_MAP_PUT, .key = KEY, .value = 0xa1b2c3d4e5f60000};
    struct mk_answer answer;
    config.model->answer(&impl, some.before, &op, &answer);
    mk_timeline_text(&some, &config, &text);
    CHECK(strstr(text.at, "(!) the get of thread 2 has no place: it answers hit v3\n"
                          "      it would have a place if it answered hit v4 or miss\n"));
    save("some.txt", text.at);
    mk_text_free(&text);
    char *svg = svg_of(&some);
    CHECK(is_well_formed(svg));
    save("some.svg", svg);
    free(svg);
    mk_violation_free(&some);
}
