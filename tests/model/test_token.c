/* test_token.c - schedules as text: there and back, and what is refused. */
#include "../../harness/model/build_id.h"
#include "../../harness/model/explore.h"
#include "../../harness/record.h"
#include "../../harness/rng.h"
#include "../test.h"

#include <stdlib.h>

static const uint8_t kinds[] = {'t', 'r', 'w', 'h', 'n', 's', 'f'};

static struct mk_setting some_setting(struct mk_rng *rng) {
    return (struct mk_setting){.memory = (enum mk_memory_model)mk_rng_below(rng, 3),
                               .heap = (enum mk_heap_policy)mk_rng_below(rng, 3),
                               .races = mk_rng_below(rng, 2), .freezes = mk_rng_below(rng, 2),
                               .refuse_one_in = mk_rng_below(rng, 2) ? (uint32_t)mk_rng_next(rng) : 0};
}

/* In order, as explore makes them; each thread, step and kind once. */
static struct mk_decisions some_decisions(struct mk_rng *rng, size_t n) {
    struct mk_decisions decisions = {mk_need(n + 1, sizeof(struct mk_decision)), n};
    uint32_t step = 0;
    size_t thread = 0;
    for (size_t i = 0; i < n; i++) {
        size_t now = i * MK_RT_THREADS / n;
        step = now == thread ? step + 1 + (uint32_t)mk_rng_below(rng, 100) : (uint32_t)mk_rng_below(rng, 100);
        thread = now;
        uint8_t kind = kinds[mk_rng_below(rng, sizeof kinds)];
        uint64_t most = kind == 't' ? MK_RT_THREADS : UINT16_MAX + 1;
        decisions.at[i] = (struct mk_decision){.step = step, .value = (uint16_t)mk_rng_below(rng, most),
                                               .thread = (uint8_t)thread, .kind = kind};
    }
    return decisions;
}

static bool same_setting(const struct mk_setting *a, const struct mk_setting *b) {
    return a->memory == b->memory && a->heap == b->heap && a->races == b->races && a->freezes == b->freezes &&
           a->refuse_one_in == b->refuse_one_in;
}

TEST(token_there_and_back) {
    static const size_t lengths[] = {0, 1, 2, 40, 5000, 200000};
    struct mk_rng rng;
    mk_rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct mk_setting setting = some_setting(&rng), setting_back;
        struct mk_decisions decisions = some_decisions(&rng, lengths[i]), decisions_back;
        char *token = mk_token_format("map/NAME+part/x@8/schedules/1f", &setting, &decisions);
        char *program, why[256] = "";
        CHECK_EQ(strcspn(token, " \t\n\"'\\$`"), strlen(token));
        CHECK_EQ(mk_token_parse(token, &program, &setting_back, &decisions_back, why, sizeof why), 0);
        CHECK_STR(program, "map/NAME+part/x@8/schedules/1f");
        CHECK(same_setting(&setting, &setting_back));
        CHECK_EQ(decisions_back.n, decisions.n);
        if (decisions_back.n == decisions.n) {
            CHECK(!decisions.n || !memcmp(decisions_back.at, decisions.at, decisions.n * sizeof *decisions.at));
        }
        free(token);
        free(program);
        free(decisions.at);
        free(decisions_back.at);
    }
}

TEST(token_as_documented) {
    struct mk_decision list[] = {{.thread = 1, .kind = 't', .step = 15, .value = 3},
                                 {.thread = 2, .kind = 'r', .step = UINT32_MAX, .value = UINT16_MAX}};
    struct mk_decisions decisions = {list, 2};
    struct mk_setting setting = {.memory = MK_MEMORY_TSO, .heap = MK_HEAP_LIFO, .races = true, .freezes = true,
                                 .refuse_one_in = 16};
    char *token = mk_token_format("p", &setting, &decisions);
    static const char checked[] = "p:tldfn16:1t15=3.2r4294967295=65535";
    char *want = mk_need_format("mk1:%s:%s:%04x", mk_token_build(), checked,
                                mk_token_check(checked, sizeof checked - 1));
    CHECK_STR(token, want);
    free(token);
    free(want);
}

TEST(token_build_is_the_build_id) {
    const char *build = mk_token_build();
    char again[MK_BUILD_ID_ROOM];
    CHECK(strspn(build, "0123456789abcdef") == 12);
    CHECK(strlen(build) == 12); /* no plug-in is loaded */
    CHECK(strcmp(build, "000000000000") != 0);
    CHECK_STR(mk_build_id(again), build);
}

/* Returns why a token is refused; "" if it is not. Valid until the next call. */
static const char *refused(const char *token) {
    static char why[512];
    struct mk_setting setting;
    struct mk_decisions decisions;
    char *program;
    why[0] = '\0';
    int failed = mk_token_parse(token, &program, &setting, &decisions, why, sizeof why);
    if (failed) {
        CHECK(why[0] && !program && !decisions.at);
        return why;
    }
    CHECK(program != NULL);
    free(program);
    free(decisions.at);
    return "";
}

/* Returns "mk1:BUILD:REST:CHECK"; the caller's. */
static char *token_of(const char *build, const char *rest) {
    return mk_need_format("mk1:%s:%s:%04x", build, rest, mk_token_check(rest, strlen(rest)));
}

