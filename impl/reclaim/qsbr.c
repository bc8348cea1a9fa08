/* reclaim/qsbr - quiescent states: every leave is one, and says so by a plain store.
 *
 * Source:     quiescent-state-based reclamation as in Hart, McKenney, Brown, Walpole, JPDC 2007, and liburcu's qsbr
 *             flavour. Differs: whoever registers does not promise to come by. A thread says as well, by a plain
 *             store again, whether it is inside a section, and one that has not come by for long is asked that,
 *             behind the heavy half of an asymmetric fence, as Desnoyers and others have it (IEEE TPDS 2012). Aged
 *             as in reclaim/ebr.
 * Picture:    global epoch | e                                        one line
 *             record[id]   | said: epoch at the last leave, inside?   one line, its owner writes, advancing reads
 *                          | limbo: oldest -> [node, how ... 255] -> [ ... ] newest
 *                          |        ready | filed under e-2 | e-1 | e      counts, from the oldest on
 *             orphans      limbo of threads that have left, behind a mutex
 * Parts:      none.
 * Progress:   enter, leave and protect wait-free: two plain stores and a load for a section. retire wait-free but
 *             for the allocator. A reader that stays inside stops the epoch: nothing more is freed until it leaves.
 * Ordering:   A. Epoch e ends (becomes e + 1) after a look at every thread that finds one of these: the thread has
 *                left a section, and then found e to have begun (it said e or more); or it was outside behind a
 *                heavy fence that came after e had begun; or it was not registered.
 *             B. The light fence in enter and the heavy one before the look are a pair: a section that the look
 *                does not see begun sees all that was done before the heavy fence. The same goes for who registers:
 *                the change of `ids` by a thread that the look missed comes after the look's own.
 *             C. A node is filed under the epoch g that its retirer finds. The end of g + 1 takes a leave of that
 *                thread after it, or else the section would have seen, by B, that g + 1 had begun. So the unlink
 *                happens-before the end of g + 1.
 *             D. The end of g + 2 takes a leave of every thread after the end of g + 1, or one outside: its
 *                sections until then happen-before the end of g + 2, later ones find the node unlinked. Who has
 *                seen g + 3 may free it.
 * Memory:     256 B * threads_max; 16 B for each retired node, in chunks of 4 KiB, none for live ones. With
 *             sections short some 200 nodes a thread wait; beside a thread that is registered and idle, some 1000.
 * Limits:     garbage is unbounded while a reader stalls. Beside an idle registered thread each epoch takes a
 *             system call, membarrier; where there is none, every enter has a full fence. Peaks are sums of each
 *             thread's own, an upper bound. Freeing is done by threads that change something; what a thread leaves
 *             behind is freed by the others, or by flush.
 * Kept:       (8, 9, 12, 15, 16, 19) it takes one thread that unlinks, another that reads, and three epochs that
 *             end without a heavy fence to show them: more operations than a program of the model flavour has.
 *             Points C and D say what each is for.
 * Kept:       (4, 18) one half each: that of who registers with an id that others had, as many epochs later.
 * Kept:       (10) C11 has a later store of the same thread carry on what (13) released, C++20 no longer has.
 */
#include "../limbo.h"
#include "../reclaim.h"

#include <pthread.h>

#define QSBR_PERIOD MK_TUNE(64, 1) /* retirements and births of a thread between its attempts to end the epoch */
#define QSBR_PATIENCE MK_TUNE(4, 4) /* attempts before who has not come by is asked, behind a heavy fence */
#define QSBR_STEP 2 /* ready nodes freed with each of these: more than come, so they run out */
#define QSBR_INSIDE ((uint64_t)1)
#define QSBR_GONE UINT64_MAX /* said a later epoch than there will ever be */

