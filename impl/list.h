/* list.h - the contract of kind `list`: an ordered set of 64-bit keys, kept as a linked list.
 *
 * An implementation completes `struct mk_list` and ends in MK_LIST(name, ...). Mandatory: create,
 * destroy, contains, insert, remove, count, walk. Everything else may be left out; what is left out
 * is skipped with that reason. In C++17 give the fields in the order of struct mk_list_def.
 *
 * Operations are linearizable unless .summary says otherwise. They take time linear in the keys. All 2^64
 * keys are legal unless .key_limit is set. `me` is a thread that thread_enter has seen (id below
 * cfg->threads_max).
 */
#ifndef MK_LIST_H
#define MK_LIST_H

#include "mk.h"
#include "order.h"

enum mk_list_op { MK_LIST_CONTAINS, MK_LIST_INSERT, MK_LIST_REMOVE };

struct mk_list; /* completed by the implementation */

struct mk_list_progress {
    enum mk_progress contains, insert, remove;
};

struct mk_list_def {
    const char *summary; /* one line for `list` */
    uint64_t caps;
    uint64_t needs; /* capabilities its reclaim part must have */
    struct mk_list_progress progress;
    const struct mk_param *params;
    uint64_t key_limit;

    /* Returns 0 and a new list in *out, or -1 with err set and nothing kept. The caller owns the list
     * until destroy; mem outlives it. Called by one thread. */
    int (*create)(struct mk_list **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err);
    /* Frees everything. No other thread may be inside; all have exited. */
    void (*destroy)(struct mk_list *list);
    int (*thread_enter)(struct mk_list *list, struct mk_thread *me);
    void (*thread_exit)(struct mk_list *list, struct mk_thread *me);
    void (*flush)(struct mk_list *list, struct mk_thread *me);
    /* Returns the number of keys; exact at quiescence. */
    uint64_t (*count)(struct mk_list *list);
    /* Calls visit once for every key, ascending, with a tag of 0. At quiescence. */
    void (*walk)(struct mk_list *list, mk_visit_fn *visit, void *arg);
    size_t (*stats)(struct mk_list *list, struct mk_stat *out, size_t room);
    void (*hold)(struct mk_list *list, struct mk_thread *me);
    void (*unhold)(struct mk_list *list, struct mk_thread *me);

    /* Returns whether the key is there. */
    bool (*contains)(struct mk_list *list, struct mk_thread *me, uint64_t key);
    /* Returns MK_MISS (the key was absent, now it is there), MK_HIT (it was there already), MK_NO_MEMORY or
     * MK_REFUSED (nothing changed). */
    enum mk_status (*insert)(struct mk_list *list, struct mk_thread *me, uint64_t key);
    /* Returns MK_HIT (the key was there, now it is not), MK_MISS, or MK_NO_MEMORY (nothing changed). */
    enum mk_status (*remove)(struct mk_list *list, struct mk_thread *me, uint64_t key);
};

static const struct mk_op_desc mk_list_ops[] = {
    {"contains", MK_LIST_CONTAINS, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_READ, 1, "look a key up"},
    {"insert", MK_LIST_INSERT, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_ADD, 1, "insert a key unless it is there"},
    {"remove", MK_LIST_REMOVE, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_REMOVE, 1, "remove a key"},
    {NULL, 0, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_NONE, 0, NULL}};

static const struct mk_kind mk_kind_list
    __attribute__((unused)) = {"list", "an ordered set of 64-bit keys: a sorted linked list", mk_list_ops, false};

/* ---- the timed loops: inlined into every implementation's file ---------------------------- */

/* One operation of a stream. Outcomes are added, never branched on. Returns the hit (0 or 1). */
MK_INLINE uint64_t mk_list_one(const struct mk_list_def *def, struct mk_list *list, struct mk_thread *me,
                               unsigned code, uint64_t key, uint64_t *failed) {
    if (code == MK_LIST_CONTAINS) return def->contains(list, me, key);
    enum mk_status status = code == MK_LIST_INSERT ? def->insert(list, me, key) : def->remove(list, me, key);
    *failed += status > MK_HIT;
    return status == MK_HIT;
}

