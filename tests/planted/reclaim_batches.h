/* reclaim_batches.h - a sound reclaimer, of which reclaim_batch_*.c beside it break one thing each: retired nodes
 * make a batch, each thread inside that may hold one of them is given a node of the batch as a link, and who is the
 * last to leave frees it (Hyaline-1S: Nikolaev, Ravindran, PLDI 2021). A batch that has fewer nodes than it takes
 * waits for more.
 */
#ifndef RECLAIM_BATCHES_H
#define RECLAIM_BATCHES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct mk_retire;

/* In every node. */
struct stay {
    struct stay *next;  /* in the list of the thread it was given to */
    struct stay *batch; /* the first node of the batch, which has refs */
    struct stay *more;  /* nodes of the batch */
    const struct mk_retire *how;
    uint64_t birth;
    _Atomic(uint64_t) refs;
};
#define MK_RECLAIM_HEADER struct stay stay;

#include "../../impl/reclaim.h"

#define THREADS_MAX 256
#define PERIOD MK_TUNE(4, 1) /* retirements of a thread between its attempts to hand out its batch */
#define PENDING ((uint64_t)1 << 62)
#define OUTSIDE ((uintptr_t)0)
#define END ((uintptr_t)1)

struct record {
    MK_ATOMIC(uintptr_t) head; /* OUTSIDE, or a list up to END */
    MK_ATOMIC(uint64_t) era;
    struct stay *waiting; /* the batch, so far */
    uint32_t count, since;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_reclaim {
    struct mk_mem *mem;
    struct record *record; /* by id */
    uint32_t threads_max;
    MK_ATOMIC(uint64_t) era, retired, freed, peak;
    pthread_mutex_t lock; /* of the orphans: what threads left behind */
    struct stay *orphans;
};

/* What the files beside it break. */
#ifndef MAY_HOLD
#define MAY_HOLD base_may_hold
#endif
#ifndef ENOUGH
#define ENOUGH base_enough
#endif
#ifndef HAND_OUT
#define HAND_OUT base_hand_out
#endif
static bool MAY_HOLD(struct record *record, uint64_t oldest);
static bool ENOUGH(uint32_t nodes, uint32_t threads);
static void HAND_OUT(struct mk_reclaim *smr, struct mk_thread *me, struct stay *batch, const uint32_t *id,
                     uint32_t n);

/* Frees all nodes of a batch. */
static void free_batch(struct mk_reclaim *smr, struct mk_thread *me, struct stay *batch) {
    for (struct stay *more; batch; batch = more) {
        more = batch->more;
        mk_retire_now(batch->how, me, batch);
        atomic_fetch_add_explicit(&smr->freed, 1, memory_order_relaxed);
    }
}

/* Gives a node of the batch to a thread. False: it is outside, and will find none of them. */
static bool give(struct record *to, struct stay *link) {
    uintptr_t head = atomic_fetch_or_explicit(&to->head, 0, memory_order_acq_rel);
    do {
        if (head == OUTSIDE) head = atomic_fetch_or_explicit(&to->head, 0, memory_order_acq_rel);
        if (head == OUTSIDE) return false;
        link->next = (struct stay *)head;
    } while (!atomic_compare_exchange_weak_explicit(&to->head, &head, (uintptr_t)link, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return true;
}

/* Whether the thread may hold nodes, the oldest of which was born then. By read-modify-writes: who is passed over
 * finds them unlinked. */
__attribute__((unused)) static bool base_may_hold(struct record *record, uint64_t oldest) {
    return atomic_fetch_or_explicit(&record->head, 0, memory_order_acq_rel) != OUTSIDE &&
           atomic_fetch_or_explicit(&record->era, 0, memory_order_acq_rel) >= oldest;
}

/* One node counts, the others are links. */
__attribute__((unused)) static bool base_enough(uint32_t nodes, uint32_t threads) {
    return nodes > threads;
}

/* refs is far from 0 until it is known how many have one. */
__attribute__((unused)) static void base_hand_out(struct mk_reclaim *smr, struct mk_thread *me, struct stay *batch,
                                                  const uint32_t *id, uint32_t n) {
    struct stay *link = batch->more;
    uint64_t given = 0;
    atomic_store_explicit(&batch->refs, PENDING, memory_order_relaxed);
    for (uint32_t i = 0; i < n && link; i++) {
        struct stay *more = link->more;
        if (!give(&smr->record[id[i]], link)) continue;
        given++;
        link = more;
    }
    uint64_t before = atomic_fetch_add_explicit(&batch->refs, given - PENDING, memory_order_acq_rel);
    if (before + given == PENDING) free_batch(smr, me, batch);
}

/* Takes over what others left, unless somebody is at it. */
static void adopt(struct mk_reclaim *smr, struct record *my) {
    if (pthread_mutex_trylock(&smr->lock)) return;
    for (struct stay *stay; (stay = smr->orphans);) {
        smr->orphans = stay->more;
        stay->more = my->waiting;
        my->waiting = stay;
        my->count++;
    }
    pthread_mutex_unlock(&smr->lock);
}

/* Hands the batch out, if it has nodes enough. */
static void publish(struct mk_reclaim *smr, struct mk_thread *me, struct record *my) {
    uint32_t id[THREADS_MAX], n = 0;
    uint64_t oldest = UINT64_MAX;
    adopt(smr, my);
    for (struct stay *stay = my->waiting; stay; stay = stay->more) {
        stay->batch = my->waiting;
        if (stay->birth < oldest) oldest = stay->birth;
    }
    for (uint32_t i = 0; i < smr->threads_max; i++) {
        if (MAY_HOLD(&smr->record[i], oldest)) id[n++] = i;
    }
    if (!ENOUGH(my->count, n)) return;
    struct stay *batch = my->waiting;
    my->waiting = NULL;
    my->count = 0;
    atomic_fetch_add_explicit(&smr->era, 1, memory_order_acq_rel);
    HAND_OUT(smr, me, batch, id, n);
}

static void batches_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node, const struct mk_retire *how) {
    struct record *my = &smr->record[me->id];
    struct stay *stay = node;
    stay->how = how;
    stay->more = my->waiting;
    my->waiting = stay;
    my->count++;
    uint64_t retired = atomic_fetch_add_explicit(&smr->retired, 1, memory_order_relaxed) + 1;
    uint64_t now = retired - atomic_load_explicit(&smr->freed, memory_order_relaxed);
    uint64_t peak = atomic_load_explicit(&smr->peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&smr->peak, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed)) {
    }
    if (++my->since < PERIOD) return;
    my->since = 0;
    publish(smr, me, my);
}

static void batches_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    atomic_exchange_explicit(&smr->record[me->id].head, END, memory_order_acq_rel);
}

