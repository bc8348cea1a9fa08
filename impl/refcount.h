/* refcount.h - the contract of kind `refcount`: counted objects. An object lives as long as somebody holds a
 * reference to it; whoever gives the last one back destroys it.
 *
 * An implementation defines MK_REFCOUNT_HEADER, what it needs in every object (members, e.g.
 * `MK_ATOMIC(uint64_t) count;`), before it includes this header, completes `struct mk_refcount`, and ends in
 * MK_REFCOUNT(name, ...). It counts; the header makes the objects, has cells that hold them, and ends them:
 * mk_object_end, and then mk_object_free, each once an object.
 *
 * What the schemes can and cannot do. All can clone and drop a reference that the caller holds. No count that lies
 * in the object alone can be taken from a shared cell whose reference another thread may give back meanwhile:
 * between reading the cell and counting the object is gone. Where a scheme has no cell of its own (.load and
 * .exchange), a cell is locked by its lowest bit for as long as that takes, as C++ libraries do it. So all can be
 * compared, and the price of the lock is in the figures. Weak references are optional.
 */
#ifndef MK_REFCOUNT_H
#define MK_REFCOUNT_H

#include "mk.h"
#include "order.h"

/* The payload. One unit is compiled per size the implementation lists in its `values:` line. */
#ifndef MK_VALUE_BYTES
#define MK_VALUE_BYTES 8
#endif
#define MK_OBJECT_WORDS (MK_VALUE_BYTES / 8)
MK_STATIC_ASSERT(MK_VALUE_BYTES >= 8 && MK_VALUE_BYTES % 8 == 0, "a payload is a whole number of 8-byte words");

/* The payload follows the header without a gap, also where that has 4 bytes: so its words are kept in halves.
 * Constant from when the object is made until it is ended. */
struct mk_object {
    MK_REFCOUNT_HEADER
    uint32_t half[2 * MK_OBJECT_WORDS];
};

/* A place that holds one reference, or none, and is read and changed by all: 0 is empty. */
typedef MK_ATOMIC(uint64_t) mk_cell;

struct mk_objects;  /* where objects come from: below */
struct mk_refcount; /* completed by the implementation */

enum mk_refcount_op {
    MK_REFCOUNT_PAIR,
    MK_REFCOUNT_READ,
    MK_REFCOUNT_LOAD,
    MK_REFCOUNT_REPLACE,
    MK_REFCOUNT_HANDOFF,
    MK_REFCOUNT_SHARE,
    MK_REFCOUNT_WATCH,
    MK_REFCOUNT_UPGRADE
};

/* A reference is the holder's: one thread at a time uses it, any thread may, and handing it over orders what came
 * before (an acquire for each release). `me` is a registered thread, or NULL where there are none any more; then
 * nobody else is inside. No operation waits for an idle thread. */
struct mk_refcount_def {
    const char *summary;
    uint64_t caps;
    const struct mk_param *params;
    struct {
        enum mk_progress clone, drop, cell; /* of load and exchange, where there are such */
    } progress;

    /* Returns 0 and the state that objects share in *out, or -1 with err set and nothing kept. objects and mem
     * outlive it. */
    int (*create)(struct mk_refcount **out, struct mk_objects *objects, struct mk_mem *mem,
                  const struct mk_config *cfg, struct mk_err *err);
    /* All references have been given back, all threads have left. Ends and frees the objects that are still there.
     * */
    void (*destroy)(struct mk_refcount *rc);
    /* Returns 0, or -1 with nothing kept. May be left out, and so may the next two. */
    int (*thread_enter)(struct mk_refcount *rc, struct mk_thread *me);
    /* References that the thread has cloned and others hold stay good. */
    void (*thread_exit)(struct mk_refcount *rc, struct mk_thread *me);
    /* At quiescence: ends every object of which no reference is left. */
    void (*flush)(struct mk_refcount *rc, struct mk_thread *me);

    /* Begins to count a new object: the caller holds the one reference. False: it cannot be counted (its address);
     * nothing changed. */
    bool (*begin)(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object);
    /* One more reference, the caller's, to an object of which it holds one. False: the count has no room for it,
     * and no memory to make some; nothing changed. */
    bool (*clone)(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object);
    /* Gives a reference back. What others did with theirs before they gave them back happens before the end. */
    void (*drop)(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object);

