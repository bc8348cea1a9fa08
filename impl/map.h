/* map.h - the contract of kind `map`: an associative array from 64-bit keys to fixed-size values.
 *
 * An implementation completes `struct mk_map` and ends in MK_MAP(name, ...). Mandatory: create,
 * destroy, get, put, remove, count, walk. Everything else may be left out; what is left out is
 * skipped with that reason. In C++17 give the fields in the order of struct mk_map_def.
 *
 * Operations are linearizable unless .summary says otherwise. All 2^64 keys are legal unless
 * .key_limit is set. `me` is a thread that thread_enter has seen (id below cfg->threads_max).
 */
#ifndef MK_MAP_H
#define MK_MAP_H

#include "mk.h"
#include "order.h"

/* The payload. One unit is compiled per size the implementation lists in its `values:` line. */
#ifndef MK_VALUE_BYTES
#define MK_VALUE_BYTES 8
#endif
#define MK_VALUE_WORDS (MK_VALUE_BYTES / 8)
MK_STATIC_ASSERT(MK_VALUE_BYTES >= 8 && MK_VALUE_BYTES % 8 == 0, "a value is a whole number of 8-byte words");

typedef struct mk_value {
    uint64_t word[MK_VALUE_WORDS];
} mk_value;

enum mk_map_op {
    MK_MAP_GET,
    MK_MAP_PUT,
    MK_MAP_REMOVE,
    MK_MAP_CONTAINS,
    MK_MAP_INSERT_IF_ABSENT,
    MK_MAP_UPDATE,
    MK_MAP_READ_MODIFY_WRITE,
    MK_MAP_SCAN,    /* of as many keys as mk_map_scan_length says */
    MK_MAP_SCAN_100 /* of 100 */
};

struct mk_map; /* completed by the implementation */

/* Changes *value in place; arg is the caller's. Called at most once per update that succeeds;
 * it may be called again when an attempt is repeated, so it must not have side effects. */
typedef void mk_update_fn(mk_value *value, void *arg);

/* One key that a scan comes to. *value is whole, and gone when this returns. It must not call the map. */
typedef void mk_map_visit_fn(void *arg, uint64_t key, const mk_value *value);

struct mk_map_progress {
    enum mk_progress get, put, remove, scan;
};

struct mk_map_def {
    const char *summary; /* one line for `list` */
    uint64_t caps;
    uint64_t needs; /* capabilities its reclaim part must have */
    struct mk_map_progress progress;
    const struct mk_param *params;
    uint64_t key_limit;
    const char *key_limit_param; /* where instances differ in it: the parameter that states it; then key_limit is the
                                  * largest */

    /* Returns 0 and a new map in *out, or -1 with err set and nothing kept. The caller owns the map
     * until destroy; mem outlives it. Called by one thread. */
    int (*create)(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err);
    /* Frees everything. No other thread may be inside; all have exited. */
    void (*destroy)(struct mk_map *map);
    int (*thread_enter)(struct mk_map *map, struct mk_thread *me);
    void (*thread_exit)(struct mk_map *map, struct mk_thread *me);
    void (*flush)(struct mk_map *map, struct mk_thread *me);
    /* Returns the number of keys; exact at quiescence. */
    uint64_t (*count)(struct mk_map *map);
    /* Calls visit once for every key, in any order, at quiescence. value_tag is word 0. */
    void (*walk)(struct mk_map *map, mk_visit_fn *visit, void *arg);
    size_t (*stats)(struct mk_map *map, struct mk_stat *out, size_t room);
    void (*hold)(struct mk_map *map, struct mk_thread *me);
    void (*unhold)(struct mk_map *map, struct mk_thread *me);

    /* Returns whether the key is there; if so *value is its value, else *value is untouched. */
    bool (*get)(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value);
    /* Upsert. Returns MK_MISS (the key was absent), MK_HIT (it was there; *previous is what it
     * had), MK_NO_MEMORY or MK_REFUSED (nothing changed). */
    enum mk_status (*put)(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                          mk_value *previous);
    /* Returns MK_HIT and the value it had, MK_MISS, or MK_NO_MEMORY (nothing changed). */
    enum mk_status (*remove)(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value);

