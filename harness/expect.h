/* expect.h - what a script implies: how many operations must hit, how many keys they touch, how
 * many keys are left. Worked out by replaying the streams on a set of ids, so that a result can be
 * held against it: a structure that loses keys, or a harness that repeats itself, shows.
 *
 * For one thread the figures are exact. For several, the streams are interleaved as if all threads
 * ran evenly; which of two threads met a key first is the clock's, so hits are an estimate there.
 * Kinds whose operations have no effect on a set of keys get counts, and no hits. Where what is taken out has no key
 * (a stack), there are hits as long as something is in.
 */
#ifndef MK_EXPECT_H
#define MK_EXPECT_H

#include "../impl/mk.h"
#include "keys.h"

struct mk_expect;

/* What one replay did. */
struct mk_expected {
    uint64_t attempted[MK_OPS_MAX]; /* words by code */
    uint64_t hits[MK_OPS_MAX];      /* of these, MK_HIT; only meaningful for codes in `known` */
    uint64_t keyed_count;           /* words whose operand is a key ... */
    uint64_t distinct_count;        /* ... and how many different keys these are */
    uint64_t size_count;            /* keys present afterwards */
    uint32_t known;                 /* bit per code: the operation has an effect that was followed */
};

/* Returns whether operations take out what has no key, so that no set of keys can be followed. For several threads
 * nothing can be said then: near empty, hits are the clock's. */
bool mk_expect_any(const struct mk_op_desc *ops);

/* Returns an empty set for streams of the kind with this table, made with `keys` or others of its
 * seed and form; NULL with err set when there is no memory. `keys` must outlive it. */
struct mk_expect *mk_expect_open(const struct mk_keys *keys, const struct mk_op_desc *ops, struct mk_err *err);

/* Frees it; NULL is allowed. */
void mk_expect_close(struct mk_expect *expect);

/* Replays lens[t] words of streams[t] for each of `threads` threads on the set as it is: prefill
 * first, then ageing, warm-up and the measured prefix, each a call. Returns 0 and what this call
 * did in *out, or -1 with err set (no memory, or a key that is none of the script's). One thread
 * at a time. */
int mk_expect_replay(struct mk_expect *expect, const uint64_t *const *streams, const size_t *lens, uint32_t threads,
                     struct mk_expected *out, struct mk_err *err);

#endif