struct qsbr_record {
    MK_ATOMIC(uint64_t) said; /* 2 * epoch found at the last leave, + QSBR_INSIDE */
    uint64_t quiet;           /* the same without QSBR_INSIDE, the owner's */
    struct mk_aged_limbo limbo MK_ALIGNED(MK_CACHE_LINE);
    uint32_t since;  /* retirements, and births while something is in limbo, since the last qsbr_collect */
    uint32_t failed; /* attempts to end the epoch since the last heavy fence */
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_reclaim {
    MK_ATOMIC(uint64_t) epoch MK_ALIGNED(2 * MK_CACHE_LINE);
    struct qsbr_record *record MK_ALIGNED(2 * MK_CACHE_LINE);
    struct mk_mem *mem;
    uint32_t threads_max;
    bool asymmetric;          /* the light fence is light */
    MK_ATOMIC(uint32_t) ids;  /* every thread that ever entered has an id below */
    MK_ATOMIC(bool) orphaned; /* orphans holds something */
    pthread_mutex_t orphans_lock;
    struct mk_aged_limbo orphans;
};

/* ---- threads that leave --------------------------------------------------------------------- */

/* The orphans take all nodes of `from`, as young as the youngest of either. */
static void qsbr_bequeath(struct mk_reclaim *smr, struct mk_thread *me, struct mk_aged_limbo *from) {
    pthread_mutex_lock(&smr->orphans_lock);
    mk_aged_hand_over(&smr->orphans, from, smr->mem, me);
    /* (1) relaxed-store: only says that a look behind the mutex pays */
    atomic_store_explicit(&smr->orphaned, true, memory_order_relaxed);
    pthread_mutex_unlock(&smr->orphans_lock);
}

/* Frees some of what others left behind, unless somebody is at it. */
static void qsbr_adopt(struct mk_reclaim *smr, struct mk_thread *me, uint64_t epoch) {
    /* (2) relaxed-load: a hint; what is behind the mutex is ordered by it */
    if (MK_LIKELY(!atomic_load_explicit(&smr->orphaned, memory_order_relaxed))) return;
    if (pthread_mutex_trylock(&smr->orphans_lock)) return;
    mk_aged_grow_old(&smr->orphans, epoch);
    mk_aged_free_ready(&smr->orphans, smr->mem, me, (uint64_t)QSBR_STEP * QSBR_PERIOD);
    /* (3) relaxed-store: as (1) */
    atomic_store_explicit(&smr->orphaned, smr->orphans.nodes.count != 0, memory_order_relaxed);
    pthread_mutex_unlock(&smr->orphans_lock);
}

/* ---- epochs --------------------------------------------------------------------------------- */

/* Returns whether no section of any thread is older than `epoch`: point A. */
static bool qsbr_all_quiet(struct mk_reclaim *smr, struct qsbr_record *my, uint64_t epoch) {
    bool fenced = false;
    /* (4) acq_rel-fetch_or synchronizes-with the acq_rel-CAS (18): who registers after this look sees all that was
     * before it, and who did so before is looked at, point B */
    uint32_t ids = atomic_fetch_or_explicit(&smr->ids, 0, memory_order_acq_rel);
    for (uint32_t i = 0; i < ids; i++) {
        /* (5) acquire-load synchronizes-with the release-stores (10, 13, 19): all accesses of sections left */
        uint64_t said = atomic_load_explicit(&smr->record[i].said, memory_order_acquire);
        if (!fenced && said >> 1 < epoch) {
            if (++my->failed < QSBR_PATIENCE) return false;
            my->failed = 0;
            /* (6) heavy fence, pairs with the light fence (11): point B */
            mk_fence_heavy(smr->asymmetric);
            fenced = true;
            /* (7) acquire-load synchronizes-with the release-stores (10, 13, 19): as (5), behind the fence */
            said = atomic_load_explicit(&smr->record[i].said, memory_order_acquire);
        }
        if (said >> 1 < epoch && said & QSBR_INSIDE) return false;
    }
    my->failed = 0;
    return true;
}

/* Ends the epoch if that can be. Returns the epoch it found, with all that D says of it. */
static uint64_t qsbr_advance(struct mk_reclaim *smr, struct qsbr_record *my) {
    /* (8) acquire-load synchronizes-with the acq_rel-CAS (9): how earlier epochs ended */
    uint64_t epoch = atomic_load_explicit(&smr->epoch, memory_order_acquire);
    uint64_t expected = epoch;
    if (!qsbr_all_quiet(smr, my, epoch)) return epoch;
    /* (9) acq_rel-CAS synchronizes-with the acquire-loads (8, 12, 15, 16): all that (5, 7, 8) acquired. On failure
     * relaxed: somebody else has ended the epoch */
    atomic_compare_exchange_strong_explicit(&smr->epoch, &expected, epoch + 1, memory_order_acq_rel,
                                            memory_order_relaxed);
    return epoch;
}

static MK_NOINLINE void qsbr_collect(struct mk_reclaim *smr, struct mk_thread *me, struct qsbr_record *my) {
    uint64_t epoch = qsbr_advance(smr, my);
    my->since = 0;
    mk_aged_grow_old(&my->limbo, epoch);
    qsbr_adopt(smr, me, epoch);
}

/* Now and then ends the epoch and looks after the orphans; frees what is ready. Inside sections or outside. */
static inline void qsbr_work_off(struct mk_reclaim *smr, struct mk_thread *me, struct qsbr_record *my) {
    if (MK_UNLIKELY(++my->since >= QSBR_PERIOD)) qsbr_collect(smr, me, my);
    if (my->limbo.age[0]) mk_aged_free_ready(&my->limbo, smr->mem, me, QSBR_STEP);
}

static inline void qsbr_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    struct qsbr_record *my = &smr->record[me->id];
    /* (10) release-store synchronizes-with the acquire-loads (5, 7): it repeats what (13) said of sections left */
    atomic_store_explicit(&my->said, my->quiet | QSBR_INSIDE, memory_order_release);
    /* (11) light fence, pairs with the heavy fence (6): point B */
    mk_fence_light(smr->asymmetric);
}

