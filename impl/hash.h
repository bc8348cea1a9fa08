/* hash.h - the contract of kind `hash`: from 64-bit keys to 64-bit hashes, and the part that maps use.
 *
 * An implementation ends in MK_HASH(name, ...). A structure that lists `parts: hash=fold` in its
 * file-top block is compiled once per hash, with the hash's file included before it, and calls
 * mk_hash(), which inlines.
 */
#ifndef MK_HASH_H
#define MK_HASH_H

#include "mk.h"

enum mk_hash_op {
    MK_HASH_HASH, /* independent keys: throughput */
    MK_HASH_CHAIN /* each key depends on the last hash: latency */
};

struct mk_hash_def {
    const char *summary;
    uint64_t caps; /* MK_WEAK: some keys cluster, or the seed changes nothing; tests then hold it to being so */
    /* Returns the hash of key under seed. Pure; any thread. All 64 bits are used by somebody: tables
     * take the high ones or the low ones, shards the others. */
    uint64_t (*hash)(uint64_t key, uint64_t seed);
};

MK_DEFINE_LATER(struct mk_hash_def, mk_hash_here);

/* The hash this unit was compiled with. */
MK_INLINE uint64_t mk_hash(uint64_t key, uint64_t seed) {
    return mk_hash_here.hash(key, seed);
}

static const struct mk_op_desc mk_hash_ops[] = {
    {"hash", MK_HASH_HASH, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_NONE, 1, "hash independent keys (throughput)"},
    {"chain", MK_HASH_CHAIN, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_NONE, 1,
     "hash a key that depends on the last hash (latency)"},
    {NULL, 0, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_NONE, 0, NULL}};

static const struct mk_kind mk_kind_hash __attribute__((unused)) = {"hash", "64-bit keys to 64-bit hashes",
                                                                    mk_hash_ops, false};

struct mk_hash_bench {
    struct mk_mem *mem;
    uint64_t seed;
};

MK_DOOR int mk_hash_create(void **self, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_hash_bench *bench =
        (struct mk_hash_bench *)mk_mem_alloc(mem, NULL, sizeof *bench, sizeof(void *));
    if (!bench) return mk_fail(err, "no memory for %zu bytes", sizeof *bench);
    bench->mem = mem;
    bench->seed = cfg->seed;
    *self = bench;
    return 0;
}

MK_DOOR void mk_hash_destroy(void *self) {
    struct mk_hash_bench *bench = (struct mk_hash_bench *)self;
    mk_mem_free(bench->mem, NULL, bench, sizeof *bench, sizeof(void *));
}

MK_DOOR int mk_hash_thread_enter(void *self, struct mk_thread *me) {
    (void)self, (void)me;
    return 0;
}

MK_DOOR void mk_hash_thread_exit(void *self, struct mk_thread *me) {
    (void)self, (void)me;
}

MK_DOOR void mk_hash_batch(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                           struct mk_tally *tally) {
    uint64_t seed = ((struct mk_hash_bench *)self)->seed, sum = 0, last = 0;
    (void)me;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = MK_OPERAND(stream[i]);
        if (MK_CODE(stream[i]) == MK_HASH_CHAIN) {
            last = mk_hash_here.hash(key ^ last, seed);
            sum += last;
        } else {
            sum += mk_hash_here.hash(key, seed);
        }
    }
    tally->sum += sum;
}

MK_DOOR void mk_hash_batch_hash(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                struct mk_tally *tally) {
    uint64_t seed = ((struct mk_hash_bench *)self)->seed, sum = 0;
    (void)me;
    for (size_t i = 0; i < n; i++) sum += mk_hash_here.hash(MK_OPERAND(stream[i]), seed);
    tally->sum += sum;
}

MK_DOOR void mk_hash_step(void *self, struct mk_thread *me, const struct mk_op *op, struct mk_result *result) {
    (void)me;
    result->status = MK_MISS;
    result->previous = 0;
    result->value = mk_hash_here.hash(op->key, ((struct mk_hash_bench *)self)->seed);
}

MK_DOOR void mk_hash_describe(struct mk_impl *impl) {
    impl->kind = &mk_kind_hash;
    impl->summary = mk_hash_here.summary;
    impl->caps = mk_hash_here.caps | MK_CONCURRENT;
    impl->offers = mk_hash_here.hash ? 1u << MK_HASH_HASH | 1u << MK_HASH_CHAIN : 0;
    impl->must_offer = 1u << MK_HASH_HASH;
    impl->progress[MK_HASH_HASH] = impl->progress[MK_HASH_CHAIN] = MK_WAIT_FREE;
    impl->create = mk_hash_create;
    impl->destroy = mk_hash_destroy;
    impl->thread_enter = mk_hash_thread_enter;
    impl->thread_exit = mk_hash_thread_exit;
    impl->batch = mk_hash_batch;
    impl->batch_of[MK_HASH_HASH] = mk_hash_batch_hash;
    impl->step = mk_hash_step;
}

/* Registers this file's hash under NAME; as a part of another unit it only defines it. */
#ifdef MK_PART_HASH
#define MK_HASH(NAME, ...) MK_DEFINE(struct mk_hash_def, mk_hash_here, __VA_ARGS__)
#else
#define MK_HASH(NAME, ...)                                     \
    MK_DEFINE(struct mk_hash_def, mk_hash_here, __VA_ARGS__); \
    MK_REGISTER(#NAME, mk_hash_describe)
#endif

#endif
