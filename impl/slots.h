/* slots.h - the contract of kind `slots`: records of one size that are taken and given back by handle.
 *
 * An implementation completes `struct mk_slots` and ends in MK_SLOTS(name, ...). Mandatory: create,
 * destroy, take, at, give, count. In C++17 give the fields in the order of struct mk_slots_def.
 *
 * Operations are linearizable. A handle is live from the take that answered it to the give that answers
 * MK_HIT. It is made of the slot's index and of a generation that every take and every give of the slot
 * changes, so that a handle is told from all earlier ones of its slot: one that is not live (given back
 * before, never answered, of another instance) is refused, until its slot has been taken 2^31 times more.
 * Where an instance begins to count generations follows from its seed and its address, so that a handle of
 * another one is taken for a live one in one of 2^32 cases.
 *
 * A record belongs to whoever holds its handle. Records stay where they are until destroy, and nobody but
 * their holders writes to them: links and generations lie beside. A give happens before the take that
 * answers its slot next. Any thread may give what another one has taken; that the handle reached it in
 * order is the threads' own business.
 *
 * `me` is a thread that thread_enter has seen (id below cfg->threads_max).
 */
#ifndef MK_SLOTS_H
#define MK_SLOTS_H

#include <stdlib.h>

#include "mk.h"
#include "order.h"

/* The record. One unit is compiled per size the implementation lists in its `values:` line. */
#ifndef MK_VALUE_BYTES
#define MK_VALUE_BYTES 8
#endif
#define MK_VALUE_WORDS (MK_VALUE_BYTES / 8)
MK_STATIC_ASSERT(MK_VALUE_BYTES >= 8 && MK_VALUE_BYTES % 8 == 0, "a record is a whole number of 8-byte words");

typedef struct mk_slot {
    uint64_t word[MK_VALUE_WORDS];
} mk_slot;

/* The first ones are of streams and are about cells, see below; the others are the contract's own, through `step`
 * alone, with the handle in place of a key. */
enum mk_slots_op {
    MK_SLOTS_FILL,
    MK_SLOTS_EMPTY,
    MK_SLOTS_READ,
    MK_SLOTS_REPLACE,
    MK_SLOTS_CYCLE,
    MK_SLOTS_TAKE, /* writes op->value into the record; result->value is the handle */
    MK_SLOTS_GIVE,
    MK_SLOTS_AT,   /* whether it is live; the record is not looked at */
    MK_SLOTS_LOOK  /* as AT, and reads the record: for its holder */
};

struct mk_slots; /* completed by the implementation */

struct mk_slots_progress {
    enum mk_progress take, give, at;
};

struct mk_slots_def {
    const char *summary; /* one line for `list` */
    uint64_t caps;
    struct mk_slots_progress progress;
    const struct mk_param *params;

    /* Returns 0 and new slots in *out, or -1 with err set and nothing kept. cfg->capacity: how many can be live at
     * once at least; what grows (MK_GROWS) is told 0. The caller owns the slots until destroy; mem outlives them.
     * Called by one thread. */
    int (*create)(struct mk_slots **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err);
    /* Frees everything, live slots included. No other thread may be inside; all have exited. */
    void (*destroy)(struct mk_slots *slots);
    int (*thread_enter)(struct mk_slots *slots, struct mk_thread *me);
    /* What the thread holds stays live; free slots that it kept for itself are everybody's again. */
    void (*thread_exit)(struct mk_slots *slots, struct mk_thread *me);
    void (*flush)(struct mk_slots *slots, struct mk_thread *me);
    /* Returns the number of live slots; exact at quiescence. */
    uint64_t (*count)(struct mk_slots *slots);
    size_t (*stats)(struct mk_slots *slots, struct mk_stat *out, size_t room);

    /* Returns MK_HIT and the handle of a slot that was free, never 0; MK_MISS, which says that cfg->capacity slots
     * or more are live, those counted that others are just taking or giving; or MK_NO_MEMORY. What is in the record
     * is undefined. */
    enum mk_status (*take)(struct mk_slots *slots, struct mk_thread *me, uint64_t *handle);
    /* Returns where the record is, or NULL for a handle that is not live. Where others give the handle back
     * meanwhile, either: then the address may be read from, atomically, and may be another's. */
    mk_slot *(*at)(struct mk_slots *slots, struct mk_thread *me, uint64_t handle);
    /* Ends the handle's life. Returns MK_HIT, or MK_REFUSED for one that is not live: nothing changed. Of several
     * that give one handle at once, one is answered MK_HIT. */
    enum mk_status (*give)(struct mk_slots *slots, struct mk_thread *me, uint64_t handle);
};