    /* Optional from here on. */
    bool (*contains)(struct mk_map *map, struct mk_thread *me, uint64_t key);
    /* Returns MK_MISS (inserted), MK_HIT (there already; *present is its value), MK_NO_MEMORY. */
    enum mk_status (*insert_if_absent)(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                       const mk_value *value, mk_value *present);
    /* Atomically replaces the value of a present key. Returns MK_HIT, MK_MISS or MK_NO_MEMORY. */
    enum mk_status (*update)(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_update_fn *change,
                             void *arg);
    /* Of ordered maps (MK_ORDERED). Visits up to n keys at or above `from`, ascending, each once. Returns how many:
     * fewer than n say that there are no more. Cannot fail. It is not one snapshot; each key is linearizable by
     * itself. A key visited was there, with that value, at some moment of the scan; one that was passed by was
     * absent at some moment of it. So what is there all along is visited, what is absent all along is not. */
    uint64_t (*scan)(struct mk_map *map, struct mk_thread *me, uint64_t from, uint64_t n, mk_map_visit_fn *visit,
                     void *arg);
    /* As walk, but while other threads work: a key present all along is visited exactly once. */
    void (*for_each)(struct mk_map *map, struct mk_thread *me, mk_visit_fn *visit, void *arg);
    uint64_t (*len)(struct mk_map *map, struct mk_thread *me);
    void (*clear)(struct mk_map *map, struct mk_thread *me);
    /* Looks n keys up; found[i] says whether values[i] was filled. */
    void (*get_batch)(struct mk_map *map, struct mk_thread *me, const uint64_t *keys, size_t n,
                      mk_value *values, bool *found);
    void (*prefetch)(struct mk_map *map, struct mk_thread *me, uint64_t key);
};

static const struct mk_op_desc mk_map_ops[] = {
    {"get", MK_MAP_GET, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_READ, 1, "look a key up and read its value"},
    {"put", MK_MAP_PUT, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_ADD, 1, "insert or replace (upsert)"},
    {"insert", MK_MAP_PUT, MK_NO_CODE, MK_OPERAND_FRESH, MK_EFFECT_ADD, 1, "put of a key that was never used before"},
    {"remove", MK_MAP_REMOVE, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_REMOVE, 1, "remove a key, reading the value it had"},
    {"contains", MK_MAP_CONTAINS, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_READ, 1, "look a key up without its value"},
    {"insert_if_absent", MK_MAP_INSERT_IF_ABSENT, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_ADD_IF_ABSENT, 1,
     "insert unless the key is there"},
    {"update", MK_MAP_UPDATE, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_READ, 1, "change the value of a present key atomically"},
    {"read_modify_write", MK_MAP_READ_MODIFY_WRITE, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_ADD, 1,
     "get, then put of the changed value (two operations, as YCSB F has it)"},
    {"scan", MK_MAP_SCAN, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_NONE, 1,
     "visit the keys at and above a key, ascending: 1 to 100 of them, as YCSB E has it"},
    {"scan_100", MK_MAP_SCAN_100, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_NONE, 1,
     "visit the 100 keys at and above a key, ascending"},
    {NULL, 0, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_NONE, 0, NULL}};

static const struct mk_kind mk_kind_map __attribute__((unused)) = {
    "map", "64-bit keys to fixed-size values", mk_map_ops, false};

/* ---- values ------------------------------------------------------------------------------- */

/* Words of a value made from a tag: all differ, so that a torn or foreign value is seen. */
MK_INLINE uint64_t mk_value_word(uint64_t tag, unsigned i) {
    return tag + i * 0x9e3779b97f4a7c15u;
}

MK_INLINE void mk_value_fill(mk_value *value, uint64_t tag) {
    for (unsigned i = 0; i < MK_VALUE_WORDS; i++) {
        value->word[i] = mk_value_word(tag, i);
    }
}

