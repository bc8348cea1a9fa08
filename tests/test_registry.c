/* test_registry.c - the registry is sorted and sound, and patterns become canonical identities or
 * sentences that help. Rests on implementations of the tree: map/sharded with its parameter, map/chain
 * with its parts, alloc/slab. */
#include "test.h"

#include <stdlib.h>

#include "../harness/compose.h"
#include "../harness/registry.h"

static void open_registry(void) {
    struct mk_err err;
    if (mk_registry_open(&err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
}

/* Returns "a b c", the identities that a pattern stands for, "!" behind those that are exact and "?" behind those
 * that cannot be; or the error. Valid until the next call. */
static const char *composed(const char *pattern, uint32_t value_bytes) {
    static char text[4096];
    struct mk_composition *list = NULL;
    struct mk_err err = {{0}};
    size_t n = 0, at = 0;
    open_registry();
    text[0] = '\0';
    if (mk_compose(pattern, value_bytes, &list, &n, &err)) {
        snprintf(text, sizeof text, "error: %s", err.text);
    } else {
        for (size_t i = 0; i < n && at < sizeof text; i++) {
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s%s%s", i ? " " : "", list[i].identity,
                                   list[i].exact ? "!" : "", list[i].reason ? "?" : "");
        }
    }
    mk_compositions_free(list, n);
    return text;
}

static bool has_word(const char *words, const char *word) {
    size_t n = strlen(word);
    for (; *words; words += words[0] == ' ') {
        if (strncmp(words, word, n) == 0 && (words[n] == ' ' || !words[n])) return true;
        words += strcspn(words, " ");
    }
    return false;
}

#define CHECK_SAYS(PATTERN, TEXT)                                                                         \
    do {                                                                                                  \
        const char *said_ = composed(PATTERN, 8);                                                         \
        if (strncmp(said_, "error: ", 7) != 0 || !strstr(said_, TEXT))                                    \
            mk_test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\" but: %s", PATTERN, TEXT, said_); \
    } while (0)

/* ---- the registry ---------------------------------------------------------------------------- */

TEST(entries_are_sorted_and_different) {
    open_registry();
    CHECK(mk_registry_count() > 0);
    for (size_t i = 1; i < mk_registry_count(); i++) {
        const struct mk_impl *a = mk_registry_at(i - 1), *b = mk_registry_at(i);
        int order = strcmp(a->kind->name, b->kind->name);
        if (!order) order = strcmp(a->name, b->name);
        if (!order) order = strcmp(a->chosen, b->chosen);
        if (!order) order = a->value_bytes < b->value_bytes ? -1 : 1;
        if (order >= 0) {
            mk_test_fail(__FILE__, __LINE__, "%s/%s%s comes before %s/%s%s", a->kind->name, a->name, a->chosen,
                         b->kind->name, b->name, b->chosen);
        }
    }
}

TEST(entries_are_complete) {
    open_registry();
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        bool whole = impl->summary && impl->summary[0] && impl->create && impl->destroy && impl->thread_enter &&
                     impl->thread_exit && impl->batch && impl->step &&
                     (impl->offers & impl->must_offer) == impl->must_offer;
        if (!whole) {
            mk_test_fail(__FILE__, __LINE__, "%s/%s%s lacks something", impl->kind->name, impl->name, impl->chosen);
        }
        CHECK(mk_registry_find(impl->kind->name, impl->name, impl->chosen, impl->value_bytes) == impl);
    }
}

TEST(parameters_have_presets_and_variants_in_range) {
    open_registry();
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        for (const struct mk_param *param = impl->params; param && param->name; param++) {
            char pattern[256];
            /* what equals the default is left out of the identity */
            snprintf(pattern, sizeof pattern, "%s/%s[%s=%s]%s", impl->kind->name, impl->name, param->name,
                     param->preset, impl->chosen);
            const char *said = composed(pattern, impl->value_bytes ? impl->value_bytes : 8);
            if (strstr(said, "error") || strchr(said, '[')) {
                mk_test_fail(__FILE__, __LINE__, "%s: %s", pattern, said);
            }
            snprintf(pattern, sizeof pattern, "%s/%s[*]", impl->kind->name, impl->name);
            said = composed(pattern, impl->value_bytes ? impl->value_bytes : 8);
            if (strstr(said, "error")) mk_test_fail(__FILE__, __LINE__, "%s: %s", pattern, said);
            CHECK(param->help && param->help[0]);
        }
    }
}