TEST(token_of_another_build_is_refused) {
    char *other = token_of("0123456789ab", "p:cqd:1t1=2");
    const char *why = refused(other);
    CHECK(strstr(why, "0123456789ab") && strstr(why, mk_token_build()));
    CHECK(strstr(why, "hunt again") && strstr(why, "build the commit"));
    CHECK(!strstr(why, "plug-ins"));
    char *build = mk_need_format("%s+0123456789ab", mk_token_build()), *with_plugin = token_of(build, "p:cqd:");
    CHECK(strstr(refused(with_plugin), "plug-ins"));
    free(other);
    free(build);
    free(with_plugin);
}

TEST(token_mistakes_are_named) {
    static const struct {
        const char *rest, *says;
    } mistakes[] = {
        {"p:xqd:", "memory model"}, {"p:cxd:", "heap policy"}, {"p:cqz:", "no such setting"},
        {"p:c:", "heap policy"}, {"p::", "memory model"}, {"p:cqn:", "from 1 on"}, {"p:cqn0:", "from 1 on"},
        {"p:cqn4294967296:", "from 1 on"}, {"p:cq", "six parts"}, {"p:cq::", "six parts"},
        {":cq:", "names no program"}, {"a b:cq:", "names no program"}, {"p:cq:t1=1", "thread"},
        {"p:cq:16t1=1", "thread"}, {"p:cq:1x1=1", "kind"}, {"p:cq:1t=1", "a step"},
        {"p:cq:1t4294967296=1", "a step"}, {"p:cq:1t1", "'='"}, {"p:cq:1t1=", "is chosen"},
        {"p:cq:1t1=16", "is chosen"}, {"p:cq:1r1=65536", "is chosen"}, {"p:cq:1r1=1,2r1=1", "'.'"},
        {"p:cq:1r1=1.", "thread"}, {"p:cq:1r1=1.2t1=1.1r1=2", "1r1 twice"},
        {"p:cq:1r99999999999999999999=1", "a step"}};
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char *token = token_of(mk_token_build(), mistakes[i].rest);
        const char *why = refused(token);
        if (!strstr(why, mistakes[i].says)) {
            mk_test_fail(__FILE__, __LINE__, "%s: \"%s\" does not say \"%s\"", token, why, mistakes[i].says);
        }
        free(token);
    }
    CHECK(strstr(refused(""), "mk1:"));
    CHECK(strstr(refused("mk2:0123456789ab:p:cq::0000"), "mk1:"));
    CHECK(strstr(refused("mk1:0123456789AB:p:cq::0000"), "build id"));
    CHECK(strstr(refused("mk1:0123456789a:p:cq::0000"), "build id"));
    CHECK(strstr(refused("mk1:0123456789ab+:p:cq::0000"), "build id"));
    CHECK(strstr(refused("mk1"), "six parts"));
}

/* A list of decisions that lacks its end is one of another schedule. */
TEST(token_cut_off_or_changed_is_refused) {
    struct mk_rng rng;
    mk_rng_seed(&rng, 3);
    struct mk_setting setting = {.races = true};
    struct mk_decisions decisions = some_decisions(&rng, 30);
    char *token = mk_token_format("p", &setting, &decisions);
    size_t length = strlen(token);
    CHECK_STR(refused(token), "");
    for (size_t n = 0; n < length; n++) {
        char *cut = mk_need_format("%.*s", (int)n, token);
        char *joined = mk_need_format("%.*s%s", (int)n, token, token + n + 1);
        CHECK(*refused(cut));
        CHECK(*refused(joined));
        free(cut);
        free(joined);
    }
    char *longer = mk_need_format("%s0", token), *end = strrchr(token, ':');
    CHECK(strstr(refused(longer), "does not fit"));
    end[1] = end[1] == '0' ? '1' : '0';
    CHECK(strstr(refused(token), "does not fit"));
    free(longer);
    free(token);
    free(decisions.at);
}

/* Whatever it is, it is read or refused with a reason. */
TEST(token_with_random_bytes) {
    struct mk_rng rng;
    mk_rng_seed(&rng, 2);
    struct mk_setting setting = {.races = true, .refuse_one_in = 7};
    struct mk_decisions decisions = some_decisions(&rng, 6);
    char *token = mk_token_format("p/q", &setting, &decisions);
    size_t accepted = 0;
    char *rest = mk_need_text(token + 4 + strlen(mk_token_build()) + 1);
    *strrchr(rest, ':') = '\0';
    for (uint32_t i = 0; i < 20000; i++) {
        char *changed = mk_need_text(rest);
        static const char bytes[] = "0123456789:=.trwhnsfcqlmk+ x";
        for (uint64_t n = 1 + mk_rng_below(&rng, 3); n; n--) {
            changed[mk_rng_below(&rng, strlen(rest))] = bytes[mk_rng_below(&rng, sizeof bytes)];
        }
        char *other = token_of(mk_token_build(), changed);
        accepted += !*refused(other);
        free(changed);
        free(other);
    }
    free(rest);
    CHECK(accepted > 100 && accepted < 20000);
    free(token);
    free(decisions.at);
}