MK_INLINE bool mk_value_whole(const mk_value *value) {
    for (unsigned i = 1; i < MK_VALUE_WORDS; i++) {
        if (value->word[i] != mk_value_word(value->word[0], i)) return false;
    }
    return true;
}

/* The tag a timed put writes: known from the key alone, so that a get can be checked later. */
MK_INLINE uint64_t mk_value_tag(uint64_t key) {
    return key ^ 0x5bd1e995u;
}

MK_INLINE uint64_t mk_value_seen(const mk_value *value) {
    return MK_VALUE_WORDS == 1 ? value->word[0] : value->word[0] + value->word[MK_VALUE_WORDS - 1];
}

MK_INLINE void mk_value_clear(mk_value *value) {
    value->word[0] = 0;
    value->word[MK_VALUE_WORDS - 1] = 0;
}

MK_INLINE void mk_value_stamp(mk_value *value, uint64_t tag) {
    value->word[0] = tag;
    if (MK_VALUE_WORDS > 1) value->word[MK_VALUE_WORDS - 1] = mk_value_word(tag, MK_VALUE_WORDS - 1);
}

MK_DOOR void mk_map_bump(mk_value *value, void *arg) {
    (void)arg;
    value->word[0] += 1;
}

/* ---- scans -------------------------------------------------------------------------------- */

#define MK_MAP_SCAN_MAX 100

/* How many keys a scan in a stream is to visit: 1 to 100, each as often. It follows from the key alone, so that all
 * contenders visit the same ones. */
MK_INLINE uint64_t mk_map_scan_length(unsigned code, uint64_t key) {
    return code == MK_MAP_SCAN_100 ? MK_MAP_SCAN_MAX : 1 + ((mk_mix64(~key) >> 32) * MK_MAP_SCAN_MAX >> 32);
}

struct mk_map_seen {
    uint64_t key, tag;
};

/* What a scan by step is to do, and what it finds. The caller's; mk_op.value is its address. Where that is 0 the scan
 * is as long as in a stream, and nothing is kept. */
struct mk_map_scan {
    uint64_t n; /* visits at most so many */
    uint64_t visited;
    bool torn;                /* a value was not whole */
    struct mk_map_seen *seen; /* room for n */
};

/* While a scan is on: what it adds up to, and where it is written down. */
struct mk_map_tour {
    uint64_t sum; /* of keys, and of values as far as batches see them */
    bool torn;
    struct mk_map_scan *scan; /* or NULL */
};

MK_DOOR void mk_map_add_up(void *arg, uint64_t key, const mk_value *value) {
    ((struct mk_map_tour *)arg)->sum += key + mk_value_seen(value);
}

MK_DOOR void mk_map_write_down(void *arg, uint64_t key, const mk_value *value) {
    struct mk_map_tour *tour = (struct mk_map_tour *)arg;
    struct mk_map_scan *scan = tour->scan;
    mk_map_add_up(tour, key, value);
    if (!mk_value_whole(value)) tour->torn = true;
    if (scan && scan->visited < scan->n) {
        scan->seen[scan->visited].key = key;
        scan->seen[scan->visited].tag = value->word[0];
    }
    if (scan) scan->visited++; /* beyond n as well: that is to be seen */
}

/* Scans as a batch does: out of line, so that the other operations' loops stay as they are. Returns how many keys
 * it visited. */
static uint64_t mk_map_scan_here(struct mk_map *map, struct mk_thread *me, unsigned code, uint64_t key,
                                 uint64_t *sum) __attribute__((noinline, unused));

/* ---- the timed loops: inlined into every implementation's file ---------------------------- */

/* One operation of a stream. Outcomes are added, never branched on: a branch on hit or miss would
 * cost every contender the same few ns and hide what sets them apart. Returns the hit (0 or 1). */
