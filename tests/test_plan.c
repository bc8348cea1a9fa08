/* test_plan.c - plans are pure, complete and say why something is not in them. */
#include <stdlib.h>

#include "../harness/build_info.h"
#include "../harness/plan.h"
#include "../harness/registry.h"
#include "../harness/text.h"
#include "../harness/topo.h"
#include "../harness/wire.h"
#include "test.h"

static const char *base =
    "{ \"schema\": \"memkit.workload/1\", \"name\": \"t\", \"kind\": \"map\", \"impls\": [\"map/*\"],\n"
    "  \"keys\": { \"count\": 1000 }, \"ops\": { \"get\": 0.9, \"put\": 0.1 },\n"
    "  \"sweep\": { \"keys.count\": [1000, 2000], \"value_bytes\": [8, 64] } }";

static struct mk_topo *machine(const char *text) {
    struct mk_topo *topo = NULL;
    struct mk_err err = {{0}};
    if (mk_registry_open(&err) || mk_topo_synthetic(&topo, text, &err)) printf("    %s\n", err.text);
    return topo;
}

static int plan_of(const char *text, const struct mk_topo *topo, const struct mk_plan_options *options,
                   struct mk_plan *plan, struct mk_err *err) {
    struct mk_workload workload;
    if (mk_workload_parse("test.json", text, strlen(text), &workload)) return -2;
    int failed = mk_plan_make(&workload, topo, options, plan, err);
    mk_record_free(&mk_workload_record, &workload);
    return failed;
}

TEST(the_same_inputs_make_the_same_plan) {
    struct mk_topo *topo = machine("pack:2 core:2 pu:2");
    struct mk_plan_options options = {0};
    struct mk_plan a, b;
    struct mk_err err;
    CHECK_EQ(plan_of(base, topo, &options, &a, &err), 0);
    CHECK_EQ(plan_of(base, topo, &options, &b, &err), 0);
    CHECK(mk_record_equal(&mk_plan_record, &a, &b));
    CHECK_EQ(mk_plan_digest(&a), mk_plan_digest(&b));
    CHECK_EQ(a.points_n, 4);
    CHECK_EQ(a.groups_n, 4 * 5); /* 1, 2, 4 cores, 8 PUs, twice the PUs */
    mk_record_free(&mk_plan_record, &a);
    options.seed_given = true;
    options.seed = 99;
    CHECK_EQ(plan_of(base, topo, &options, &a, &err), 0);
    CHECK(mk_plan_digest(&a) != mk_plan_digest(&b));
    mk_record_free(&mk_plan_record, &a);
    mk_record_free(&mk_plan_record, &b);
    mk_topo_free(topo);
}

TEST(a_plan_survives_the_wire) {
    struct mk_topo *topo = machine("core:4 pu:1");
    struct mk_plan_options options = {0};
    struct mk_plan plan, got;
    struct mk_err err;
    unsigned char *bytes = NULL;
    size_t n = 0;
    CHECK_EQ(plan_of(base, topo, &options, &plan, &err), 0);
    mk_wire_encode(&mk_plan_record, &plan, &bytes, &n);
    CHECK_EQ(mk_wire_decode(&mk_plan_record, bytes, n, &got, &err), 0);
    CHECK(mk_record_equal(&mk_plan_record, &plan, &got));
    CHECK_EQ(mk_plan_digest(&plan), mk_plan_digest(&got));
    free(bytes);
    mk_record_free(&mk_plan_record, &plan);
    mk_record_free(&mk_plan_record, &got);
    mk_topo_free(topo);
}

