/* test_hash_quality.c - how good the hashes of the tree are is measured, and docs/hashes.md says the same; the
 * measures find those that are weak: one by its own word, and some that are planted here.
 */
#include "hash_quality.h"
#include "test.h"

#include <inttypes.h>

static void open_registry(void) {
    struct mk_err err;
    if (mk_registry_open(&err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
}

/* ---- hashes of the tree ---------------------------------------------------------------------- */

/* Returns how many of its measures are worse than they should be; says which if `loud`. */
static unsigned count_bad(const char *name, const struct quality *quality, bool loud) {
    unsigned bad = quality->bias > QUALITY_BIAS_MAX;
    if (bad && loud) {
        mk_test_fail(__FILE__, __LINE__, "%s: a bit of the hash is %.3f off a half", name, quality->bias);
    }
    for (size_t i = 0; i < QUALITY_SETS; i++) {
        const struct quality_spread *spread = &quality->spread[i];
        if (spread->high <= QUALITY_CHI_MAX && spread->low <= QUALITY_CHI_MAX) continue;
        bad++;
        if (!loud) continue;
        mk_test_fail(__FILE__, __LINE__, "%s, %s: chi-square %.2f by high bits, %.2f by low bits", name,
                     quality_sets[i].name, spread->high, spread->low);
    }
    return bad;
}

TEST(hashes_are_as_good_as_they_say) {
    size_t good = 0, weak = 0;
    open_registry();
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        struct quality quality;
        struct mk_err err;
        if (!quality_is_wanted(impl)) continue;
        if (quality_of(impl, &quality, &err)) mk_test_fail(__FILE__, __LINE__, "%s: %s", impl->name, err.text);
        bool says_weak = impl->caps & (MK_WEAK | MK_FLOOR);
        unsigned bad = count_bad(impl->name, &quality, !says_weak);
        CHECK(!says_weak || bad > QUALITY_SETS / 2);
        good += !says_weak;
        weak += says_weak;
    }
    CHECK(good >= 3);
    CHECK(weak >= 2);
}

/* Pointers as they come, rather than as they come everywhere. */
TEST(real_pointers_spread) {
    static uint64_t keys[QUALITY_KEYS];
    static void *blocks[QUALITY_KEYS];
    open_registry();
    for (size_t i = 0; i < QUALITY_KEYS; i++) {
        blocks[i] = malloc(24 + mk_mix64(i) % 208);
        keys[i] = (uintptr_t)blocks[i];
    }
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        struct quality_subject subject = {.impl = impl};
        struct mk_memory_config plain = {.fallback = mk_registry_default("alloc"), .threads_max = 1};
        struct mk_config cfg = {.seed = 5, .threads_max = 1};
        struct mk_err err;
        if (!quality_is_wanted(impl) || impl->caps & (MK_WEAK | MK_FLOOR)) continue;
        struct mk_memory *memory = mk_memory_open(&plain, &err);
        CHECK_EQ(impl->create(&subject.self, mk_memory_mem(memory), &cfg, &err), 0);
        struct quality_spread spread = quality_spread_of(quality_ask, &subject, keys);
        if (spread.high > QUALITY_CHI_MAX || spread.low > QUALITY_CHI_MAX) {
            mk_test_fail(__FILE__, __LINE__, "%s: chi-square %.2f by high bits, %.2f by low bits", impl->name,
                         spread.high, spread.low);
        }
        impl->destroy(subject.self);
        mk_memory_close(memory);
    }
    for (size_t i = 0; i < QUALITY_KEYS; i++) free(blocks[i]);
}

TEST(the_page_says_what_is_measured) {
    struct mk_err err;
    char *text = NULL;
    size_t n = 0, room = 1 << 16;
    open_registry();
    FILE *out = open_memstream(&text, &n);
    if (quality_page(out, &err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
    fclose(out);
    char *page = calloc(1, room);
    FILE *in = fopen(mk_test_path("../docs/hashes.md"), "r");
    CHECK(in != NULL);
    if (in) {
        CHECK(fread(page, 1, room - 1, in) > 0);
        fclose(in);
    }
    if (strcmp(page, text) != 0) {
        mk_test_fail(__FILE__, __LINE__,
                     "docs/hashes.md is another than what is measured: scripts/bench --only hashes");
    }
    free(page);
    free(text);
}

/* ---- planted --------------------------------------------------------------------------------- */

static uint64_t multiply(void *self, uint64_t key) {
    (void)self;
    return key * 0x9e3779b97f4a7c15u;
}

static uint64_t only_even(void *self, uint64_t key) {
    (void)self;
    return mk_mix64(key) << 1;
}

/* Of 16 bits of the key nothing is left. */
static uint64_t drops_bits(void *self, uint64_t key) {
    (void)self;
    return mk_mix64(key & 0xffff0000ffffffffu);
}

static uint64_t good(void *self, uint64_t key) {
    (void)self;
    return mk_mix64(key);
}

static const struct quality *measured(quality_hash *hash) {
    static struct quality quality;
    memset(&quality, 0, sizeof quality);
    quality_add(&quality, hash, NULL);
    return &quality;
}

static const struct quality_spread *spread_of(const struct quality *quality, const char *name) {
    for (size_t i = 0; i < QUALITY_SETS; i++) {
        if (strcmp(quality_sets[i].name, name) == 0) return &quality->spread[i];
    }
    return NULL;
}

TEST(a_sound_one_passes) {
    CHECK_EQ(count_bad("good", measured(good), true), 0);
}

TEST(a_single_multiplication_is_found) {
    const struct quality *quality = measured(multiply);
    CHECK(quality->bias > 0.4);
    CHECK(spread_of(quality, "steps of 2^12")->low > 100); /* low bits depend on low bits alone */
    CHECK(spread_of(quality, "steps of 1/golden")->high > 100);
    CHECK(spread_of(quality, "sequential")->high <= QUALITY_CHI_MAX);
}

TEST(a_bit_that_never_changes_is_found) {
    const struct quality *quality = measured(only_even);
    CHECK(quality->bias > 0.4);
    CHECK(spread_of(quality, "sequential")->low > 1.9);
    CHECK(spread_of(quality, "sequential")->high <= QUALITY_CHI_MAX);
}

TEST(a_bit_that_changes_nothing_is_found) {
    const struct quality *quality = measured(drops_bits);
    CHECK(quality->bias > 0.4);
    CHECK(spread_of(quality, "steps of 2^32")->high > 100);
}

/* ---- the keys themselves --------------------------------------------------------------------- */

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Two equal keys would look like a bad hash. */
TEST(keys_of_a_set_differ) {
    static uint64_t keys[QUALITY_KEYS];
    for (size_t s = 0; s < QUALITY_SETS; s++) {
        uint64_t same = 0;
        quality_fill(&quality_sets[s], keys);
        qsort(keys, QUALITY_KEYS, sizeof *keys, compare);
        for (size_t i = 1; i < QUALITY_KEYS; i++) same += keys[i] == keys[i - 1];
        if (same > 256) mk_test_fail(__FILE__, __LINE__, "%s: %" PRIu64 " keys twice", quality_sets[s].name, same);
    }
}