MK_INLINE uint64_t mk_map_one(const struct mk_map_def *def, struct mk_map *map, struct mk_thread *me,
                              unsigned code, uint64_t key, mk_value *in, uint64_t *sum, uint64_t *failed) {
    mk_value out;
    enum mk_status status;
    mk_value_clear(&out);
    switch (code) {
    case MK_MAP_PUT:
        mk_value_stamp(in, mk_value_tag(key));
        status = def->put(map, me, key, in, &out);
        break;
    case MK_MAP_REMOVE:
        status = def->remove(map, me, key, &out);
        break;
    case MK_MAP_CONTAINS:
        return def->contains ? def->contains(map, me, key) : def->get(map, me, key, &out);
    case MK_MAP_INSERT_IF_ABSENT:
        if (!def->insert_if_absent) return 0;
        mk_value_stamp(in, mk_value_tag(key));
        status = def->insert_if_absent(map, me, key, in, &out);
        break;
    case MK_MAP_UPDATE:
        if (!def->update) return 0;
        status = def->update(map, me, key, mk_map_bump, NULL);
        break;
    case MK_MAP_READ_MODIFY_WRITE:
        *sum += def->get(map, me, key, &out);
        mk_value_stamp(in, mk_value_tag(key));
        status = def->put(map, me, key, in, &out);
        break;
    case MK_MAP_SCAN:
    case MK_MAP_SCAN_100: return def->scan && mk_map_scan_here(map, me, code, key, sum) > 0;
    default: {
        uint64_t hit = def->get(map, me, key, &out);
        *sum += mk_value_seen(&out);
        return hit;
    }
    }
    *sum += mk_value_seen(&out);
    *failed += status > MK_HIT;
    return status == MK_HIT;
}

/* The operations that few mixes have: kept out of the loop below, so that its dispatch is two compares. */
MK_INLINE void mk_map_rare(const struct mk_map_def *def, struct mk_map *map, struct mk_thread *me, uint64_t word,
                           mk_value *in, struct mk_tally *tally, uint64_t *sum, uint64_t *failed) {
    uint64_t key = MK_OPERAND(word), hit = 0;
    switch (MK_CODE(word)) {
    case MK_MAP_CONTAINS: hit = mk_map_one(def, map, me, MK_MAP_CONTAINS, key, in, sum, failed); break;
    case MK_MAP_INSERT_IF_ABSENT: hit = mk_map_one(def, map, me, MK_MAP_INSERT_IF_ABSENT, key, in, sum, failed); break;
    case MK_MAP_UPDATE: hit = mk_map_one(def, map, me, MK_MAP_UPDATE, key, in, sum, failed); break;
    case MK_MAP_READ_MODIFY_WRITE: hit = mk_map_one(def, map, me, MK_MAP_READ_MODIFY_WRITE, key, in, sum, failed); break;
    case MK_MAP_SCAN:
    case MK_MAP_SCAN_100: hit = mk_map_one(def, map, me, MK_CODE(word), key, in, sum, failed); break;
    default: break;
    }
    tally->hits[MK_CODE(word)] += hit;
}

/* Any mix. Counts live in registers: one array in memory would chain every operation to the last. */
MK_INLINE void mk_map_batch(const struct mk_map_def *def, struct mk_map *map, struct mk_thread *me,
                            const uint64_t *stream, size_t n, struct mk_tally *tally) {
    uint64_t sum = 0, failed = 0, got = 0, put = 0, removed = 0;
    mk_value in;
    mk_value_fill(&in, 0);
    for (const uint64_t *at = stream, *end = stream + n; at < end; at++) {
        uint64_t word = *at, key = MK_OPERAND(word);
        unsigned code = MK_CODE(word);
        /* The rarer ones first: of a mix with x gets that mispredicts 1 - x a word, not up to half as much
         * again. */
        if (code == MK_MAP_PUT) {
            put += mk_map_one(def, map, me, MK_MAP_PUT, key, &in, &sum, &failed);
        } else if (code == MK_MAP_REMOVE) {
            removed += mk_map_one(def, map, me, MK_MAP_REMOVE, key, &in, &sum, &failed);
        } else if (code == MK_MAP_GET) {
            got += mk_map_one(def, map, me, MK_MAP_GET, key, &in, &sum, &failed);
        } else {
            mk_map_rare(def, map, me, word, &in, tally, &sum, &failed);
        }
    }
    tally->hits[MK_MAP_GET] += got;
    tally->hits[MK_MAP_PUT] += put;
    tally->hits[MK_MAP_REMOVE] += removed;
    tally->failed += failed;
    tally->sum += sum;
}

