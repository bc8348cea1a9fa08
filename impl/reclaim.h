/* reclaim.h - the contract of kind `reclaim`: safe memory reclamation for pointer structures.
 *
 * A structure brackets every operation in enter/leave, loads links that it will follow through
 * protect, and hands nodes it has unlinked to retire, which frees them once no thread that could
 * still hold them is inside. A structure that lists `parts: reclaim=ebr` in its file-top block is
 * compiled once per reclaimer, with the reclaimer's file included before it, so all of this inlines.
 *
 * An implementation completes `struct mk_reclaim` and ends in MK_RECLAIM(name, ...). One that needs
 * room in every node defines MK_RECLAIM_HEADER (members, e.g. `uint64_t birth;`) before it includes
 * this header; structures put MK_RECLAIM_HEADER first in their node.
 */
#ifndef MK_RECLAIM_H
#define MK_RECLAIM_H

#include "mk.h"
#include "order.h"

#ifndef MK_RECLAIM_HEADER
#define MK_RECLAIM_HEADER
#endif

/* A link between nodes: a pointer with flags in its low 3 bits. */
typedef uintptr_t mk_link;
#define MK_LINK_FLAGS ((mk_link)7)

struct mk_reclaim; /* completed by the implementation */

/* How retired nodes of one sort are freed: into `cache`, or, where that is NULL, by dispose. One
 * per sort and structure; it outlives the reclaimer. */
struct mk_retire {
    struct mk_mem_cache *cache;
    void (*dispose)(void *arg, struct mk_thread *me, void *node);
    void *arg;
    size_t bytes; /* of one node, for the figures of unreclaimed bytes */
};

MK_INLINE void mk_retire_now(const struct mk_retire *how, struct mk_thread *me, void *node) {
#ifdef MK_MEM_DIRECT
    /* Counted as memory, dispose included. So the disassembly test does not see that call through a
     * pointer: it is made when a table that a resize has replaced is freed, and never in a get. */
    mk_direct_free(how, me, node, how->bytes, 0);
#else
    if (MK_LIKELY(how->cache != NULL)) {
        mk_mem_cache_free(how->cache, me, node);
    } else {
        how->dispose(how->arg, me, node);
    }
#endif
}

enum mk_reclaim_op { MK_RECLAIM_ENTER_LEAVE, MK_RECLAIM_READ, MK_RECLAIM_REPLACE };

struct mk_reclaim_def {
    const char *summary;
    uint64_t caps;
    const struct mk_param *params;
    struct {
        enum mk_progress enter, retire;
    } progress;

    int (*create)(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err);
    /* Frees what is still retired. All threads have exited. */
    void (*destroy)(struct mk_reclaim *smr);
    int (*thread_enter)(struct mk_reclaim *smr, struct mk_thread *me);
    /* What the thread leaves retired is adopted by others. */
    void (*thread_exit)(struct mk_reclaim *smr, struct mk_thread *me);
    /* Opens and closes a read-side section. Sections of one thread do not nest. */
    void (*enter)(struct mk_reclaim *smr, struct mk_thread *me);
    void (*leave)(struct mk_reclaim *smr, struct mk_thread *me);
    /* Returns the link read from *source; the node it names stays allocated until leave, or until the same slot
     * protects another. Slots count from 0, and there are 8. The load is seq_cst: a structure whose changes are so,
     * too, has one order of all of them. Without MK_UNLINKED_OK the node stays only if it was not retired when it was
     * protected. Where the link itself does not say so (that of a node that is unlinked names what it named), a load
     * after protect does, relaxed or more: what was done before the retirement of a node that is not kept is seen by
     * it. A node of one's own that others can reach is to be protected as theirs are. */
    mk_link (*protect)(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot, MK_ATOMIC(mk_link) *source);
    /* Stamps a node that is about to be published, inside a section or outside. A header of zero bytes, never
     * stamped, must do as well: the node then counts as born before all readers. */
    void (*birth)(struct mk_reclaim *smr, struct mk_thread *me, void *node);
    /* Makes room for n retirements, so that retire cannot fail. False: no memory, nothing changed.
     * Called outside or inside a section, before the change that will need it. */
    bool (*reserve)(struct mk_reclaim *smr, struct mk_thread *me, unsigned n);
    /* Takes over a node that no new reader can reach. Inside a section, within the room reserved. */
    void (*retire)(struct mk_reclaim *smr, struct mk_thread *me, void *node, const struct mk_retire *how);
    /* At quiescence: frees everything retired by anybody (but MK_NEVER_FREES). */
    void (*flush)(struct mk_reclaim *smr, struct mk_thread *me);
    /* What mk_reclaim_report() gives. */
    size_t (*stats)(struct mk_reclaim *smr, struct mk_stat *out, size_t room);
};