/* ---- handles ------------------------------------------------------------------------------ */

/* Generations are odd while a slot is live and even while it is free, so that 0 is no live handle. */
MK_INLINE uint64_t mk_handle(uint32_t index, uint32_t generation) {
    return (uint64_t)generation << 32 | index;
}

MK_INLINE uint32_t mk_handle_index(uint64_t handle) {
    return (uint32_t)handle;
}

MK_INLINE uint32_t mk_handle_generation(uint64_t handle) {
    return (uint32_t)(handle >> 32);
}

/* Returns what an instance adds to all generations, so that others do not know its handles: an even number. */
MK_DOOR uint32_t mk_slots_salt(const void *self, uint64_t seed) {
    return (uint32_t)mk_mix64((uint64_t)(uintptr_t)self ^ mk_mix64(seed)) & ~1u;
}

/* Of those that do not grow: returns 0 where `slots` of them can be made, cfg->capacity of which may be live, or -1
 * with err set. Indices take 32 bits, the last of which stands for none. */
MK_DOOR int mk_slots_fit(const struct mk_config *cfg, uint64_t slots, struct mk_err *err) {
    if (!cfg->capacity) return mk_fail(err, "slots that do not grow have to be told how many: their capacity is 0");
    if (slots < UINT32_MAX && cfg->capacity < UINT32_MAX) return 0;
    return mk_fail(err, "%llu slots are too many: a handle has 32 bits for their number",
                   (unsigned long long)cfg->capacity);
}

/* ---- streams: an array of cells, each with the handle of one slot --------------------------- */

static const struct mk_op_desc mk_slots_ops[] = {
    {"take", MK_SLOTS_FILL, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_ADD_IF_ABSENT, 1,
     "take a slot for a cell that has none, and write to it"},
    {"give", MK_SLOTS_EMPTY, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_REMOVE, 1,
     "give back the slot of a cell, whoever has taken it"},
    {"read", MK_SLOTS_READ, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_READ, 1, "read the slot of a cell by its handle"},
    {"replace", MK_SLOTS_REPLACE, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_ADD, 1,
     "take a slot for a cell, write to it, and give back the one the cell had"},
    {"cycle", MK_SLOTS_CYCLE, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_NONE, 1,
     "take a slot, write to it and give it back, without a cell"},
    {NULL, 0, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_NONE, 0, NULL}};

static const struct mk_kind mk_kind_slots __attribute__((unused)) = {
    "slots", "records of one size, taken and given back by handle", mk_slots_ops, true};

/* Handles are their user's: the cells are no memory of the slots, and do not count as such. */
struct mk_slots_bench {
    struct mk_slots *slots;
    uint64_t cells;
    MK_ATOMIC(uint64_t) * cell; /* 0 = empty */
};

MK_DEFINE_LATER(struct mk_slots_def, mk_slots_here);

MK_INLINE MK_ATOMIC(uint64_t) * mk_slots_cell(const struct mk_slots_bench *bench, uint64_t key) {
    return &bench->cell[MK_LIKELY(key < bench->cells) ? key : key % bench->cells];
}

/* Word i of a record that was written with a tag: all differ, so that two writers are seen. */
MK_INLINE uint64_t mk_slot_word(uint64_t tag, unsigned i) {
    return tag + i * 0x9e3779b97f4a7c15u;
}

/* Word 0, which readers of cells look at while others may already have taken the slot anew. */
MK_INLINE MK_ATOMIC(uint64_t) * mk_slot_tag(mk_slot *slot) {
    return (MK_ATOMIC(uint64_t) *)(void *)&slot->word[0];
}

/* By its holder: all words but the first, or the last one alone. */
MK_INLINE void mk_slot_fill(mk_slot *slot, uint64_t tag, bool whole) {
    for (unsigned i = whole ? 1 : MK_VALUE_WORDS - 1; i && i < MK_VALUE_WORDS; i++) {
        slot->word[i] = mk_slot_word(tag, i);
    }
}

