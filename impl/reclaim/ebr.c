/* reclaim/ebr - epoch-based reclamation: a retired node is freed three epochs later.
 *
 * Source:     Keir Fraser, Practical Lock-Freedom, PhD thesis, Cambridge 2004; differs: nodes are filed
 *             under the epoch their retirer announced, not the global one, so that retiring needs no
 *             fence, and are freed a few at a time, as in amortised free (Kim, Brown, Singh, PPoPP 2024).
 * Picture:    global epoch | e                      one line
 *             record[id]   | announced: e, active   one line, its owner writes, advancing reads
 *                          | limbo: oldest -> [node, how ... 255] -> [ ... ] newest
 *                          |        ready | filed under e-2 | e-1 | e      counts, from the oldest on
 *             orphans      limbo of threads that have left, behind a mutex
 * Parts:      none.
 * Progress:   enter and protect lock-free (enter repeats while the epoch moves under it, at most twice);
 *             leave wait-free; retire wait-free but for the allocator. A reader that stays inside
 *             stops the epoch: nothing more is freed until it leaves.
 * Ordering:   A. An epoch ends (e becomes e + 1) only after a scan that found every section inside at e.
 *             B. enter announces before it looks at the epoch again, a scan acquires how its epoch began
 *                before it looks at announcements; beginnings, announcements and looks at them, and the
 *                look of enter are in the one seq_cst order, which C11 has agree with happens-before: a
 *                section the scan missed comes after it and finds that epoch or a later one, acquiring
 *                what ended the others.
 *             C. A node is filed under e by a section at e, while the epoch is e or e + 1. Epoch e + 1
 *                ends after that section has left, so the unlink happens-before epoch e + 2 begins:
 *                who enters then cannot find the node.
 *             D. Epoch e + 2 ends after all others have left, so their last access happens-before epoch
 *                e + 3 begins: who is in it may free the node.
 * Memory:     256 B * threads_max; 16 B for each retired node, in chunks of 4 KiB, none for live ones.
 *             With sections short and T threads some 200 nodes a thread wait, the more threads the fewer.
 * Limits:     garbage is unbounded while a reader stalls. Peaks are sums of each thread's own, an upper
 *             bound. Freeing is done by threads that change something; what a thread leaves behind is freed by
 *             the others, or by flush.
 */
#include "../limbo.h"
#include "../reclaim.h"

#include <pthread.h>

#define EBR_PERIOD MK_TUNE(64, 1) /* retirements and births of a thread between its attempts to end the epoch */
#define EBR_STEP 2 /* ready nodes freed with each of these: more than come, so they run out */

