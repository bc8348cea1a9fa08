/* test_ops.c - streams: shares, runs, prefixes, keys and blocks; prefill and drain; what a script implies. */
#include "test.h"

#include "../harness/expect.h"
#include "../harness/ops.h"
#include "../impl/alloc.h"
#include "../impl/map.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

/* Places in mk_map_ops and mk_alloc_ops. */
enum { GET, PUT, INSERT, REMOVE, CONTAINS, INSERT_IF_ABSENT, UPDATE, READ_MODIFY_WRITE };
enum { PAIR, ZEROED_PAIR, RESIZE, GIVE, TAKE, BUILD, FRAME, TRADE, WRITE, OBJECT };

static struct mk_script map_script(double get, double put, double insert, double remove) {
    struct mk_script script = {.ops = mk_map_ops, .run_len = 1, .keys = {.count = 1000}};
    script.share[GET] = get;
    script.share[PUT] = put;
    script.share[INSERT] = insert;
    script.share[REMOVE] = remove;
    return script;
}

static struct mk_script alloc_script(unsigned op, enum mk_block_pattern pattern, uint64_t live) {
    struct mk_script script = {
        .ops = mk_alloc_ops,
        .run_len = 1,
        .blocks = {.live = live, .pattern = pattern, .min_bytes = 16, .max_bytes = 64, .sizes = MK_SIZES_UNIFORM}};
    script.share[op] = 1;
    return script;
}

static struct mk_ops make_ops(const struct mk_script *script) {
    struct mk_ops ops;
    struct mk_err err = {""};
    memset(&ops, 0, sizeof ops);
    CHECK_EQ(mk_ops_init(&ops, script, 1, &err), 0);
    CHECK_STR(err.text, "");
    return ops;
}

/* Returns n words of one thread; the caller frees them. */
static uint64_t *make_stream(const struct mk_ops *ops, uint64_t seed, uint32_t thread, uint32_t threads, size_t n) {
    uint64_t *words = malloc(n * sizeof *words);
    struct mk_ops_stream stream;
    mk_ops_begin(&stream, ops, seed, thread, threads);
    mk_ops_fill(&stream, words, n);
    return words;
}

/* ---- shares and runs ---------------------------------------------------------------------- */

TEST(shares_hold_over_any_stretch) {
    enum { N = 300000 };
    const double shares[][4] = {
        {0.95, 0.05, 0, 0}, {0.5, 0.2, 0.2, 0.1}, {0.9, 0.0999, 0, 0.0001}, {1 / 3.0, 1 / 3.0, 0, 1 / 3.0}};
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
        struct mk_script script = map_script(shares[s][0], shares[s][1], shares[s][2], shares[s][3]);
        struct mk_ops ops = make_ops(&script);
        uint64_t *words = make_stream(&ops, s, 0, 1, N), so_far[MK_OPS_MAX] = {0};
        double worst = 0, worst_at_deck = 0;
        for (unsigned i = 0; i < N; i++) {
            so_far[MK_CODE(words[i])]++;
            double want[MK_OPS_MAX] = {[MK_MAP_GET] = shares[s][0],
                                       [MK_MAP_PUT] = shares[s][1] + shares[s][2],
                                       [MK_MAP_REMOVE] = shares[s][3]};
            for (unsigned code = 0; code < MK_OPS_MAX; code++) {
                double off = fabs((double)so_far[code] - want[code] * (i + 1));
                if (off > worst) worst = off;
                if ((i + 1) % MK_DECK == 0 && off > worst_at_deck) worst_at_deck = off;
            }
        }
        CHECK(worst < MK_DECK / 2.0);
        CHECK(worst_at_deck < 3);
        free(words);
    }
}

/* Inside a deck the order is chance: neighbours are both puts as often as two draws would be. */
TEST(types_follow_each_other_by_chance) {
    enum { N = 400000 };
    struct mk_script script = map_script(0.75, 0.25, 0, 0);
    struct mk_ops ops = make_ops(&script);
    uint64_t *words = make_stream(&ops, 3, 0, 1, N), both = 0;
    for (unsigned i = 1; i < N; i++) both += MK_CODE(words[i]) == MK_MAP_PUT && MK_CODE(words[i - 1]) == MK_MAP_PUT;
    double want = 0.25 * (0.25 * MK_DECK - 1) / (MK_DECK - 1); /* without replacement */
    CHECK(fabs((double)both / N - want) < 5 * sqrt(want / N));
    free(words);
}

TEST(run_len_makes_runs) {
    enum { RUN = 50, N = 200 * RUN * 10 };
    struct mk_script script = map_script(0.9, 0.05, 0, 0.05);
    script.run_len = RUN;
    struct mk_ops ops = make_ops(&script);
    uint64_t *words = make_stream(&ops, 3, 0, 1, N), count[MK_OPS_MAX] = {0};
    for (unsigned i = 0; i < N; i++) CHECK_EQ(MK_CODE(words[i]), MK_CODE(words[i / RUN * RUN]));
    mk_ops_count(words, N, count);
    CHECK(fabs((double)count[MK_MAP_PUT] - 0.05 * N) < RUN * 64);
    CHECK(count[MK_MAP_PUT] > 0 && count[MK_MAP_REMOVE] > 0);
    free(words);
}

