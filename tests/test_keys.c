/* test_keys.c - distributions against their theory, permutations, the way from ids to keys. */
#include "test.h"

#include "../harness/keys.h"

#include <math.h>
#include <stdlib.h>

#define DRAWS 1000000

static struct mk_keys make_keys(struct mk_keys_config cfg, uint64_t seed) {
    struct mk_keys keys;
    struct mk_err err = {""};
    memset(&keys, 0, sizeof keys);
    CHECK_EQ(mk_keys_init(&keys, &cfg, seed, &err), 0);
    CHECK_STR(err.text, "");
    return keys;
}

/* Returns by how many standard deviations chi-square is off its mean. A generator that is right is
 * within 5 on either side; too even is as wrong as too uneven. */
static double chi_square_sigmas(const uint64_t *seen, const double *expected, size_t bins) {
    double chi = 0, freedom = (double)bins - 1;
    for (size_t i = 0; i < bins; i++) {
        double off = (double)seen[i] - expected[i];
        chi += off * off / expected[i];
    }
    return (chi - freedom) / sqrt(2 * freedom);
}

/* Returns how many standard deviations `seen` of DRAWS is off a probability. */
static double share_sigmas(uint64_t seen, double probability) {
    double mean = probability * DRAWS;
    return ((double)seen - mean) / sqrt(mean * (1 - probability));
}

/* ---- random numbers ----------------------------------------------------------------------- */

TEST(rng_is_the_published_one) {
    struct mk_rng rng = {{1, 2, 3, 4}};
    const uint64_t published[] = {11520, 0, 1509978240, 1215971899390074240};
    for (unsigned i = 0; i < 4; i++) CHECK(mk_rng_next(&rng) == published[i]);
    mk_rng_seed(&rng, 0);
    CHECK(rng.s[0] == 0xe220a8397b1dcdafu); /* splitmix64 from 0 */
    CHECK(rng.s[1] == 0x6e789e6aa1b965f4u);
}

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

TEST(every_place_has_a_seed_of_its_own) {
    enum { SIDE = 12, ALL = 4 * SIDE * SIDE * SIDE };
    uint64_t *seeds = malloc(ALL * sizeof *seeds);
    size_t n = 0;
    for (uint64_t seed = 0; seed < 4; seed++) {
        for (uint32_t process = 0; process < SIDE; process++) {
            for (uint32_t round = 0; round < SIDE; round++) {
                for (uint32_t thread = 0; thread < SIDE; thread++) {
                    seeds[n++] = mk_seed(seed, process, round, thread ? thread : MK_SEED_ALL);
                }
            }
        }
    }
    qsort(seeds, n, sizeof *seeds, compare_u64);
    for (size_t i = 1; i < n; i++) CHECK(seeds[i - 1] != seeds[i]);
    free(seeds);
}

/* ---- permutations ------------------------------------------------------------------------- */

TEST(permutation_is_a_bijection) {
    const uint64_t counts[] = {1, 2, 3, 4, 5, 1000, 65536, 65537};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        uint64_t count = counts[c];
        bool *taken = calloc(count, sizeof *taken);
        struct mk_rng rng;
        struct mk_perm perm;
        mk_rng_seed(&rng, c);
        mk_perm_init(&perm, count, &rng);
        for (uint64_t i = 0; i < count; i++) {
            uint64_t to = mk_perm_at(&perm, i);
            CHECK(to < count && !taken[to]);
            CHECK(mk_perm_from(&perm, to) == i);
            if (to < count) taken[to] = true;
        }
        free(taken);
    }
}

TEST(permutation_of_three_has_all_six_orders) {
    enum { SEEDS = 6000 };
    uint64_t seen[6] = {0};
    double expected[6];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct mk_rng rng;
        struct mk_perm perm;
        mk_rng_seed(&rng, seed);
        mk_perm_init(&perm, 3, &rng);
        seen[mk_perm_at(&perm, 0) * 2 + (mk_perm_at(&perm, 1) > mk_perm_at(&perm, 2))]++;
    }
    for (unsigned i = 0; i < 6; i++) expected[i] = SEEDS / 6.0;
    CHECK(fabs(chi_square_sigmas(seen, expected, 6)) < 5);
}

/* Where neighbours go must look like chance: their distances fall off in a straight line, and every
 * tenth ends in each tenth alike. Fewer rounds fail this for some seeds. */