struct ebr_record {
    MK_ATOMIC(uint64_t) announced; /* 2 * epoch + 1 inside a section, 0 outside */
    struct mk_aged_limbo limbo MK_ALIGNED(MK_CACHE_LINE);
    uint32_t since; /* retirements, and births while something is in limbo, since the last ebr_collect */
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_reclaim {
    MK_ATOMIC(uint64_t) epoch MK_ALIGNED(2 * MK_CACHE_LINE);
    struct ebr_record *record MK_ALIGNED(2 * MK_CACHE_LINE);
    struct mk_mem *mem;
    uint32_t threads_max;
    MK_ATOMIC(uint32_t) ids;  /* every thread that ever entered has an id below */
    MK_ATOMIC(bool) orphaned; /* orphans holds something */
    pthread_mutex_t orphans_lock;
    struct mk_aged_limbo orphans;
};

/* ---- threads that leave --------------------------------------------------------------------- */

/* The orphans take all nodes of `from`. */
static void ebr_bequeath(struct mk_reclaim *smr, struct mk_thread *me, struct mk_aged_limbo *from) {
    if (!from->nodes.count) return;
    pthread_mutex_lock(&smr->orphans_lock);
    mk_aged_hand_over(&smr->orphans, from, smr->mem, me);
    /* (5) relaxed-store: only says that a look behind the mutex pays */
    atomic_store_explicit(&smr->orphaned, true, memory_order_relaxed);
    pthread_mutex_unlock(&smr->orphans_lock);
}

/* Frees some of what others left behind, unless somebody is at it. */
static void ebr_adopt(struct mk_reclaim *smr, struct mk_thread *me, uint64_t epoch) {
    /* (6) relaxed-load: a hint; what is behind the mutex is ordered by it */
    if (MK_LIKELY(!atomic_load_explicit(&smr->orphaned, memory_order_relaxed))) return;
    if (pthread_mutex_trylock(&smr->orphans_lock)) return;
    mk_aged_grow_old(&smr->orphans, epoch);
    mk_aged_free_ready(&smr->orphans, smr->mem, me, (uint64_t)EBR_STEP * EBR_PERIOD);
    /* (7) relaxed-store: as (5) */
    atomic_store_explicit(&smr->orphaned, smr->orphans.nodes.count != 0, memory_order_relaxed);
    pthread_mutex_unlock(&smr->orphans_lock);
}

/* ---- epochs --------------------------------------------------------------------------------- */

/* Ends the epoch if every section inside is at it. Returns the epoch it found, with all that D says of it. */
static uint64_t ebr_advance(struct mk_reclaim *smr) {
    /* (8) acquire-load synchronizes-with the seq_cst-CAS (11): acquires how earlier epochs ended; so that in the
     * total order that CAS comes before (10), point B. Found late, the epoch is one that (11) does not end */
    uint64_t epoch = atomic_load_explicit(&smr->epoch, memory_order_acquire);
    /* (9) seq_cst-load enforces a total order with the seq_cst-CAS (18): whose id is missed here has not
     * announced anything yet, and is as good as missed by (10) */
    uint32_t ids = atomic_load_explicit(&smr->ids, memory_order_seq_cst);
    for (uint32_t i = 0; i < ids; i++) {
        /* (10) seq_cst-load enforces a total order with the seq_cst-exchange (13), and synchronizes-with
         * the release-store (15): what was done in sections left happens-before the next epoch, C and D */
        uint64_t announced = atomic_load_explicit(&smr->record[i].announced, memory_order_seq_cst);
        if ((announced & 1) && announced >> 1 != epoch) return epoch;
    }
    uint64_t expected = epoch;
    /* (11) seq_cst-CAS synchronizes-with the acquire-load (8) and the seq_cst-load (14): all that (8) and (10)
     * acquired. On failure relaxed: somebody else has ended the epoch */
    atomic_compare_exchange_strong_explicit(&smr->epoch, &expected, epoch + 1, memory_order_seq_cst,
                                            memory_order_relaxed);
    return epoch;
}

static MK_NOINLINE void ebr_collect(struct mk_reclaim *smr, struct mk_thread *me, struct ebr_record *my) {
    uint64_t epoch = ebr_advance(smr);
    my->since = 0;
    mk_aged_grow_old(&my->limbo, epoch);
    ebr_adopt(smr, me, epoch);
}

/* Now and then ends the epoch and looks after the orphans; frees what is ready. Inside sections or outside. */
static inline void ebr_work_off(struct mk_reclaim *smr, struct mk_thread *me, struct ebr_record *my) {
    if (MK_UNLIKELY(++my->since >= EBR_PERIOD)) ebr_collect(smr, me, my);
    if (my->limbo.age[0]) mk_aged_free_ready(&my->limbo, smr->mem, me, EBR_STEP);
}

static inline void ebr_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    struct ebr_record *my = &smr->record[me->id];
    /* (12) relaxed-load: a guess, which (14) confirms */
    uint64_t epoch = atomic_load_explicit(&smr->epoch, memory_order_relaxed);
    for (;;) {
        /* (13) seq_cst-exchange enforces a total order with the seq_cst-load (10): point B. An exchange and
         * not a store, so that on every machine what follows waits for it */
        atomic_exchange_explicit(&my->announced, epoch << 1 | 1, memory_order_seq_cst);
        /* (14) seq_cst-load synchronizes-with the seq_cst-CAS (11): unlinks of epochs before the last are seen */
        uint64_t now = atomic_load_explicit(&smr->epoch, memory_order_seq_cst);
        if (MK_LIKELY(now == epoch)) return;
        epoch = now;
    }
}

static inline void ebr_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    /* (15) release-store synchronizes-with the seq_cst-load (10): all accesses of the section */
    atomic_store_explicit(&smr->record[me->id].announced, 0, memory_order_release);
}

