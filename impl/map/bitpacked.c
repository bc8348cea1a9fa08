/* map/bitpacked - a map of few and small keys: a place for every value, and two bits that say whether it is taken.
 *
 * Source:     the bit-packed map of 64 keys that lock-free tutorials have: an atomic bitmap beside atomic values,
 *             the value stored before its bit is set. Differs: 1 to 65536 keys; it removes; a second bit of each
 *             key keeps writers of the key apart, so that put and remove return what they replaced; and a reader
 *             looks at the bit before and after the value, without which "value before bit" is not enough.
 * Picture:    state[key / 32]: | l p | l p | ... | l p |   32 keys: p = present, l = a writer is at work on it
 *             value[key]:      | 8 bytes | 8 bytes | ...
 * Parts:      none.
 * values:     8
 * Progress:   get and contains wait-free, and they store nothing. put, remove and update blocking: they wait for
 *             writers of the same key; insert_if_absent does where the key is absent, remove where it is present.
 * Ordering:   linearizable; LIN below names the points.
 *             A. Only who holds a key's l changes its p or its value. p changes by the same operation that gives l
 *                back.
 *             B. The value of a present key is the one stored last. That of an absent key may be about to be
 *                published, or left over. A reader answers a value it found between two looks that both found p:
 *                if p was gone when it found the value, then p has come or gone between the looks, and just
 *                after, or just before, the value was the key's.
 *             C. For that the second look must not be older than the value. So values are stored with release,
 *                also those that p publishes later, and found with acquire: who finds one finds the state from
 *                when its writer had l, or a later one, and in that p is gone until the value is published.
 *             D. What decides answers is in the one seq_cst order, as are the loads that answer: changes of p,
 *                exchanges of values, looks at p and at values. Two readers never see two changes of different
 *                keys in opposite orders.
 * Memory:     8.25 B a possible key, whether it is there or not: 528 B for 64 keys, 528 KiB for 65536; and 64 B.
 * Limits:     keys below `keys`, others are refused. Keys that lie side by side share a word of state: writers of
 *             such keys get into each other's way, in this word's line and in that of the values.
 * Kept:       (2, 6) keys that share a word of state are ordered by it, and so are the two keys of most scenarios.
 *             Keys of different words are ordered by these alone: point D.
 * Kept:       (5) point C. In the model flavour a seq_cst-load finds every seq_cst change that was carried out
 *             before, so that (1) is never the older one there; C11 allows that.
 * Kept:       (7) C11 asks for it: without, (1) would have nothing to be in one order with.
 */
#include "../map.h"

#define BITPACKED_KEYS 32 /* in a word of state */
#define BITPACKED_PRESENT ((uint64_t)1)
#define BITPACKED_LOCK ((uint64_t)2)
#define BITPACKED_ALL_PRESENT (UINT64_MAX / 3) /* of a word: 0101...01 */

struct mk_map {
    MK_ATOMIC(uint64_t) *state;
    MK_ATOMIC(uint64_t) *value;
    uint64_t keys;
    struct mk_mem *mem;
};

/* A key's place. */
struct bitpacked_place {
    MK_ATOMIC(uint64_t) *state, *value;
    unsigned shift; /* of its two bits in *state */
};

MK_INLINE struct bitpacked_place bitpacked_at(struct mk_map *map, uint64_t key) {
    return (struct bitpacked_place){&map->state[key / BITPACKED_KEYS], &map->value[key],
                                    (unsigned)(key % BITPACKED_KEYS) * 2};
}

/* ---- readers -------------------------------------------------------------------------------- */

/* Returns whether the key is there, now. */
MK_INLINE bool bitpacked_look(const struct bitpacked_place *at) {
    /* (1) seq_cst-load synchronizes-with the seq_cst-fetch_xor (7): the value, and all that its writer did before;
     * point D */
    return atomic_load_explicit(at->state, memory_order_seq_cst) >> at->shift & BITPACKED_PRESENT;
}

/* Finds the value of a key, if it is there. Waits for nobody. */
MK_INLINE bool bitpacked_read(const struct bitpacked_place *at, uint64_t *value) {
    /* LIN get miss: this look, or the one below, when it finds the key gone. */
    if (!bitpacked_look(at)) return false;
    /* LIN get hit, insert_if_absent hit: this load, while the key is there; else the moment after the key came, or
     * before it went, between the two looks: point B. */
    /* (2) seq_cst-load synchronizes-with the release-store (5) and the seq_cst-exchange (6): what the state was
     * when the value was stored, point C; point D */
    uint64_t found = atomic_load_explicit(at->value, memory_order_seq_cst);
    if (MK_UNLIKELY(!bitpacked_look(at))) return false;
    *value = found;
    return true;
}