TEST(counting_counts_every_code) {
    uint64_t words[101], count[MK_OPS_MAX] = {[3] = 1000};
    for (unsigned i = 0; i < 101; i++) words[i] = MK_PACK(i % MK_OPS_MAX, i);
    mk_ops_count(words, 101, count);
    CHECK_EQ(count[3], 1007);
    CHECK_EQ(count[4], 7);
    CHECK_EQ(count[5], 6);
    CHECK_EQ(count[15], 6);
}

/* ---- streams ------------------------------------------------------------------------------ */

TEST(more_words_leave_the_first_ones_as_they_were) {
    enum { N = 10001 }; /* odd: cuts a pair in two */
    struct mk_script scripts[] = {map_script(0.5, 0.3, 0.1, 0.1), alloc_script(PAIR, MK_BLOCKS_SHUFFLED, 100),
                                  alloc_script(BUILD, MK_BLOCKS_FIFO, 7), alloc_script(TAKE, MK_BLOCKS_FIFO, 0)};
    scripts[0].keys.distribution = MK_LATEST;
    scripts[0].keys.theta = 0.99;
    for (size_t s = 0; s < sizeof scripts / sizeof *scripts; s++) {
        struct mk_ops ops = make_ops(&scripts[s]);
        uint64_t *once = make_stream(&ops, 5, 0, 1, N), *twice = make_stream(&ops, 5, 0, 1, 2 * N);
        uint64_t *pieces = malloc(2 * N * sizeof *pieces);
        struct mk_ops_stream stream;
        CHECK(memcmp(once, twice, N * sizeof *once) == 0);
        mk_ops_begin(&stream, &ops, 5, 0, 1);
        for (size_t at = 0, step; at < 2 * N; at += step) {
            step = at % 5 + 1 < 2 * N - at ? at % 5 + 1 : 2 * N - at;
            mk_ops_fill(&stream, pieces + at, step);
        }
        CHECK(memcmp(pieces, twice, 2 * N * sizeof *twice) == 0);
        free(once);
        free(twice);
        free(pieces);
    }
}

TEST(threads_and_seeds_have_streams_of_their_own) {
    enum { N = 1000 };
    struct mk_script script = map_script(0.5, 0.5, 0, 0);
    script.keys.count = 1000000;
    struct mk_ops ops = make_ops(&script);
    uint64_t *one = make_stream(&ops, mk_seed(1, 0, 0, 0), 0, 2, N);
    uint64_t *two = make_stream(&ops, mk_seed(1, 0, 0, 1), 1, 2, N);
    unsigned same = 0;
    for (unsigned i = 0; i < N; i++) same += MK_OPERAND(one[i]) == MK_OPERAND(two[i]);
    CHECK(same < 10);
    free(one);
    free(two);
}

struct maker {
    const struct mk_ops *ops;
    uint32_t thread;
    uint64_t *words;
};

static void *make_in_thread(void *arg) {
    struct maker *maker = arg;
    maker->words = make_stream(maker->ops, maker->thread, maker->thread, 4, 20000);
    return NULL;
}

TEST(threads_may_make_their_streams_at_once) {
    struct mk_script script = map_script(0.8, 0.1, 0.1, 0);
    script.keys.distribution = MK_ZIPFIAN;
    script.keys.theta = 0.9;
    struct mk_ops ops = make_ops(&script);
    struct maker maker[4];
    pthread_t thread[4];
    for (uint32_t t = 0; t < 4; t++) {
        maker[t] = (struct maker){&ops, t, NULL};
        CHECK_EQ(pthread_create(&thread[t], NULL, make_in_thread, &maker[t]), 0);
    }
    for (uint32_t t = 0; t < 4; t++) {
        pthread_join(thread[t], NULL);
        uint64_t *alone = make_stream(&ops, t, t, 4, 20000);
        CHECK(memcmp(alone, maker[t].words, 20000 * sizeof *alone) == 0);
        free(alone);
        free(maker[t].words);
    }
}

TEST(fresh_keys_are_new_and_the_others_are_not) {
    enum { N = 20000, THREADS = 3 };
    struct mk_script script = map_script(0.4, 0, 0.5, 0.1);
    struct mk_ops ops = make_ops(&script);
    bool *taken = calloc(THREADS * N, sizeof *taken);
    for (uint32_t t = 0; t < THREADS; t++) {
        uint64_t *words = make_stream(&ops, t, t, THREADS, N);
        for (unsigned i = 0; i < N; i++) {
            uint64_t id = mk_keys_id(&ops.keys, MK_OPERAND(words[i]));
            if (MK_CODE(words[i]) != MK_MAP_PUT) {
                CHECK(id < 1000);
                continue;
            }
            CHECK(id >= 1000 && id < THREADS * N && (id - 1000) % THREADS == t && !taken[id]);
            if (id < THREADS * N) taken[id] = true;
        }
        free(words);
    }
    free(taken);
}

/* ---- blocks ------------------------------------------------------------------------------- */

/* A thread's slots as the words see them; every word is checked against them. */
struct slots {
    bool *full;
    uint64_t slots, held, resets, rewinds;
    uint32_t scope[MK_SCOPES], scopes; /* where the open ones begin */
};