    /* Optional, both or neither. Returns a counted reference to what is in the cell, or NULL where it is empty,
     * while others exchange it. */
    struct mk_object *(*load)(struct mk_refcount *rc, struct mk_thread *me, mk_cell *cell);
    /* Puts the caller's reference (NULL: none) into the cell. Returns the one that was there, the caller's now, or
     * NULL. */
    struct mk_object *(*exchange)(struct mk_refcount *rc, struct mk_thread *me, mk_cell *cell,
                                  struct mk_object *object);

    /* Optional, all four or none. Makes a weak reference out of one that the caller holds and keeps. It keeps the
     * memory of the object, not the object. */
    void (*downgrade)(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object);
    /* Returns whether the object, to which the caller holds a weak reference, is alive; if so, the caller holds a
     * reference, too. */
    bool (*upgrade)(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object);
    void (*weak_clone)(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object);
    void (*weak_drop)(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object);

    /* Optional. "unreclaimed": objects of which no reference is left and that are not ended, or may be; "pinned":
     * objects that nothing but destroy will end. Returns how many figures there are. */
    size_t (*stats)(struct mk_refcount *rc, struct mk_stat *out, size_t room);
};

MK_DEFINE_LATER(struct mk_refcount_def, mk_refcount_here);

static const struct mk_op_desc mk_refcount_ops[] = {
    {"pair", MK_REFCOUNT_PAIR, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_NONE, 1,
     "clone and drop the thread's own object, whatever the key: an owner pair"},
    {"read", MK_REFCOUNT_READ, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_NONE, 1,
     "read the thread's own object, whatever the key: counts nothing"},
    {"load", MK_REFCOUNT_LOAD, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_READ, 1,
     "take a counted reference out of a shared cell, read the object, drop the reference"},
    {"replace", MK_REFCOUNT_REPLACE, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_ADD, 1,
     "put a new object into a shared cell, drop the one that was there"},
    {"handoff", MK_REFCOUNT_HANDOFF, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_NONE, 1,
     "leave a clone of the thread's own object in a box, read and drop what another thread left there"},
    {"share", MK_REFCOUNT_SHARE, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_NONE, 1,
     "clone what lies in a box, mostly another thread's object, into the next one, read and drop what was there"},
    {"watch", MK_REFCOUNT_WATCH, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_READ, 1,
     "keep a weak reference to what is in a cell"},
    {"upgrade", MK_REFCOUNT_UPGRADE, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_READ, 1,
     "upgrade the weak reference that is kept for a cell, read the object, drop both references"},
    {NULL, 0, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_NONE, 0, NULL}};

static const struct mk_kind mk_kind_refcount __attribute__((unused)) = {
    "refcount", "counted references to shared objects: who gives the last one back destroys it", mk_refcount_ops,
    true};

/* ---- objects ------------------------------------------------------------------------------------ */

#define MK_OBJECT_POISON 0xdeadbeefu /* in all halves of an object that has ended */