TEST(find_takes_the_smallest_values_first) {
    open_registry();
    const struct mk_impl *any = mk_registry_find("map", "chain", "", 0);
    CHECK(any && any->value_bytes == 8);
    const struct mk_impl *wide = mk_registry_find("map", "chain", "", 64);
    CHECK(wide && wide->value_bytes == 64);
    CHECK(!mk_registry_find("map", "chain", "", 16));
    CHECK(!mk_registry_find("map", "chain", "+hash/fold", 0));
    CHECK(mk_registry_find("map", "chain", "+hash/sip13", 0) != NULL);
    CHECK(!mk_registry_find("map", "absent", "", 0));
    CHECK(!mk_registry_find("absent", "chain", "", 0));
}

TEST(every_kind_has_one_default_and_one_floor) {
    open_registry();
    CHECK(mk_registry_kinds() >= 4);
    for (size_t k = 0; k < mk_registry_kinds(); k++) {
        const char *kind = mk_registry_kind_at(k)->name;
        size_t defaults = 0, floors = 0;
        if (k) CHECK(strcmp(mk_registry_kind_at(k - 1)->name, kind) < 0);
        CHECK(mk_registry_kind(kind) == mk_registry_kind_at(k));
        for (size_t i = 0; i < mk_registry_count(); i++) {
            const struct mk_impl *impl = mk_registry_at(i);
            if (strcmp(impl->kind->name, kind) != 0 || impl != mk_registry_find(kind, impl->name, "", 0)) continue;
            defaults += (impl->caps & MK_DEFAULT) != 0;
            floors += (impl->caps & MK_FLOOR) != 0;
        }
        if (defaults != 1 || floors != 1) {
            mk_test_fail(__FILE__, __LINE__, "kind %s has %zu defaults and %zu floors", kind, defaults, floors);
        }
        CHECK(mk_registry_default(kind) && mk_registry_default(kind)->caps & MK_DEFAULT);
        CHECK(mk_registry_floor(kind) && mk_registry_floor(kind)->caps & MK_FLOOR);
    }
    CHECK(!mk_registry_kind("absent"));
    CHECK(!mk_registry_default("absent"));
}

TEST(operations_are_found_by_name) {
    open_registry();
    const struct mk_kind *map = mk_registry_kind("map");
    CHECK(mk_kind_op(map, "get") && mk_kind_op(map, "put"));
    CHECK_EQ(mk_kind_op(map, "insert")->code, mk_kind_op(map, "put")->code);
    CHECK_EQ(mk_kind_op(map, "insert")->operand, MK_OPERAND_FRESH);
    CHECK(!mk_kind_op(map, "ge"));
    CHECK(!mk_kind_op(map, "alloc"));
}

/* What a pattern is says nothing about what a plug-in may be called: it is refused, and nothing is left of it. */
TEST(loading_nothing_changes_nothing) {
    open_registry();
    struct mk_err err = {{0}};
    size_t count = mk_registry_count();
    CHECK_EQ(mk_registry_load("no/such/plugin.so", &err), -1);
    CHECK(strstr(err.text, "no/such/plugin.so"));
    CHECK_EQ(mk_registry_count(), count);
}

/* ---- identities ------------------------------------------------------------------------------ */