static void open_scope(struct slots *slots, uint32_t slot, uint32_t scope) {
    CHECK_EQ(scope, slots->scopes);
    CHECK(scope < MK_SCOPES);
    slots->scope[slots->scopes++ % MK_SCOPES] = slot;
}

/* The innermost one, with all of its slots and no other. */
static void close_scope(struct slots *slots, uint32_t slot, uint32_t end, uint32_t scope) {
    CHECK_EQ(scope + 1, slots->scopes);
    CHECK_EQ(slot, slots->scope[scope]);
    CHECK(slot <= end && end <= slots->slots && (end == slots->slots || !slots->full[end]));
    for (uint32_t s = slot; s < end; s++) {
        CHECK(slots->full[s]);
        slots->full[s] = false;
    }
    slots->held -= end - slot;
    slots->scopes = scope;
    slots->rewinds++;
}

static void run_words(struct slots *slots, const uint64_t *words, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t slot = MK_SLOT(words[i]);
        unsigned code = MK_CODE(words[i]);
        if (code == MK_ALLOC_RESET) {
            for (uint32_t s = 0; s < slot; s++) {
                CHECK(slots->full[s]);
                slots->full[s] = false;
            }
            slots->held -= slot;
            slots->resets++;
            continue;
        }
        if (code == MK_ALLOC_MARK) {
            open_scope(slots, slot, MK_BYTES(words[i]));
            continue;
        }
        if (code == MK_ALLOC_REWIND) {
            close_scope(slots, slot, MK_BYTES(words[i]) >> MK_SCOPE_BITS, MK_BYTES(words[i]) % MK_SCOPES);
            continue;
        }
        CHECK(slot < slots->slots);
        if (slot >= slots->slots) return;
        bool fills = code == MK_ALLOC_ALLOC || code == MK_ALLOC_ZALLOC || code == MK_ALLOC_OBJECT ||
                     code == MK_ALLOC_TAKE;
        CHECK(slots->full[slot] == !fills);
        if (code != MK_ALLOC_TAKE && code != MK_ALLOC_FREE && code != MK_ALLOC_GIVE && code != MK_ALLOC_WRITE) {
            CHECK(MK_BYTES(words[i]) >= 16 && MK_BYTES(words[i]) <= 64);
        }
        if (code == MK_ALLOC_RESIZE || code == MK_ALLOC_WRITE) continue;
        slots->full[slot] = fills;
        slots->held += fills ? 1 : (uint64_t)-1;
    }
}

static struct slots prefilled_slots(const struct mk_ops *ops, enum mk_prefill_order order) {
    uint64_t n = mk_prefill_blocks_count(ops), *words = malloc((n + 1) * sizeof *words);
    struct slots slots = {.full = calloc(mk_ops_slots(ops), sizeof(bool)), .slots = mk_ops_slots(ops)};
    mk_prefill_blocks(ops, order, 9, words);
    run_words(&slots, words, n);
    CHECK_EQ(slots.held, n);
    free(words);
    return slots;
}

TEST(blocks_are_freed_when_full_and_filled_when_empty) {
    enum { N = 20000 };
    struct mk_script all = alloc_script(PAIR, MK_BLOCKS_RANDOM, 50);
    struct mk_script handed = alloc_script(TRADE, MK_BLOCKS_RANDOM, 50);
    for (unsigned op = PAIR; op <= TAKE; op++) all.share[op] = 0.2;
    for (unsigned op = TRADE; op <= WRITE; op++) handed.share[op] = 0.25;
    handed.share[GIVE] = handed.share[TAKE] = 0.25;
    handed.blocks.batch = 7;
    struct mk_script scripts[] = {all,
                                  handed,
                                  alloc_script(PAIR, MK_BLOCKS_LIFO, 10),
                                  alloc_script(PAIR, MK_BLOCKS_FIFO, 1),
                                  alloc_script(PAIR, MK_BLOCKS_SHUFFLED, 33),
                                  alloc_script(OBJECT, MK_BLOCKS_SHUFFLED, 33),
                                  alloc_script(BUILD, MK_BLOCKS_FIFO, 100),
                                  alloc_script(FRAME, MK_BLOCKS_FIFO, 100),
                                  alloc_script(FRAME, MK_BLOCKS_FIFO, 2),
                                  alloc_script(GIVE, MK_BLOCKS_FIFO, 0)};
    for (size_t s = 0; s < sizeof scripts / sizeof *scripts; s++) {
        struct mk_ops ops = make_ops(&scripts[s]);
        struct slots slots = prefilled_slots(&ops, s % 2 ? MK_PREFILL_SORTED : MK_PREFILL_SHUFFLED);
        uint64_t *words = make_stream(&ops, s, 0, 1, N), count[MK_OPS_MAX] = {0};
        run_words(&slots, words, N);
        mk_ops_count(words, N, count);
        CHECK_EQ(slots.resets, scripts[s].share[BUILD] > 0 ? N / 101 : 0);
        CHECK((slots.rewinds > N / 50) == (scripts[s].share[FRAME] > 0));
        CHECK(slots.held <= mk_ops_slots(&ops));
        uint64_t *drain = malloc(mk_ops_slots(&ops) * sizeof *drain), freed = 0;
        mk_drain_blocks(&ops, drain);
        for (uint64_t i = 0; i < mk_ops_slots(&ops); i++) {
            CHECK_EQ(MK_CODE(drain[i]), MK_ALLOC_FREE);
            freed += slots.full[MK_SLOT(drain[i])];
        }
        CHECK_EQ(freed, slots.held);
        free(drain);
        free(words);
        free(slots.full);
    }
}