/* One thread's part of the bench. The counters are its own to write. */
struct mk_own {
    struct mk_object *object; /* it holds a reference; NULL outside */
    MK_ATOMIC(uint64_t) made;
    MK_ATOMIC(uint64_t) ended;
    MK_ATOMIC(uint64_t) ended_again;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_objects {
    struct mk_mem_cache cache;
    struct mk_own *own; /* by id; the last one is of nobody */
    uint32_t threads_max;
};

MK_INLINE struct mk_own *mk_own_of(struct mk_objects *objects, const struct mk_thread *me) {
    return &objects->own[me ? me->id : objects->threads_max];
}

MK_INLINE void mk_own_count(MK_ATOMIC(uint64_t) *counter) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* Words of a payload made from a tag: all differ, so that a torn or foreign one is seen. */
MK_INLINE uint64_t mk_object_word(uint64_t tag, unsigned i) {
    return tag + i * 0x9e3779b97f4a7c15u;
}

MK_INLINE uint64_t mk_object_at(const struct mk_object *object, unsigned i) {
    return (uint64_t)object->half[2 * i + 1] << 32 | object->half[2 * i];
}

/* Reads the whole payload. Returns MK_HIT and its tag, or MK_TORN: the object has ended. */
MK_INLINE enum mk_status mk_object_read(const struct mk_object *object, uint64_t *tag) {
    uint64_t first = *tag = mk_object_at(object, 0);
    bool whole = first != ((uint64_t)MK_OBJECT_POISON << 32 | MK_OBJECT_POISON);
    for (unsigned i = 1; i < MK_OBJECT_WORDS; i++) whole &= mk_object_at(object, i) == mk_object_word(first, i);
    return whole ? MK_HIT : MK_TORN;
}

/* The object's end, once: what was its payload is spoiled, its memory stays. By whoever gave the last reference
 * back, and after all that others did with it. Out of line: what it takes stays out of the operation. */
static MK_NOINLINE void mk_object_end(struct mk_objects *objects, struct mk_thread *me, struct mk_object *object) {
    struct mk_own *own = mk_own_of(objects, me);
    uint64_t tag;
    mk_own_count(mk_object_read(object, &tag) == MK_TORN ? &own->ended_again : &own->ended);
    for (unsigned i = 0; i < 2 * MK_OBJECT_WORDS; i++) *(volatile uint32_t *)&object->half[i] = MK_OBJECT_POISON;
}

/* Gives its memory back, after its end. */
MK_INLINE void mk_object_free(struct mk_objects *objects, struct mk_thread *me, struct mk_object *object) {
    mk_mem_cache_free(&objects->cache, me, object);
}

/* Both, where nobody keeps the memory of an object that has ended. */
static MK_NOINLINE void mk_object_destroy(struct mk_objects *objects, struct mk_thread *me,
                                          struct mk_object *object) {
    mk_object_end(objects, me, object);
    mk_object_free(objects, me, object);
}

/* Returns a new object of which the caller holds the one reference, or NULL: no memory. */
MK_INLINE struct mk_object *mk_object_make(struct mk_objects *objects, struct mk_refcount *rc, struct mk_thread *me,
                                           uint64_t tag) {
    struct mk_object *object = (struct mk_object *)mk_mem_cache_alloc(&objects->cache, me);
    if (!object) return NULL;
    if (!mk_refcount_here.begin(rc, me, object)) {
        mk_object_free(objects, me, object);
        return NULL;
    }
    for (unsigned i = 0; i < MK_OBJECT_WORDS; i++) {
        object->half[2 * i] = (uint32_t)mk_object_word(tag, i);
        object->half[2 * i + 1] = (uint32_t)(mk_object_word(tag, i) >> 32);
    }
    mk_own_count(&mk_own_of(objects, me)->made);
    return object;
}

/* ---- cells -------------------------------------------------------------------------------------- */

#define MK_CELL_LOCKED 1u

/* Locks a cell. Returns what it holds. */
MK_INLINE struct mk_object *mk_cell_lock(mk_cell *cell) {
    unsigned spins = 0;
    for (;;) {
        uint64_t word = atomic_load_explicit(cell, memory_order_relaxed);
        /* acquires what the last one who changed or locked the cell did before */
        if (!(word & MK_CELL_LOCKED) &&
            atomic_compare_exchange_weak_explicit(cell, &word, word | MK_CELL_LOCKED, memory_order_acquire,
                                                  memory_order_relaxed)) {
            return (struct mk_object *)(uintptr_t)word;
        }
        mk_backoff(&spins);
    }
}

MK_INLINE void mk_cell_unlock(mk_cell *cell, struct mk_object *object) {
    atomic_store_explicit(cell, (uint64_t)(uintptr_t)object, memory_order_release);
}

/* As .exchange, where others may lock the cell. */
MK_INLINE struct mk_object *mk_cell_swap(mk_cell *cell, struct mk_object *object) {
    unsigned spins = 0;
    for (;;) {
        uint64_t word = atomic_load_explicit(cell, memory_order_relaxed);
        /* publishes the new object, acquires the old one */
        if (!(word & MK_CELL_LOCKED) &&
            atomic_compare_exchange_weak_explicit(cell, &word, (uint64_t)(uintptr_t)object, memory_order_acq_rel,
                                                  memory_order_relaxed)) {
            return (struct mk_object *)(uintptr_t)word;
        }
        mk_backoff(&spins);
    }
}

/* As .load, by a lock. False: not to be counted. */
MK_INLINE bool mk_cell_load(struct mk_refcount *rc, struct mk_thread *me, mk_cell *cell,
                            struct mk_object **object) {
    if (mk_refcount_here.load) {
        *object = mk_refcount_here.load(rc, me, cell);
        return true;
    }
    *object = mk_cell_lock(cell);
    bool counted = !*object || mk_refcount_here.clone(rc, me, *object);
    mk_cell_unlock(cell, *object);
    return counted;
}

MK_INLINE struct mk_object *mk_cell_exchange(struct mk_refcount *rc, struct mk_thread *me, mk_cell *cell,
                                             struct mk_object *object) {
    return mk_refcount_here.exchange ? mk_refcount_here.exchange(rc, me, cell, object) : mk_cell_swap(cell, object);
}

/* ---- the bench: a shared cell for each key, and an object of its own for each thread --------------- */

/* At most. A box for handoff has one reference, and so has a cell for watch a weak one. */
#define MK_REFCOUNT_BOXES 64

struct mk_refcount_bench {
    struct mk_mem *mem;
    struct mk_refcount *rc;
    struct mk_objects objects;
    uint64_t cells, boxes; /* powers of two */
    mk_cell *cell;
    mk_cell *box;
    mk_cell *weak; /* NULL where there are no weak references */
};

MK_DOOR void mk_refcount_empty_boxes(struct mk_refcount_bench *bench, struct mk_thread *me) {
    for (uint64_t i = 0; i < bench->boxes; i++) {
        uint64_t word = atomic_exchange_explicit(&bench->box[i], 0, memory_order_acq_rel);
        if (word) mk_refcount_here.drop(bench->rc, me, (struct mk_object *)(uintptr_t)word);
    }
}

/* Gives back all references. */
MK_DOOR void mk_refcount_empty(struct mk_refcount_bench *bench) {
    mk_refcount_empty_boxes(bench, NULL);
    for (uint64_t i = 0; bench->weak && i < bench->boxes; i++) {
        struct mk_object *object = mk_cell_swap(&bench->weak[i], NULL);
        if (object) mk_refcount_here.weak_drop(bench->rc, NULL, object);
    }
    for (uint64_t i = 0; i < bench->cells; i++) {
        struct mk_object *object = mk_cell_exchange(bench->rc, NULL, &bench->cell[i], NULL);
        if (object) mk_refcount_here.drop(bench->rc, NULL, object);
    }
}

MK_DOOR void mk_refcount_destroy(void *self) {
    struct mk_refcount_bench *bench = (struct mk_refcount_bench *)self;
    struct mk_mem *mem = bench->mem;
    if (bench->rc) {
        mk_refcount_empty(bench);
        mk_refcount_here.destroy(bench->rc);
    }
    if (bench->objects.cache.alloc) mk_mem_cache_close(mem, &bench->objects.cache);
    if (bench->weak) mk_mem_free(mem, NULL, bench->weak, bench->boxes * sizeof *bench->weak, MK_CACHE_LINE);
    if (bench->box) mk_mem_free(mem, NULL, bench->box, bench->boxes * sizeof *bench->box, MK_CACHE_LINE);
    if (bench->cell) mk_mem_free(mem, NULL, bench->cell, bench->cells * sizeof *bench->cell, MK_CACHE_LINE);
    if (bench->objects.own) {
        mk_mem_free(mem, NULL, bench->objects.own, (bench->objects.threads_max + 1) * sizeof *bench->objects.own,
                    MK_CACHE_LINE);
    }
    mk_mem_free(mem, NULL, bench, sizeof *bench, MK_CACHE_LINE);
}

/* Returns zeroed cells, or NULL. */
MK_DOOR mk_cell *mk_refcount_cells(struct mk_mem *mem, uint64_t n) {
    return (mk_cell *)mk_mem_zalloc(mem, NULL, n * sizeof(mk_cell), MK_CACHE_LINE);
}

MK_DOOR int mk_refcount_fail(struct mk_refcount_bench *bench) {
    mk_refcount_destroy(bench);
    return -1;
}

MK_DOOR int mk_refcount_create(void **self, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_refcount_bench *bench =
        (struct mk_refcount_bench *)mk_mem_zalloc(mem, NULL, sizeof *bench, MK_CACHE_LINE);
    if (!bench) return mk_fail(err, "no memory for %zu bytes", sizeof *bench);
    struct mk_objects *objects = &bench->objects;
    bench->mem = mem;
    bench->cells = 1;
    while (bench->cells < cfg->capacity && bench->cells < (1u << 24)) bench->cells *= 2;
    bench->boxes = bench->cells < MK_REFCOUNT_BOXES ? bench->cells : MK_REFCOUNT_BOXES;
    objects->threads_max = cfg->threads_max;
    objects->own = (struct mk_own *)mk_mem_zalloc(mem, NULL, (cfg->threads_max + 1) * sizeof *objects->own,
                                                  MK_CACHE_LINE);
    bench->cell = mk_refcount_cells(mem, bench->cells);
    bench->box = mk_refcount_cells(mem, bench->boxes);
    if (mk_refcount_here.upgrade) bench->weak = mk_refcount_cells(mem, bench->boxes);
    if (!objects->own || !bench->cell || !bench->box || (mk_refcount_here.upgrade && !bench->weak)) {
        mk_fail(err, "no memory for %llu cells", (unsigned long long)bench->cells);
        return mk_refcount_fail(bench);
    }
    if (mk_mem_cache_open(mem, &objects->cache, sizeof(struct mk_object), __alignof__(struct mk_object), err)) {
        objects->cache.alloc = NULL;
        return mk_refcount_fail(bench);
    }
    if (mk_refcount_here.create(&bench->rc, objects, mem, cfg, err)) {
        bench->rc = NULL;
        return mk_refcount_fail(bench);
    }
    *self = bench;
    return 0;
}

MK_DOOR int mk_refcount_thread_enter(void *self, struct mk_thread *me) {
    struct mk_refcount_bench *bench = (struct mk_refcount_bench *)self;
    if (mk_refcount_here.thread_enter && mk_refcount_here.thread_enter(bench->rc, me)) return -1;
    struct mk_own *own = mk_own_of(&bench->objects, me);
    own->object = mk_object_make(&bench->objects, bench->rc, me, me->id);
    if (own->object) return 0;
    if (mk_refcount_here.thread_exit) mk_refcount_here.thread_exit(bench->rc, me);
    return -1;
}

MK_DOOR void mk_refcount_thread_exit(void *self, struct mk_thread *me) {
    struct mk_refcount_bench *bench = (struct mk_refcount_bench *)self;
    struct mk_own *own = mk_own_of(&bench->objects, me);
    mk_refcount_here.drop(bench->rc, me, own->object);
    own->object = NULL;
    if (mk_refcount_here.thread_exit) mk_refcount_here.thread_exit(bench->rc, me);
}

/* The boxes are emptied, too: then objects are those in cells and the threads' own, and no others. */
MK_DOOR void mk_refcount_flush(void *self, struct mk_thread *me) {
    struct mk_refcount_bench *bench = (struct mk_refcount_bench *)self;
    mk_refcount_empty_boxes(bench, me);
    if (mk_refcount_here.flush) mk_refcount_here.flush(bench->rc, me);
}

MK_DOOR size_t mk_refcount_stats(void *self, struct mk_stat *out, size_t room) {
    struct mk_refcount_bench *bench = (struct mk_refcount_bench *)self;
    struct mk_stat stats[3] = {{"made", 0}, {"ended", 0}, {"ended_again", 0}};
    for (uint32_t i = 0; i <= bench->objects.threads_max; i++) {
        stats[0].value += atomic_load_explicit(&bench->objects.own[i].made, memory_order_relaxed);
        stats[1].value += atomic_load_explicit(&bench->objects.own[i].ended, memory_order_relaxed);
        stats[2].value += atomic_load_explicit(&bench->objects.own[i].ended_again, memory_order_relaxed);
    }
    memcpy(out, stats, (room < 3 ? room : 3) * sizeof *stats);
    if (!mk_refcount_here.stats) return 3;
    return 3 + mk_refcount_here.stats(bench->rc, room > 3 ? out + 3 : NULL, room > 3 ? room - 3 : 0);
}

MK_DOOR uint64_t mk_refcount_count(void *self) {
    struct mk_refcount_bench *bench = (struct mk_refcount_bench *)self;
    uint64_t n = 0;
    for (uint64_t i = 0; i < bench->cells; i++) {
        n += atomic_load_explicit(&bench->cell[i], memory_order_acquire) != 0;
    }
    return n;
}

MK_DOOR void mk_refcount_walk(void *self, mk_visit_fn *visit, void *arg) {
    struct mk_refcount_bench *bench = (struct mk_refcount_bench *)self;
    for (uint64_t i = 0; i < bench->cells; i++) {
        struct mk_object *object;
        uint64_t tag;
        if (!mk_cell_load(bench->rc, NULL, &bench->cell[i], &object) || !object) continue;
        mk_object_read(object, &tag);
        visit(arg, i, tag);
        mk_refcount_here.drop(bench->rc, NULL, object);
    }
}

/* ---- its operations: each returns MK_HIT and the tag it saw, or what else became of it --------------- */

/* The operation takes place where the cell's content is taken over. MK_MISS: it is empty. */
MK_INLINE enum mk_status mk_refcount_one_load(struct mk_refcount_bench *bench, struct mk_thread *me, uint64_t key,
                                              uint64_t *seen) {
    struct mk_object *object;
    if (!mk_cell_load(bench->rc, me, &bench->cell[key & (bench->cells - 1)], &object)) return MK_NO_MEMORY;
    if (!object) return MK_MISS;
    enum mk_status status = mk_object_read(object, seen);
    mk_refcount_here.drop(bench->rc, me, object);
    return status;
}

/* Takes place where the cell is changed. MK_HIT: *seen is the tag of the object that was there. MK_MISS: there was
 * none. MK_NO_MEMORY: nothing changed. */
MK_INLINE enum mk_status mk_refcount_one_replace(struct mk_refcount_bench *bench, struct mk_thread *me,
                                                 uint64_t key, uint64_t tag, uint64_t *seen) {
    struct mk_object *object = mk_object_make(&bench->objects, bench->rc, me, tag);
    if (!object) return MK_NO_MEMORY;
    object = mk_cell_exchange(bench->rc, me, &bench->cell[key & (bench->cells - 1)], object);
    if (!object) return MK_MISS;
    enum mk_status status = mk_object_read(object, seen);
    mk_refcount_here.drop(bench->rc, me, object);
    return status;
}

/* Leaves the caller's reference in a box. A reference has one holder, so that an exchange hands it over: released
 * by one, acquired by the other. Reads and drops what was there. Returns MK_TORN if that had ended. */
MK_INLINE enum mk_status mk_refcount_put(struct mk_refcount_bench *bench, struct mk_thread *me, uint64_t key,
                                         struct mk_object *object) {
    uint64_t tag, word = atomic_exchange_explicit(&bench->box[key & (bench->boxes - 1)],
                                                  (uint64_t)(uintptr_t)object, memory_order_acq_rel);
    if (!word) return MK_HIT;
    enum mk_status status = mk_object_read((struct mk_object *)(uintptr_t)word, &tag);
    mk_refcount_here.drop(bench->rc, me, (struct mk_object *)(uintptr_t)word);
    return status;
}

/* MK_HIT always, and nothing to see: what lay in the box follows from no order of operations on a key. MK_TORN:
 * that had ended. MK_NO_MEMORY: nothing changed. */
MK_INLINE enum mk_status mk_refcount_one_handoff(struct mk_refcount_bench *bench, struct mk_thread *me,
                                                 uint64_t key) {
    struct mk_object *own = mk_own_of(&bench->objects, me)->object;
    if (!mk_refcount_here.clone(bench->rc, me, own)) return MK_NO_MEMORY;
    return mk_refcount_put(bench, me, key, own);
}

/* As handoff, of what lies in the box before; of the thread's own object where that is empty. The reference that
 * was there lies there again, unless another thread has put one there meanwhile: then that is dropped. */
MK_INLINE enum mk_status mk_refcount_one_share(struct mk_refcount_bench *bench, struct mk_thread *me,
                                               uint64_t key) {
    struct mk_object *object = (struct mk_object *)(uintptr_t)atomic_exchange_explicit(
        &bench->box[key & (bench->boxes - 1)], 0, memory_order_acq_rel);
    if (!object) return mk_refcount_one_handoff(bench, me, key + 1);
    uint64_t tag;
    enum mk_status seen = mk_object_read(object, &tag), next = MK_NO_MEMORY;
    if (mk_refcount_here.clone(bench->rc, me, object)) next = mk_refcount_put(bench, me, key + 1, object);
    enum mk_status back = mk_refcount_put(bench, me, key, object);
    return seen == MK_TORN || back == MK_TORN ? MK_TORN : next;
}

/* MK_MISS: the cell is empty; nothing changed. */
MK_INLINE enum mk_status mk_refcount_one_watch(struct mk_refcount_bench *bench, struct mk_thread *me, uint64_t key,
                                               uint64_t *seen) {
    struct mk_object *object;
    if (!mk_cell_load(bench->rc, me, &bench->cell[key & (bench->cells - 1)], &object)) return MK_NO_MEMORY;
    if (!object) return MK_MISS;
    mk_refcount_here.downgrade(bench->rc, me, object);
    struct mk_object *before = mk_cell_swap(&bench->weak[key & (bench->boxes - 1)], object);
    if (before) mk_refcount_here.weak_drop(bench->rc, me, before);
    enum mk_status status = mk_object_read(object, seen);
    mk_refcount_here.drop(bench->rc, me, object);
    return status;
}

/* MK_MISS: the object that is watched has ended, or none is. */
MK_INLINE enum mk_status mk_refcount_one_upgrade(struct mk_refcount_bench *bench, struct mk_thread *me,
                                                 uint64_t key, uint64_t *seen) {
    mk_cell *cell = &bench->weak[key & (bench->boxes - 1)];
    enum mk_status status = MK_MISS;
    struct mk_object *object = mk_cell_lock(cell);
    if (object) mk_refcount_here.weak_clone(bench->rc, me, object);
    mk_cell_unlock(cell, object);
    if (!object) return MK_MISS;
    if (mk_refcount_here.upgrade(bench->rc, me, object)) {
        status = mk_object_read(object, seen);
        mk_refcount_here.drop(bench->rc, me, object);
    }
    mk_refcount_here.weak_drop(bench->rc, me, object);
    return status;
}

MK_INLINE enum mk_status mk_refcount_one(struct mk_refcount_bench *bench, struct mk_thread *me, unsigned code,
                                         uint64_t key, uint64_t tag, uint64_t *seen) {
    switch (code) {
    case MK_REFCOUNT_PAIR: {
        struct mk_object *own = mk_own_of(&bench->objects, me)->object;
        *seen = key;
        if (!mk_refcount_here.clone(bench->rc, me, own)) return MK_NO_MEMORY;
        mk_refcount_here.drop(bench->rc, me, own);
        return MK_HIT;
    }
    case MK_REFCOUNT_READ: return mk_object_read(mk_own_of(&bench->objects, me)->object, seen);
    case MK_REFCOUNT_LOAD: return mk_refcount_one_load(bench, me, key, seen);
    case MK_REFCOUNT_REPLACE: return mk_refcount_one_replace(bench, me, key, tag, seen);
    case MK_REFCOUNT_HANDOFF: return mk_refcount_one_handoff(bench, me, key);
    case MK_REFCOUNT_SHARE: return mk_refcount_one_share(bench, me, key);
    case MK_REFCOUNT_WATCH:
        if (mk_refcount_here.upgrade) return mk_refcount_one_watch(bench, me, key, seen);
        return MK_REFUSED;
    case MK_REFCOUNT_UPGRADE:
        if (mk_refcount_here.upgrade) return mk_refcount_one_upgrade(bench, me, key, seen);
        return MK_REFUSED;
    default: return MK_REFUSED;
    }
}

/* What a run adds up it keeps in registers: a pair takes less time than an addition to memory that waits for the
 * last one. */
MK_INLINE void mk_refcount_run(void *self, struct mk_thread *me, int only, const uint64_t *stream, size_t n,
                               struct mk_tally *tally) {
    struct mk_refcount_bench *bench = (struct mk_refcount_bench *)self;
    uint64_t hits = 0, failed = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned code = only >= 0 ? (unsigned)only : MK_CODE(stream[i]);
        uint64_t seen = 0, key = MK_OPERAND(stream[i]);
        enum mk_status status = mk_refcount_one(bench, me, code, key, key, &seen);
        if (only >= 0) {
            hits += status == MK_HIT;
        } else {
            tally->hits[code] += status == MK_HIT;
        }
        failed += status > MK_HIT;
        sum += seen;
    }
    if (only >= 0) tally->hits[only] += hits;
    tally->failed += failed;
    tally->sum += sum;
}