static void check_no_pattern(uint64_t count, uint64_t seed) {
    enum { TENTHS = 10 };
    uint64_t distances[TENTHS] = {0}, tenths[TENTHS * TENTHS] = {0}, pairs = count / 2;
    double distances_expected[TENTHS], tenths_expected[TENTHS * TENTHS];
    struct mk_rng rng;
    struct mk_perm perm;
    mk_rng_seed(&rng, seed);
    mk_perm_init(&perm, count, &rng);
    for (uint64_t i = 0; i < 2 * pairs; i += 2) {
        uint64_t a = mk_perm_at(&perm, i), b = mk_perm_at(&perm, i + 1);
        distances[(a > b ? a - b : b - a) * TENTHS / count]++;
        tenths[i * TENTHS / count * TENTHS + a * TENTHS / count]++;
    }
    for (unsigned t = 0; t < TENTHS; t++) {
        distances_expected[t] = (double)pairs * (2.0 * TENTHS - 2 * t - 1) / (TENTHS * TENTHS);
    }
    for (unsigned t = 0; t < TENTHS * TENTHS; t++) tenths_expected[t] = (double)pairs / (TENTHS * TENTHS);
    CHECK(fabs(chi_square_sigmas(distances, distances_expected, TENTHS)) < 5);
    CHECK(fabs(chi_square_sigmas(tenths, tenths_expected, TENTHS * TENTHS)) < 5);
}

TEST(permutation_is_without_pattern) {
    for (uint64_t seed = 1; seed <= 60; seed++) check_no_pattern(10007, seed);
    for (uint64_t seed = 1; seed <= 8; seed++) check_no_pattern(400009, seed);
}

/* ---- ids and keys ------------------------------------------------------------------------- */

TEST(keys_have_60_bits_and_lead_back_to_ids) {
    const enum mk_key_form forms[] = {MK_KEYS_SCRAMBLED, MK_KEYS_SEQUENTIAL, MK_KEYS_STRIDED};
    for (unsigned f = 0; f < 3; f++) {
        struct mk_keys keys =
            make_keys((struct mk_keys_config){.count = 1000, .form = forms[f], .stride = 4096}, f);
        for (uint64_t id = 0; id < 100000; id += 1 + id / 8) {
            uint64_t key = mk_keys_key(&keys, id);
            CHECK(key < (uint64_t)1 << MK_KEY_BITS);
            CHECK(mk_keys_id(&keys, key) == id);
            if (forms[f] == MK_KEYS_SEQUENTIAL) CHECK(key == id);
            if (forms[f] == MK_KEYS_STRIDED) CHECK(key == id * 4096);
        }
    }
}

TEST(scrambled_keys_use_every_bit_alike) {
    enum { COUNT = 100000 };
    struct mk_keys keys = make_keys((struct mk_keys_config){.count = COUNT}, 3);
    uint64_t ones[MK_KEY_BITS] = {0};
    for (uint64_t id = 0; id < COUNT; id++) {
        uint64_t key = mk_keys_key(&keys, id);
        for (unsigned bit = 0; bit < MK_KEY_BITS; bit++) ones[bit] += key >> bit & 1;
    }
    for (unsigned bit = 0; bit < MK_KEY_BITS; bit++) {
        CHECK(fabs((double)ones[bit] - COUNT / 2.0) < 5 * sqrt(COUNT / 4.0));
    }
}

/* Neighbouring ids: their keys share neither low nor high bits, nor is their distance a constant. */
TEST(scrambled_keys_of_neighbours_have_nothing_in_common) {
    enum { PAIRS = 200000, SIDE = 16, VIEWS = 4 };
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct mk_keys keys = make_keys((struct mk_keys_config){.count = 2 * PAIRS}, seed);
        uint64_t seen[VIEWS][SIDE * SIDE] = {{0}};
        double expected[SIDE * SIDE];
        for (uint64_t i = 0; i < PAIRS; i++) {
            uint64_t a = mk_keys_key(&keys, 2 * i), b = mk_keys_key(&keys, 2 * i + 1);
            seen[0][a % SIDE * SIDE + b % SIDE]++;
            seen[1][(a >> 56) * SIDE + (b >> 56)]++;
            seen[2][(b - a) % (SIDE * SIDE)]++;
            seen[3][(b - a) >> 52 & (SIDE * SIDE - 1)]++;
        }
        for (unsigned i = 0; i < SIDE * SIDE; i++) expected[i] = (double)PAIRS / (SIDE * SIDE);
        for (unsigned v = 0; v < VIEWS; v++) CHECK(fabs(chi_square_sigmas(seen[v], expected, SIDE * SIDE)) < 5);
    }
}