/* The figures of every reclaimer, under their names. Returns how many there are; fills in those there is
 * room for. Peaks may be upper bounds. */
static inline size_t mk_reclaim_report(uint64_t retired, uint64_t freed, uint64_t peak, uint64_t peak_bytes,
                                       struct mk_stat *out, size_t room) {
    const struct mk_stat stats[] = {{"retired", retired},
                                    {"freed", freed},
                                    {"unreclaimed", retired > freed ? retired - freed : 0},
                                    {"peak_unreclaimed", peak < retired ? peak : retired},
                                    {"peak_unreclaimed_bytes", peak_bytes}};
    size_t n = sizeof stats / sizeof *stats;
    memcpy(out, stats, (room < n ? room : n) * sizeof *stats);
    return n;
}

#define MK_RECLAIM_WAITING 2 /* where in the report "unreclaimed" stands */

MK_DEFINE_LATER(struct mk_reclaim_def, mk_reclaim_here);

/* The reclaimer this unit was compiled with. */
MK_INLINE void mk_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    mk_reclaim_here.enter(smr, me);
}

MK_INLINE void mk_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    mk_reclaim_here.leave(smr, me);
}

MK_INLINE mk_link mk_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                             MK_ATOMIC(mk_link) *source) {
    return mk_reclaim_here.protect(smr, me, slot, source);
}

MK_INLINE void mk_birth(struct mk_reclaim *smr, struct mk_thread *me, void *node) {
    if (mk_reclaim_here.birth) mk_reclaim_here.birth(smr, me, node);
}

MK_INLINE bool mk_reserve(struct mk_reclaim *smr, struct mk_thread *me, unsigned n) {
    return !mk_reclaim_here.reserve || mk_reclaim_here.reserve(smr, me, n);
}

MK_INLINE void mk_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node, const struct mk_retire *how) {
    mk_reclaim_here.retire(smr, me, node, how);
}

static const struct mk_op_desc mk_reclaim_ops[] = {
    {"enter_leave", MK_RECLAIM_ENTER_LEAVE, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_NONE, 1,
     "open and close an empty read-side section"},
    {"read", MK_RECLAIM_READ, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_READ, 1,
     "in a section, protect a shared node and read it"},
    {"replace", MK_RECLAIM_REPLACE, MK_NO_CODE, MK_OPERAND_KEY, MK_EFFECT_ADD, 1,
     "in a section, put a new node in place of a shared one and retire that"},
    {NULL, 0, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_NONE, 0, NULL}};

static const struct mk_kind mk_kind_reclaim __attribute__((unused)) = {
    "reclaim", "safe memory reclamation: when a retired node may be freed", mk_reclaim_ops, true};

/* ---- measured on its own: an array of cells, each naming one node -------------------------- */

#ifndef MK_PART_RECLAIM

struct mk_reclaim_node {
    MK_RECLAIM_HEADER
    uint64_t word;    /* poisoned on free, so that a node freed too early is seen */
    uint64_t check;
};

#define MK_RECLAIM_POISON 0xdeadbeefdeadbeefu

