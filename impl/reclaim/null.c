/* reclaim/null - no protection at all: what sections, protected loads and retiring cost, by leaving them out.
 *
 * Source:     none.
 * Picture:    one cache line of scratch words per thread; retire frees at once.
 * Parts:      none.
 * Progress:   wait-free, as far as the allocator is.
 * Ordering:   a protected load is an acquire-load, nothing else is ordered. The scratch words are volatile
 *             so that an empty section keeps a body.
 * Memory:     64 B * threads_max.
 * Limits:     a reader's node may be freed under it: sound for a single thread alone, and for a structure
 *             that does not touch a node after it has retired it. Never ranked.
 */
#include "../reclaim.h"

struct null_line {
    volatile uint64_t sections;
    uint64_t retired;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_reclaim {
    struct mk_mem *mem;
    uint32_t threads_max;
    struct null_line *line;
};

static void null_reclaim_destroy(struct mk_reclaim *smr) {
    struct mk_mem *mem = smr->mem;
    mk_mem_free(mem, NULL, smr->line, smr->threads_max * sizeof *smr->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
}

static int null_reclaim_create(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg,
                               struct mk_err *err) {
    struct mk_reclaim *smr = mk_mem_zalloc(mem, NULL, sizeof *smr, _Alignof(struct mk_reclaim));
    if (!smr) return mk_fail(err, "no memory for the reclaimer");
    smr->mem = mem;
    smr->threads_max = cfg->threads_max;
    smr->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *smr->line, MK_CACHE_LINE);
    if (!smr->line) {
        mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
        return mk_fail(err, "no memory for %u thread lines", cfg->threads_max);
    }
    *out = smr;
    return 0;
}

static int null_reclaim_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    return 0;
}

static void null_reclaim_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
}

static inline void null_reclaim_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    smr->line[me->id].sections = 1;
}

static inline void null_reclaim_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    smr->line[me->id].sections = 0;
}

static inline mk_link null_reclaim_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                           MK_ATOMIC(mk_link) *source) {
    (void)smr, (void)me, (void)slot;
    /* (1) acquire-load synchronizes-with the release-CAS of the structure (36 in map/chain.c): the node's words */
    return atomic_load_explicit(source, memory_order_acquire);
}

/* Out of line: the call through a pointer that frees a node stays out of the operation. */
static MK_NOINLINE void null_reclaim_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node,
                                            const struct mk_retire *how) {
    smr->line[me->id].retired++;
    mk_retire_now(how, me, node);
}

static void null_reclaim_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
}

static size_t null_reclaim_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    uint64_t retired = 0;
    for (uint32_t i = 0; i < smr->threads_max; i++) retired += smr->line[i].retired;
    return mk_reclaim_report(retired, retired, 0, 0, out, room);
}

MK_RECLAIM(null, .summary = "no protection, freed at once: what reclamation costs",
           .caps = MK_FLOOR | MK_UNLINKED_OK,
           .progress = {.enter = MK_WAIT_FREE, .retire = MK_WAIT_FREE}, .create = null_reclaim_create,
           .destroy = null_reclaim_destroy, .thread_enter = null_reclaim_thread_enter,
           .thread_exit = null_reclaim_thread_exit, .enter = null_reclaim_enter, .leave = null_reclaim_leave,
           .protect = null_reclaim_protect, .retire = null_reclaim_retire, .flush = null_reclaim_flush,
           .stats = null_reclaim_stats);