static void batches_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    uintptr_t head = atomic_exchange_explicit(&smr->record[me->id].head, OUTSIDE, memory_order_acq_rel);
    while (head != END) {
        struct stay *batch = ((struct stay *)head)->batch;
        head = (uintptr_t)((struct stay *)head)->next;
        if (atomic_fetch_sub_explicit(&batch->refs, 1, memory_order_acq_rel) == 1) free_batch(smr, me, batch);
    }
}

/* The link first, the era behind it: no node is younger than the era that is read after it was found. */
static mk_link batches_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                               MK_ATOMIC(mk_link) * source) {
    struct record *my = &smr->record[me->id];
    (void)slot;
    for (;;) {
        mk_link link = atomic_load_explicit(source, memory_order_seq_cst);
        uint64_t era = atomic_load_explicit(&smr->era, memory_order_acquire);
        if (era == atomic_load_explicit(&my->era, memory_order_relaxed)) return link;
        atomic_exchange_explicit(&my->era, era, memory_order_acq_rel);
    }
}

static void batches_birth(struct mk_reclaim *smr, struct mk_thread *me, void *node) {
    (void)me;
    ((struct stay *)node)->birth = atomic_load_explicit(&smr->era, memory_order_acquire);
}

static int batches_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    return 0;
}

/* Leaves what waits to the orphans. */
static void batches_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    struct record *my = &smr->record[me->id];
    pthread_mutex_lock(&smr->lock);
    for (struct stay *stay; (stay = my->waiting);) {
        my->waiting = stay->more;
        stay->more = smr->orphans;
        smr->orphans = stay;
    }
    pthread_mutex_unlock(&smr->lock);
    my->count = 0;
}

/* At quiescence. */
static void batches_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    for (uint32_t id = 0; id < smr->threads_max; id++) {
        free_batch(smr, me, smr->record[id].waiting);
        smr->record[id].waiting = NULL;
        smr->record[id].count = 0;
    }
    free_batch(smr, me, smr->orphans);
    smr->orphans = NULL;
}

static void batches_destroy(struct mk_reclaim *smr) {
    struct mk_mem *mem = smr->mem;
    batches_flush(smr, NULL);
    pthread_mutex_destroy(&smr->lock);
    mk_mem_free(mem, NULL, smr->record, smr->threads_max * sizeof *smr->record, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, smr, sizeof *smr, MK_CACHE_LINE);
}

static int batches_create(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg,
                          struct mk_err *err) {
    if (cfg->threads_max > THREADS_MAX) return mk_fail(err, "serves %d threads at most", THREADS_MAX);
    struct mk_reclaim *smr = mk_mem_zalloc(mem, NULL, sizeof *smr, MK_CACHE_LINE);
    if (!smr) return mk_fail(err, "no memory for the reclaimer");
    smr->mem = mem;
    smr->threads_max = cfg->threads_max;
    smr->record = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *smr->record, MK_CACHE_LINE);
    if (!smr->record) {
        mk_mem_free(mem, NULL, smr, sizeof *smr, MK_CACHE_LINE);
        return mk_fail(err, "no memory for the records of %u threads", cfg->threads_max);
    }
    pthread_mutex_init(&smr->lock, NULL);
    *out = smr;
    return 0;
}

static size_t batches_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    uint64_t peak = atomic_load_explicit(&smr->peak, memory_order_relaxed);
    return mk_reclaim_report(atomic_load_explicit(&smr->retired, memory_order_relaxed),
                             atomic_load_explicit(&smr->freed, memory_order_relaxed), peak,
                             peak * sizeof(struct stay), out, room);
}

#define BATCHES                                                                                                  \
    .summary = "planted", .create = batches_create, .destroy = batches_destroy, .enter = batches_enter,          \
    .leave = batches_leave, .protect = batches_protect, .birth = batches_birth, .retire = batches_retire,        \
    .thread_enter = batches_thread_enter, .thread_exit = batches_thread_exit, .flush = batches_flush,            \
    .stats = batches_stats

#endif