struct mk_reclaim_bench {
    struct mk_mem *mem;
    struct mk_reclaim *smr;
    struct mk_mem_cache cache;
    struct mk_retire how;
    uint64_t cells; /* a power of two */
    MK_ATOMIC(mk_link) * cell;
};

/* Not through the cache's own door: the node is spoiled first. */
MK_DOOR void mk_reclaim_dispose(void *arg, struct mk_thread *me, void *node) {
    struct mk_reclaim_node *old = (struct mk_reclaim_node *)node;
    *(volatile uint64_t *)&old->word = MK_RECLAIM_POISON;
    mk_mem_cache_free(&((struct mk_reclaim_bench *)arg)->cache, me, node);
}

MK_DOOR void mk_reclaim_destroy(void *self) {
    struct mk_reclaim_bench *bench = (struct mk_reclaim_bench *)self;
    struct mk_mem *mem = bench->mem;
    if (bench->smr) mk_reclaim_here.destroy(bench->smr);
    for (uint64_t i = 0; bench->cell && i < bench->cells; i++) {
        mk_link link = atomic_load_explicit(&bench->cell[i], memory_order_relaxed);
        if (link) mk_mem_cache_free(&bench->cache, NULL, (void *)link);
    }
    if (bench->cache.alloc) mk_mem_cache_close(mem, &bench->cache);
    if (bench->cell) mk_mem_free(mem, NULL, bench->cell, bench->cells * sizeof *bench->cell, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, bench, sizeof *bench, MK_CACHE_LINE);
}

MK_DOOR struct mk_reclaim_node *mk_reclaim_make(struct mk_reclaim_bench *bench, struct mk_thread *me, uint64_t tag) {
    struct mk_reclaim_node *node = (struct mk_reclaim_node *)mk_mem_cache_alloc(&bench->cache, me);
    if (!node) return NULL;
    mk_birth(bench->smr, me, node);
    node->word = tag;
    node->check = ~tag;
    return node;
}

MK_DOOR int mk_reclaim_create(void **self, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_reclaim_bench *bench =
        (struct mk_reclaim_bench *)mk_mem_zalloc(mem, NULL, sizeof *bench, MK_CACHE_LINE);
    if (!bench) return mk_fail(err, "no memory for %zu bytes", sizeof *bench);
    bench->mem = mem;
    bench->how.dispose = mk_reclaim_dispose;
    bench->how.arg = bench;
    bench->how.bytes = sizeof(struct mk_reclaim_node);
    bench->cells = 1;
    while (bench->cells < cfg->capacity && bench->cells < (1u << 20)) bench->cells *= 2;
    bench->cell = (MK_ATOMIC(mk_link) *)mk_mem_zalloc(mem, NULL, bench->cells * sizeof *bench->cell, MK_CACHE_LINE);
    if (!bench->cell) {
        mk_fail(err, "no memory for %llu cells", (unsigned long long)bench->cells);
        mk_reclaim_destroy(bench);
        return -1;
    }
    if (mk_mem_cache_open(mem, &bench->cache, sizeof(struct mk_reclaim_node), sizeof(uint64_t), err)) {
        bench->cache.alloc = NULL;
        mk_reclaim_destroy(bench);
        return -1;
    }
    if (mk_reclaim_here.create(&bench->smr, mem, cfg, err)) {
        bench->smr = NULL;
        mk_reclaim_destroy(bench);
        return -1;
    }
    *self = bench;
    return 0;
}

MK_DOOR int mk_reclaim_thread_enter(void *self, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(((struct mk_reclaim_bench *)self)->smr, me);
}

MK_DOOR void mk_reclaim_thread_exit(void *self, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(((struct mk_reclaim_bench *)self)->smr, me);
}

MK_DOOR void mk_reclaim_flush(void *self, struct mk_thread *me) {
    mk_reclaim_here.flush(((struct mk_reclaim_bench *)self)->smr, me);
}

MK_DOOR void mk_reclaim_hold(void *self, struct mk_thread *me) {
    mk_enter(((struct mk_reclaim_bench *)self)->smr, me);
}

