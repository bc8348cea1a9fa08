/* reclaim/hyaline - batches of retired nodes that are counted, and go to the threads that may hold them.
 *
 * Source:     Nikolaev, Ravindran: Hyaline, PLDI 2021 (Hyaline-1S), and Crystalline, DISC 2021, without its helping
 *             path. Differs: a batch is a block of its own and not threaded through its nodes. So a node has one
 *             word of header and not three, nodes of any sort share a batch, and a batch has a link for every
 *             thread: it never has to wait for more nodes. Links are put in by CAS, and all atomics are of one
 *             word.
 * Picture:    global era | e
 *             slot[id]   | head: outside, or inside: link -> link -> end     one line: the owner's, retirers push
 *                        | era: newest that the owner has announced
 *                        | batch being filled, spare batches                 the owner's
 *             batch      | refs, oldest birth, [node, how ... 64], link[id] {next, batch}
 * Parts:      none.
 * Progress:   enter wait-free, leave and retire lock-free, protect lock-free (again as long as the era moves under
 *             it). Robust: a reader that stays inside holds nodes that were born until its last look, and what
 *             shares a batch with these, so a batch for each node that was live then, at worst.
 * Ordering:   A. A full batch is published: each thread that is inside, and has announced an era at which a node of
 *                the batch was born, gets one of its links pushed to its head. refs counts links; leave takes the
 *                list and counts down what it finds there. Where it comes to 0 the batch is dead, and who retires
 *                next frees it; or the publisher, if there was nobody. Until that has added up how many links it
 *                gave, refs is far from 0.
 *             B. Whom a publisher passes over finds the nodes unlinked: head and era are changed by read-modify-
 *                writes alone, the publisher's own last look among them. If it finds a thread outside, or its era
 *                older than all births, what it did before happens-before that thread's next enter, or its next
 *                announcement. If the thread was before it, the publisher finds it there.
 *             C. A node is stamped with an era before it is linked, and protect reads the era after the link: what
 *                it finds is no older than the stamp. It answers only once that era is announced, by a link that it
 *                read after the announcement.
 *             D. The accesses of a section happen-before its leave; that changes head, or counts down refs, and
 *                refs is changed by read-modify-writes alone: they happen-before the free.
 * Memory:     256 B * threads_max; in batches of max(64, threads_max) nodes 16 B for each retired one and 16 B for
 *             each thread; 8 B of header in each node, live ones too. With sections short, up to a batch a
 *             thread waits, and what sections that are open have been given.
 * Limits:     not for structures that walk on from unlinked nodes. enter and leave are a read-modify-write each.
 *             What readers were the last to hold is freed by who changes something, or registers no longer. The
 *             peak is an upper bound: that of the batches, and a batch a thread.
 */
#define MK_RECLAIM_HEADER uint64_t birth;
#include "../reclaim.h"

#define HYALINE_BATCH MK_TUNE(64, 2) /* nodes, at least */
#define HYALINE_SHARE(threads) MK_TUNE((threads), 0u) /* ... and one for each thread that a batch looks at */
#define HYALINE_PENDING ((uint64_t)1 << 62) /* in refs, while links are given */
#define HYALINE_OUTSIDE ((uintptr_t)0)      /* of head */
#define HYALINE_END ((uintptr_t)1)          /* of a list; as head: inside, and nothing there */

struct hyaline_batch;

/* What a thread is given of a batch. */
struct hyaline_link {
    uintptr_t next; /* a struct hyaline_link, or HYALINE_END */
    struct hyaline_batch *batch;
};

struct hyaline_retired {
    void *node;
    const struct mk_retire *how;
};

struct hyaline_batch {
    MK_ATOMIC(uint64_t) refs;
    uint64_t oldest; /* birth */
    uint64_t bytes;
    uint64_t count;
    struct hyaline_batch *next; /* spare batches of a thread, or dead ones */
    struct hyaline_link *link;  /* one for each thread, behind the nodes */
    struct hyaline_retired retired[];
};