MK_INLINE bool mk_slot_is(const mk_slot *slot, uint64_t tag, bool whole) {
    for (unsigned i = whole ? 1 : MK_VALUE_WORDS - 1; i && i < MK_VALUE_WORDS; i++) {
        if (slot->word[i] != mk_slot_word(tag, i)) return false;
    }
    return true;
}

/* Takes a slot for a cell. Returns MK_HIT; MK_REFUSED where all are live, of which there are as many as cells and
 * threads; MK_NO_MEMORY; MK_TORN: what was taken is not live. */
MK_INLINE enum mk_status mk_slots_take_new(struct mk_slots_bench *bench, struct mk_thread *me, uint64_t tag,
                                           bool whole, uint64_t *handle) {
    enum mk_status status = mk_slots_here.take(bench->slots, me, handle);
    if (MK_UNLIKELY(status != MK_HIT)) return status == MK_MISS ? MK_REFUSED : status;
    mk_slot *slot = mk_slots_here.at(bench->slots, me, *handle);
    if (MK_UNLIKELY(!slot)) return MK_TORN;
    mk_slot_fill(slot, tag, whole);
    /* release: a late reader of the slot's last life that reads this tag finds, too, that the cell has changed */
    atomic_store_explicit(mk_slot_tag(slot), tag, memory_order_release);
    return MK_HIT;
}

/* Gives back what no cell has any more. Returns MK_HIT, or MK_TORN: it was not live, or has been written to. */
MK_INLINE enum mk_status mk_slots_give_old(struct mk_slots_bench *bench, struct mk_thread *me, uint64_t handle,
                                           bool whole, uint64_t *seen) {
    mk_slot *slot = mk_slots_here.at(bench->slots, me, handle);
    if (MK_UNLIKELY(!slot)) return MK_TORN;
    *seen = atomic_load_explicit(mk_slot_tag(slot), memory_order_relaxed);
    bool is = mk_slot_is(slot, *seen, whole);
    return mk_slots_here.give(bench->slots, me, handle) == MK_HIT && is ? MK_HIT : MK_TORN;
}

MK_INLINE enum mk_status mk_slots_fill(struct mk_slots_bench *bench, struct mk_thread *me, uint64_t key,
                                       uint64_t tag, bool whole) {
    MK_ATOMIC(uint64_t) *cell = mk_slots_cell(bench, key);
    uint64_t handle, empty = 0;
    if (atomic_load_explicit(cell, memory_order_seq_cst)) return MK_HIT;
    enum mk_status status = mk_slots_take_new(bench, me, tag, whole, &handle);
    if (MK_UNLIKELY(status != MK_HIT)) return status;
    /* seq_cst, here and below: publishes the record to whoever empties or reads the cell; and changes of two cells
     * are seen in one order by all */
    if (atomic_compare_exchange_strong_explicit(cell, &empty, handle, memory_order_seq_cst, memory_order_seq_cst)) {
        return MK_MISS;
    }
    return mk_slots_give_old(bench, me, handle, whole, &tag); /* somebody else was faster */
}

MK_INLINE enum mk_status mk_slots_empty(struct mk_slots_bench *bench, struct mk_thread *me, uint64_t key,
                                        bool whole, uint64_t *seen) {
    uint64_t handle = atomic_exchange_explicit(mk_slots_cell(bench, key), 0, memory_order_seq_cst);
    return handle ? mk_slots_give_old(bench, me, handle, whole, seen) : MK_MISS;
}

MK_INLINE enum mk_status mk_slots_replace(struct mk_slots_bench *bench, struct mk_thread *me, uint64_t key,
                                          uint64_t tag, bool whole, uint64_t *seen) {
    uint64_t handle;
    enum mk_status status = mk_slots_take_new(bench, me, tag, whole, &handle);
    if (MK_UNLIKELY(status != MK_HIT)) return status;
    uint64_t old = atomic_exchange_explicit(mk_slots_cell(bench, key), handle, memory_order_seq_cst);
    return old ? mk_slots_give_old(bench, me, old, whole, seen) : MK_MISS;
}

/* The cell has the handle before and after the tag is read. No handle comes back, so the slot was that one's all
 * the while: a tag of the slot's next life would be acquired, and with it that the cell has changed. */