#define MK_REFCOUNT_BATCH(NAME, ONLY)                                                     \
    MK_DOOR void NAME(void *self, struct mk_thread *me, const uint64_t *stream, size_t n, \
                      struct mk_tally *tally) {                                           \
        mk_refcount_run(self, me, ONLY, stream, n, tally);                                \
    }
MK_REFCOUNT_BATCH(mk_refcount_batch, -1)
MK_REFCOUNT_BATCH(mk_refcount_batch_pair, MK_REFCOUNT_PAIR)
MK_REFCOUNT_BATCH(mk_refcount_batch_read, MK_REFCOUNT_READ)
MK_REFCOUNT_BATCH(mk_refcount_batch_load, MK_REFCOUNT_LOAD)
MK_REFCOUNT_BATCH(mk_refcount_batch_replace, MK_REFCOUNT_REPLACE)
MK_REFCOUNT_BATCH(mk_refcount_batch_handoff, MK_REFCOUNT_HANDOFF)
MK_REFCOUNT_BATCH(mk_refcount_batch_share, MK_REFCOUNT_SHARE)

MK_DOOR void mk_refcount_step(void *self, struct mk_thread *me, const struct mk_op *op, struct mk_result *result) {
    uint64_t seen = 0;
    result->status =
        mk_refcount_one((struct mk_refcount_bench *)self, me, op->code, op->key, op->value, &seen);
    result->value = result->previous = seen;
}