TEST(objects_are_constructed_from_the_start) {
    for (unsigned op = PAIR; op <= OBJECT; op += OBJECT) {
        struct mk_script script = alloc_script(op, MK_BLOCKS_FIFO, 5);
        struct mk_ops ops = make_ops(&script);
        uint64_t words[5];
        CHECK_EQ(mk_prefill_blocks_count(&ops), 5);
        mk_prefill_blocks(&ops, MK_PREFILL_SORTED, 9, words);
        for (unsigned i = 0; i < 5; i++) CHECK_EQ(MK_CODE(words[i]), op == OBJECT ? MK_ALLOC_OBJECT : MK_ALLOC_ALLOC);
    }
}

TEST(batches_are_allocated_whole_and_then_handed_over) {
    enum { BATCH = 3, LIVE = 10, N = 4 * BATCH };
    for (unsigned op = GIVE; op <= TAKE; op++) {
        struct mk_script script = alloc_script(op, MK_BLOCKS_FIFO, LIVE);
        script.blocks.batch = BATCH;
        struct mk_ops ops = make_ops(&script);
        uint64_t *words = make_stream(&ops, 1, 0, 1, N);
        CHECK_EQ(mk_ops_slots(&ops), LIVE + 2 * BATCH);
        for (unsigned i = 0; i < N; i++) {
            bool first = i % (2 * BATCH) < BATCH;
            CHECK_EQ(MK_SLOT(words[i]), LIVE + (op == TAKE ? BATCH : 0) + i % BATCH);
            CHECK_EQ(MK_CODE(words[i]), op == GIVE ? (first ? MK_ALLOC_ALLOC : MK_ALLOC_GIVE)
                                                   : (first ? MK_ALLOC_TAKE : MK_ALLOC_FREE));
        }
        free(words);
    }
    struct mk_script script = alloc_script(GIVE, MK_BLOCKS_FIFO, LIVE);
    struct mk_ops ops;
    struct mk_err err;
    script.blocks.batch = MK_BATCH_MAX + 1;
    CHECK_EQ(mk_ops_init(&ops, &script, 1, &err), -1);
    CHECK(strstr(err.text, "batches of 65537 blocks") != NULL);
}

TEST(patterns_name_the_block_they_promise) {
    enum { LIVE = 64, LAPS = 50, N = 2 * LIVE * LAPS };
    unsigned same_laps = 0, steps_up = 0;
    for (enum mk_block_pattern pattern = MK_BLOCKS_LIFO; pattern <= MK_BLOCKS_SHUFFLED; pattern++) {
        struct mk_script script = alloc_script(PAIR, pattern, LIVE);
        struct mk_ops ops = make_ops(&script);
        uint64_t *words = make_stream(&ops, 1, 0, 1, N);
        for (unsigned lap = 0; lap < LAPS; lap++) {
            bool seen[LIVE] = {false};
            bool same = true;
            for (unsigned i = 0; i < LIVE; i++) {
                unsigned at = 2 * (lap * LIVE + i);
                uint32_t slot = MK_SLOT(words[at]);
                CHECK_EQ(MK_CODE(words[at]), MK_ALLOC_FREE);
                CHECK_EQ(MK_CODE(words[at + 1]), MK_ALLOC_ALLOC);
                CHECK_EQ(MK_SLOT(words[at + 1]), slot);
                if (pattern == MK_BLOCKS_LIFO) CHECK_EQ(slot, LIVE - 1);
                if (pattern == MK_BLOCKS_FIFO) CHECK_EQ(slot, i);
                if (pattern != MK_BLOCKS_SHUFFLED) continue;
                CHECK(slot < LIVE && !seen[slot % LIVE]);
                seen[slot % LIVE] = true;
                same &= lap > 0 && slot == MK_SLOT(words[at - 2 * LIVE]);
                steps_up += i > 0 && slot == MK_SLOT(words[at - 2]) + 1;
            }
            same_laps += pattern == MK_BLOCKS_SHUFFLED && same;
        }
        free(words);
    }
    CHECK_EQ(same_laps, 0);
    CHECK(steps_up < 100); /* 49 expected */
}

TEST(random_blocks_are_uniform) {
    enum { LIVE = 100, N = 400000 };
    struct mk_script script = alloc_script(RESIZE, MK_BLOCKS_LIFO, LIVE);
    struct mk_ops ops = make_ops(&script);
    uint64_t *words = make_stream(&ops, 1, 0, 1, N), seen[LIVE] = {0};
    for (unsigned i = 0; i < N; i++) seen[MK_SLOT(words[i]) % LIVE]++;
    for (unsigned s = 0; s < LIVE; s++) CHECK(fabs((double)seen[s] - N / LIVE) < 5 * sqrt(N / LIVE));
    free(words);
}

/* ---- sizes -------------------------------------------------------------------------------- */

/* Returns how often sizes fell into [from, to] among n words of a build script. */
static uint64_t sizes_between(const uint64_t *words, size_t n, uint32_t from, uint32_t to) {
    uint64_t count = 0;
    for (size_t i = 0; i < n; i++) count += MK_BYTES(words[i]) >= from && MK_BYTES(words[i]) <= to;
    return count;
}