TEST(identities_are_canonical) {
    static const char *const same[][2] = {
        {"map/chain", "map/chain!"},
        {"map/chain+hash/fold", "map/chain!"},
        {"map/chain+reclaim/ebr+hash/fold", "map/chain!"},
        {"map/chain+hash/fold+reclaim/ebr", "map/chain!"},
        {"map/chain+alloc/libc", "map/chain!"},
        {"map/chain+hash/sip13", "map/chain+hash/sip13!"},
        {"map/chain+alloc/slab+hash/sip13", "map/chain+hash/sip13+alloc/slab!"},
        {"map/chain+hash/sip13+alloc/slab", "map/chain+hash/sip13+alloc/slab!"},
        {"map/sharded[shards=64]", "map/sharded!"},
        {"map/sharded[shards=16]", "map/sharded[shards=16]!"},
        {"map/sharded[shards=016]", "map/sharded[shards=16]!"},
        {"map/sharded[]", "map/sharded!"},
        {"map/chain[table=fixed]", "map/chain[table=fixed]!"},
        {"map/chain[table=growing]", "map/chain!"},
        {"map/chain+alloc/slab[slab_kib=256]", "map/chain+alloc/slab[slab_kib=256]!"},
        {"map/chain+alloc/failing[nth=3](alloc/slab)", "map/chain+alloc/failing[nth=3](alloc/slab)!"},
        {"map/chain+alloc/failing[nth=0](alloc/libc)", "map/chain+alloc/failing(alloc/libc)!"},
        {"alloc/failing(alloc/libc)", "alloc/failing!"},
        {"alloc/failing[every=1,nth=3](alloc/pool)", "alloc/failing[nth=3,every=1](alloc/pool)!"},
        {"hash/constant", "hash/constant!"},
        {"map/null", "map/null!"}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) CHECK_STR(composed(same[i][0], 8), same[i][1]);
}

/* An identity names itself. */
TEST(identities_are_patterns) {
    open_registry();
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        char identity[256], wanted[260];
        snprintf(identity, sizeof identity, "%s/%s%s", impl->kind->name, impl->name, impl->chosen);
        snprintf(wanted, sizeof wanted, "%s!%s", identity, impl->needs & ~impl->provides ? "?" : "");
        CHECK_STR(composed(identity, impl->value_bytes ? impl->value_bytes : 8), wanted);
    }
}

TEST(values_that_are_not_built_are_a_reason) {
    CHECK_STR(composed("map/chain", 64), "map/chain!");
    CHECK_STR(composed("map/chain", 16), "map/chain!?");
    CHECK_STR(composed("hash/fold", 16), "hash/fold!");
    CHECK(has_word(composed("map/*", 16), "map/chain?"));
    CHECK(strstr(composed("map/chain+hash/sip13", 64), "not built with these parts together"));
    CHECK(strstr(composed("map/chain+reclaim/leak+hash/sip13", 8), "not built with these parts together"));
}

/* What walks on from unlinked nodes is not run with a reclaimer that does not allow it, and says so. */
TEST(unsound_pairs_are_a_reason) {
    size_t unsound = 0;
    open_registry();
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        char identity[128];
        if (!(impl->needs & MK_UNLINKED_OK) || (impl->caps & MK_TEST_ONLY)) continue;
        bool sound = !has_word(impl->parts, "reclaim/hp") && !has_word(impl->parts, "reclaim/hyaline");
        snprintf(identity, sizeof identity, "%s/%s%s", impl->kind->name, impl->name, impl->chosen);
        CHECK_EQ(strchr(composed(identity, impl->value_bytes ? impl->value_bytes : 8), '?') == NULL, sound);
        unsound += !sound;
    }
    CHECK(unsound > 0);
}

/* ---- globs ----------------------------------------------------------------------------------- */

TEST(a_star_takes_defaults_alone) {
    const char *maps = composed("map/*", 8);
    CHECK(has_word(maps, "map/chain") && has_word(maps, "map/sharded") && has_word(maps, "map/null"));
    CHECK(!strchr(maps, '+') && !strchr(maps, '[') && !strchr(maps, '!'));
    CHECK(!has_word(composed("hash/*", 8), "hash/constant"));
    CHECK(has_word(composed("alloc/*", 8), "alloc/slab") && !has_word(composed("alloc/*", 8), "alloc/failing"));
}

TEST(a_star_in_brackets_takes_variants) {
    const char *shards = composed("map/sharded[*]", 8);
    CHECK(has_word(shards, "map/sharded") && has_word(shards, "map/sharded[shards=16]") &&
          has_word(shards, "map/sharded[lock=spin]") && has_word(shards, "map/sharded[shards=256,lock=seqlock]"));
    CHECK_STR(composed("map/chain[*]", 8), "map/chain map/chain[table=fixed]");
    CHECK_STR(composed("map/mutex[*]", 8), "map/mutex");
    const char *maps = composed("map/*[*]", 8);
    CHECK(has_word(maps, "map/sharded[shards=1]") && has_word(maps, "map/chain[table=fixed]") &&
          has_word(maps, "map/mutex"));
}

