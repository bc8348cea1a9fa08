/* reclaim/leak - retired nodes stay until destroy: the price of never reclaiming, and of nothing else.
 *
 * Source:     none; the yardstick of every paper on reclamation.
 * Picture:    record[id] | newest -> [node, how ... 255] -> [ ... ] |      one per thread
 * Parts:      none.
 * Progress:   wait-free; enter and leave do nothing; reserve is as good as the allocator.
 * Ordering:   a protected load is an acquire-load; nothing is freed while anybody is inside.
 * Memory:     64 B * threads_max, and every node ever retired with 16 B for each, in chunks of 4 KiB.
 * Limits:     memory grows with every change; flush gives nothing back.
 */
#include "../reclaim.h"

#define LEAK_CHUNK_NODES 255 /* a chunk fills a page */

struct leak_chunk {
    struct leak_chunk *next;
    uint64_t count;
    struct {
        void *node;
        const struct mk_retire *how;
    } retired[LEAK_CHUNK_NODES];
};

/* Of one thread; who gets its id later goes on with it. */
struct leak_record {
    struct leak_chunk *newest;
    struct leak_chunk *spare;
    uint64_t room;                       /* nodes it can take without new memory */
    MK_ATOMIC(uint64_t) retired, bytes; /* the owner writes, stats reads */
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_reclaim {
    struct mk_mem *mem;
    uint32_t threads_max;
    struct leak_record *record;
};

static void leak_chunks_free(struct mk_mem *mem, struct leak_chunk *chunk) {
    for (struct leak_chunk *next; chunk; chunk = next) {
        next = chunk->next;
        for (uint64_t i = 0; i < chunk->count; i++) {
            mk_retire_now(chunk->retired[i].how, NULL, chunk->retired[i].node);
        }
        mk_mem_free(mem, NULL, chunk, sizeof *chunk, MK_CACHE_LINE);
    }
}

static void leak_destroy(struct mk_reclaim *smr) {
    struct mk_mem *mem = smr->mem;
    for (uint32_t i = 0; i < smr->threads_max; i++) {
        leak_chunks_free(mem, smr->record[i].newest);
        leak_chunks_free(mem, smr->record[i].spare);
    }
    mk_mem_free(mem, NULL, smr->record, smr->threads_max * sizeof *smr->record, _Alignof(struct leak_record));
    mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
}

static int leak_create(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg,
                       struct mk_err *err) {
    struct mk_reclaim *smr = mk_mem_zalloc(mem, NULL, sizeof *smr, _Alignof(struct mk_reclaim));
    if (!smr) return mk_fail(err, "no memory for the reclaimer");
    smr->mem = mem;
    smr->threads_max = cfg->threads_max;
    smr->record = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *smr->record, _Alignof(struct leak_record));
    if (!smr->record) {
        mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
        return mk_fail(err, "no memory for the records of %u threads", cfg->threads_max);
    }
    *out = smr;
    return 0;
}

static int leak_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    return 0;
}

static void leak_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
}

static inline void leak_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
}

static inline void leak_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
}

static inline mk_link leak_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                   MK_ATOMIC(mk_link) *source) {
    (void)smr, (void)me, (void)slot;
    /* (1) seq_cst-load synchronizes-with the release of whoever linked the node (36 in map/chain.c): its words; and is
     * in one total order with changes of links that are seq_cst, so that structures can be linearizable */
    return atomic_load_explicit(source, memory_order_seq_cst);
}

static MK_NOINLINE bool leak_make_room(struct mk_reclaim *smr, struct mk_thread *me, struct leak_record *my,
                                       uint64_t n) {
    while (my->room < n) {
        struct leak_chunk *chunk = mk_mem_alloc(smr->mem, me, sizeof *chunk, MK_CACHE_LINE);
        if (!chunk) return false;
        chunk->next = my->spare;
        chunk->count = 0;
        my->spare = chunk;
        my->room += LEAK_CHUNK_NODES;
    }
    return true;
}

static inline bool leak_reserve(struct mk_reclaim *smr, struct mk_thread *me, unsigned n) {
    struct leak_record *my = &smr->record[me->id];
    return MK_LIKELY(my->room >= n) || leak_make_room(smr, me, my, n);
}

/* The owner alone adds: no update is lost, though it is no read-modify-write. */
static inline void leak_add(MK_ATOMIC(uint64_t) *counter, uint64_t n) {
    /* (2) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (3) relaxed-store: statistics, nobody orders on it */
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

static inline void leak_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node,
                               const struct mk_retire *how) {
    struct leak_record *my = &smr->record[me->id];
    struct leak_chunk *chunk = my->newest;
    if (MK_UNLIKELY(!chunk || chunk->count == LEAK_CHUNK_NODES)) {
        chunk = my->spare;
        my->spare = chunk->next;
        chunk->next = my->newest;
        my->newest = chunk;
    }
    chunk->retired[chunk->count].node = node;
    chunk->retired[chunk->count++].how = how;
    my->room--;
    leak_add(&my->retired, 1);
    leak_add(&my->bytes, how->bytes);
}

static void leak_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
}

static size_t leak_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    uint64_t retired = 0, bytes = 0;
    for (uint32_t i = 0; i < smr->threads_max; i++) {
        /* (4) relaxed-load: statistics */
        retired += atomic_load_explicit(&smr->record[i].retired, memory_order_relaxed);
        /* (5) relaxed-load: statistics */
        bytes += atomic_load_explicit(&smr->record[i].bytes, memory_order_relaxed);
    }
    return mk_reclaim_report(retired, 0, retired, bytes, out, room);
}

MK_RECLAIM(leak, .summary = "nothing is freed before destroy", .caps = MK_UNLINKED_OK | MK_NEVER_FREES,
           .progress = {.enter = MK_WAIT_FREE, .retire = MK_WAIT_FREE}, .create = leak_create,
           .destroy = leak_destroy, .thread_enter = leak_thread_enter, .thread_exit = leak_thread_exit,
           .enter = leak_enter, .leave = leak_leave, .protect = leak_protect, .reserve = leak_reserve,
           .retire = leak_retire, .flush = leak_flush, .stats = leak_stats);