MK_INLINE enum mk_status mk_slots_read(struct mk_slots_bench *bench, struct mk_thread *me, uint64_t key,
                                       uint64_t *seen) {
    MK_ATOMIC(uint64_t) *cell = mk_slots_cell(bench, key);
    uint64_t handle = atomic_load_explicit(cell, memory_order_seq_cst);
    while (handle) {
        mk_slot *slot = mk_slots_here.at(bench->slots, me, handle);
        uint64_t tag = slot ? atomic_load_explicit(mk_slot_tag(slot), memory_order_acquire) : 0;
        uint64_t again = atomic_load_explicit(cell, memory_order_seq_cst);
        if (MK_LIKELY(again == handle)) {
            *seen = tag;
            return slot ? MK_HIT : MK_TORN;
        }
        handle = again;
    }
    return MK_MISS;
}

/* Nobody else knows the handle; but a late reader of the slot's last life may look at the tag. */
MK_INLINE enum mk_status mk_slots_cycle(struct mk_slots_bench *bench, struct mk_thread *me, uint64_t tag,
                                        bool whole) {
    uint64_t handle;
    enum mk_status status = mk_slots_here.take(bench->slots, me, &handle);
    if (MK_UNLIKELY(status != MK_HIT)) return status;
    mk_slot *slot = mk_slots_here.at(bench->slots, me, handle);
    if (MK_UNLIKELY(!slot)) return MK_TORN;
    mk_slot_fill(slot, tag, whole);
    atomic_store_explicit(mk_slot_tag(slot), tag, memory_order_release); /* as for a cell */
    bool is = atomic_load_explicit(mk_slot_tag(slot), memory_order_relaxed) == tag && mk_slot_is(slot, tag, whole);
    return mk_slots_here.give(bench->slots, me, handle) == MK_HIT && is ? MK_HIT : MK_TORN;
}

/* ---- the timed loops: inlined into every implementation's file ---------------------------- */

/* What a timed operation writes: known from its key, and for a cycle from its thread, too. */
MK_INLINE uint64_t mk_slots_timed_tag(uint64_t key) {
    return key ^ 0x5bd1e995u;
}

/* One operation of a stream. Returns the hit (0 or 1). */
MK_INLINE uint64_t mk_slots_one(struct mk_slots_bench *bench, struct mk_thread *me, unsigned code, uint64_t key,
                                uint64_t *sum, uint64_t *failed) {
    enum mk_status status = MK_MISS;
    uint64_t seen = 0, tag = mk_slots_timed_tag(key);
    switch (code) {
    case MK_SLOTS_FILL: status = mk_slots_fill(bench, me, key, tag, false); break;
    case MK_SLOTS_EMPTY: status = mk_slots_empty(bench, me, key, false, &seen); break;
    case MK_SLOTS_READ: status = mk_slots_read(bench, me, key, &seen); break;
    case MK_SLOTS_REPLACE: status = mk_slots_replace(bench, me, key, tag, false, &seen); break;
    case MK_SLOTS_CYCLE: status = mk_slots_cycle(bench, me, tag ^ (uint64_t)me->id << 48, false); break;
    default: break;
    }
    *sum += seen;
    *failed += status > MK_HIT;
    return status == MK_HIT;
}

/* `only` below 0: any mix. Else a run of that one: no dispatch left. */
MK_INLINE void mk_slots_run(void *self, struct mk_thread *me, int only, const uint64_t *stream, size_t n,
                            struct mk_tally *tally) {
    struct mk_slots_bench *bench = (struct mk_slots_bench *)self;
    uint64_t sum = 0, failed = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned code = only >= 0 ? (unsigned)only : MK_CODE(stream[i]);
        tally->hits[code] += mk_slots_one(bench, me, code, MK_OPERAND(stream[i]), &sum, &failed);
    }
    tally->failed += failed;
    tally->sum += sum;
}

/* ---- the doors: what the harness calls, made of this file's definition --------------------- */

MK_DOOR void mk_slots_batch(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                            struct mk_tally *tally) {
    mk_slots_run(self, me, -1, stream, n, tally);
}

MK_DOOR void mk_slots_batch_read(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                 struct mk_tally *tally) {
    mk_slots_run(self, me, MK_SLOTS_READ, stream, n, tally);
}