/* Any mix. The sum is of the keys that were hit. */
MK_INLINE void mk_list_batch(const struct mk_list_def *def, struct mk_list *list, struct mk_thread *me,
                             const uint64_t *stream, size_t n, struct mk_tally *tally) {
    uint64_t sum = 0, failed = 0, found = 0, inserted = 0, removed = 0;
    for (const uint64_t *at = stream, *end = stream + n; at < end; at++) {
        uint64_t key = MK_OPERAND(*at), hit = 0;
        unsigned code = MK_CODE(*at);
        if (code == MK_LIST_INSERT) {
            hit = mk_list_one(def, list, me, MK_LIST_INSERT, key, &failed);
            inserted += hit;
        } else if (code == MK_LIST_REMOVE) {
            hit = mk_list_one(def, list, me, MK_LIST_REMOVE, key, &failed);
            removed += hit;
        } else if (code == MK_LIST_CONTAINS) {
            hit = mk_list_one(def, list, me, MK_LIST_CONTAINS, key, &failed);
            found += hit;
        }
        sum += key & -hit;
    }
    tally->hits[MK_LIST_CONTAINS] += found;
    tally->hits[MK_LIST_INSERT] += inserted;
    tally->hits[MK_LIST_REMOVE] += removed;
    tally->failed += failed;
    tally->sum += sum;
}

/* A run of one operation: no dispatch left. */
MK_INLINE void mk_list_run(const struct mk_list_def *def, struct mk_list *list, struct mk_thread *me, unsigned code,
                           const uint64_t *stream, size_t n, struct mk_tally *tally) {
    uint64_t sum = 0, failed = 0, hits = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = MK_OPERAND(stream[i]), hit = mk_list_one(def, list, me, code, key, &failed);
        hits += hit;
        sum += key & -hit;
    }
    tally->hits[code] += hits;
    tally->failed += failed;
    tally->sum += sum;
}

/* The checked door. */
static inline void mk_list_step(const struct mk_list_def *def, struct mk_list *list, struct mk_thread *me,
                                const struct mk_op *op, struct mk_result *result) {
    result->value = 0;
    result->previous = 0;
    switch (op->code) {
    case MK_LIST_CONTAINS: result->status = def->contains(list, me, op->key) ? MK_HIT : MK_MISS; break;
    case MK_LIST_INSERT: result->status = def->insert(list, me, op->key); break;
    case MK_LIST_REMOVE: result->status = def->remove(list, me, op->key); break;
    default: result->status = MK_REFUSED; break;
    }
}

/* ---- the doors: what the harness calls, made of this file's definition --------------------- */

MK_DEFINE_LATER(struct mk_list_def, mk_list_here);

MK_DOOR int mk_list_create(void **self, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_list *list = NULL;
    if (mk_list_here.create(&list, mem, cfg, err)) return -1;
    *self = list;
    return 0;
}

MK_DOOR void mk_list_destroy(void *self) {
    mk_list_here.destroy((struct mk_list *)self);
}

MK_DOOR int mk_list_thread_enter(void *self, struct mk_thread *me) {
    return mk_list_here.thread_enter ? mk_list_here.thread_enter((struct mk_list *)self, me) : 0;
}

MK_DOOR void mk_list_thread_exit(void *self, struct mk_thread *me) {
    if (mk_list_here.thread_exit) mk_list_here.thread_exit((struct mk_list *)self, me);
}

MK_DOOR void mk_list_flush(void *self, struct mk_thread *me) {
    if (mk_list_here.flush) mk_list_here.flush((struct mk_list *)self, me);
}

MK_DOOR uint64_t mk_list_count(void *self) {
    return mk_list_here.count((struct mk_list *)self);
}

MK_DOOR void mk_list_walk(void *self, mk_visit_fn *visit, void *arg) {
    mk_list_here.walk((struct mk_list *)self, visit, arg);
}

MK_DOOR size_t mk_list_stats(void *self, struct mk_stat *out, size_t room) {
    return mk_list_here.stats((struct mk_list *)self, out, room);
}

