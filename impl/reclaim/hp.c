/* reclaim/hp - hazard pointers: a thread says which nodes it holds, and those are not freed.
 *
 * Source:     Maged Michael, Hazard Pointers, IEEE TPDS 2004. Differs: between the announcement and the second look
 *             at the link is the light half of an asymmetric fence, and a scan begins with the heavy one, as in
 *             folly; with fence=sym both are full fences.
 * Picture:    record[id] | slot[8]: addresses of nodes, 0 = none       one line, its owner writes, scans read
 *                        | limbo: oldest -> [node, how ... 255] -> [ ... ] newest
 *             orphans    limbo of threads that have left, behind a mutex
 * Parts:      none.
 * Progress:   enter and leave wait-free, protect lock-free (again as long as the link changes under it). retire
 *             wait-free but for the allocator: now and then a scan of all slots, and of what waits.
 * Ordering:   A. protect announces a node, then passes a light fence, then reads the link again: it answers only if
 *                the link names that node still. A scan comes after the unlink, passes a heavy fence, then reads
 *                the slots.
 *             B. These fences are a pair: either the second reading finds the node unlinked, and protect does not
 *                answer it, or the scan finds the announcement, or what took its place later.
 *             C. What takes the place of an announcement is a release-store, of another node or of none: a scan
 *                that finds it has acquired the last access to the node that was there.
 *             D. A node that was freed and linked again at the same address is one that is linked: holding the
 *                address is holding it.
 * Memory:     256 B * threads_max; 16 B for each retired node, in chunks of 4 KiB, none for live ones; 64 B *
 *             threads_max for each thread that retires. At most max(256, 16 * threads) + 8 * threads nodes wait, a
 *             thread.
 * Limits:     8 slots a thread: a structure protects no more than slots 0 to 7. Not for structures that walk on
 *             from unlinked nodes. Nodes are freed in bursts. As a part it has fence=asym, whose heavy half is a
 *             system call, membarrier; where there is none, both halves are full fences. Peaks are sums of each
 *             thread's own, an upper bound.
 * Kept:       (10) the contract asks for it: this load answers where a node is named, as (7) does where none is.
 */
#include "../limbo.h"
#include "../reclaim.h"

#include <pthread.h>

#define HP_SLOTS 8
#define HP_PERIOD MK_TUNE(256, 1) /* retirements and births of a thread between its scans, at least */
#define HP_SHARE MK_TUNE(2 * HP_SLOTS, 0) /* ... and so many for each thread: more than all slots can hold */

struct hp_record {
    MK_ATOMIC(mk_link) slot[HP_SLOTS];
    uint32_t used MK_ALIGNED(MK_CACHE_LINE); /* slots below have been used in this section */
    uint32_t since;  /* retirements, and births while something is in limbo, since the last scan */
    uint32_t period; /* ... and how many make one due */
    mk_link *hazard; /* room for all slots of all threads; comes with the first room in limbo */
    struct mk_limbo limbo;
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_reclaim {
    struct hp_record *record;
    struct mk_mem *mem;
    uint32_t threads_max;
    bool asymmetric; /* the light fence is light */
    MK_ATOMIC(uint32_t) ids MK_ALIGNED(MK_CACHE_LINE); /* every thread that ever entered has an id below */
    MK_ATOMIC(bool) orphaned; /* orphans holds something */
    pthread_mutex_t orphans_lock;
    struct mk_limbo orphans;
};

/* ---- scans ---------------------------------------------------------------------------------- */

/* What a scan found, in ascending order. */
struct hp_hazards {
    const mk_link *node;
    size_t n;
};

/* Moves the root of the heap of n links down to where it belongs. */
static void hp_sink(mk_link *heap, size_t root, size_t n) {
    mk_link link = heap[root];
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && heap[child + 1] > heap[child]) child++;
        if (heap[child] <= link) break;
        heap[root] = heap[child];
    }
    heap[root] = link;
}

static void hp_sort(mk_link *heap, size_t n) {
    for (size_t i = n / 2; i--;) hp_sink(heap, i, n);
    while (n > 1) {
        mk_link largest = heap[0];
        heap[0] = heap[--n];
        heap[n] = largest;
        hp_sink(heap, 0, n);
    }
}

static inline bool hp_held(const void *arg, const void *node) {
    const struct hp_hazards *hazards = (const struct hp_hazards *)arg;
    const mk_link *at = hazards->node;
    for (size_t n = hazards->n; n; n /= 2) {
        if (at[n / 2] == (mk_link)node) return true;
        if (at[n / 2] < (mk_link)node) {
            at += n / 2 + 1;
            n--;
        }
    }
    return false;
}