TEST(the_map_depends_on_the_seed_and_not_on_the_count) {
    struct mk_keys small = make_keys((struct mk_keys_config){.count = 10}, 5);
    struct mk_keys large =
        make_keys((struct mk_keys_config){.count = 1000000, .distribution = MK_ZIPFIAN, .theta = 1}, 5);
    struct mk_keys other = make_keys((struct mk_keys_config){.count = 10}, 6);
    unsigned same = 0;
    for (uint64_t id = 0; id < 1000; id++) {
        CHECK(mk_keys_key(&small, id) == mk_keys_key(&large, id));
        same += mk_keys_key(&small, id) == mk_keys_key(&other, id);
    }
    CHECK_EQ(same, 0);
}

/* ---- distributions ------------------------------------------------------------------------ */

/* Draws by one thread alone, ids less offset, counted. */
static uint64_t *draw_counts(const struct mk_keys *keys, uint64_t seed) {
    uint64_t *seen = calloc(keys->cfg.count, sizeof *seen);
    struct mk_keys_cursor at;
    struct mk_rng rng;
    unsigned outside = 0;
    mk_keys_begin(keys, &at, 0, 1);
    mk_rng_seed(&rng, seed);
    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t id = mk_keys_draw(keys, &at, &rng) - keys->cfg.offset;
        outside += id >= keys->cfg.count;
        if (id < keys->cfg.count) seen[id]++;
    }
    CHECK_EQ(outside, 0);
    return seen;
}

TEST(uniform_is_uniform) {
    enum { COUNT = 1009 };
    struct mk_keys keys = make_keys((struct mk_keys_config){.count = COUNT, .offset = 77}, 1);
    uint64_t *seen = draw_counts(&keys, 11);
    double expected[COUNT];
    for (unsigned i = 0; i < COUNT; i++) expected[i] = (double)DRAWS / COUNT;
    CHECK(fabs(chi_square_sigmas(seen, expected, COUNT)) < 5);
    free(seen);
}

/* Compares counts by rank with theory: the first ranks one by one, then in bins that grow. */
static void check_zipf(const uint64_t *by_rank, uint64_t count, double theta) {
    enum { SINGLE = 64, BINS = 256 };
    double sum = 0, expected[BINS];
    uint64_t seen[BINS], bins = 0;
    for (uint64_t r = count; r-- > 0;) sum += pow((double)(r + 1), -theta);
    for (uint64_t r = 0; r < 3 && r < count; r++) {
        CHECK(count == 1 || fabs(share_sigmas(by_rank[r], pow((double)(r + 1), -theta) / sum)) < 5);
    }
    for (uint64_t r = 0; r < count && bins < BINS;) {
        uint64_t end = r < SINGLE ? r + 1 : r + r / 8;
        expected[bins] = 0;
        seen[bins] = 0;
        for (; r < count && (r < end || expected[bins] < 30); r++) {
            expected[bins] += DRAWS * pow((double)(r + 1), -theta) / sum;
            seen[bins] += by_rank[r];
        }
        bins++;
    }
    if (bins > 1 && expected[bins - 1] < 30) { /* what is left at the end is too little for a bin */
        expected[bins - 2] += expected[bins - 1];
        seen[bins - 2] += seen[bins - 1];
        bins--;
    }
    if (bins > 1) CHECK(fabs(chi_square_sigmas(seen, expected, bins)) < 5);
}

TEST(zipfian_follows_zipf) {
    const double thetas[] = {0.2, 0.5, 0.99, 1, 1.001, 1.2, 2, 8};
    const uint64_t counts[] = {1, 2, 10, 1000, 200000};
    for (size_t t = 0; t < sizeof thetas / sizeof *thetas; t++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            if (counts[c] < 1000 && t % 3) continue;
            struct mk_keys keys = make_keys(
                (struct mk_keys_config){.count = counts[c], .distribution = MK_ZIPFIAN, .theta = thetas[t]}, 1);
            uint64_t *seen = draw_counts(&keys, t * 8 + c);
            check_zipf(seen, counts[c], thetas[t]);
            free(seen);
        }
    }
}

TEST(zipfian_scatters_its_ranks_where_keys_are_in_order) {
    enum { COUNT = 1000 };
    struct mk_keys keys = make_keys(
        (struct mk_keys_config){
            .count = COUNT, .distribution = MK_ZIPFIAN, .theta = 0.99, .form = MK_KEYS_SEQUENTIAL},
        1);
    uint64_t *seen = draw_counts(&keys, 3), by_rank[COUNT], ascents = 0;
    for (uint64_t r = 0; r < COUNT; r++) by_rank[r] = seen[mk_perm_at(&keys.rank, r)];
    check_zipf(by_rank, COUNT, 0.99);
    for (unsigned i = 1; i < COUNT; i++) ascents += seen[i] > seen[i - 1];
    CHECK(ascents > 400 && ascents < 600);
    free(seen);
}