/* A run of one operation: no dispatch left. */
MK_INLINE void mk_map_run(const struct mk_map_def *def, struct mk_map *map, struct mk_thread *me, unsigned code,
                          const uint64_t *stream, size_t n, struct mk_tally *tally) {
    uint64_t sum = 0, failed = 0, hits = 0;
    mk_value in;
    mk_value_fill(&in, 0);
    for (size_t i = 0; i < n; i++) {
        hits += mk_map_one(def, map, me, code, MK_OPERAND(stream[i]), &in, &sum, &failed);
    }
    tally->hits[code] += hits;
    tally->failed += failed;
    tally->sum += sum;
}

/* A scan through the checked door: MK_HIT where it visited a key. result->value is what a batch adds up, previous
 * how many keys it says it visited. */
static inline void mk_map_step_scan(const struct mk_map_def *def, struct mk_map *map, struct mk_thread *me,
                                    const struct mk_op *op, struct mk_result *result) {
    struct mk_map_tour tour = {0, false, (struct mk_map_scan *)(uintptr_t)op->value};
    uint64_t n = tour.scan ? tour.scan->n : mk_map_scan_length(op->code, op->key);
    if (tour.scan) tour.scan->visited = 0;
    result->status = MK_REFUSED;
    if (!def->scan) return;
    result->previous = def->scan(map, me, op->key, n, mk_map_write_down, &tour);
    result->value = tour.sum;
    result->status = result->previous ? MK_HIT : MK_MISS;
    if (tour.scan) tour.scan->torn = tour.torn;
}

/* The checked door: values are whole or MK_TORN. */
static inline void mk_map_step(const struct mk_map_def *def, struct mk_map *map, struct mk_thread *me,
                               const struct mk_op *op, struct mk_result *result) {
    mk_value in, out;
    bool filled = false;
    mk_value_fill(&in, op->value);
    mk_value_fill(&out, 0);
    result->value = 0;
    result->previous = 0;
    switch (op->code) {
    case MK_MAP_GET:
        filled = def->get(map, me, op->key, &out);
        result->status = filled ? MK_HIT : MK_MISS;
        result->value = out.word[0];
        break;
    case MK_MAP_PUT:
        result->status = def->put(map, me, op->key, &in, &out);
        filled = result->status == MK_HIT;
        result->previous = out.word[0];
        break;
    case MK_MAP_REMOVE:
        result->status = def->remove(map, me, op->key, &out);
        filled = result->status == MK_HIT;
        result->value = out.word[0];
        break;
    case MK_MAP_CONTAINS:
        if (def->contains) {
            result->status = def->contains(map, me, op->key) ? MK_HIT : MK_MISS;
        } else {
            result->status = def->get(map, me, op->key, &out) ? MK_HIT : MK_MISS;
        }
        break;
    case MK_MAP_INSERT_IF_ABSENT:
        if (!def->insert_if_absent) {
            result->status = MK_REFUSED;
            break;
        }
        result->status = def->insert_if_absent(map, me, op->key, &in, &out);
        filled = result->status == MK_HIT;
        result->previous = out.word[0];
        break;
    case MK_MAP_UPDATE:
        result->status = def->update ? def->update(map, me, op->key, mk_map_bump, NULL) : MK_REFUSED;
        break;
    case MK_MAP_READ_MODIFY_WRITE:
        if (def->get(map, me, op->key, &out)) result->value = out.word[0];
        result->status = def->put(map, me, op->key, &in, &out);
        filled = result->status == MK_HIT;
        result->previous = out.word[0];
        break;
    case MK_MAP_SCAN:
    case MK_MAP_SCAN_100: mk_map_step_scan(def, map, me, op, result); break;
    default: result->status = MK_REFUSED; break;
    }
    /* update bumps word 0 alone, so wholeness is not asked of maps that have been updated so */
    if (filled && !mk_value_whole(&out)) result->status = MK_TORN;
}