static bool is_share(uint64_t count, double n, double share) {
    return fabs((double)count - n * share) <= 5 * sqrt(n * share * (1 - share));
}

TEST(sizes_follow_their_distribution) {
    enum { N = 200000 };
    const struct mk_size_weight list[] = {{8, 1}, {24, 6}, {24, 0}, {4096, 2.5}, {100, 0.5}};
    struct mk_script script = alloc_script(RESIZE, MK_BLOCKS_FIFO, 1000);
    struct mk_blocks_config *blocks = &script.blocks;
    blocks->list = list;
    blocks->list_count = 5;
    for (unsigned kind = 0; kind < MK_SIZES_KINDS; kind++) {
        blocks->sizes = (enum mk_sizes_kind)kind;
        blocks->min_bytes = 16;
        blocks->max_bytes = 1023;
        struct mk_ops ops = make_ops(&script);
        uint64_t *words = make_stream(&ops, kind, 0, 1, N);
        switch (blocks->sizes) {
        case MK_SIZES_FIXED: CHECK_EQ(sizes_between(words, N, 16, 16), N); break;
        case MK_SIZES_UNIFORM:
            CHECK_EQ(sizes_between(words, N, 16, 1023), N);
            for (uint32_t low = 16; low < 1024; low += 126) {
                CHECK(is_share(sizes_between(words, N, low, low + 125), N, 1 / 8.0));
            }
            CHECK(sizes_between(words, N, 16, 16) > 0 && sizes_between(words, N, 1023, 1023) > 0);
            break;
        case MK_SIZES_LOG_UNIFORM:
            CHECK_EQ(sizes_between(words, N, 16, 1023), N);
            for (uint32_t low = 16; low < 1024; low *= 2) {
                CHECK(is_share(sizes_between(words, N, low, 2 * low - 1), N, 1 / 6.0));
            }
            break;
        case MK_SIZES_WEIGHTED:
            CHECK(is_share(sizes_between(words, N, 8, 8), N, 0.1));
            CHECK(is_share(sizes_between(words, N, 24, 24), N, 0.6));
            CHECK(is_share(sizes_between(words, N, 4096, 4096), N, 0.25));
            CHECK(is_share(sizes_between(words, N, 100, 100), N, 0.05));
            break;
        }
        free(words);
    }
}

/* ---- prefill ------------------------------------------------------------------------------ */

TEST(prefill_puts_each_of_its_keys_once) {
    enum { COUNT = 1003, THREADS = 4 };
    const double fracs[] = {0, 0.25, 1};
    for (size_t f = 0; f < 3; f++) {
        struct mk_keys keys;
        struct mk_keys_config cfg = {.count = COUNT, .offset = 40};
        bool taken[COUNT] = {false};
        uint64_t total = 0, low_half = 0, ascents = 0;
        CHECK_EQ(mk_keys_init(&keys, &cfg, 3, NULL), 0);
        for (uint32_t t = 0; t < THREADS; t++) {
            uint64_t words[COUNT], n = mk_prefill_keys_count(&keys, mk_map_ops, fracs[f], t, THREADS);
            CHECK(n <= COUNT / THREADS + 1);
            mk_prefill_keys(&keys, mk_map_ops, fracs[f], MK_PREFILL_SHUFFLED, t, THREADS, words);
            for (uint64_t i = 0; i < n; i++) {
                uint64_t id = mk_keys_id(&keys, MK_OPERAND(words[i])) - 40;
                CHECK_EQ(MK_CODE(words[i]), MK_MAP_PUT);
                CHECK(id < COUNT && !taken[id % COUNT]);
                taken[id % COUNT] = true;
                low_half += id < COUNT / 2;
                ascents += i > 0 && words[i] > words[i - 1];
            }
            total += n;
        }
        CHECK_EQ(total, llround(fracs[f] * COUNT));
        CHECK(fabs((double)low_half - (double)total / 2) <= 5 * sqrt((double)total / 4));
        CHECK(fabs((double)ascents - (double)total / 2) <= 5 * sqrt((double)total / 12) + THREADS);
    }
}

/* Half the keys prefilled must mean half the draws hit, on average over seeds, hot keys or not. */
TEST(prefill_does_not_favour_the_keys_that_are_drawn_most) {
    enum { COUNT = 1000, SEEDS = 300, DRAWS = 200 };
    for (unsigned form = 0; form < MK_KEY_FORMS; form++) {
        uint64_t hits = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct mk_keys keys;
            struct mk_keys_config cfg = {.count = COUNT,
                                         .distribution = MK_ZIPFIAN,
                                         .theta = 0.99,
                                         .form = (enum mk_key_form)form,
                                         .stride = 8};
            bool present[COUNT] = {false};
            uint64_t words[COUNT / 2];
            struct mk_keys_cursor at;
            struct mk_rng rng;
            CHECK_EQ(mk_keys_init(&keys, &cfg, seed, NULL), 0);
            mk_keys_begin(&keys, &at, 0, 1);
            mk_rng_seed(&rng, seed);
            mk_prefill_keys(&keys, mk_map_ops, 0.5, MK_PREFILL_SHUFFLED, 0, 1, words);
            for (unsigned i = 0; i < COUNT / 2; i++) present[mk_keys_id(&keys, MK_OPERAND(words[i]))] = true;
            for (unsigned i = 0; i < DRAWS; i++) hits += present[mk_keys_draw(&keys, &at, &rng)];
        }
        /* 5 sigmas: the hottest key, an eighth of all draws, is one toss a seed */
        CHECK(fabs((double)hits / (SEEDS * DRAWS) - 0.5) < 0.04);
    }
}