/* A worker says so before it is given an order; of what is skipped it need not know. */
TEST(identities_that_a_build_lacks_are_named) {
    struct mk_topo *topo = machine("core:4 pu:1");
    struct mk_plan_options options = {0};
    struct mk_plan plan;
    struct mk_err err;
    uint64_t before = 0, after = 0, digest;
    CHECK_EQ(plan_of(base, topo, &options, &plan, &err), 0);
    CHECK_EQ(mk_plan_cells_digest(&plan, &before, &err), 0);
    struct mk_cell *cell = NULL;
    for (size_t c = 0; c < plan.cells_n; c++) {
        if (!plan.cells[c].skipped) cell = &plan.cells[c];
    }
    CHECK(cell != NULL);
    free(cell->identity);
    cell->identity = mk_need_text("map/elsewhere");
    CHECK_EQ(mk_plan_cells_digest(&plan, &digest, &err), -1);
    CHECK(strstr(err.text, "map/elsewhere, for values of 64 bytes, is not in this build: make FLAVOUR="));
    cell->skipped = true;
    CHECK_EQ(mk_plan_cells_digest(&plan, &after, &err), 0);
    CHECK(before != after);
    mk_record_free(&mk_plan_record, &plan);
    mk_topo_free(topo);
}

/* The one that takes small keys alone, of a plan for one key count and form. */
static void plan_small(const char *keys, const char *impl, const struct mk_topo *topo, struct mk_plan *plan) {
    struct mk_plan_options options = {0};
    struct mk_err err;
    char text[512];
    snprintf(text, sizeof text,
             "{ \"schema\": \"memkit.workload/1\", \"name\": \"t\", \"kind\": \"map\", \"threads\": [1],\n"
             "  \"impls\": [\"map/*\", \"%s\"], \"keys\": { %s }, \"ops\": { \"get\": 1.0 } }",
             impl, keys);
    CHECK_EQ(plan_of(text, topo, &options, plan, &err), 0);
}

/* Returns why the cell is skipped; "" if it is not, NULL if it is not there. */
static const char *reason_of(const struct mk_plan *plan, const char *identity) {
    for (size_t i = 0; i < plan->cells_n; i++) {
        if (strcmp(plan->cells[i].identity, identity) == 0) return plan->cells[i].skipped ? plan->cells[i].reason : "";
    }
    return NULL;
}

TEST(keys_beyond_a_limit_are_a_reason) {
    static const struct {
        const char *keys, *small, *large;
    } wanted[] = {{"\"count\": 64, \"form\": \"sequential\"", "", ""},
                  {"\"count\": 64", "spread over 60 bits", NULL},
                  {"\"count\": 65, \"form\": \"sequential\"", "go up to 64", ""},
                  {"\"count\": 60, \"offset\": 5, \"form\": \"sequential\"", "go up to 64", ""},
                  {"\"count\": 32, \"form\": \"strided\", \"stride\": 8", "go up to 255", ""}};
    struct mk_topo *topo = machine("core:4 pu:1");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const char *large = "map/bitpacked[keys=65536]", *said;
        struct mk_plan plan;
        plan_small(wanted[i].keys, wanted[i].large ? large : "map/*", topo, &plan);
        said = reason_of(&plan, "map/bitpacked");
        CHECK(said && (*wanted[i].small ? strstr(said, wanted[i].small) != NULL : !*said));
        if (wanted[i].large) CHECK_STR(reason_of(&plan, large), wanted[i].large);
        mk_record_free(&mk_plan_record, &plan);
    }
    mk_topo_free(topo);
}

/* One thread puts in and one takes out, or it is skipped. */
TEST(more_threads_than_one_each_are_a_reason) {
    static const char pass[] =
        "\"prefill\": { \"by\": \"one\" }, \"groups\": [ { \"name\": \"in\", \"threads\": 1, "
        "\"ops\": { \"enqueue\": 1.0 } }, { \"name\": \"out\", \"ops\": { \"dequeue\": 1.0 } } ]";
    static const char pairs[] = "\"prefill\": { \"by\": \"one\" }, \"ops\": { \"pair\": 1.0 }";
    static const char by_all[] =
        "\"groups\": [ { \"name\": \"in\", \"threads\": 1, \"ops\": { \"enqueue\": 1.0 } }, "
        "{ \"name\": \"out\", \"ops\": { \"dequeue\": 1.0 } } ]";
    static const struct {
        const char *work;
        unsigned threads;
        const char *reason;
    } wanted[] = {{pass, 2, ""},
                  {pass, 3, "here 1 put in and 2 take out"},
                  {pairs, 1, ""},
                  {pairs, 2, "here 2 put in and 2 take out"},
                  {by_all, 2, "for one thread that puts in"}};
    struct mk_topo *topo = machine("core:4 pu:1");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct mk_plan_options options = {0};
        struct mk_plan plan;
        struct mk_err err;
        char text[768];
        snprintf(text, sizeof text,
                 "{ \"schema\": \"memkit.workload/1\", \"name\": \"t\", \"kind\": \"queue\", \"threads\": [%u],\n"
                 "  \"impls\": [\"queue/*\"], \"keys\": { \"count\": 64 }, %s }",
                 wanted[i].threads, wanted[i].work);
        CHECK_EQ(plan_of(text, topo, &options, &plan, &err), 0);
        const char *said = reason_of(&plan, "queue/spsc"), *other = reason_of(&plan, "queue/mpmc");
        CHECK(said && (*wanted[i].reason ? strstr(said, wanted[i].reason) != NULL : !*said));
        CHECK(other && !*other);
        mk_record_free(&mk_plan_record, &plan);
    }
    mk_topo_free(topo);
}