struct hyaline_slot {
    MK_ATOMIC(uintptr_t) head; /* HYALINE_OUTSIDE, or a list */
    MK_ATOMIC(uint64_t) era;
    struct hyaline_batch *batch MK_ALIGNED(MK_CACHE_LINE); /* NULL: none yet */
    struct hyaline_batch *spare;
    uint64_t room;  /* nodes that batch and the spare ones can take */
    uint64_t since; /* births since the last batch, or hyaline_catch_up */
    MK_ATOMIC(uint64_t) retired, freed, most, most_bytes; /* most: in batch; the owner writes, stats reads */
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_reclaim {
    MK_ATOMIC(uint64_t) era MK_ALIGNED(2 * MK_CACHE_LINE);
    struct hyaline_slot *slot MK_ALIGNED(2 * MK_CACHE_LINE);
    struct mk_mem *mem;
    uint64_t capacity; /* of a batch */
    uint32_t threads_max;
    MK_ATOMIC(uint32_t) ids; /* every thread that ever entered has an id below */
    /* published and not yet freed */
    MK_ATOMIC(uint64_t) waiting MK_ALIGNED(2 * MK_CACHE_LINE);
    MK_ATOMIC(uint64_t) waiting_bytes, peak, peak_bytes;
    /* batches that nobody holds any more; for retirers to free, so that readers never do */
    MK_ATOMIC(uintptr_t) dead MK_ALIGNED(2 * MK_CACHE_LINE);
};

/* ---- counters ------------------------------------------------------------------------------- */

/* Of one thread: no update is lost, though it is no read-modify-write. */
static inline void hyaline_add(MK_ATOMIC(uint64_t) *counter, uint64_t n) {
    /* (1) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (2) relaxed-store: statistics, nobody orders on it */
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

static inline void hyaline_raise(MK_ATOMIC(uint64_t) *most, uint64_t now) {
    /* (3) relaxed-load: of a counter of our own */
    uint64_t highest = atomic_load_explicit(most, memory_order_relaxed);
    /* (4) relaxed-store: statistics, nobody orders on it */
    if (now > highest) atomic_store_explicit(most, now, memory_order_relaxed);
}

/* Of all threads. */
static inline void hyaline_add_waiting(MK_ATOMIC(uint64_t) *counter, MK_ATOMIC(uint64_t) *peak, uint64_t n) {
    /* (5) relaxed-fetch_add: statistics */
    uint64_t now = atomic_fetch_add_explicit(counter, n, memory_order_relaxed) + n;
    /* (6) relaxed-load: statistics */
    uint64_t highest = atomic_load_explicit(peak, memory_order_relaxed);
    /* (7) relaxed-CAS: statistics */
    while (now > highest && !atomic_compare_exchange_weak_explicit(peak, &highest, now, memory_order_relaxed,
                                                                   memory_order_relaxed)) {
    }
}

/* ---- batches -------------------------------------------------------------------------------- */

static size_t hyaline_batch_bytes(const struct mk_reclaim *smr) {
    return sizeof(struct hyaline_batch) + smr->capacity * sizeof(struct hyaline_retired) +
           smr->threads_max * sizeof(struct hyaline_link);
}

static void hyaline_batch_free(struct mk_reclaim *smr, struct mk_thread *me, struct hyaline_batch *batch) {
    mk_mem_free(smr->mem, me, batch, hyaline_batch_bytes(smr), MK_CACHE_LINE);
}

static void hyaline_keep(struct mk_reclaim *smr, struct hyaline_slot *my, struct hyaline_batch *batch) {
    batch->next = my->spare;
    my->spare = batch;
    my->room += smr->capacity;
}

/* Makes room for n nodes. False: no memory; what room it made stays. */
static MK_NOINLINE bool hyaline_make_room(struct mk_reclaim *smr, struct mk_thread *me, uint64_t n) {
    struct hyaline_slot *my = &smr->slot[me->id];
    while (my->room < n) {
        struct hyaline_batch *batch = mk_mem_alloc(smr->mem, me, hyaline_batch_bytes(smr), MK_CACHE_LINE);
        if (!batch) return false;
        hyaline_keep(smr, my, batch);
    }
    return true;
}

/* Begins a batch. There is a spare one: room was reserved. */
static MK_NOINLINE struct hyaline_batch *hyaline_begin(struct mk_reclaim *smr, struct hyaline_slot *my) {
    struct hyaline_batch *batch = my->spare;
    my->spare = batch->next;
    my->batch = batch;
    my->since = 0;
    batch->oldest = UINT64_MAX;
    batch->count = batch->bytes = 0;
    batch->link = (struct hyaline_link *)&batch->retired[smr->capacity];
    /* (8) relaxed-store: handed on with the links (15) */
    atomic_store_explicit(&batch->refs, HYALINE_PENDING, memory_order_relaxed);
    return batch;
}

/* Frees the nodes of a batch. */
static void hyaline_free_nodes(struct mk_thread *me, struct hyaline_slot *counts, struct hyaline_batch *batch) {
    for (uint64_t i = 0; i < batch->count; i++) mk_retire_now(batch->retired[i].how, me, batch->retired[i].node);
    hyaline_add(&counts->freed, batch->count);
}

/* Frees a published batch that nobody holds, and its nodes. */
static void hyaline_free(struct mk_reclaim *smr, struct mk_thread *me, struct hyaline_slot *my,
                         struct hyaline_batch *batch) {
    hyaline_free_nodes(me, my, batch);
    /* (9) relaxed-fetch_sub: statistics */
    atomic_fetch_sub_explicit(&smr->waiting, batch->count, memory_order_relaxed);
    /* (10) relaxed-fetch_sub: statistics */
    atomic_fetch_sub_explicit(&smr->waiting_bytes, batch->bytes, memory_order_relaxed);
    if (my->room < smr->capacity) {
        hyaline_keep(smr, my, batch);
    } else {
        hyaline_batch_free(smr, me, batch);
    }
}

/* Gives a thread a link of the batch. False: it can hold none of the nodes. */
static bool hyaline_give(struct hyaline_slot *to, struct hyaline_link *link) {
    struct hyaline_batch *batch = link->batch;
    /* (11) relaxed-load: a hint, which (14) confirms where it says outside, and (15) elsewhere */
    uintptr_t head = atomic_load_explicit(&to->head, memory_order_relaxed);
    /* (12) relaxed-load: as (11); an era that is new enough stays so */
    if (atomic_load_explicit(&to->era, memory_order_relaxed) < batch->oldest &&
        /* (13) release-fetch_or synchronizes-with the acquire-exchange (28): point B */
        atomic_fetch_or_explicit(&to->era, 0, memory_order_release) < batch->oldest) {
        return false;
    }
    for (;;) {
        if (head == HYALINE_OUTSIDE) {
            /* (14) acq_rel-fetch_or synchronizes-with the exchanges (24, 29): points B and D */
            head = atomic_fetch_or_explicit(&to->head, 0, memory_order_acq_rel);
            if (head == HYALINE_OUTSIDE) return false;
        }
        link->next = head;
        /* (15) release-CAS synchronizes-with the acq_rel-exchange (29): link and batch. On failure relaxed: tried
         * again with what it found */
        if (atomic_compare_exchange_weak_explicit(&to->head, &head, (uintptr_t)link, memory_order_release,
                                                  memory_order_relaxed)) {
            return true;
        }
    }
}

/* Frees the dead. */
static MK_NOINLINE void hyaline_collect(struct mk_reclaim *smr, struct mk_thread *me, struct hyaline_slot *my) {
    /* (16) relaxed-load: a hint, and no change where there is nothing */
    if (!atomic_load_explicit(&smr->dead, memory_order_relaxed)) return;
    /* (17) acquire-exchange synchronizes-with the release-CAS (22): all of the list, and point D */
    uintptr_t dead = atomic_exchange_explicit(&smr->dead, 0, memory_order_acquire);
    for (struct hyaline_batch *batch = (struct hyaline_batch *)dead, *next; batch; batch = next) {
        next = batch->next;
        hyaline_free(smr, me, my, batch);
    }
}

/* Hands the batch to whoever may hold a node of it, or frees it. Ends the era. */
static MK_NOINLINE void hyaline_publish(struct mk_reclaim *smr, struct mk_thread *me) {
    struct hyaline_slot *my = &smr->slot[me->id];
    struct hyaline_batch *batch = my->batch;
    uint64_t given = 0;
    my->room -= smr->capacity - batch->count;
    my->batch = NULL;
    hyaline_add_waiting(&smr->waiting, &smr->peak, batch->count);
    hyaline_add_waiting(&smr->waiting_bytes, &smr->peak_bytes, batch->bytes);
    /* (18) release-fetch_or synchronizes-with the acquire-CAS (31): who registers after this finds what is in the
     * batch unlinked, who did so before is looked at */
    uint32_t ids = atomic_fetch_or_explicit(&smr->ids, 0, memory_order_release);
    for (uint32_t i = 0; i < ids; i++) {
        batch->link[given].batch = batch;
        given += hyaline_give(&smr->slot[i], &batch->link[given]);
    }
    /* (19) relaxed-fetch_add: later births are told from earlier ones; nothing is ordered by it, point C is about
     * one word alone */
    atomic_fetch_add_explicit(&smr->era, 1, memory_order_relaxed);
    /* (20) acq_rel-fetch_add synchronizes-with the acq_rel-fetch_sub (23): point D */
    if (atomic_fetch_add_explicit(&batch->refs, given - HYALINE_PENDING, memory_order_acq_rel) + given ==
        HYALINE_PENDING) {
        hyaline_free(smr, me, my, batch);
    }
}

/* Leaves a batch to who retires next. */
static void hyaline_bury(struct mk_reclaim *smr, struct hyaline_batch *batch) {
    /* (21) relaxed-load: a guess, which (22) confirms */
    uintptr_t dead = atomic_load_explicit(&smr->dead, memory_order_relaxed);
    do {
        batch->next = (struct hyaline_batch *)dead;
        /* (22) release-CAS synchronizes-with the acquire-exchange (17): the batch, and point D. On failure relaxed:
         * tried again with what it found */
    } while (!atomic_compare_exchange_weak_explicit(&smr->dead, &dead, (uintptr_t)batch, memory_order_release,
                                                    memory_order_relaxed));
}

/* Counts down all batches of a list. */
static MK_NOINLINE void hyaline_drain(struct mk_reclaim *smr, uintptr_t head) {
    while (head != HYALINE_END) {
        struct hyaline_batch *batch = ((struct hyaline_link *)head)->batch;
        head = ((struct hyaline_link *)head)->next;
        /* (23) acq_rel-fetch_sub synchronizes-with the acq_rel-fetch_add (20) and with (23): point D */
        if (atomic_fetch_sub_explicit(&batch->refs, 1, memory_order_acq_rel) == 1) hyaline_bury(smr, batch);
    }
}

/* ---- sections ------------------------------------------------------------------------------- */

static inline void hyaline_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    /* (24) acquire-exchange synchronizes-with the acq_rel-fetch_or (14): point B. No store, which would end the
     * release sequence of (14) */
    atomic_exchange_explicit(&smr->slot[me->id].head, HYALINE_END, memory_order_acquire);
}

static inline mk_link hyaline_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                      MK_ATOMIC(mk_link) *source) {
    struct hyaline_slot *my = &smr->slot[me->id];
    (void)slot;
    for (;;) {
        /* (25) seq_cst-load synchronizes-with the release of whoever linked the node (36 in map/chain.c): its
         * words, and its birth; and is in one total order with changes of links that are seq_cst, so that
         * structures can be linearizable */
        mk_link link = atomic_load_explicit(source, memory_order_seq_cst);
        /* (26) relaxed-load: no older than the era that (30) read, since that happens-before (25): point C */
        uint64_t era = atomic_load_explicit(&smr->era, memory_order_relaxed);
        /* (27) relaxed-load: our own word */
        if (MK_LIKELY(atomic_load_explicit(&my->era, memory_order_relaxed) == era)) return link;
        /* (28) acquire-exchange synchronizes-with the release-fetch_or (13): point B. No store: as (24) */
        atomic_exchange_explicit(&my->era, era, memory_order_acquire);
    }
}