MK_DOOR void mk_slots_batch_replace(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                    struct mk_tally *tally) {
    mk_slots_run(self, me, MK_SLOTS_REPLACE, stream, n, tally);
}

MK_DOOR void mk_slots_batch_cycle(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                  struct mk_tally *tally) {
    mk_slots_run(self, me, MK_SLOTS_CYCLE, stream, n, tally);
}

/* The contract's own operations, on handles. */
MK_DOOR void mk_slots_step_handle(struct mk_slots *slots, struct mk_thread *me, const struct mk_op *op,
                                  struct mk_result *result) {
    mk_slot *slot;
    switch (op->code) {
    case MK_SLOTS_TAKE:
        result->status = mk_slots_here.take(slots, me, &result->value);
        if (result->status != MK_HIT) break;
        slot = mk_slots_here.at(slots, me, result->value);
        if (!slot) {
            result->status = MK_TORN;
            break;
        }
        slot->word[0] = op->value;
        mk_slot_fill(slot, op->value, true);
        break;
    case MK_SLOTS_GIVE: result->status = mk_slots_here.give(slots, me, op->key); break;
    case MK_SLOTS_AT: result->status = mk_slots_here.at(slots, me, op->key) ? MK_HIT : MK_MISS; break;
    case MK_SLOTS_LOOK:
        slot = mk_slots_here.at(slots, me, op->key);
        result->status = slot ? MK_HIT : MK_MISS;
        if (!slot) break;
        result->value = slot->word[0];
        if (!mk_slot_is(slot, slot->word[0], true)) result->status = MK_TORN;
        break;
    default: result->status = MK_REFUSED; break;
    }
}

/* The checked door: every word of a record is written, and compared by whoever gives it back. */
MK_DOOR void mk_slots_step(void *self, struct mk_thread *me, const struct mk_op *op, struct mk_result *result) {
    struct mk_slots_bench *bench = (struct mk_slots_bench *)self;
    uint64_t seen = 0;
    switch (op->code) {
    case MK_SLOTS_FILL: result->status = mk_slots_fill(bench, me, op->key, op->value, true); break;
    case MK_SLOTS_EMPTY: result->status = mk_slots_empty(bench, me, op->key, true, &seen); break;
    case MK_SLOTS_READ: result->status = mk_slots_read(bench, me, op->key, &seen); break;
    case MK_SLOTS_REPLACE: result->status = mk_slots_replace(bench, me, op->key, op->value, true, &seen); break;
    case MK_SLOTS_CYCLE: result->status = mk_slots_cycle(bench, me, op->value, true); break;
    default: mk_slots_step_handle(bench->slots, me, op, result); return;
    }
    result->value = result->previous = seen;
}

MK_DOOR void mk_slots_destroy(void *self) {
    struct mk_slots_bench *bench = (struct mk_slots_bench *)self;
    mk_slots_here.destroy(bench->slots);
    free(bench->cell);
    free(bench);
}

/* While it replaces, a thread has one slot more than its cell: that is what they are asked for. */
MK_DOOR int mk_slots_create(void **self, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_config own = *cfg;
    bool grows = mk_slots_here.caps & MK_GROWS;
    if (cfg->capacity) own.capacity = grows ? 0 : cfg->capacity + cfg->threads_max;
    if (!grows && mk_slots_fit(&own, own.capacity, err)) return -1;
    struct mk_slots_bench *bench = (struct mk_slots_bench *)calloc(1, sizeof *bench);
    if (!bench) return mk_fail(err, "no memory for %zu bytes", sizeof *bench);
    bench->cells = cfg->capacity ? cfg->capacity : 1;
    bench->cell = (MK_ATOMIC(uint64_t) *)calloc(bench->cells, sizeof *bench->cell);
    if (!bench->cell) {
        mk_fail(err, "no memory for %llu cells", (unsigned long long)bench->cells);
    } else if (mk_slots_here.create(&bench->slots, mem, &own, err) == 0) {
        *self = bench;
        return 0;
    }
    free(bench->cell);
    free(bench);
    return -1;
}

MK_DOOR int mk_slots_thread_enter(void *self, struct mk_thread *me) {
    struct mk_slots *slots = ((struct mk_slots_bench *)self)->slots;
    return mk_slots_here.thread_enter ? mk_slots_here.thread_enter(slots, me) : 0;
}