/* Returns how many slots hold something, and these in hazard[]. */
static size_t hp_look(struct mk_reclaim *smr, mk_link *hazard, uint32_t *threads) {
    size_t n = 0;
    /* (1) heavy fence, pairs with the light fence (9): point B */
    mk_fence_heavy(smr->asymmetric);
    /* (2) relaxed-load: behind the fence, as the slots. A thread whose id is not in it yet passes its first light
     * fence later, and finds unlinked what this scan frees */
    uint32_t ids = atomic_load_explicit(&smr->ids, memory_order_relaxed);
    for (uint32_t i = 0; i < ids; i++) {
        struct hp_record *record = &smr->record[i];
        for (unsigned slot = 0; slot < HP_SLOTS; slot++) {
            /* (3) acquire-load synchronizes-with the release-stores (8, 11): point C */
            mk_link link = atomic_load_explicit(&record->slot[slot], memory_order_acquire);
            if (link) hazard[n++] = link;
        }
    }
    *threads = ids;
    return n;
}

/* Frees what nobody holds, of our own and of the orphans. */
static MK_NOINLINE void hp_scan(struct mk_reclaim *smr, struct mk_thread *me, struct hp_record *my) {
    uint32_t threads;
    struct hp_hazards hazards = {.node = my->hazard};
    /* (4) relaxed-load: a hint; what is behind the mutex is ordered by it, and is there before the look at slots */
    bool adopt = atomic_load_explicit(&smr->orphaned, memory_order_relaxed) &&
                 pthread_mutex_trylock(&smr->orphans_lock) == 0;
    hazards.n = hp_look(smr, my->hazard, &threads);
    hp_sort(my->hazard, hazards.n);
    my->since = 0;
    my->period = HP_SHARE * threads > HP_PERIOD ? HP_SHARE * threads : HP_PERIOD;
    mk_limbo_sift(&my->limbo, smr->mem, me, hp_held, &hazards);
    if (!adopt) return;
    mk_limbo_sift(&smr->orphans, smr->mem, me, hp_held, &hazards);
    /* (5) relaxed-store: as (6) */
    atomic_store_explicit(&smr->orphaned, smr->orphans.count != 0, memory_order_relaxed);
    pthread_mutex_unlock(&smr->orphans_lock);
}

/* The orphans take what waits. */
static void hp_bequeath(struct mk_reclaim *smr, struct mk_thread *me, struct hp_record *my) {
    pthread_mutex_lock(&smr->orphans_lock);
    mk_limbo_hand_over(&smr->orphans, &my->limbo, smr->mem, me);
    /* (6) relaxed-store: only says that a look behind the mutex pays */
    atomic_store_explicit(&smr->orphaned, true, memory_order_relaxed);
    pthread_mutex_unlock(&smr->orphans_lock);
}

/* ---- sections ------------------------------------------------------------------------------- */

static inline void hp_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
}

static inline mk_link hp_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                 MK_ATOMIC(mk_link) *source) {
    struct hp_record *my = &smr->record[me->id];
    /* (7) seq_cst-load enforces a total order with changes of links that are seq_cst (36 in map/chain.c): it is the
     * answer where no node is named */
    mk_link link = atomic_load_explicit(source, memory_order_seq_cst), now;
    if (slot >= my->used) my->used = slot + 1;
    for (; link & ~MK_LINK_FLAGS; link = now) {
        /* (8) release-store synchronizes-with the acquire-load (3): the last access to what was in the slot */
        atomic_store_explicit(&my->slot[slot], link & ~MK_LINK_FLAGS, memory_order_release);
        /* (9) light fence, pairs with the heavy fence (1): point B */
        mk_fence_light(smr->asymmetric);
        /* (10) seq_cst-load synchronizes-with the release of whoever linked the node (36 in map/chain.c): its
         * words; and is in one total order with changes of links that are seq_cst, so that structures can be
         * linearizable */
        now = atomic_load_explicit(source, memory_order_seq_cst);
        if (MK_LIKELY(!((now ^ link) & ~MK_LINK_FLAGS))) return now;
    }
    return link;
}

static inline void hp_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    struct hp_record *my = &smr->record[me->id];
    for (unsigned slot = 0; slot < my->used; slot++) {
        /* (11) release-store synchronizes-with the acquire-load (3): the last access to what was in the slot */
        atomic_store_explicit(&my->slot[slot], 0, memory_order_release);
    }
    my->used = 0;
}

/* ---- retiring ------------------------------------------------------------------------------- */

/* False: no memory; what room it made stays. */
static MK_NOINLINE bool hp_make_room(struct mk_reclaim *smr, struct mk_thread *me, struct hp_record *my,
                                     uint64_t n) {
    if (!my->hazard) {
        my->hazard = mk_mem_alloc(smr->mem, me, smr->threads_max * sizeof my->slot, MK_CACHE_LINE);
        if (!my->hazard) return false;
    }
    return mk_limbo_make_room(&my->limbo, smr->mem, me, n);
}