TEST(shards_are_disjoint_and_complete_and_whole_groups) {
    struct mk_topo *topo = machine("core:4 pu:1");
    struct mk_plan_options options = {0};
    struct mk_plan whole, part;
    struct mk_err err;
    CHECK_EQ(plan_of(base, topo, &options, &whole, &err), 0);
    for (uint32_t shards = 1; shards <= 5; shards++) {
        unsigned *times = calloc(whole.cells_n, sizeof *times);
        for (uint32_t shard = 1; shard <= shards; shard++) {
            bool *mine = calloc(whole.groups_n, sizeof *mine), *others = calloc(whole.groups_n, sizeof *others);
            options.shard = shard;
            options.shards = shards;
            CHECK_EQ(plan_of(base, topo, &options, &part, &err), 0);
            CHECK_EQ(part.whole_digest, whole.whole_digest);
            CHECK_EQ(part.cells_n, whole.cells_n);
            for (size_t c = 0; c < part.cells_n; c++) {
                CHECK_STR(part.cells[c].identity, whole.cells[c].identity);
                times[c] += !part.cells[c].elsewhere;
                (part.cells[c].elsewhere ? others : mine)[part.cells[c].group] = true;
            }
            for (size_t g = 0; g < part.groups_n; g++) CHECK(!(mine[g] && others[g]));
            mk_record_free(&mk_plan_record, &part);
            free(mine);
            free(others);
        }
        for (size_t c = 0; c < whole.cells_n; c++) CHECK_EQ(times[c], 1);
        free(times);
    }
    mk_record_free(&mk_plan_record, &whole);
    mk_topo_free(topo);
}

TEST(what_is_named_exactly_and_unable_stops_the_plan) {
    struct mk_topo *topo = machine("core:2 pu:1");
    struct mk_plan_options options = {0};
    struct mk_plan plan;
    struct mk_err err = {{0}};
    const char *text = "{ \"schema\": \"memkit.workload/1\", \"kind\": \"alloc\", \"impls\": [\"alloc/arena\"],\n"
                       "  \"name\": \"t\", \"threads\": [1], \"blocks\": { \"live\": 10 }, \"ops\": { \"pair\": 1 } }";
    CHECK_EQ(plan_of(text, topo, &options, &plan, &err), -1);
    CHECK(strstr(err.text, "alloc/arena") && strstr(err.text, "all at once"));
    text = "{ \"schema\": \"memkit.workload/1\", \"kind\": \"alloc\", \"impls\": [\"alloc/slab\"],\n"
           "  \"name\": \"t\", \"threads\": [1], \"ops\": { \"object\": 0.5, \"pair\": 0.5 },\n"
           "  \"blocks\": { \"live\": 10, \"min_bytes\": 64, \"max_bytes\": 64 } }";
    CHECK_EQ(plan_of(text, topo, &options, &plan, &err), -1);
    CHECK(strstr(err.text, "alloc/slab") && strstr(err.text, "constructs blocks once"));
    mk_topo_free(topo);
}