static inline mk_link ebr_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                  MK_ATOMIC(mk_link) *source) {
    (void)smr, (void)me, (void)slot;
    /* (16) seq_cst-load synchronizes-with the release of whoever linked the node (36 in map/chain.c): its words; and is
     * in one total order with changes of links that are seq_cst, so that structures can be linearizable */
    return atomic_load_explicit(source, memory_order_seq_cst);
}

static inline bool ebr_reserve(struct mk_reclaim *smr, struct mk_thread *me, unsigned n) {
    struct mk_limbo *nodes = &smr->record[me->id].limbo.nodes;
    return MK_LIKELY(nodes->room >= n) || mk_limbo_make_room(nodes, smr->mem, me, n);
}

static inline void ebr_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node,
                              const struct mk_retire *how) {
    struct ebr_record *my = &smr->record[me->id];
    /* (17) relaxed-load: our own word */
    uint64_t epoch = atomic_load_explicit(&my->announced, memory_order_relaxed) >> 1;
    mk_aged_file(&my->limbo, epoch, node, how);
    ebr_work_off(smr, me, my);
}

/* New nodes pay for old ones, too: else what a resize left behind would stay while keys are only added. */
static inline void ebr_birth(struct mk_reclaim *smr, struct mk_thread *me, void *node) {
    struct ebr_record *my = &smr->record[me->id];
    (void)node;
    if (my->limbo.nodes.count) ebr_work_off(smr, me, my);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void ebr_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    for (uint32_t i = 0; i < smr->threads_max; i++) mk_aged_empty(&smr->record[i].limbo, smr->mem, me);
    mk_aged_empty(&smr->orphans, smr->mem, me);
}

static void ebr_destroy(struct mk_reclaim *smr) {
    struct mk_mem *mem = smr->mem;
    ebr_flush(smr, NULL);
    pthread_mutex_destroy(&smr->orphans_lock);
    mk_mem_free(mem, NULL, smr->record, smr->threads_max * sizeof *smr->record, _Alignof(struct ebr_record));
    mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
}

static int ebr_create(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg,
                      struct mk_err *err) {
    struct mk_reclaim *smr = mk_mem_zalloc(mem, NULL, sizeof *smr, _Alignof(struct mk_reclaim));
    if (!smr) return mk_fail(err, "no memory for the reclaimer");
    smr->mem = mem;
    smr->threads_max = cfg->threads_max;
    smr->record = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *smr->record, _Alignof(struct ebr_record));
    if (!smr->record) {
        mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
        return mk_fail(err, "no memory for the records of %u threads", cfg->threads_max);
    }
    pthread_mutex_init(&smr->orphans_lock, NULL);
    *out = smr;
    return 0;
}

static int ebr_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    uint32_t ids = 0;
    /* (18) seq_cst-CAS enforces a total order with the seq_cst-load (9): before anything this thread
     * announces. On failure relaxed: tried again with what it found */
    while (ids <= me->id && !atomic_compare_exchange_weak_explicit(&smr->ids, &ids, me->id + 1,
                                                                   memory_order_seq_cst, memory_order_relaxed)) {
    }
    return 0;
}

static void ebr_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    ebr_bequeath(smr, me, &smr->record[me->id].limbo);
}

static size_t ebr_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    struct mk_limbo_sums sums = {0, 0, 0, 0};
    for (uint32_t i = 0; i < smr->threads_max; i++) mk_limbo_add_sums(&smr->record[i].limbo.nodes, &sums);
    mk_limbo_add_sums(&smr->orphans.nodes, &sums);
    return mk_reclaim_report(sums.retired, sums.freed, sums.peak, sums.peak_bytes, out, room);
}

MK_RECLAIM(ebr, .summary = "three-epoch reclamation, freed a few at a time", .caps = MK_DEFAULT | MK_UNLINKED_OK,
           .progress = {.enter = MK_LOCK_FREE, .retire = MK_WAIT_FREE}, .create = ebr_create,
           .destroy = ebr_destroy, .thread_enter = ebr_thread_enter, .thread_exit = ebr_thread_exit,
           .enter = ebr_enter, .leave = ebr_leave, .protect = ebr_protect, .birth = ebr_birth,
           .reserve = ebr_reserve, .retire = ebr_retire, .flush = ebr_flush, .stats = ebr_stats);