TEST(latest_is_zipf_over_age) {
    enum { COUNT = 1000 };
    struct mk_keys keys = make_keys(
        (struct mk_keys_config){.count = COUNT, .offset = 50, .distribution = MK_LATEST, .theta = 0.99}, 1);
    uint64_t *seen = draw_counts(&keys, 5), by_age[COUNT];
    for (unsigned age = 0; age < COUNT; age++) by_age[age] = seen[COUNT - 1 - age];
    check_zipf(by_age, COUNT, 0.99);
    free(seen);
}

TEST(latest_follows_the_fresh_keys_of_its_thread) {
    enum { COUNT = 1000, THREADS = 3, THREAD = 1, FRESH = 300 };
    struct mk_keys keys =
        make_keys((struct mk_keys_config){.count = COUNT, .distribution = MK_LATEST, .theta = 0.7}, 1);
    struct mk_keys_cursor at;
    struct mk_rng rng;
    uint64_t by_age[COUNT] = {0};
    unsigned foreign = 0;
    mk_keys_begin(&keys, &at, THREAD, THREADS);
    mk_rng_seed(&rng, 5);
    for (unsigned i = 0; i < FRESH; i++) mk_keys_fresh(&keys, &at);
    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t id = mk_keys_draw(&keys, &at, &rng);
        uint64_t age = FRESH + COUNT - 1 - id;
        if (id >= COUNT) {
            foreign += (id - COUNT) % THREADS != THREAD;
            age = FRESH - 1 - (id - COUNT) / THREADS;
        }
        foreign += age >= COUNT;
        if (age < COUNT) by_age[age]++;
    }
    CHECK_EQ(foreign, 0);
    check_zipf(by_age, COUNT, 0.7);
}

TEST(hotspot_keeps_its_shares) {
    enum { COUNT = 1000, HOT = 200 };
    struct mk_keys keys = make_keys(
        (struct mk_keys_config){
            .count = COUNT, .distribution = MK_HOTSPOT, .hot_keys_frac = 0.2, .hot_ops_frac = 0.8},
        1);
    uint64_t *seen = draw_counts(&keys, 9), hot = 0;
    double expected[COUNT];
    for (unsigned i = 0; i < HOT; i++) hot += seen[i];
    for (unsigned i = 0; i < COUNT; i++) {
        expected[i] = DRAWS * (i < HOT ? 0.8 / HOT : 0.2 / (COUNT - HOT));
    }
    CHECK(fabs(share_sigmas(hot, 0.8)) < 5);
    CHECK(fabs(chi_square_sigmas(seen, expected, COUNT)) < 5);
    free(seen);
}

TEST(hotspot_at_its_ends) {
    struct mk_keys_config cfg = {.count = 10, .distribution = MK_HOTSPOT, .hot_keys_frac = 1, .hot_ops_frac = 0};
    struct mk_keys all = make_keys(cfg, 1);
    free(draw_counts(&all, 1));
    cfg.hot_keys_frac = 0.001; /* rounds to no key at all: one it is */
    cfg.hot_ops_frac = 1;
    struct mk_keys one = make_keys(cfg, 1);
    uint64_t *seen = draw_counts(&one, 1);
    CHECK_EQ(seen[0], DRAWS);
    free(seen);
}

TEST(sequential_goes_round_from_each_threads_start) {
    enum { COUNT = 10, THREADS = 3 };
    const uint64_t starts[THREADS] = {0, 4, 7};
    struct mk_keys keys =
        make_keys((struct mk_keys_config){.count = COUNT, .offset = 100, .distribution = MK_SEQUENTIAL}, 1);
    struct mk_rng rng;
    mk_rng_seed(&rng, 1);
    for (uint32_t t = 0; t < THREADS; t++) {
        struct mk_keys_cursor at;
        mk_keys_begin(&keys, &at, t, THREADS);
        for (uint64_t i = 0; i < 25; i++) CHECK_EQ(mk_keys_draw(&keys, &at, &rng), 100 + (starts[t] + i) % COUNT);
    }
    struct mk_keys_cursor crowded; /* more threads than keys */
    mk_keys_begin(&keys, &crowded, 99, 100);
    CHECK_EQ(mk_keys_draw(&keys, &crowded, &rng), 100);
}

