/* model_hash.c - kind hash: pure, different under each seed, and good in all bits: the avalanche of each
 * bit of the key, and the spread of keys in equal steps over what tables and shards take of a hash. Of one that
 * declares itself weak (MK_WEAK) the same is measured and noted; what is found is that it is not. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "../../impl/hash.h"
#include "../record.h"
#include "check.h"

/* Under one seed. */
static uint64_t hash_of(struct mk_subject *subject, uint64_t key) {
    struct mk_op op = {.code = MK_HASH_HASH, .key = key};
    return mk_subject_do(subject, &subject->me[0], &op).value;
}

/* Opens a hash under a seed of its own. */
static int open_seeded(struct mk_subject *subject, struct mk_check *check, uint64_t seed) {
    struct mk_subject_config config = {.watched = true};
    uint64_t own = check->seed;
    check->seed = seed;
    int failed = mk_subject_open(subject, check, &config);
    check->seed = own;
    return failed;
}

static void run_pure(struct mk_check *check) {
    struct mk_subject here, again, other;
    struct mk_rng rng;
    uint64_t keys = mk_check_ops(check, 2000), same = 0;
    mk_rng_seed(&rng, check->seed);
    if (open_seeded(&here, check, 1)) return;
    if (open_seeded(&again, check, 1)) goto close_here;
    if (open_seeded(&other, check, 2)) goto close_again;
    for (uint64_t i = 0; i < keys; i++) {
        uint64_t key = i < 64 ? i : mk_rng_next(&rng), hash = hash_of(&here, key);
        if (hash_of(&here, key) != hash || hash_of(&again, key) != hash) {
            mk_found(check, "key 0x%" PRIx64 " has two hashes under one seed", key);
            break;
        }
        same += hash_of(&other, key) == hash;
    }
    if (same > keys / 100 && !(check->caps & (MK_TEST_ONLY | MK_WEAK))) {
        mk_found(check, "%" PRIu64 " of %" PRIu64 " keys have one hash under two seeds", same, keys);
    }
    mk_subject_close(&other);
close_again:
    mk_subject_close(&again);
close_here:
    mk_subject_close(&here);
}

static void run_batch(struct mk_check *check) {
    enum { WORDS = 1000 };
    struct mk_subject subject;
    struct mk_rng rng;
    uint64_t stream[WORDS], last = 0, sum = 0, sum_of_hashes = 0;
    struct mk_tally mixed = {{0}, 0, 0}, alone = {{0}, 0, 0};
    mk_rng_seed(&rng, check->seed);
    if (open_seeded(&subject, check, check->seed)) return;
    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t key = mk_rng_next(&rng) >> MK_CODE_BITS;
        bool chain = key & 1;
        stream[i] = MK_PACK(chain ? MK_HASH_CHAIN : MK_HASH_HASH, key);
        sum_of_hashes += hash_of(&subject, key);
        if (chain) last = hash_of(&subject, key ^ last);
        sum += chain ? last : hash_of(&subject, key);
    }
    check->impl->batch(subject.self, &subject.me[0], stream, WORDS, &mixed);
    if (mixed.sum != sum) {
        mk_found(check, "the hashes of a batch add up to 0x%" PRIx64 ", those of step to 0x%" PRIx64, mixed.sum,
                 sum);
    }
    if (check->impl->batch_of[MK_HASH_HASH]) {
        check->impl->batch_of[MK_HASH_HASH](subject.self, &subject.me[0], stream, WORDS, &alone);
        if (alone.sum != sum_of_hashes) {
            mk_found(check, "the hashes of a run add up to 0x%" PRIx64 ", those of step to 0x%" PRIx64, alone.sum,
                     sum_of_hashes);
        }
    }
    mk_subject_close(&subject);
}

/* What was measured and is not as it is with a good hash: a finding, or of a hash that is weak by its own word, and
 * the first time, a note. Returns false. */
__attribute__((format(printf, 2, 3))) static bool blame(struct mk_check *check, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!(check->caps & MK_WEAK)) {
        mk_found(check, "%s", text);
    } else if (!check->tried.note) {
        check->tried.note = mk_need_format("weak, as it says: %s", text);
    }
    return false;
}