/* ---- writers -------------------------------------------------------------------------------- */

/* Waits until the key is ours to change. Returns whether it is there. */
MK_INLINE bool bitpacked_lock(const struct bitpacked_place *at) {
    uint64_t lock = BITPACKED_LOCK << at->shift;
    for (unsigned spins = 0;; mk_backoff(&spins)) {
        /* (3) acquire-fetch_or synchronizes-with the seq_cst-fetch_xor (7) and the release-fetch_and (8): the value
         * that the last writer left, and that it has left */
        uint64_t was = atomic_fetch_or_explicit(at->state, lock, memory_order_acquire);
        if (MK_LIKELY(!(was & lock))) return was >> at->shift & BITPACKED_PRESENT;
    }
}

/* Returns the value of a key that is ours. */
MK_INLINE uint64_t bitpacked_own(const struct bitpacked_place *at) {
    /* (4) relaxed-load: (3) has acquired it */
    return atomic_load_explicit(at->value, memory_order_relaxed);
}

/* Stores the value of a key that is ours and absent. */
MK_INLINE void bitpacked_prepare(const struct bitpacked_place *at, uint64_t value) {
    /* (5) release-store synchronizes-with the seq_cst-load (2): that the key is absent until (7), point C */
    atomic_store_explicit(at->value, value, memory_order_release);
}

/* Stores the value of a key that is ours and there. Returns the one it had. */
MK_INLINE uint64_t bitpacked_replace(const struct bitpacked_place *at, uint64_t value) {
    /* LIN put hit, update hit: this exchange. */
    /* (6) seq_cst-exchange synchronizes-with the seq_cst-load (2): what this thread did before; point D */
    return atomic_exchange_explicit(at->value, value, memory_order_seq_cst);
}

/* Gives the key back, there where it was absent, and absent where it was there. */
MK_INLINE void bitpacked_flip(const struct bitpacked_place *at) {
    /* LIN put miss, insert_if_absent miss, remove hit: this change of the bit. */
    /* (7) seq_cst-fetch_xor synchronizes-with the seq_cst-load (1) and the acquire-fetch_or (3): the value (5), or
     * that nobody needs it any longer; point D */
    atomic_fetch_xor_explicit(at->state, (BITPACKED_PRESENT | BITPACKED_LOCK) << at->shift, memory_order_seq_cst);
}

/* Gives the key back as it was found. */
MK_INLINE void bitpacked_unlock(const struct bitpacked_place *at) {
    /* (8) release-fetch_and synchronizes-with the acquire-fetch_or (3): the value */
    atomic_fetch_and_explicit(at->state, ~(BITPACKED_LOCK << at->shift), memory_order_release);
}

/* ---- operations ----------------------------------------------------------------------------- */

MK_TIMED bool bitpacked_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    if (MK_UNLIKELY(key >= map->keys)) return false;
    struct bitpacked_place at = bitpacked_at(map, key);
    return bitpacked_read(&at, &value->word[0]);
}

/* LIN contains hit, miss: its one look. */
MK_TIMED bool bitpacked_contains(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    (void)me;
    if (MK_UNLIKELY(key >= map->keys)) return false;
    struct bitpacked_place at = bitpacked_at(map, key);
    return bitpacked_look(&at);
}

static inline enum mk_status bitpacked_put(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                           const mk_value *value, mk_value *previous) {
    (void)me;
    if (MK_UNLIKELY(key >= map->keys)) return MK_REFUSED;
    struct bitpacked_place at = bitpacked_at(map, key);
    if (bitpacked_lock(&at)) {
        previous->word[0] = bitpacked_replace(&at, value->word[0]);
        bitpacked_unlock(&at);
        return MK_HIT;
    }
    bitpacked_prepare(&at, value->word[0]);
    bitpacked_flip(&at);
    return MK_MISS;
}

static inline enum mk_status bitpacked_insert_if_absent(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                        const mk_value *value, mk_value *present) {
    (void)me;
    if (MK_UNLIKELY(key >= map->keys)) return MK_REFUSED;
    struct bitpacked_place at = bitpacked_at(map, key);
    if (bitpacked_read(&at, &present->word[0])) return MK_HIT;
    if (bitpacked_lock(&at)) {
        /* LIN insert_if_absent hit: or when it got the key. */
        present->word[0] = bitpacked_own(&at);
        bitpacked_unlock(&at);
        return MK_HIT;
    }
    bitpacked_prepare(&at, value->word[0]);
    bitpacked_flip(&at);
    return MK_MISS;
}