MK_DOOR void mk_reclaim_unhold(void *self, struct mk_thread *me) {
    mk_leave(((struct mk_reclaim_bench *)self)->smr, me);
}

MK_DOOR size_t mk_reclaim_stats(void *self, struct mk_stat *out, size_t room) {
    const struct mk_reclaim_bench *bench = (const struct mk_reclaim_bench *)self;
    size_t n = mk_reclaim_here.stats(bench->smr, out, room);
    /* All nodes are of one size here, so that what waits is known in bytes, too. */
    if (n > MK_RECLAIM_WAITING && n < room) {
        out[n].name = "unreclaimed_bytes";
        out[n].value = out[MK_RECLAIM_WAITING].value * bench->how.bytes;
    }
    return n + 1;
}

MK_DOOR uint64_t mk_reclaim_count(void *self) {
    struct mk_reclaim_bench *bench = (struct mk_reclaim_bench *)self;
    uint64_t n = 0;
    for (uint64_t i = 0; i < bench->cells; i++) {
        n += atomic_load_explicit(&bench->cell[i], memory_order_acquire) != 0;
    }
    return n;
}

MK_DOOR void mk_reclaim_walk(void *self, mk_visit_fn *visit, void *arg) {
    struct mk_reclaim_bench *bench = (struct mk_reclaim_bench *)self;
    for (uint64_t i = 0; i < bench->cells; i++) {
        mk_link link = atomic_load_explicit(&bench->cell[i], memory_order_acquire);
        if (link) visit(arg, i, ((struct mk_reclaim_node *)link)->word);
    }
}

/* One operation. Returns MK_HIT where a node was found, MK_TORN where it had been freed. */
MK_INLINE enum mk_status mk_reclaim_one(struct mk_reclaim_bench *bench, struct mk_thread *me, unsigned code,
                                        uint64_t key, uint64_t tag, uint64_t *seen) {
    MK_ATOMIC(mk_link) *cell = &bench->cell[key & (bench->cells - 1)];
    enum mk_status status = MK_MISS;
    switch (code) {
    case MK_RECLAIM_ENTER_LEAVE:
        mk_enter(bench->smr, me);
        *seen = key; /* or the loop around a section that does nothing would vanish */
        mk_leave(bench->smr, me);
        break;
    case MK_RECLAIM_READ: {
        mk_enter(bench->smr, me);
        mk_link link = mk_protect(bench->smr, me, 0, cell);
        if (link) {
            const struct mk_reclaim_node *node = (const struct mk_reclaim_node *)link;
            *seen = node->word;
            status = node->check == ~node->word ? MK_HIT : MK_TORN;
        }
        mk_leave(bench->smr, me);
        break;
    }
    case MK_RECLAIM_REPLACE: {
        if (!mk_reserve(bench->smr, me, 1)) return MK_NO_MEMORY;
        mk_enter(bench->smr, me);
        struct mk_reclaim_node *node = mk_reclaim_make(bench, me, tag);
        if (!node) {
            mk_leave(bench->smr, me);
            return MK_NO_MEMORY;
        }
        /* seq_cst: publishes the node's words to protect; acquires the old node's; and changes of two cells are seen in
         * one order by all. */
        mk_link old = atomic_exchange_explicit(cell, (mk_link)node, memory_order_seq_cst);
        if (old) {
            *seen = ((struct mk_reclaim_node *)old)->word;
            status = MK_HIT;
            mk_retire(bench->smr, me, (void *)old, &bench->how);
        }
        mk_leave(bench->smr, me);
        break;
    }
    default: return MK_REFUSED;
    }
    return status;
}

