/* hash_quality.h - how good a hash is, measured: the avalanche of every bit of the key over every bit of the
 * hash, and how keys of several sorts spread over the buckets that tables make of its high bits or of its low bits.
 * All keys are the same in every run but those of the system's malloc, which only the test looks at.
 */
#ifndef HASH_QUALITY_H
#define HASH_QUALITY_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../harness/compose_mem.h"
#include "../harness/registry.h"
#include "../harness/rng.h"
#include "../impl/hash.h"

#define QUALITY_KEYS 65536
#define QUALITY_BUCKET_BITS 12
#define QUALITY_BUCKETS (1u << QUALITY_BUCKET_BITS)
#define QUALITY_FLIPS 10000
#define QUALITY_SEEDS 4

/* Limits of what is called good. A bit flips with 50% of the keys give or take .5%, and the worst of 4096 pairs of
 * bits is about 4 times that off; a chi-square is give or take sqrt(2 / 4095), or 2.2%, of what is expected. */
#define QUALITY_BIAS_MAX 0.03
#define QUALITY_CHI_MAX 1.15

typedef uint64_t quality_hash(void *self, uint64_t key);

/* ---- keys ------------------------------------------------------------------------------------ */

static inline uint64_t quality_sequential(uint64_t i) {
    return i;
}

static inline uint64_t quality_stride_4k(uint64_t i) {
    return i << 12;
}

static inline uint64_t quality_stride_2_32(uint64_t i) {
    return i << 32;
}

static inline uint64_t quality_stride_2_48(uint64_t i) {
    return i << 48;
}

static inline uint64_t quality_stride_7(uint64_t i) {
    return i * 7;
}

static inline uint64_t quality_stride_million(uint64_t i) {
    return i * 1000003;
}

/* The step that leads a multiplication by the golden ratio back to one: all its products are small. */
static inline uint64_t quality_stride_inverse(uint64_t i) {
    return i * 0xf1de83e19937733du;
}

/* Addresses of blocks of 24 to 231 bytes, as an allocator with chunks of 16 bytes hands them out. */
static inline uint64_t quality_pointer(uint64_t i) {
    static uint64_t at, next;
    if (i == 0) {
        at = 0x55d0c0de02a0u;
        next = 0;
    }
    for (; next < i; next++) at += (8 + 24 + mk_mix64(next) % 208 + 15) / 16 * 16;
    return at;
}

/* Words of two, three or four syllables, in ASCII, behind them zero bytes. */
static inline uint64_t quality_word(uint64_t i) {
    static const char consonants[] = "bdfghklmnprstvwz", vowels[] = "aeio";
    char text[8] = {0};
    unsigned n = 0;
    for (uint64_t rest = i + 64; rest && n < 8; rest /= 64) {
        text[n++] = consonants[rest % 16];
        text[n++] = vowels[rest / 16 % 4];
    }
    uint64_t key = 0;
    memcpy(&key, text, sizeof key);
    return key;
}

/* 20260101 and the days before it, as if every month had 30. */
static inline uint64_t quality_date(uint64_t i) {
    return (2026 - i / 360) * 10000 + (12 - i / 30 % 12) * 100 + (30 - i % 30);
}

/* 128 hosts of each of 512 networks of 256. */
static inline uint64_t quality_ipv4(uint64_t i) {
    return (mk_mix64(i / 128) & 0xffffff) << 8 | (1 + i % 128);
}

struct quality_keys {
    const char *name;
    uint64_t (*key)(uint64_t i);
};

static const struct quality_keys quality_sets[] = {
    {"sequential", quality_sequential},
    {"steps of 2^12", quality_stride_4k},
    {"steps of 2^32", quality_stride_2_32},
    {"steps of 2^48", quality_stride_2_48},
    {"steps of 7", quality_stride_7},
    {"steps of 1000003", quality_stride_million},
    {"steps of 1/golden", quality_stride_inverse},
    {"pointers", quality_pointer},
    {"words", quality_word},
    {"dates", quality_date},
    {"IPv4", quality_ipv4},
};
#define QUALITY_SETS (sizeof quality_sets / sizeof *quality_sets)

/* ---- measures -------------------------------------------------------------------------------- */