MK_DOOR void mk_slots_thread_exit(void *self, struct mk_thread *me) {
    if (mk_slots_here.thread_exit) mk_slots_here.thread_exit(((struct mk_slots_bench *)self)->slots, me);
}

MK_DOOR void mk_slots_flush(void *self, struct mk_thread *me) {
    if (mk_slots_here.flush) mk_slots_here.flush(((struct mk_slots_bench *)self)->slots, me);
}

MK_DOOR uint64_t mk_slots_count(void *self) {
    return mk_slots_here.count(((struct mk_slots_bench *)self)->slots);
}

MK_DOOR size_t mk_slots_stats(void *self, struct mk_stat *out, size_t room) {
    return mk_slots_here.stats(((struct mk_slots_bench *)self)->slots, out, room);
}

/* Cells that have a slot, with its tag. Nobody else is inside, so any thread will do. */
MK_DOOR void mk_slots_walk(void *self, mk_visit_fn *visit, void *arg) {
    struct mk_slots_bench *bench = (struct mk_slots_bench *)self;
    struct mk_thread anybody = {0, 0, NULL};
    for (uint64_t i = 0; i < bench->cells; i++) {
        uint64_t handle = atomic_load_explicit(&bench->cell[i], memory_order_acquire);
        mk_slot *slot = handle ? mk_slots_here.at(bench->slots, &anybody, handle) : NULL;
        if (slot) visit(arg, i, slot->word[0]);
    }
}

MK_INLINE uint8_t mk_slots_least(enum mk_progress a, enum mk_progress b) {
    return (uint8_t)(a < b ? a : b);
}

MK_DOOR void mk_slots_describe(struct mk_impl *impl) {
    const struct mk_slots_progress *progress = &mk_slots_here.progress;
    impl->value_bytes = MK_VALUE_BYTES;
    impl->kind = &mk_kind_slots;
    impl->summary = mk_slots_here.summary;
    impl->caps = mk_slots_here.caps;
    impl->params = mk_slots_here.params;
    impl->offers = mk_slots_here.take && mk_slots_here.give && mk_slots_here.at ? (2u << MK_SLOTS_LOOK) - 1 : 0;
    impl->must_offer = 1u << MK_SLOTS_TAKE | 1u << MK_SLOTS_GIVE | 1u << MK_SLOTS_AT;
    impl->must_count = true;
    impl->progress[MK_SLOTS_TAKE] = (uint8_t)progress->take;
    impl->progress[MK_SLOTS_GIVE] = impl->progress[MK_SLOTS_EMPTY] = (uint8_t)progress->give;
    impl->progress[MK_SLOTS_AT] = impl->progress[MK_SLOTS_LOOK] = (uint8_t)progress->at;
    /* repeated while the cell changes */
    impl->progress[MK_SLOTS_READ] = mk_slots_least(progress->at, MK_LOCK_FREE);
    impl->progress[MK_SLOTS_FILL] = impl->progress[MK_SLOTS_REPLACE] = impl->progress[MK_SLOTS_CYCLE] =
        mk_slots_least(progress->take, progress->give);
    impl->create = mk_slots_here.create ? mk_slots_create : NULL;
    impl->destroy = mk_slots_here.destroy ? mk_slots_destroy : NULL;
    impl->thread_enter = mk_slots_thread_enter;
    impl->thread_exit = mk_slots_thread_exit;
    impl->flush = mk_slots_flush;
    impl->count = mk_slots_here.count ? mk_slots_count : NULL;
    impl->walk = mk_slots_walk;
    impl->stats = mk_slots_here.stats ? mk_slots_stats : NULL;
    impl->batch = mk_slots_batch;
    impl->batch_of[MK_SLOTS_READ] = mk_slots_batch_read;
    impl->batch_of[MK_SLOTS_REPLACE] = mk_slots_batch_replace;
    impl->batch_of[MK_SLOTS_CYCLE] = mk_slots_batch_cycle;
    impl->step = mk_slots_step;
}

/* Registers this file's slots under NAME, which must be the file's name. */
#define MK_SLOTS(NAME, ...)                                        \
    MK_DEFINE(struct mk_slots_def, mk_slots_here, __VA_ARGS__); \
    MK_REGISTER(#NAME, mk_slots_describe)

#endif