MK_DOOR void mk_list_hold(void *self, struct mk_thread *me) {
    mk_list_here.hold((struct mk_list *)self, me);
}

MK_DOOR void mk_list_unhold(void *self, struct mk_thread *me) {
    mk_list_here.unhold((struct mk_list *)self, me);
}

MK_DOOR void mk_list_batch_any(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                               struct mk_tally *tally) {
    mk_list_batch(&mk_list_here, (struct mk_list *)self, me, stream, n, tally);
}

MK_DOOR void mk_list_batch_contains(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                    struct mk_tally *tally) {
    mk_list_run(&mk_list_here, (struct mk_list *)self, me, MK_LIST_CONTAINS, stream, n, tally);
}

MK_DOOR void mk_list_batch_insert(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                  struct mk_tally *tally) {
    mk_list_run(&mk_list_here, (struct mk_list *)self, me, MK_LIST_INSERT, stream, n, tally);
}

MK_DOOR void mk_list_batch_remove(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                  struct mk_tally *tally) {
    mk_list_run(&mk_list_here, (struct mk_list *)self, me, MK_LIST_REMOVE, stream, n, tally);
}

MK_DOOR void mk_list_step_any(void *self, struct mk_thread *me, const struct mk_op *op, struct mk_result *result) {
    mk_list_step(&mk_list_here, (struct mk_list *)self, me, op, result);
}

MK_DOOR void mk_list_describe(struct mk_impl *impl) {
    impl->kind = &mk_kind_list;
    impl->summary = mk_list_here.summary;
    impl->caps = mk_list_here.caps;
    impl->needs = mk_list_here.needs;
#ifdef MK_PART_RECLAIM
    impl->provides = mk_reclaim_here.caps;
    if (impl->provides & MK_FLOOR) impl->caps &= ~(uint64_t)MK_CONCURRENT; /* that part protects nobody */
#endif
    impl->key_limit = mk_list_here.key_limit;
    impl->params = mk_list_here.params;
    impl->offers = (mk_list_here.contains ? 1u << MK_LIST_CONTAINS : 0) |
                   (mk_list_here.insert ? 1u << MK_LIST_INSERT : 0) |
                   (mk_list_here.remove ? 1u << MK_LIST_REMOVE : 0);
    impl->must_offer = 1u << MK_LIST_CONTAINS | 1u << MK_LIST_INSERT | 1u << MK_LIST_REMOVE;
    impl->must_count = true;
    impl->progress[MK_LIST_CONTAINS] = (uint8_t)mk_list_here.progress.contains;
    impl->progress[MK_LIST_INSERT] = (uint8_t)mk_list_here.progress.insert;
    impl->progress[MK_LIST_REMOVE] = (uint8_t)mk_list_here.progress.remove;
    impl->create = mk_list_here.create ? mk_list_create : NULL;
    impl->destroy = mk_list_here.destroy ? mk_list_destroy : NULL;
    impl->thread_enter = mk_list_thread_enter;
    impl->thread_exit = mk_list_thread_exit;
    impl->flush = mk_list_flush;
    impl->count = mk_list_here.count ? mk_list_count : NULL;
    impl->walk = mk_list_here.walk ? mk_list_walk : NULL;
    impl->stats = mk_list_here.stats ? mk_list_stats : NULL;
    impl->hold = mk_list_here.hold ? mk_list_hold : NULL;
    impl->unhold = mk_list_here.unhold ? mk_list_unhold : NULL;
    impl->batch = mk_list_batch_any;
    impl->batch_of[MK_LIST_CONTAINS] = mk_list_batch_contains;
    impl->batch_of[MK_LIST_INSERT] = mk_list_batch_insert;
    impl->batch_of[MK_LIST_REMOVE] = mk_list_batch_remove;
    impl->step = mk_list_step_any;
}

/* Registers this file's list under NAME, which must be the file's name. */
#define MK_LIST(NAME, ...)                                    \
    MK_DEFINE(struct mk_list_def, mk_list_here, __VA_ARGS__); \
    MK_REGISTER(#NAME, mk_list_describe)

#endif