static inline void hyaline_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    /* (29) acq_rel-exchange synchronizes-with the release-CAS (15) and the acq_rel-fetch_or (14): what was given to
     * us, and point D */
    uintptr_t head = atomic_exchange_explicit(&smr->slot[me->id].head, HYALINE_OUTSIDE, memory_order_acq_rel);
    if (MK_UNLIKELY(head != HYALINE_END)) hyaline_drain(smr, head);
}

/* ---- retiring ------------------------------------------------------------------------------- */

static inline bool hyaline_reserve(struct mk_reclaim *smr, struct mk_thread *me, unsigned n) {
    return MK_LIKELY(smr->slot[me->id].room >= n) || hyaline_make_room(smr, me, n);
}

static inline void hyaline_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node,
                                  const struct mk_retire *how) {
    struct hyaline_slot *my = &smr->slot[me->id];
    struct hyaline_batch *batch = my->batch;
    uint64_t birth = *(const uint64_t *)node;
    if (MK_UNLIKELY(!batch)) batch = hyaline_begin(smr, my);
    if (birth < batch->oldest) batch->oldest = birth;
    batch->retired[batch->count].node = node;
    batch->retired[batch->count++].how = how;
    batch->bytes += how->bytes;
    my->room--;
    hyaline_raise(&my->most, batch->count);
    hyaline_raise(&my->most_bytes, batch->bytes);
    hyaline_add(&my->retired, 1);
    if (MK_UNLIKELY(batch->count == smr->capacity)) {
        hyaline_publish(smr, me);
        hyaline_collect(smr, me, my);
    }
}