static inline void qsbr_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    struct qsbr_record *my = &smr->record[me->id];
    /* (12) acquire-load synchronizes-with the acq_rel-CAS (9): later sections see what was unlinked before */
    my->quiet = atomic_load_explicit(&smr->epoch, memory_order_acquire) << 1;
    /* (13) release-store synchronizes-with the acquire-loads (5, 7): all accesses of the section */
    atomic_store_explicit(&my->said, my->quiet, memory_order_release);
}

static inline mk_link qsbr_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                   MK_ATOMIC(mk_link) *source) {
    (void)smr, (void)me, (void)slot;
    /* (14) seq_cst-load synchronizes-with the release of whoever linked the node (36 in map/chain.c): its words;
     * and is in one total order with changes of links that are seq_cst, so that structures can be linearizable */
    return atomic_load_explicit(source, memory_order_seq_cst);
}

static inline bool qsbr_reserve(struct mk_reclaim *smr, struct mk_thread *me, unsigned n) {
    struct mk_limbo *nodes = &smr->record[me->id].limbo.nodes;
    return MK_LIKELY(nodes->room >= n) || mk_limbo_make_room(nodes, smr->mem, me, n);
}

static inline void qsbr_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node,
                               const struct mk_retire *how) {
    struct qsbr_record *my = &smr->record[me->id];
    /* (15) acquire-load synchronizes-with the acq_rel-CAS (9): point C, and D for what grows old by it */
    uint64_t epoch = atomic_load_explicit(&smr->epoch, memory_order_acquire);
    mk_aged_file(&my->limbo, epoch, node, how);
    qsbr_work_off(smr, me, my);
}