TEST(sorted_prefill_has_the_same_keys_in_order) {
    enum { COUNT = 1000 };
    struct mk_script script = map_script(1, 0, 0, 0);
    struct mk_ops ops = make_ops(&script);
    uint64_t shuffled[COUNT], sorted[COUNT], sum = 0;
    mk_prefill_keys(&ops.keys, mk_map_ops, 0.9, MK_PREFILL_SHUFFLED, 0, 1, shuffled);
    mk_prefill_keys(&ops.keys, mk_map_ops, 0.9, MK_PREFILL_SORTED, 0, 1, sorted);
    for (unsigned i = 0; i < 900; i++) {
        CHECK(i == 0 || MK_OPERAND(sorted[i - 1]) < MK_OPERAND(sorted[i]));
        sum += shuffled[i] - sorted[i];
    }
    CHECK_EQ(sum, 0);
}

TEST(kinds_without_keys_to_add_have_no_prefill) {
    struct mk_keys keys;
    struct mk_keys_config cfg = {.count = 10};
    CHECK_EQ(mk_keys_init(&keys, &cfg, 3, NULL), 0);
    CHECK_EQ(mk_prefill_keys_count(&keys, mk_alloc_ops, 1, 0, 1), 0);
    mk_prefill_keys(&keys, mk_alloc_ops, 1, MK_PREFILL_SORTED, 0, 1, NULL);
}

/* ---- refusals ----------------------------------------------------------------------------- */

TEST(scripts_that_contradict_themselves_are_refused_with_a_reason) {
    const struct mk_size_weight negative = {8, -1}, huge = {1u << 30, 1}, nothing = {8, 0};
    struct mk_script bad[16];
    size_t n = 0;
    bad[n++] = map_script(0.5, 0.4, 0, 0);
    bad[n++] = map_script(1.5, -0.5, 0, 0);
    bad[n++] = map_script(NAN, 1, 0, 0);
    bad[n++] = map_script(0, 0, 0, 0);
    bad[n] = map_script(1, 0, 0, 0);
    bad[n++].run_len = 0;
    bad[n] = map_script(1, 0, 0, 0);
    bad[n++].keys.count = 0;
    bad[n++] = alloc_script(PAIR, MK_BLOCKS_FIFO, 0);
    bad[n++] = alloc_script(PAIR, MK_BLOCKS_FIFO, MK_SLOT_MASK - 1);
    bad[n++] = alloc_script(PAIR, (enum mk_block_pattern)MK_BLOCK_PATTERNS, 10);
    bad[n] = alloc_script(BUILD, MK_BLOCKS_FIFO, 10);
    bad[n].share[BUILD] = 0.5;
    bad[n++].share[PAIR] = 0.5;
    bad[n] = alloc_script(PAIR, MK_BLOCKS_FIFO, 10);
    bad[n++].blocks.min_bytes = 65;
    bad[n] = alloc_script(PAIR, MK_BLOCKS_FIFO, 10);
    bad[n++].blocks.min_bytes = 0;
    for (unsigned i = 0; i < 4; i++) {
        bad[n] = alloc_script(PAIR, MK_BLOCKS_FIFO, 10);
        bad[n].blocks.sizes = MK_SIZES_WEIGHTED;
        bad[n].blocks.list = i == 0 ? &negative : i == 1 ? &huge : &nothing;
        bad[n++].blocks.list_count = i < 3;
    }
    CHECK_EQ(n, 16);
    for (size_t i = 0; i < n; i++) {
        struct mk_ops ops;
        struct mk_err err = {""};
        CHECK_EQ(mk_ops_init(&ops, &bad[i], 1, &err), -1);
        CHECK(err.text[0] != '\0');
    }
}

/* ---- what a script implies ---------------------------------------------------------------- */

/* Replays one stream on an array of flags: the slow way to the same figures. */
static struct mk_expected replay_slowly(const struct mk_keys *keys, bool *present, size_t ids,
                                        const uint64_t *words, size_t n) {
    struct mk_expected out = {.size_count = 0};
    bool *seen = calloc(ids, sizeof *seen);
    for (size_t i = 0; i < n; i++) {
        unsigned code = MK_CODE(words[i]);
        uint64_t id = mk_keys_id(keys, MK_OPERAND(words[i]));
        out.attempted[code]++;
        out.keyed_count++;
        out.hits[code] += present[id];
        out.distinct_count += !seen[id];
        seen[id] = true;
        if (code == MK_MAP_REMOVE) present[id] = false;
        if (code == MK_MAP_PUT || code == MK_MAP_INSERT_IF_ABSENT || code == MK_MAP_READ_MODIFY_WRITE)
            present[id] = true;
    }
    for (size_t id = 0; id < ids; id++) out.size_count += present[id];
    free(seen);
    return out;
}