/* Publishes what there is, if that leaves as much room as there was, and frees the dead. */
static MK_NOINLINE void hyaline_catch_up(struct mk_reclaim *smr, struct mk_thread *me) {
    struct hyaline_slot *my = &smr->slot[me->id];
    my->since = 0;
    if (my->batch && hyaline_make_room(smr, me, my->room + smr->capacity - my->batch->count)) {
        hyaline_publish(smr, me);
    }
    hyaline_collect(smr, me, my);
}

/* New nodes pay for old ones, too: else what a resize left behind would stay while keys are only added. */
static inline void hyaline_birth(struct mk_reclaim *smr, struct mk_thread *me, void *node) {
    struct hyaline_slot *my = &smr->slot[me->id];
    /* (30) relaxed-load: an era that has begun; whoever gets to the node finds that or a later one, point C */
    *(uint64_t *)node = atomic_load_explicit(&smr->era, memory_order_relaxed);
    if (MK_UNLIKELY(++my->since >= smr->capacity)) hyaline_catch_up(smr, me);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* At quiescence nobody holds anything: what there is is dead, or in batches that are being filled. */
static void hyaline_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    hyaline_collect(smr, me, &smr->slot[0]);
    for (uint32_t i = 0; i < smr->threads_max; i++) {
        struct hyaline_slot *slot = &smr->slot[i];
        if (slot->batch) {
            hyaline_free_nodes(me, slot, slot->batch);
            hyaline_batch_free(smr, me, slot->batch);
        }
        for (struct hyaline_batch *batch = slot->spare, *next; batch; batch = next) {
            next = batch->next;
            hyaline_batch_free(smr, me, batch);
        }
        slot->batch = slot->spare = NULL;
        slot->room = 0;
    }
}