TEST(fresh_keys_are_disjoint_and_dense) {
    enum { COUNT = 100, THREADS = 4, EACH = 1000 };
    bool taken[THREADS * EACH] = {false};
    struct mk_keys keys = make_keys((struct mk_keys_config){.count = COUNT, .fresh_from = 500}, 1);
    for (uint32_t t = 0; t < THREADS; t++) {
        struct mk_keys_cursor at;
        mk_keys_begin(&keys, &at, t, THREADS);
        for (unsigned i = 0; i < EACH; i++) {
            uint64_t id = mk_keys_fresh(&keys, &at) - 500;
            CHECK(id < THREADS * EACH && !taken[id]);
            if (id < THREADS * EACH) taken[id] = true;
        }
        CHECK_EQ(at.fresh_count, EACH);
    }
}

TEST(split_covers_everything_once) {
    for (uint64_t n = 0; n < 50; n++) {
        for (uint32_t parts = 1; parts < 9; parts++) {
            CHECK_EQ(mk_split(n, 0, parts), 0);
            CHECK_EQ(mk_split(n, parts, parts), n);
            for (uint32_t p = 0; p < parts; p++) {
                uint64_t size = mk_split(n, p + 1, parts) - mk_split(n, p, parts);
                CHECK(size == n / parts || size == n / parts + 1);
            }
        }
    }
}

TEST(impossible_keys_are_refused_with_a_reason) {
    const struct mk_keys_config bad[] = {
        {.count = 0},
        {.count = MK_KEYS_COUNT_MAX + 1},
        {.count = 1, .offset = UINT64_MAX},
        {.count = 1, .fresh_from = MK_KEYS_FRESH_MAX + 1},
        {.count = 10, .offset = 5, .fresh_from = 14},
        {.count = 10, .distribution = MK_ZIPFIAN},
        {.count = 10, .distribution = MK_LATEST, .theta = -1},
        {.count = 10, .distribution = MK_ZIPFIAN, .theta = NAN},
        {.count = 10, .distribution = MK_ZIPFIAN, .theta = 17},
        {.count = 10, .distribution = MK_HOTSPOT, .hot_ops_frac = 0.5},
        {.count = 10, .distribution = MK_HOTSPOT, .hot_keys_frac = 0.5, .hot_ops_frac = 1.1},
        {.count = 10, .form = MK_KEYS_STRIDED},
        {.count = 10, .form = MK_KEYS_STRIDED, .stride = MK_KEYS_STRIDE_MAX + 1},
        {.count = 10, .distribution = (enum mk_distribution)MK_DISTRIBUTIONS},
        {.count = 10, .form = (enum mk_key_form)MK_KEY_FORMS},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct mk_keys keys;
        struct mk_err err = {""};
        CHECK_EQ(mk_keys_init(&keys, &bad[i], 1, &err), -1);
        CHECK(err.text[0] != '\0');
    }
}

/* Different ids among `draws` draws, counted. */
static double count_distinct(const struct mk_keys *keys, uint64_t draws) {
    uint8_t *met = calloc(keys->cfg.count, 1);
    struct mk_keys_cursor at;
    struct mk_rng rng;
    double distinct = 0;
    mk_rng_seed(&rng, 5);
    mk_keys_begin(keys, &at, 0, 1);
    for (uint64_t i = 0; i < draws; i++) {
        uint64_t id = mk_keys_draw(keys, &at, &rng);
        distinct += !met[id];
        met[id] = 1;
    }
    free(met);
    return distinct;
}

TEST(expected_distinct_keys_are_those_that_draws_meet) {
    static const enum mk_distribution all[] = {MK_UNIFORM, MK_ZIPFIAN, MK_HOTSPOT, MK_SEQUENTIAL};
    static const uint64_t draws[] = {1, 1000, 100000, 1000000};
    for (size_t d = 0; d < sizeof all / sizeof *all; d++) {
        struct mk_keys_config cfg = {.count = 100000, .distribution = all[d], .theta = 0.99, .hot_keys_frac = 0.1,
                                     .hot_ops_frac = 0.9, .form = MK_KEYS_SEQUENTIAL};
        struct mk_keys keys;
        struct mk_err err = {{0}};
        CHECK_EQ(mk_keys_init(&keys, &cfg, 1, &err), 0);
        for (size_t i = 0; i < sizeof draws / sizeof *draws; i++) {
            double seen = count_distinct(&keys, draws[i]), expected = mk_keys_expected_distinct(&keys, draws[i]);
            if (fabs(seen - expected) > 0.02 * expected + 4 * sqrt(expected)) {
                mk_test_fail(__FILE__, __LINE__, "distribution %zu, %d draws: %.0f, not %.0f", d, (int)draws[i], seen, expected);
            }
        }
    }
}