TEST(a_star_in_a_part_takes_its_kind) {
    const char *reclaimers = composed("map/chain+reclaim/*", 8);
    CHECK(has_word(reclaimers, "map/chain") && has_word(reclaimers, "map/chain+reclaim/leak"));
    const char *hashes = composed("map/chain+hash/*", 8);
    CHECK(has_word(hashes, "map/chain+hash/sip13") && !has_word(hashes, "map/chain+hash/constant"));
    const char *memories = composed("map/chain+alloc/*", 8);
    CHECK(has_word(memories, "map/chain") && has_word(memories, "map/chain+alloc/slab"));
    CHECK(!strstr(memories, "failing") && !strstr(memories, "null"));
    const char *wrapped = composed("alloc/failing(alloc/*)", 8);
    CHECK(has_word(wrapped, "alloc/failing") && has_word(wrapped, "alloc/failing(alloc/slab)"));
    /* those without such a part do not match, which is no error */
    const char *leaking = composed("map/*+reclaim/leak", 8);
    CHECK(has_word(leaking, "map/chain+reclaim/leak") && !strstr(leaking, "mutex"));
}

TEST(a_composition_comes_once) {
    struct mk_composition *list = NULL;
    struct mk_err err;
    size_t n = 0;
    open_registry();
    CHECK_EQ(mk_compose("map/chain+hash/*", 8, &list, &n, &err), 0);
    size_t before = n;
    CHECK_EQ(mk_compose("map/chain", 8, &list, &n, &err), 0);
    CHECK_EQ(n, before);
    bool exact = false;
    for (size_t i = 0; i < n; i++) exact = exact || (list[i].exact && strcmp(list[i].identity, "map/chain") == 0);
    CHECK(exact); /* named, whatever globs match it too */
    mk_compositions_free(list, n);
}

/* ---- what is refused ------------------------------------------------------------------------- */

TEST(unknown_words_get_a_suggestion) {
    CHECK_SAYS("mapp/chain", "did you mean \"map\"?");
    CHECK_SAYS("map/shraded", "did you mean \"sharded\"?");
    CHECK_SAYS("map/chain+hash/flod", "did you mean \"fold\"?");
    CHECK_SAYS("map/chain+recliam/ebr", "did you mean \"reclaim\"?");
    CHECK_SAYS("map/chain+alloc/salb", "did you mean \"slab\"?");
    CHECK_SAYS("map/sharded[shard=4]", "did you mean \"shards\"?");
    CHECK_SAYS("alloc/failing[ntx=1](alloc/slab)", "did you mean \"nth\"?");
    CHECK_SAYS("map/chain ", "did you mean \"chain\"?");
    CHECK_SAYS("map/quite-another", "no implementation of kind map named \"quite-another\"");
    CHECK_SAYS("zzz/chain", "no kind \"zzz\"");
    CHECK_SAYS("map/mutex[x=1]", "no parameter of map/mutex named \"x\"");
    CHECK_SAYS("*/*", "no kind \"*\"");
    CHECK_SAYS("map/ma*", "named \"ma*\"");
}

TEST(values_of_parameters_are_checked) {
    CHECK_SAYS("map/sharded[shards=0]", "from 1 to 65536");
    CHECK_SAYS("map/sharded[shards=65537]", "from 1 to 65536");
    CHECK_SAYS("map/sharded[shards=-1]", "from 1 to 65536");
    CHECK_SAYS("map/sharded[shards=]", "whole number");
    CHECK_SAYS("map/sharded[shards=1x]", "not \"1x\"");
    CHECK_SAYS("map/sharded[shards=1.5]", "not \"1.5\"");
    CHECK_SAYS("map/sharded[shards= 16]", "not \" 16\"");
    CHECK_SAYS("map/sharded[shards=+16]", "not \"+16\"");
    CHECK_SAYS("map/sharded[shards=11111111111111111111111111]", "from 1 to 65536");
    CHECK_SAYS("map/sharded[shards]", "wants a value, as in [shards=64]");
    CHECK_SAYS("map/sharded[shards=1,shards=2]", "two values");
    CHECK_SAYS("map/chain[table=fxied]", "is one of growing|fixed");
    CHECK_SAYS("map/chain[table=]", "is one of growing|fixed");
}