static void check_same(const struct mk_expected *got, const struct mk_expected *want) {
    for (unsigned code = 0; code < MK_OPS_MAX; code++) {
        CHECK_EQ(got->attempted[code], want->attempted[code]);
        CHECK_EQ(got->hits[code], want->hits[code]);
    }
    CHECK_EQ(got->keyed_count, want->keyed_count);
    CHECK_EQ(got->distinct_count, want->distinct_count);
    CHECK_EQ(got->size_count, want->size_count);
}

TEST(one_thread_is_replayed_exactly) {
    enum { N = 100000, IDS = 200000 };
    for (unsigned form = 0; form < MK_KEY_FORMS; form++) {
        struct mk_script script = map_script(0.2, 0.1, 0.3, 0.15);
        script.share[CONTAINS] = 0.05;
        script.share[INSERT_IF_ABSENT] = 0.1;
        script.share[UPDATE] = 0.05;
        script.share[READ_MODIFY_WRITE] = 0.05;
        script.keys = (struct mk_keys_config){.count = 5000,
                                              .offset = 100,
                                              .distribution = MK_LATEST,
                                              .theta = 0.5,
                                              .form = (enum mk_key_form)form,
                                              .stride = 17};
        struct mk_ops ops = make_ops(&script);
        uint64_t *words = make_stream(&ops, form, 0, 1, N), prefill[5000];
        size_t prefills = mk_prefill_keys_count(&ops.keys, mk_map_ops, 0.6, 0, 1), n = N;
        bool *present = calloc(IDS, sizeof *present);
        const uint64_t *streams[1] = {prefill};
        struct mk_expect *expect = mk_expect_open(&ops.keys, mk_map_ops, NULL);
        struct mk_expected got, want;
        mk_prefill_keys(&ops.keys, mk_map_ops, 0.6, MK_PREFILL_SHUFFLED, 0, 1, prefill);
        CHECK_EQ(mk_expect_replay(expect, streams, &prefills, 1, &got, NULL), 0);
        want = replay_slowly(&ops.keys, present, IDS, prefill, prefills);
        check_same(&got, &want);
        CHECK_EQ(got.size_count, 3000);
        CHECK_EQ(got.hits[MK_MAP_PUT], 0);
        streams[0] = words;
        CHECK_EQ(mk_expect_replay(expect, streams, &n, 1, &got, NULL), 0);
        want = replay_slowly(&ops.keys, present, IDS, words, N);
        check_same(&got, &want);
        CHECK(got.hits[MK_MAP_GET] > 0 && got.hits[MK_MAP_GET] < got.attempted[MK_MAP_GET]);
        CHECK(got.known >> MK_MAP_GET & 1 && !(got.known >> MK_MAP_SCAN & 1));
        mk_expect_close(expect);
        free(present);
        free(words);
    }
}

/* Without keys, something is found as long as something is in; and a pair is a push and a pop. */
TEST(what_is_taken_out_without_a_key_is_counted) {
    enum { PUSH, POP };
    static const struct mk_op_desc ops[] = {
        {"push", PUSH, MK_NO_CODE, MK_OPERAND_FRESH, MK_EFFECT_ADD, 1, NULL},
        {"pop", POP, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_REMOVE, 1, NULL},
        {"pair", PUSH, POP, MK_OPERAND_FRESH, MK_EFFECT_ADD, 1, NULL},
        {NULL, 0, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_NONE, 0, NULL}};
    static const uint64_t words[] = {POP, PUSH, PUSH, POP, POP, POP, PUSH, POP, PUSH, PUSH};
    const uint64_t *streams[1] = {words};
    size_t n = sizeof words / sizeof *words;
    struct mk_expect *expect = mk_expect_open(NULL, ops, NULL);
    struct mk_expected got;
    CHECK(mk_expect_any(ops));
    CHECK(!mk_expect_any(mk_map_ops));
    CHECK_EQ(mk_expect_replay(expect, streams, &n, 1, &got, NULL), 0);
    CHECK_EQ(got.attempted[PUSH], 5);
    CHECK_EQ(got.attempted[POP], 5);
    CHECK_EQ(got.hits[PUSH], 0);
    CHECK_EQ(got.hits[POP], 3);
    CHECK_EQ(got.size_count, 2);
    CHECK_EQ(got.keyed_count, 0);
    CHECK_EQ(got.known, 1u << PUSH | 1u << POP);
    mk_expect_close(expect);
}