static void hyaline_destroy(struct mk_reclaim *smr) {
    struct mk_mem *mem = smr->mem;
    hyaline_flush(smr, NULL);
    mk_mem_free(mem, NULL, smr->slot, smr->threads_max * sizeof *smr->slot, _Alignof(struct hyaline_slot));
    mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
}

static int hyaline_create(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg,
                          struct mk_err *err) {
    struct mk_reclaim *smr = mk_mem_zalloc(mem, NULL, sizeof *smr, _Alignof(struct mk_reclaim));
    if (!smr) return mk_fail(err, "no memory for the reclaimer");
    smr->mem = mem;
    smr->threads_max = cfg->threads_max;
    smr->capacity = HYALINE_SHARE(cfg->threads_max);
    if (smr->capacity < HYALINE_BATCH) smr->capacity = HYALINE_BATCH;
    smr->slot = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *smr->slot, _Alignof(struct hyaline_slot));
    if (!smr->slot) {
        mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
        return mk_fail(err, "no memory for the slots of %u threads", cfg->threads_max);
    }
    *out = smr;
    return 0;
}

static int hyaline_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    uint32_t ids = 0, wanted;
    if (me->id >= smr->threads_max) return -1;
    do {
        wanted = ids > me->id ? ids : me->id + 1;
        /* (31) acquire-CAS synchronizes-with the release-fetch_or (18): before what is published, or after it. On
         * failure relaxed: tried again with what it found */
    } while (!atomic_compare_exchange_weak_explicit(&smr->ids, &ids, wanted, memory_order_acquire,
                                                    memory_order_relaxed));
    return 0;
}