/* ---- the doors: what the harness calls, made of this file's definition --------------------- */

MK_DEFINE_LATER(struct mk_map_def, mk_map_here);

static uint64_t mk_map_scan_here(struct mk_map *map, struct mk_thread *me, unsigned code, uint64_t key,
                                 uint64_t *sum) {
    struct mk_map_tour tour = {0, false, NULL};
    if (!mk_map_here.scan) return 0;
    uint64_t visited = mk_map_here.scan(map, me, key, mk_map_scan_length(code, key), mk_map_add_up, &tour);
    *sum += tour.sum;
    return visited;
}

MK_DOOR int mk_map_create(void **self, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = NULL;
    if (mk_map_here.create(&map, mem, cfg, err)) return -1;
    *self = map;
    return 0;
}

MK_DOOR void mk_map_destroy(void *self) {
    mk_map_here.destroy((struct mk_map *)self);
}

MK_DOOR int mk_map_thread_enter(void *self, struct mk_thread *me) {
    return mk_map_here.thread_enter ? mk_map_here.thread_enter((struct mk_map *)self, me) : 0;
}

MK_DOOR void mk_map_thread_exit(void *self, struct mk_thread *me) {
    if (mk_map_here.thread_exit) mk_map_here.thread_exit((struct mk_map *)self, me);
}

MK_DOOR void mk_map_flush(void *self, struct mk_thread *me) {
    if (mk_map_here.flush) mk_map_here.flush((struct mk_map *)self, me);
}

MK_DOOR uint64_t mk_map_count(void *self) {
    return mk_map_here.count((struct mk_map *)self);
}

MK_DOOR void mk_map_walk(void *self, mk_visit_fn *visit, void *arg) {
    mk_map_here.walk((struct mk_map *)self, visit, arg);
}

MK_DOOR size_t mk_map_stats(void *self, struct mk_stat *out, size_t room) {
    return mk_map_here.stats((struct mk_map *)self, out, room);
}

MK_DOOR void mk_map_hold(void *self, struct mk_thread *me) {
    mk_map_here.hold((struct mk_map *)self, me);
}

MK_DOOR void mk_map_unhold(void *self, struct mk_thread *me) {
    mk_map_here.unhold((struct mk_map *)self, me);
}

MK_DOOR void mk_map_batch_any(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                              struct mk_tally *tally) {
    mk_map_batch(&mk_map_here, (struct mk_map *)self, me, stream, n, tally);
}

MK_DOOR void mk_map_batch_get(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                              struct mk_tally *tally) {
    mk_map_run(&mk_map_here, (struct mk_map *)self, me, MK_MAP_GET, stream, n, tally);
}

MK_DOOR void mk_map_batch_put(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                              struct mk_tally *tally) {
    mk_map_run(&mk_map_here, (struct mk_map *)self, me, MK_MAP_PUT, stream, n, tally);
}

MK_DOOR void mk_map_batch_remove(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                 struct mk_tally *tally) {
    mk_map_run(&mk_map_here, (struct mk_map *)self, me, MK_MAP_REMOVE, stream, n, tally);
}

MK_DOOR void mk_map_batch_scan(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                               struct mk_tally *tally) {
    mk_map_run(&mk_map_here, (struct mk_map *)self, me, MK_MAP_SCAN, stream, n, tally);
}

