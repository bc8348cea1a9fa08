/* expect.c - a set of ids, two bits each (present; seen in this replay), in chunks that are made
 * when an id in them turns up: ids lie densely, but the ranges they lie in may be far apart. */
#include "expect.h"

#include <inttypes.h>
#include <stdlib.h>

#define CHUNK_ID_BITS 18
#define CHUNK_WORDS ((size_t)1 << (CHUNK_ID_BITS - 5)) /* 32 ids a word */
#define ID_LIMIT (2 * MK_KEYS_FRESH_MAX)               /* keys.h hands out none above */
#define EVEN_WORDS 64                                  /* that the longest stream advances at a time */

enum { PRESENT = 1, SEEN = 2 };

struct mk_expect {
    const struct mk_keys *keys;
    uint64_t **chunk; /* NULL where nothing has been touched */
    uint64_t chunks;
    uint64_t size;
    uint32_t known, keyed;                     /* bits by code */
    uint32_t adds, takes;                      /* likewise, where what is taken out has no key (mk_expect_any) */
    uint8_t keep[MK_OPS_MAX], set[MK_OPS_MAX]; /* by code: state = (state & keep) | set */
};

static void learn(struct mk_expect *expect, const struct mk_op_desc *desc) {
    unsigned codes[2] = {desc->code, desc->second};
    for (unsigned i = 0; i < 2; i++) {
        unsigned code = codes[i];
        if (code == MK_NO_CODE) continue;
        if (desc->operand == MK_OPERAND_KEY || desc->operand == MK_OPERAND_FRESH) expect->keyed |= 1u << code;
        if (desc->effect != MK_EFFECT_NONE) expect->known |= 1u << code;
        bool adds = desc->effect == MK_EFFECT_ADD || desc->effect == MK_EFFECT_ADD_IF_ABSENT;
        expect->set[code] = adds ? SEEN | PRESENT : SEEN;
        expect->keep[code] = desc->effect == MK_EFFECT_REMOVE ? SEEN : SEEN | PRESENT;
    }
}

/* Without keys to follow, how many there are still follows from how many went in and were taken out. */
static void learn_any(struct mk_expect *expect, const struct mk_op_desc *desc) {
    if (desc->second != MK_NO_CODE) return; /* made of others, which have lines of their own */
    if (desc->effect == MK_EFFECT_ADD) expect->adds |= 1u << desc->code;
    if (desc->effect == MK_EFFECT_REMOVE) expect->takes |= 1u << desc->code;
    expect->known |= expect->adds | expect->takes;
}

bool mk_expect_any(const struct mk_op_desc *ops) {
    for (; ops->name; ops++) {
        if (ops->effect == MK_EFFECT_REMOVE && ops->operand == MK_OPERAND_NONE) return true;
    }
    return false;
}

struct mk_expect *mk_expect_open(const struct mk_keys *keys, const struct mk_op_desc *ops, struct mk_err *err) {
    struct mk_expect *expect = calloc(1, sizeof *expect);
    if (!expect) {
        mk_fail(err, "no memory for what the script implies");
        return NULL;
    }
    expect->keys = keys;
    void (*learns)(struct mk_expect *, const struct mk_op_desc *) = mk_expect_any(ops) ? learn_any : learn;
    for (; ops->name; ops++) learns(expect, ops);
    return expect;
}

void mk_expect_close(struct mk_expect *expect) {
    if (!expect) return;
    for (uint64_t i = 0; i < expect->chunks; i++) free(expect->chunk[i]);
    free(expect->chunk);
    free(expect);
}

/* Returns the chunk that holds id, made if need be; NULL with err set if it cannot be. */
static MK_NOINLINE uint64_t *make_chunk(struct mk_expect *expect, uint64_t id, struct mk_err *err) {
    uint64_t at = id >> CHUNK_ID_BITS;
    if (id >= ID_LIMIT) {
        mk_fail(err, "a stream holds a key with id %" PRIu64 ", which no script can draw", id);
        return NULL;
    }
    if (at >= expect->chunks) {
        uint64_t chunks = (at + 1) * 2;
        uint64_t **chunk = realloc(expect->chunk, chunks * sizeof *chunk);
        if (!chunk) {
            mk_fail(err, "no memory to follow %" PRIu64 " keys", id);
            return NULL;
        }
        memset(chunk + expect->chunks, 0, (chunks - expect->chunks) * sizeof *chunk);
        expect->chunk = chunk;
        expect->chunks = chunks;
    }
    expect->chunk[at] = calloc(CHUNK_WORDS, sizeof **expect->chunk);
    if (!expect->chunk[at]) mk_fail(err, "no memory to follow %" PRIu64 " keys", id);
    return expect->chunk[at];
}

static int replay_words(struct mk_expect *expect, const uint64_t *words, size_t n, struct mk_expected *out,
                        struct mk_err *err) {
    for (size_t i = 0; i < n; i++) {
        unsigned code = MK_CODE(words[i]);
        out->attempted[code]++;
        expect->size += expect->adds >> code & 1;
        if (expect->takes >> code & 1 && expect->size) {
            expect->size--;
            out->hits[code]++;
        }
        if (!(expect->keyed >> code & 1)) continue;
        uint64_t id = mk_keys_id(expect->keys, MK_OPERAND(words[i])), at = id >> CHUNK_ID_BITS;
        uint64_t *chunk = MK_LIKELY(at < expect->chunks) ? expect->chunk[at] : NULL;
        if (MK_UNLIKELY(!chunk) && !(chunk = make_chunk(expect, id, err))) return -1;
        uint64_t *word = &chunk[id >> 5 & (CHUNK_WORDS - 1)];
        unsigned shift = (unsigned)(id & 31) * 2;
        uint64_t was = *word >> shift & (SEEN | PRESENT);
        uint64_t is = (was & expect->keep[code]) | expect->set[code];
        *word ^= (was ^ is) << shift;
        out->keyed_count++;
        out->hits[code] += was & PRESENT;
        out->distinct_count += !(was & SEEN);
        expect->size += (is & PRESENT) - (was & PRESENT);
    }
    return 0;
}

static void forget_seen(struct mk_expect *expect) {
    for (uint64_t i = 0; i < expect->chunks; i++) {
        if (!expect->chunk[i]) continue;
        for (size_t w = 0; w < CHUNK_WORDS; w++) expect->chunk[i][w] &= PRESENT * 0x5555555555555555u;
    }
}

/* Returns how many of `len` words are done after `step` of `steps` even steps. */
static size_t share_of(size_t len, size_t step, size_t steps) {
    return (size_t)((unsigned __int128)len * step / steps);
}

int mk_expect_replay(struct mk_expect *expect, const uint64_t *const *streams, const size_t *lens, uint32_t threads,
                     struct mk_expected *out, struct mk_err *err) {
    size_t longest = 0;
    memset(out, 0, sizeof *out);
    out->known = expect->known;
    forget_seen(expect);
    for (uint32_t t = 0; t < threads; t++) longest = lens[t] > longest ? lens[t] : longest;
    size_t steps = longest / EVEN_WORDS + 1;
    for (size_t step = 0; step < steps; step++) {
        for (uint32_t t = 0; t < threads; t++) {
            size_t from = share_of(lens[t], step, steps), to = share_of(lens[t], step + 1, steps);
            if (replay_words(expect, streams[t] + from, to - from, out, err)) return -1;
        }
    }
    out->size_count = expect->size;
    return 0;
}