/* Returns how far from a half the share of keys is with which a bit of the key flips a bit of the hash: of the
 * worst of all 64 times 64 pairs. Half of the keys are small numbers. */
static inline double quality_avalanche(quality_hash *hash, void *self) {
    static uint32_t flips[64][64];
    struct mk_rng rng;
    double worst = 0;
    memset(flips, 0, sizeof flips);
    mk_rng_seed(&rng, 1);
    for (uint64_t i = 0; i < QUALITY_FLIPS; i++) {
        uint64_t key = i % 2 ? i : mk_rng_next(&rng), was = hash(self, key);
        for (unsigned in = 0; in < 64; in++) {
            uint64_t differ = was ^ hash(self, key ^ (uint64_t)1 << in);
            for (unsigned out = 0; out < 64; out++) flips[in][out] += differ >> out & 1;
        }
    }
    for (unsigned pair = 0; pair < 64 * 64; pair++) {
        double bias = fabs(flips[pair / 64][pair % 64] / (double)QUALITY_FLIPS - 0.5);
        if (bias > worst) worst = bias;
    }
    return worst;
}

/* Returns the chi-square of keys over buckets, as a multiple of what random ones have; 0 is perfectly even. */
static inline double quality_chi(const uint32_t *bucket) {
    double expected = (double)QUALITY_KEYS / QUALITY_BUCKETS, sum = 0;
    for (unsigned i = 0; i < QUALITY_BUCKETS; i++) sum += (bucket[i] - expected) * (bucket[i] - expected);
    return sum / expected / (QUALITY_BUCKETS - 1);
}

struct quality_spread {
    double high, low; /* chi-squares, by the bits that choose the bucket */
};

static inline struct quality_spread quality_spread_of(quality_hash *hash, void *self, const uint64_t *keys) {
    static uint32_t high[QUALITY_BUCKETS], low[QUALITY_BUCKETS];
    memset(high, 0, sizeof high);
    memset(low, 0, sizeof low);
    for (unsigned i = 0; i < QUALITY_KEYS; i++) {
        uint64_t value = hash(self, keys[i]);
        high[value >> (64 - QUALITY_BUCKET_BITS)]++;
        low[value & (QUALITY_BUCKETS - 1)]++;
    }
    return (struct quality_spread){quality_chi(high), quality_chi(low)};
}

/* Fills in QUALITY_KEYS keys. */
static inline void quality_fill(const struct quality_keys *set, uint64_t *keys) {
    for (uint64_t i = 0; i < QUALITY_KEYS; i++) keys[i] = set->key(i);
}

/* All of one hash: the worst of some seeds each. */
struct quality {
    double bias;
    struct quality_spread spread[QUALITY_SETS];
};

static inline void quality_add(struct quality *quality, quality_hash *hash, void *self) {
    static uint64_t keys[QUALITY_KEYS];
    double bias = quality_avalanche(hash, self);
    if (bias > quality->bias) quality->bias = bias;
    for (size_t i = 0; i < QUALITY_SETS; i++) {
        struct quality_spread *worst = &quality->spread[i];
        quality_fill(&quality_sets[i], keys);
        struct quality_spread now = quality_spread_of(hash, self, keys);
        if (now.high > worst->high) worst->high = now.high;
        if (now.low > worst->low) worst->low = now.low;
    }
}

/* ---- hashes of the registry ------------------------------------------------------------------ */

/* One of them, open under a seed. */
struct quality_subject {
    const struct mk_impl *impl;
    void *self;
};

static inline uint64_t quality_ask(void *subject, uint64_t key) {
    struct quality_subject *of = subject;
    struct mk_op op = {.code = MK_HASH_HASH, .key = key};
    struct mk_thread me = {0};
    struct mk_result result;
    of->impl->step(of->self, &me, &op, &result);
    return result.value;
}