/* What has been published needs nobody who looks after it. */
static void hyaline_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    struct hyaline_slot *my = &smr->slot[me->id];
    if (my->batch) hyaline_publish(smr, me);
    hyaline_collect(smr, me, my);
}

static size_t hyaline_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    /* (32) relaxed-load: statistics */
    uint64_t peak = atomic_load_explicit(&smr->peak, memory_order_relaxed);
    /* (33) relaxed-load: statistics */
    uint64_t peak_bytes = atomic_load_explicit(&smr->peak_bytes, memory_order_relaxed);
    uint64_t retired = 0, freed = 0;
    for (uint32_t i = 0; i < smr->threads_max; i++) {
        struct hyaline_slot *slot = &smr->slot[i];
        /* (34) relaxed-load: statistics */
        freed += atomic_load_explicit(&slot->freed, memory_order_relaxed);
        /* (35) relaxed-load: statistics */
        retired += atomic_load_explicit(&slot->retired, memory_order_relaxed);
        /* (36) relaxed-load: statistics */
        peak += atomic_load_explicit(&slot->most, memory_order_relaxed);
        /* (37) relaxed-load: statistics */
        peak_bytes += atomic_load_explicit(&slot->most_bytes, memory_order_relaxed);
    }
    return mk_reclaim_report(retired, freed, peak, peak_bytes, out, room);
}

MK_RECLAIM(hyaline, .summary = "counted batches, given to who may hold them", .caps = MK_BOUNDED,
           .progress = {.enter = MK_LOCK_FREE, .retire = MK_LOCK_FREE}, .create = hyaline_create,
           .destroy = hyaline_destroy, .thread_enter = hyaline_thread_enter, .thread_exit = hyaline_thread_exit,
           .enter = hyaline_enter, .leave = hyaline_leave, .protect = hyaline_protect, .birth = hyaline_birth,
           .reserve = hyaline_reserve, .retire = hyaline_retire, .flush = hyaline_flush, .stats = hyaline_stats);