/* New nodes pay for old ones, too: else what a resize left behind would stay while keys are only added. */
static inline void qsbr_birth(struct mk_reclaim *smr, struct mk_thread *me, void *node) {
    struct qsbr_record *my = &smr->record[me->id];
    (void)node;
    if (my->limbo.nodes.count) qsbr_work_off(smr, me, my);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void qsbr_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    for (uint32_t i = 0; i < smr->threads_max; i++) mk_aged_empty(&smr->record[i].limbo, smr->mem, me);
    mk_aged_empty(&smr->orphans, smr->mem, me);
}

static void qsbr_destroy(struct mk_reclaim *smr) {
    struct mk_mem *mem = smr->mem;
    qsbr_flush(smr, NULL);
    pthread_mutex_destroy(&smr->orphans_lock);
    mk_mem_free(mem, NULL, smr->record, smr->threads_max * sizeof *smr->record, _Alignof(struct qsbr_record));
    mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
}

static int qsbr_create(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg,
                       struct mk_err *err) {
    struct mk_reclaim *smr = mk_mem_zalloc(mem, NULL, sizeof *smr, _Alignof(struct mk_reclaim));
    if (!smr) return mk_fail(err, "no memory for the reclaimer");
    smr->mem = mem;
    smr->threads_max = cfg->threads_max;
    smr->record = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *smr->record, _Alignof(struct qsbr_record));
    if (!smr->record) {
        mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
        return mk_fail(err, "no memory for the records of %u threads", cfg->threads_max);
    }
    smr->asymmetric = mk_fence_setup();
    pthread_mutex_init(&smr->orphans_lock, NULL);
    *out = smr;
    return 0;
}

static int qsbr_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    if (me->id >= smr->threads_max) return -1;
    struct qsbr_record *my = &smr->record[me->id];
    /* (16) acquire-load synchronizes-with the acq_rel-CAS (9): as (12), there are no sections yet */
    my->quiet = atomic_load_explicit(&smr->epoch, memory_order_acquire) << 1;
    /* (17) relaxed-store: released by (18) to looks that come after it */
    atomic_store_explicit(&my->said, my->quiet, memory_order_relaxed);
    uint32_t ids = 0, wanted;
    do {
        wanted = ids > me->id ? ids : me->id + 1;
        /* (18) acq_rel-CAS synchronizes-with the acq_rel-fetch_or (4): a change also where nothing is to be
         * changed, so that it comes before the look or after it, point B. On failure relaxed: tried again with what
         * it found */
    } while (!atomic_compare_exchange_weak_explicit(&smr->ids, &ids, wanted, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return 0;
}

/* Has a look at the epoch, so that threads that retire next to nothing still get it to end. */
static void qsbr_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    struct qsbr_record *my = &smr->record[me->id];
    /* (19) release-store synchronizes-with the acquire-loads (5, 7): as (13), for ever */
    atomic_store_explicit(&my->said, QSBR_GONE, memory_order_release);
    if (!my->limbo.nodes.count) return;
    qsbr_collect(smr, me, my);
    qsbr_bequeath(smr, me, &my->limbo);
}

static size_t qsbr_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    struct mk_limbo_sums sums = {0, 0, 0, 0};
    for (uint32_t i = 0; i < smr->threads_max; i++) mk_limbo_add_sums(&smr->record[i].limbo.nodes, &sums);
    mk_limbo_add_sums(&smr->orphans.nodes, &sums);
    return mk_reclaim_report(sums.retired, sums.freed, sums.peak, sums.peak_bytes, out, room);
}

MK_RECLAIM(qsbr, .summary = "every leave is a quiescent state: plain stores, no fence", .caps = MK_UNLINKED_OK,
           .progress = {.enter = MK_WAIT_FREE, .retire = MK_WAIT_FREE}, .create = qsbr_create,
           .destroy = qsbr_destroy, .thread_enter = qsbr_thread_enter, .thread_exit = qsbr_thread_exit,
           .enter = qsbr_enter, .leave = qsbr_leave, .protect = qsbr_protect, .birth = qsbr_birth,
           .reserve = qsbr_reserve, .retire = qsbr_retire, .flush = qsbr_flush, .stats = qsbr_stats);