static inline enum mk_status bitpacked_update(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                              mk_update_fn *change, void *arg) {
    (void)me;
    if (MK_UNLIKELY(key >= map->keys)) return MK_REFUSED;
    struct bitpacked_place at = bitpacked_at(map, key);
    /* LIN update miss: this look. */
    if (!bitpacked_look(&at)) return MK_MISS;
    bool there = bitpacked_lock(&at);
    if (there) {
        mk_value value = {{bitpacked_own(&at)}};
        change(&value, arg);
        bitpacked_replace(&at, value.word[0]);
    }
    /* LIN update miss: or a moment between that look and here, when the key had gone. */
    bitpacked_unlock(&at);
    return there ? MK_HIT : MK_MISS;
}

static inline enum mk_status bitpacked_remove(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                              mk_value *value) {
    (void)me;
    if (MK_UNLIKELY(key >= map->keys)) return MK_REFUSED;
    struct bitpacked_place at = bitpacked_at(map, key);
    /* LIN remove miss: this look. */
    if (!bitpacked_look(&at)) return MK_MISS;
    if (!bitpacked_lock(&at)) {
        /* LIN remove miss: or a moment between that look and here, when the key had gone. */
        bitpacked_unlock(&at);
        return MK_MISS;
    }
    value->word[0] = bitpacked_own(&at);
    bitpacked_flip(&at);
    return MK_HIT;
}

/* ---- life ----------------------------------------------------------------------------------- */

static uint64_t bitpacked_words(uint64_t keys) {
    return (keys + BITPACKED_KEYS - 1) / BITPACKED_KEYS;
}

/* Frees what a create that fails has made so far, too. */
static void bitpacked_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    if (map->state) {
        mk_mem_free(mem, NULL, map->state, bitpacked_words(map->keys) * sizeof *map->state, MK_CACHE_LINE);
    }
    if (map->value) mk_mem_free(mem, NULL, map->value, map->keys * sizeof *map->value, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
}

static int bitpacked_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg,
                            struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, MK_CACHE_LINE);
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->keys = cfg->params[0];
    map->state = mk_mem_zalloc(mem, NULL, bitpacked_words(map->keys) * sizeof *map->state, MK_CACHE_LINE);
    map->value = map->state ? mk_mem_zalloc(mem, NULL, map->keys * sizeof *map->value, MK_CACHE_LINE) : NULL;
    if (!map->value) {
        mk_fail(err, "no memory for the values of %llu keys", (unsigned long long)map->keys);
        bitpacked_destroy(map);
        return -1;
    }
    *out = map;
    return 0;
}

static uint64_t bitpacked_count(struct mk_map *map) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < bitpacked_words(map->keys); i++) {
        /* (9) relaxed-load: at quiescence */
        uint64_t state = atomic_load_explicit(&map->state[i], memory_order_relaxed);
        for (uint64_t present = state & BITPACKED_ALL_PRESENT; present; present &= present - 1) count++;
    }
    return count;
}

static void bitpacked_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (uint64_t i = 0; i < bitpacked_words(map->keys); i++) {
        /* (10) relaxed-load: at quiescence */
        uint64_t state = atomic_load_explicit(&map->state[i], memory_order_relaxed);
        for (uint64_t present = state & BITPACKED_ALL_PRESENT; present; present &= present - 1) {
            uint64_t key = i * BITPACKED_KEYS + (uint64_t)__builtin_ctzll(present) / 2;
            struct bitpacked_place at = bitpacked_at(map, key);
            visit(arg, key, bitpacked_own(&at));
        }
    }
}

static const struct mk_param bitpacked_params[] = {
    {"keys", MK_PARAM_NUMBER, "64", 1, 65536, "64|65536", "keys are below it"},
    {NULL, MK_PARAM_NUMBER, NULL, 0, 0, NULL, NULL}};

MK_MAP(bitpacked, .summary = "a place for each of a few small keys, and a bitmap of which are taken",
       .caps = MK_CONCURRENT,
       .progress = {.get = MK_WAIT_FREE, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .params = bitpacked_params,
       .key_limit = 65536, .key_limit_param = "keys", .create = bitpacked_create, .destroy = bitpacked_destroy,
       .count = bitpacked_count, .walk = bitpacked_walk, .get = bitpacked_get, .put = bitpacked_put,
       .remove = bitpacked_remove, .contains = bitpacked_contains,
       .insert_if_absent = bitpacked_insert_if_absent, .update = bitpacked_update);