MK_DOOR void mk_map_batch_scan_100(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                   struct mk_tally *tally) {
    mk_map_run(&mk_map_here, (struct mk_map *)self, me, MK_MAP_SCAN_100, stream, n, tally);
}

MK_DOOR void mk_map_step_any(void *self, struct mk_thread *me, const struct mk_op *op, struct mk_result *result) {
    mk_map_step(&mk_map_here, (struct mk_map *)self, me, op, result);
}

MK_DOOR void mk_map_describe(struct mk_impl *impl) {
    impl->value_bytes = MK_VALUE_BYTES;
    impl->kind = &mk_kind_map;
    impl->summary = mk_map_here.summary;
    impl->caps = mk_map_here.caps;
    impl->needs = mk_map_here.needs;
#ifdef MK_PART_RECLAIM
    impl->provides = mk_reclaim_here.caps;
    if (impl->provides & MK_FLOOR) impl->caps &= ~(uint64_t)MK_CONCURRENT; /* that part protects nobody */
#endif
    impl->key_limit = mk_map_here.key_limit;
    impl->key_limit_param = mk_map_here.key_limit_param;
    impl->params = mk_map_here.params;
    impl->offers = 1u << MK_MAP_CONTAINS | (mk_map_here.get ? 1u << MK_MAP_GET : 0) |
                   (mk_map_here.put ? 1u << MK_MAP_PUT | 1u << MK_MAP_READ_MODIFY_WRITE : 0) |
                   (mk_map_here.remove ? 1u << MK_MAP_REMOVE : 0) |
                   (mk_map_here.insert_if_absent ? 1u << MK_MAP_INSERT_IF_ABSENT : 0) |
                   (mk_map_here.update ? 1u << MK_MAP_UPDATE : 0) |
                   (mk_map_here.scan ? 1u << MK_MAP_SCAN | 1u << MK_MAP_SCAN_100 : 0);
    impl->must_offer = 1u << MK_MAP_GET | 1u << MK_MAP_PUT | 1u << MK_MAP_REMOVE;
    impl->must_count = true;
    impl->progress[MK_MAP_GET] = (uint8_t)mk_map_here.progress.get;
    impl->progress[MK_MAP_PUT] = (uint8_t)mk_map_here.progress.put;
    impl->progress[MK_MAP_REMOVE] = (uint8_t)mk_map_here.progress.remove;
    impl->progress[MK_MAP_SCAN] = impl->progress[MK_MAP_SCAN_100] = (uint8_t)mk_map_here.progress.scan;
    impl->create = mk_map_here.create ? mk_map_create : NULL;
    impl->destroy = mk_map_here.destroy ? mk_map_destroy : NULL;
    impl->thread_enter = mk_map_thread_enter;
    impl->thread_exit = mk_map_thread_exit;
    impl->flush = mk_map_flush;
    impl->count = mk_map_here.count ? mk_map_count : NULL;
    impl->walk = mk_map_here.walk ? mk_map_walk : NULL;
    impl->stats = mk_map_here.stats ? mk_map_stats : NULL;
    impl->hold = mk_map_here.hold ? mk_map_hold : NULL;
    impl->unhold = mk_map_here.unhold ? mk_map_unhold : NULL;
    impl->batch = mk_map_batch_any;
    impl->batch_of[MK_MAP_GET] = mk_map_batch_get;
    impl->batch_of[MK_MAP_PUT] = mk_map_batch_put;
    impl->batch_of[MK_MAP_REMOVE] = mk_map_batch_remove;
    if (mk_map_here.scan) {
        impl->batch_of[MK_MAP_SCAN] = mk_map_batch_scan;
        impl->batch_of[MK_MAP_SCAN_100] = mk_map_batch_scan_100;
    }
    impl->step = mk_map_step_any;
}

/* Registers this file's map under NAME, which must be the file's name. */
#define MK_MAP(NAME, ...)                                    \
    MK_DEFINE(struct mk_map_def, mk_map_here, __VA_ARGS__); \
    MK_REGISTER(#NAME, mk_map_describe)

#endif