TEST(what_a_glob_matches_and_is_unable_is_skipped_with_the_reason) {
    struct mk_topo *topo = machine("core:2 pu:1");
    struct mk_plan_options options = {0};
    struct mk_plan plan;
    struct mk_err err = {{0}};
    size_t skipped = 0, floors = 0;
    const char *text = "{ \"schema\": \"memkit.workload/1\", \"kind\": \"alloc\", \"impls\": [\"alloc/*\"], \"name\": \"t\",\n"
                       "  \"threads\": [2], \"blocks\": { \"live\": 10 }, \"ops\": { \"pair\": 1 } }";
    CHECK_EQ(plan_of(text, topo, &options, &plan, &err), 0);
    for (size_t c = 0; c < plan.cells_n; c++) {
        CHECK(plan.cells[c].skipped == (plan.cells[c].reason != NULL));
        skipped += plan.cells[c].skipped;
        floors += plan.cells[c].floor;
    }
    CHECK(skipped > 0);
    CHECK_EQ(floors, 1);
    mk_record_free(&mk_plan_record, &plan);
    mk_topo_free(topo);
}

TEST(groups_take_fixed_counts_then_shares_then_the_rest) {
    struct mk_workload_group groups[3];
    struct mk_workload_phase phase;
    memset(groups, 0, sizeof groups);
    memset(&phase, 0, sizeof phase);
    groups[0].threads = 1;
    groups[1].share = 0.5;
    phase.groups = groups;
    phase.groups_n = 3;
    CHECK_EQ(mk_plan_group_threads(&phase, 8, 0), 1);
    CHECK_EQ(mk_plan_group_threads(&phase, 8, 1), 4);
    CHECK_EQ(mk_plan_group_threads(&phase, 8, 2), 3);
    for (uint32_t t = 0; t < 8; t++) CHECK_EQ(mk_plan_group_of(&phase, 8, t), t < 1 ? 0 : t < 5 ? 1 : 2);
}

TEST(a_budget_shortens_the_plan_or_says_that_it_cannot) {
    struct mk_topo *topo = machine("core:2 pu:1");
    struct mk_plan_options options = {0};
    struct mk_plan whole, cut;
    struct mk_err err = {{0}};
    CHECK_EQ(plan_of(base, topo, &options, &whole, &err), 0);
    options.budget_s = whole.expected_s / 2;
    CHECK_EQ(plan_of(base, topo, &options, &cut, &err), 0);
    CHECK(cut.expected_s <= options.budget_s);
    CHECK(cut.rounds * cut.processes < whole.rounds * whole.processes);
    mk_record_free(&mk_plan_record, &cut);
    options.budget_s = 0.01;
    CHECK_EQ(plan_of(base, topo, &options, &cut, &err), -1);
    CHECK(strstr(err.text, "too small") != NULL);
    mk_record_free(&mk_plan_record, &whole);
    mk_topo_free(topo);
}

TEST(a_plan_of_ten_thousand_cells_is_made) {
    /* Sanitizers take minutes for so many, and nothing here has threads. */
    bool sanitized = strstr("tsan asan", mk_build_info()->flavour) != NULL;
    int points = sanitized ? 32 : 320;
    struct mk_topo *topo = machine("pack:2 core:32 pu:2");
    struct mk_plan_options options = {0};
    struct mk_plan plan;
    struct mk_err err = {{0}};
    struct mk_text text = {0};
    mk_text_puts(&text, "{ \"schema\": \"memkit.workload/1\", \"name\": \"t\", \"kind\": \"map\", \"impls\": [\"map/*[*]\"],\n"
                        "\"threads\": [1,2,4,8], \"ops\": { \"get\": 1 }, \"sweep\": { \"keys.count\": [");
    for (int i = 1; i <= points; i++) mk_text_printf(&text, "%s%d", i == 1 ? "" : ",", 1000 * i);
    mk_text_puts(&text, "] } }");
    CHECK_EQ(plan_of(text.at, topo, &options, &plan, &err), 0);
    CHECK(plan.cells_n >= (sanitized ? 1000 : 10000));
    mk_record_free(&mk_plan_record, &plan);
    mk_text_free(&text);
    mk_topo_free(topo);
}