MK_INLINE uint8_t mk_refcount_weaker(unsigned a, unsigned b) {
    return (uint8_t)(a < b ? a : b);
}

MK_DOOR void mk_refcount_describe(struct mk_impl *impl) {
    unsigned clone = mk_refcount_here.progress.clone, drop = mk_refcount_here.progress.drop;
    unsigned cell = mk_refcount_here.load ? mk_refcount_here.progress.cell : MK_BLOCKING;
    uint32_t all = 1u << MK_REFCOUNT_PAIR | 1u << MK_REFCOUNT_READ | 1u << MK_REFCOUNT_LOAD |
                   1u << MK_REFCOUNT_REPLACE | 1u << MK_REFCOUNT_HANDOFF | 1u << MK_REFCOUNT_SHARE;
    impl->kind = &mk_kind_refcount;
    impl->summary = mk_refcount_here.summary;
    /* a floor counts for one thread alone */
    impl->caps = mk_refcount_here.caps | MK_GROWS | (mk_refcount_here.caps & MK_FLOOR ? 0 : MK_CONCURRENT);
    impl->params = mk_refcount_here.params;
    impl->value_bytes = MK_VALUE_BYTES;
    impl->must_offer = all;
    impl->offers = mk_refcount_here.begin && mk_refcount_here.clone && mk_refcount_here.drop &&
                           !mk_refcount_here.load == !mk_refcount_here.exchange
                       ? all
                       : 0;
    if (mk_refcount_here.downgrade && mk_refcount_here.upgrade && mk_refcount_here.weak_clone &&
        mk_refcount_here.weak_drop) {
        impl->offers |= 1u << MK_REFCOUNT_WATCH | 1u << MK_REFCOUNT_UPGRADE;
    }
    impl->progress[MK_REFCOUNT_PAIR] = mk_refcount_weaker(clone, drop);
    impl->progress[MK_REFCOUNT_HANDOFF] = impl->progress[MK_REFCOUNT_SHARE] = mk_refcount_weaker(clone, drop);
    impl->progress[MK_REFCOUNT_READ] = MK_WAIT_FREE;
    impl->progress[MK_REFCOUNT_LOAD] = impl->progress[MK_REFCOUNT_REPLACE] = mk_refcount_weaker(cell, drop);
    impl->progress[MK_REFCOUNT_WATCH] = impl->progress[MK_REFCOUNT_UPGRADE] = MK_BLOCKING;
    impl->create = mk_refcount_here.create ? mk_refcount_create : NULL;
    impl->destroy = mk_refcount_here.destroy ? mk_refcount_destroy : NULL;
    impl->thread_enter = mk_refcount_thread_enter;
    impl->thread_exit = mk_refcount_thread_exit;
    impl->flush = mk_refcount_flush;
    impl->count = mk_refcount_count;
    impl->walk = mk_refcount_walk;
    impl->stats = mk_refcount_stats;
    impl->batch = mk_refcount_batch;
    impl->batch_of[MK_REFCOUNT_PAIR] = mk_refcount_batch_pair;
    impl->batch_of[MK_REFCOUNT_READ] = mk_refcount_batch_read;
    impl->batch_of[MK_REFCOUNT_LOAD] = mk_refcount_batch_load;
    impl->batch_of[MK_REFCOUNT_REPLACE] = mk_refcount_batch_replace;
    impl->batch_of[MK_REFCOUNT_HANDOFF] = mk_refcount_batch_handoff;
    impl->batch_of[MK_REFCOUNT_SHARE] = mk_refcount_batch_share;
    impl->step = mk_refcount_step;
}

#define MK_REFCOUNT(NAME, ...)                                        \
    MK_DEFINE(struct mk_refcount_def, mk_refcount_here, __VA_ARGS__); \
    MK_REGISTER(#NAME, mk_refcount_describe)

#endif