/* Flips one bit of each of many keys, some random, some small. With a half of them every bit of the hash is to
 * flip: of 2000 keys, 50% give or take 1.1%, and over all 64 bits together 0.14%. Returns whether it is so. */
static bool flip(struct mk_check *check, struct mk_subject *subject, struct mk_rng *rng, unsigned bit) {
    enum { KEYS = 2000 };
    unsigned flips[64] = {0}, all = 0;
    bool good = true;
    for (unsigned i = 0; i < KEYS; i++) {
        uint64_t key = i % 2 ? i : mk_rng_next(rng);
        uint64_t differ = hash_of(subject, key) ^ hash_of(subject, key ^ (uint64_t)1 << bit);
        for (unsigned out = 0; out < 64; out++) flips[out] += differ >> out & 1;
    }
    for (unsigned out = 0; out < 64; out++) {
        all += flips[out];
        if (flips[out] < KEYS * 2 / 5 || flips[out] > KEYS * 3 / 5) {
            good = blame(check,
                         "bit %u of the key flips bit %u of the hash with %.1f%% of the keys, not 40%% to 60%%", bit,
                         out, flips[out] * 100.0 / KEYS);
        }
    }
    double percent = all * 100.0 / (64 * KEYS);
    if (percent < 45 || percent > 55) {
        good = blame(check, "bit %u of the key flips %.1f%% of the bits of its hash, not 45%% to 55%%", bit,
                     percent);
    }
    return good;
}

static void run_avalanche(struct mk_check *check) {
    struct mk_subject subject;
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (open_seeded(&subject, check, check->seed)) return;
    unsigned bad = 0;
    for (unsigned bit = 0; bit < 64 && !mk_check_failed(check); bit++) bad += !flip(check, &subject, &rng, bit);
    if (check->caps & MK_WEAK && !bad) {
        mk_found(check, "declares itself weak (MK_WEAK), but every bit of the key changes half of the hash");
    }
    mk_subject_close(&subject);
}

/* Chi-square of 256 cells: 255 expected, give or take 22.6. What is too even is as good. */
static double chi_square(const uint32_t *cell, uint32_t keys) {
    double wanted = keys / 256.0, sum = 0;
    for (unsigned i = 0; i < 256; i++) sum += (cell[i] - wanted) * (cell[i] - wanted) / wanted;
    return sum;
}

static void run_spread(struct mk_check *check) {
    enum { KEYS = 1 << 14 };
    static const unsigned steps[] = {0, 1, 3, 6, 12, 20, 32, 44};
    const double limit = 255 + 8 * 22.6;
    struct mk_subject subject;
    unsigned bad = 0;
    if (open_seeded(&subject, check, check->seed)) return;
    for (unsigned s = 0; s < sizeof steps / sizeof *steps; s++) {
        uint32_t low[256] = {0}, high[256] = {0};
        for (uint64_t i = 0; i < KEYS; i++) {
            uint64_t hash = hash_of(&subject, i << steps[s]);
            low[hash & 255]++;
            high[hash >> 56]++;
        }
        if (chi_square(low, KEYS) > limit || chi_square(high, KEYS) > limit) {
            blame(check,
                  "keys in steps of 2^%u spread badly: chi-square %.0f over the low 8 bits, %.0f over the high "
                  "ones, where 255 is expected",
                  steps[s], chi_square(low, KEYS), chi_square(high, KEYS));
            bad++;
        }
    }
    if (check->caps & MK_WEAK && !bad) {
        mk_found(check, "declares itself weak (MK_WEAK), but keys in equal steps spread well");
    }
    mk_subject_close(&subject);
}

static const struct mk_case hash_cases[] = {
    {"pure", "one hash a key and seed, others under other seeds", 0, 0, NULL, run_pure},
    {"batch", "batch and step agree", 0, 0, NULL, run_batch},
    {"avalanche", "each bit of the key changes half of the hash", 0, MK_FLOOR | MK_TEST_ONLY, NULL, run_avalanche},
    {"spread", "keys in equal steps spread over low and high bits", 0, MK_FLOOR | MK_TEST_ONLY, NULL, run_spread},
    {.name = NULL}};

MK_KIND_MODEL(hash, .names = {"hash", "chain"}, .cases = hash_cases);