TEST(malformed_patterns_are_refused) {
    static const char *const nameless[] = {"",
                                           "/",
                                           "map",
                                           "/chain",
                                           "*",
                                           "map/chain+",
                                           "map/chain++hash/fold",
                                           "map/chain+hash",
                                           "alloc/failing()",
                                           "[x]",
                                           "(",
                                           "+hash/fold"};
    for (size_t i = 0; i < sizeof nameless / sizeof *nameless; i++) CHECK_SAYS(nameless[i], "named kind/name");
    CHECK_SAYS("map/", "nothing follows \"map/\"");
    CHECK_SAYS("map//chain", "nothing follows");
    CHECK_SAYS("map/sharded[shards=16", "\"[\" is not closed");
    CHECK_SAYS("alloc/failing(alloc/slab", "\"(\" is not closed");
    CHECK_SAYS("map/sharded[shards=16]x", "unexpected \"x\"");
    CHECK_SAYS("map/sharded[shards=16][shards=4]", "unexpected \"[shards=4]\"");
    CHECK_SAYS("map/chain)", "unexpected \")\"");
    CHECK_SAYS("alloc/failing(alloc/failing(alloc/failing(alloc/failing(alloc/failing(alloc/slab)))))",
               "nested deeper");
    CHECK_SAYS("map/a-name-that-is-longer-than-any-implementation-may-have-and-so-cannot-be-one-of-them",
               "nothing follows");
}

TEST(what_does_not_combine_is_refused) {
    CHECK_SAYS("map/mutex+reclaim/ebr", "map/mutex takes no reclaim part");
    CHECK_SAYS("map/chain+alloc/slab(alloc/pool)", "wraps nothing");
    CHECK_SAYS("map/chain+alloc/failing(map/chain)", "is no allocator");
    CHECK_SAYS("alloc/failing(map/chain)", "is no allocator");
}

/* Nothing that was asked for is passed over in silence. */
TEST(what_would_be_passed_over_is_refused) {
    CHECK_SAYS("map/chain(alloc/slab)", "map/chain+alloc/slab");
    CHECK_SAYS("map/chain+hash/fold+hash/sip13", "parts of one kind");
    CHECK_SAYS("map/chain+alloc/slab+alloc/pool", "parts of one kind");
    CHECK_SAYS("alloc/slab+alloc/pool", "takes no alloc part");
    CHECK_SAYS("map/chain+hash/fold[x=1]", "compiled in");
    CHECK_SAYS("map/chain+hash/fold(hash/sip13)", "compiled in");
}

TEST(an_error_leaves_the_list_alone) {
    struct mk_composition *list = NULL;
    struct mk_err err;
    size_t n = 0;
    open_registry();
    CHECK_EQ(mk_compose("map/chain", 8, &list, &n, &err), 0);
    CHECK_EQ(mk_compose("map/shraded", 8, &list, &n, &err), -1);
    CHECK_EQ(n, 1);
    CHECK_STR(list[0].identity, "map/chain");
    mk_compositions_free(list, n);
}

/* ---- near words ------------------------------------------------------------------------------ */

TEST(nearest_words) {
    static const char *const words[] = {"threads", "thread_life_ops", "keys", "get", "put", "remove", NULL};
    static const char *const none[] = {NULL};
    CHECK_STR(mk_nearest("thread", words), "threads");   /* one missing */
    CHECK_STR(mk_nearest("theads", words), "threads");   /* one left out */
    CHECK_STR(mk_nearest("threadss", words), "threads"); /* one too many */
    CHECK_STR(mk_nearest("thraeds", words), "threads");  /* two exchanged count as one */
    CHECK_STR(mk_nearest("kyes", words), "keys");
    CHECK_STR(mk_nearest("gte", words), "get");
    CHECK_STR(mk_nearest("keys", words), "keys");
    CHECK_STR(mk_nearest("pt", words), "put");
    CHECK(!mk_nearest("xyz", words));
    CHECK(!mk_nearest("distribution", words));
    CHECK(!mk_nearest("", none));
    CHECK(!mk_nearest("get", none));
    /* length / 4 more may differ in long words */
    CHECK_STR(mk_nearest("thred_lif_op", words), "thread_life_ops");
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CHECK(!mk_nearest(longest, words));
}