static inline bool hp_reserve(struct mk_reclaim *smr, struct mk_thread *me, unsigned n) {
    struct hp_record *my = &smr->record[me->id];
    return MK_LIKELY(my->limbo.room >= n) || hp_make_room(smr, me, my, n);
}

static inline void hp_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node,
                             const struct mk_retire *how) {
    struct hp_record *my = &smr->record[me->id];
    mk_limbo_file(&my->limbo, node, how);
    if (MK_UNLIKELY(++my->since >= my->period)) hp_scan(smr, me, my);
}

/* New nodes pay for old ones, too: else what a resize left behind would stay while keys are only added. */
static inline void hp_birth(struct mk_reclaim *smr, struct mk_thread *me, void *node) {
    struct hp_record *my = &smr->record[me->id];
    (void)node;
    if (my->limbo.count && MK_UNLIKELY(++my->since >= my->period)) hp_scan(smr, me, my);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void hp_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    for (uint32_t i = 0; i < smr->threads_max; i++) {
        struct hp_record *record = &smr->record[i];
        mk_limbo_empty(&record->limbo, smr->mem, me);
        if (record->hazard) {
            mk_mem_free(smr->mem, me, record->hazard, smr->threads_max * sizeof record->slot, MK_CACHE_LINE);
        }
        record->hazard = NULL;
    }
    mk_limbo_empty(&smr->orphans, smr->mem, me);
}

static void hp_destroy(struct mk_reclaim *smr) {
    struct mk_mem *mem = smr->mem;
    hp_flush(smr, NULL);
    pthread_mutex_destroy(&smr->orphans_lock);
    mk_mem_free(mem, NULL, smr->record, smr->threads_max * sizeof *smr->record, _Alignof(struct hp_record));
    mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
}

/* As a part it has no parameters: those in cfg are the structure's. */
static bool hp_wants_asymmetric(const struct mk_config *cfg) {
#ifdef MK_PART_RECLAIM
    (void)cfg;
    return true;
#else
    return cfg->params[0] == 0;
#endif
}

static int hp_create(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_reclaim *smr = mk_mem_zalloc(mem, NULL, sizeof *smr, _Alignof(struct mk_reclaim));
    if (!smr) return mk_fail(err, "no memory for the reclaimer");
    smr->mem = mem;
    smr->threads_max = cfg->threads_max;
    smr->record = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *smr->record, _Alignof(struct hp_record));
    if (!smr->record) {
        mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
        return mk_fail(err, "no memory for the records of %u threads", cfg->threads_max);
    }
    smr->asymmetric = hp_wants_asymmetric(cfg) && mk_fence_setup();
    pthread_mutex_init(&smr->orphans_lock, NULL);
    *out = smr;
    return 0;
}

static int hp_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    uint32_t ids = 0;
    if (me->id >= smr->threads_max) return -1;
    smr->record[me->id].period = HP_PERIOD;
    /* (12) relaxed-CAS: (2) says why. On failure tried again with what it found */
    while (ids <= me->id && !atomic_compare_exchange_weak_explicit(&smr->ids, &ids, me->id + 1,
                                                                   memory_order_relaxed, memory_order_relaxed)) {
    }
    return 0;
}

/* Looks through what the orphans have then, so that they do not pile up where threads retire next to nothing. */
static void hp_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    struct hp_record *my = &smr->record[me->id];
    if (!my->limbo.count) return;
    hp_bequeath(smr, me, my);
    hp_scan(smr, me, my);
}

static size_t hp_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    struct mk_limbo_sums sums = {0, 0, 0, 0};
    for (uint32_t i = 0; i < smr->threads_max; i++) mk_limbo_add_sums(&smr->record[i].limbo, &sums);
    mk_limbo_add_sums(&smr->orphans, &sums);
    return mk_reclaim_report(sums.retired, sums.freed, sums.peak, sums.peak_bytes, out, room);
}

static const struct mk_param hp_params[] = {
    {"fence", MK_PARAM_CHOICE, "asym", 0, 0, "asym|sym",
     "what follows an announcement: a light fence, paid for by who scans, or a full one"},
    {NULL, MK_PARAM_CHOICE, NULL, 0, 0, NULL, NULL}};

MK_RECLAIM(hp, .summary = "hazard pointers, eight a thread", .caps = MK_BOUNDED, .params = hp_params,
           .progress = {.enter = MK_LOCK_FREE, .retire = MK_LOCK_FREE}, .create = hp_create, .destroy = hp_destroy,
           .thread_enter = hp_thread_enter, .thread_exit = hp_thread_exit, .enter = hp_enter, .leave = hp_leave,
           .protect = hp_protect, .birth = hp_birth, .reserve = hp_reserve, .retire = hp_retire, .flush = hp_flush,
           .stats = hp_stats);