MK_INLINE void mk_reclaim_run(void *self, struct mk_thread *me, int only, const uint64_t *stream, size_t n,
                              struct mk_tally *tally) {
    struct mk_reclaim_bench *bench = (struct mk_reclaim_bench *)self;
    for (size_t i = 0; i < n; i++) {
        unsigned code = only >= 0 ? (unsigned)only : MK_CODE(stream[i]);
        uint64_t seen = 0, key = MK_OPERAND(stream[i]);
        enum mk_status status = mk_reclaim_one(bench, me, code, key, key, &seen);
        tally->hits[code] += status == MK_HIT;
        tally->failed += status > MK_HIT;
        tally->sum += seen;
    }
}

MK_DOOR void mk_reclaim_batch(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                              struct mk_tally *tally) {
    mk_reclaim_run(self, me, -1, stream, n, tally);
}

MK_DOOR void mk_reclaim_batch_enter_leave(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                          struct mk_tally *tally) {
    mk_reclaim_run(self, me, MK_RECLAIM_ENTER_LEAVE, stream, n, tally);
}

MK_DOOR void mk_reclaim_batch_read(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                   struct mk_tally *tally) {
    mk_reclaim_run(self, me, MK_RECLAIM_READ, stream, n, tally);
}

MK_DOOR void mk_reclaim_step(void *self, struct mk_thread *me, const struct mk_op *op, struct mk_result *result) {
    uint64_t seen = 0;
    result->status =
        mk_reclaim_one((struct mk_reclaim_bench *)self, me, op->code, op->key, op->value, &seen);
    result->value = result->previous = seen;
}

MK_DOOR void mk_reclaim_describe(struct mk_impl *impl) {
    impl->kind = &mk_kind_reclaim;
    impl->summary = mk_reclaim_here.summary;
    /* a floor protects nobody */
    impl->caps = mk_reclaim_here.caps | MK_GROWS | (mk_reclaim_here.caps & MK_FLOOR ? 0 : MK_CONCURRENT);
    impl->params = mk_reclaim_here.params;
    impl->offers = mk_reclaim_here.enter && mk_reclaim_here.leave && mk_reclaim_here.protect && mk_reclaim_here.retire
                       ? 1u << MK_RECLAIM_ENTER_LEAVE | 1u << MK_RECLAIM_READ | 1u << MK_RECLAIM_REPLACE
                       : 0;
    impl->must_offer = 1u << MK_RECLAIM_ENTER_LEAVE | 1u << MK_RECLAIM_READ | 1u << MK_RECLAIM_REPLACE;
    impl->progress[MK_RECLAIM_ENTER_LEAVE] = impl->progress[MK_RECLAIM_READ] =
        (uint8_t)mk_reclaim_here.progress.enter;
    impl->progress[MK_RECLAIM_REPLACE] = (uint8_t)mk_reclaim_here.progress.retire;
    impl->create = mk_reclaim_here.create ? mk_reclaim_create : NULL;
    impl->destroy = mk_reclaim_here.destroy ? mk_reclaim_destroy : NULL;
    impl->thread_enter = mk_reclaim_thread_enter;
    impl->thread_exit = mk_reclaim_thread_exit;
    impl->flush = mk_reclaim_flush;
    impl->count = mk_reclaim_count;
    impl->walk = mk_reclaim_walk;
    impl->stats = mk_reclaim_here.stats ? mk_reclaim_stats : NULL;
    impl->hold = mk_reclaim_hold;
    impl->unhold = mk_reclaim_unhold;
    impl->batch = mk_reclaim_batch;
    impl->batch_of[MK_RECLAIM_ENTER_LEAVE] = mk_reclaim_batch_enter_leave;
    impl->batch_of[MK_RECLAIM_READ] = mk_reclaim_batch_read;
    impl->step = mk_reclaim_step;
}

#define MK_RECLAIM(NAME, ...)                                        \
    MK_DEFINE(struct mk_reclaim_def, mk_reclaim_here, __VA_ARGS__); \
    MK_REGISTER(#NAME, mk_reclaim_describe)
#else
#define MK_RECLAIM(NAME, ...) MK_DEFINE(struct mk_reclaim_def, mk_reclaim_here, __VA_ARGS__)
#endif

#endif