/* YCSB D: reads of the latest keys always find them, also with several threads. */
TEST(latest_reads_hit_whatever_the_threads_do) {
    enum { N = 30000, THREADS = 3 };
    struct mk_script script = map_script(0.95, 0, 0.05, 0);
    script.keys.distribution = MK_LATEST;
    script.keys.theta = 0.99;
    struct mk_ops ops = make_ops(&script);
    uint64_t *words[THREADS], prefill[1000];
    const uint64_t *streams[THREADS] = {prefill};
    size_t lens[THREADS] = {1000};
    struct mk_expect *expect = mk_expect_open(&ops.keys, mk_map_ops, NULL);
    struct mk_expected got;
    mk_prefill_keys(&ops.keys, mk_map_ops, 1, MK_PREFILL_SHUFFLED, 0, 1, prefill);
    CHECK_EQ(mk_expect_replay(expect, streams, lens, 1, &got, NULL), 0);
    for (uint32_t t = 0; t < THREADS; t++) {
        streams[t] = words[t] = make_stream(&ops, t, t, THREADS, N);
        lens[t] = N >> (2 * t); /* one thread gets much further than another */
    }
    CHECK_EQ(mk_expect_replay(expect, streams, lens, THREADS, &got, NULL), 0);
    CHECK_EQ(got.attempted[MK_MAP_GET] + got.attempted[MK_MAP_PUT], N + N / 4 + N / 16);
    CHECK_EQ(got.hits[MK_MAP_GET], got.attempted[MK_MAP_GET]);
    CHECK_EQ(got.hits[MK_MAP_PUT], 0);
    CHECK_EQ(got.size_count, 1000 + got.attempted[MK_MAP_PUT]);
    for (uint32_t t = 0; t < THREADS; t++) free(words[t]);
    mk_expect_close(expect);
}

/* Stages take their fresh ids from ranges far apart; ids between them cost nothing. */
TEST(fresh_ids_may_be_far_out) {
    enum { N = 1000 };
    struct mk_script script = map_script(0, 0, 1, 0);
    script.keys.fresh_from = (uint64_t)1 << 34;
    struct mk_ops ops = make_ops(&script);
    uint64_t *words = make_stream(&ops, 1, 0, 1, N);
    const uint64_t *streams[1] = {words};
    const size_t lens[1] = {N};
    struct mk_expect *expect = mk_expect_open(&ops.keys, mk_map_ops, NULL);
    struct mk_expected got;
    CHECK_EQ(mk_expect_replay(expect, streams, lens, 1, &got, NULL), 0);
    CHECK_EQ(got.distinct_count, N);
    CHECK_EQ(got.size_count, N);
    CHECK_EQ(mk_expect_replay(expect, streams, lens, 1, &got, NULL), 0);
    CHECK_EQ(got.hits[MK_MAP_PUT], N);
    CHECK_EQ(got.size_count, N);
    mk_expect_close(expect);
    free(words);
}

/* One thread puts, the other removes the same keys: they meet halfway only if both advance evenly. */
TEST(threads_are_interleaved_evenly) {
    enum { PUTS = 40000, REMOVES = 10000 };
    struct mk_script script = map_script(1, 0, 0, 0);
    script.keys.form = MK_KEYS_SEQUENTIAL;
    struct mk_ops ops = make_ops(&script);
    static uint64_t puts[PUTS], removes[REMOVES];
    const uint64_t *streams[2] = {puts, removes};
    const size_t lens[2] = {PUTS, REMOVES};
    struct mk_expect *expect = mk_expect_open(&ops.keys, mk_map_ops, NULL);
    struct mk_expected got;
    for (uint64_t i = 0; i < PUTS; i++) puts[i] = MK_PACK(MK_MAP_PUT, i);
    for (uint64_t i = 0; i < REMOVES; i++) removes[i] = MK_PACK(MK_MAP_REMOVE, i < REMOVES / 2 ? PUTS / 2 + i : i);
    CHECK_EQ(mk_expect_replay(expect, streams, lens, 2, &got, NULL), 0);
    CHECK_EQ(got.hits[MK_MAP_REMOVE], REMOVES / 2); /* the first half come too early, the second too late */
    CHECK_EQ(got.size_count, PUTS - REMOVES / 2);
    mk_expect_close(expect);
}

TEST(kinds_without_effects_are_only_counted) {
    enum { N = 1000 };
    struct mk_script script = alloc_script(PAIR, MK_BLOCKS_FIFO, 10);
    struct mk_ops ops = make_ops(&script);
    uint64_t *words = make_stream(&ops, 1, 0, 1, N);
    const uint64_t *streams[1] = {words};
    const size_t lens[1] = {N};
    struct mk_expect *expect = mk_expect_open(&ops.keys, mk_alloc_ops, NULL);
    struct mk_expected got;
    CHECK_EQ(mk_expect_replay(expect, streams, lens, 1, &got, NULL), 0);
    CHECK_EQ(got.attempted[MK_ALLOC_FREE], N / 2);
    CHECK_EQ(got.attempted[MK_ALLOC_ALLOC], N / 2);
    CHECK_EQ(got.known, 0);
    CHECK_EQ(got.keyed_count + got.distinct_count + got.size_count, 0);
    mk_expect_close(expect);
    free(words);
}

TEST(a_key_that_no_script_draws_is_an_error) {
    struct mk_script script = map_script(1, 0, 0, 0);
    script.keys.form = MK_KEYS_SEQUENTIAL;
    struct mk_ops ops = make_ops(&script);
    const uint64_t word = MK_PACK(MK_MAP_GET, (uint64_t)1 << 59), *streams[1] = {&word};
    const size_t lens[1] = {1};
    struct mk_expect *expect = mk_expect_open(&ops.keys, mk_map_ops, NULL);
    struct mk_expected got;
    struct mk_err err = {""};
    CHECK_EQ(mk_expect_replay(expect, streams, lens, 1, &got, &err), -1);
    CHECK(strstr(err.text, "id") != NULL);
    mk_expect_close(expect);
    mk_expect_close(NULL);
}