/* Measures a hash under several seeds. Returns 0, or -1 with err set. */
static inline int quality_of(const struct mk_impl *impl, struct quality *quality, struct mk_err *err) {
    struct mk_memory_config plain = {.fallback = mk_registry_default("alloc"), .threads_max = 1};
    struct mk_memory *memory = mk_memory_open(&plain, err);
    int failed = !memory;
    memset(quality, 0, sizeof *quality);
    for (uint64_t seed = 1; seed <= QUALITY_SEEDS && !failed; seed++) {
        struct quality_subject subject = {.impl = impl};
        struct mk_config cfg = {.seed = seed == 1 ? 0 : mk_mix64(seed), .threads_max = 1};
        failed = impl->create(&subject.self, mk_memory_mem(memory), &cfg, err);
        if (failed) break;
        quality_add(quality, quality_ask, &subject);
        impl->destroy(subject.self);
    }
    if (memory) mk_memory_close(memory);
    return failed ? -1 : 0;
}

static inline bool quality_is_wanted(const struct mk_impl *impl) {
    return strcmp(impl->kind->name, "hash") == 0 && !(impl->caps & MK_TEST_ONLY) &&
           strncmp(impl->file, "impl/", 5) == 0;
}

/* ---- the page -------------------------------------------------------------------------------- */

static const char quality_head[] =
    "# Hashes\n\n"
    "Written by `make bench` (`scripts/bench --only hashes`); a test holds it against what is measured anew.\n"
    "What a hash costs is measured by [`workloads/examples/hashes.json`](../workloads/examples/hashes.json),\n"
    "and what it does to a map by\n"
    "[`workloads/examples/map-hashes.json`](../workloads/examples/map-hashes.json).\n\n"
    "**avalanche**: a bit of the key is to flip each bit of the hash with a half of the keys; how far off the\n"
    "worst of all 64 x 64 pairs is, of 10,000 keys, in percent. By chance 2 or so; up to 3 is good. The other\n"
    "rows: 65,536 keys in 4,096 buckets, chosen by the high bits of the hash / by its low bits; chi-square,\n"
    "as a multiple of what random numbers have. 1.00 is as good as random, less is more even than that, up to\n"
    "1.15 is good, and 65536 is all keys in one bucket. The worst of four seeds each. What is not good is\n"
    "bold.\n\n"
    "Pointers are addresses of blocks one behind the other; words are ASCII in 8 bytes; dates are yyyymmdd;\n"
    "IPv4 addresses are 128 hosts in each of 512 networks; steps of 1/golden are those that a multiplication\n"
    "by the golden ratio undoes.\n";

static inline void quality_cell(char *out, size_t room, double value, double limit, double unit) {
    const char *mark = value > limit ? "**" : "";
    snprintf(out, room, "%s%.*f%s", mark, value >= 100 ? 0 : value >= 10 ? 1 : 2, value * unit, mark);
}

/* Writes the page, by the hashes of the tree. */
static inline int quality_page(FILE *out, struct mk_err *err) {
    struct quality *all = calloc(mk_registry_count(), sizeof *all);
    size_t n = 0;
    fprintf(out, "%s\n| keys |", quality_head);
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        if (!quality_is_wanted(impl)) continue;
        const char *says = impl->caps & MK_FLOOR ? " (floor)" : impl->caps & MK_WEAK ? " (weak)" : "";
        fprintf(out, " `%s`%s |", impl->name, says);
        if (quality_of(impl, &all[n++], err)) return -1;
    }
    fprintf(out, "\n|---|");
    for (size_t i = 0; i < n; i++) fprintf(out, "---|");
    fprintf(out, "\n| avalanche, %% |");
    for (size_t i = 0; i < n; i++) {
        char bias[32];
        quality_cell(bias, sizeof bias, all[i].bias, QUALITY_BIAS_MAX, 100);
        fprintf(out, " %s |", bias);
    }
    for (size_t s = 0; s < QUALITY_SETS; s++) {
        fprintf(out, "\n| %s |", quality_sets[s].name);
        for (size_t i = 0; i < n; i++) {
            char high[32], low[32];
            quality_cell(high, sizeof high, all[i].spread[s].high, QUALITY_CHI_MAX, 1);
            quality_cell(low, sizeof low, all[i].spread[s].low, QUALITY_CHI_MAX, 1);
            fprintf(out, " %s / %s |", high, low);
        }
    }
    fprintf(out, "\n");
    free(all);
    return 0;
}

#endif
