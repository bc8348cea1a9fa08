/* reclaim_core.h - what reclaim_intervals.h and reclaim_hazards.h share: nodes that wait, the threads' words that
 * say what they may hold, and the look at these words before something is freed.
 *
 * A thread puts its words in place by exchange, and they are looked at by read-modify-writes, too: whichever comes
 * second has seen what the first did before. Either the look finds the word, or whoever wrote it sees the node
 * unlinked. No fence is needed, and none that ThreadSanitizer would not understand.
 *
 * Before it is included: WORDS a thread has, and HOLDS(word, stay): may a thread with that word hold the node?
 */
#ifndef RECLAIM_CORE_H
#define RECLAIM_CORE_H

#include <pthread.h>
#include <stdint.h>

struct mk_retire;

/* In every node. */
struct stay {
    struct stay *next; /* of those that wait */
    const struct mk_retire *how;
    uint32_t birth, retired; /* epochs */
};
#define MK_RECLAIM_HEADER struct stay stay;

#include "../../impl/reclaim.h"

#define THREADS_MAX 256
#define PERIOD MK_TUNE(4, 1) /* retirements of a thread between its looks */

struct record {
    MK_ATOMIC(uint64_t) word[WORDS]; /* 0 = holds nothing */
    struct stay *waiting;            /* the thread's own */
    uint32_t since;                  /* retirements since its last look */
    uint64_t spare;                  /* for what the breakage needs */
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_reclaim {
    struct mk_mem *mem;
    struct record *record; /* by id */
    uint32_t threads_max;
    MK_ATOMIC(uint64_t) epoch, retired, freed, peak;
    pthread_mutex_t lock; /* of the orphans: what threads left behind */
    struct stay *orphans;
};

static bool HOLDS(uint64_t word, const struct stay *stay);

/* What the files beside it break. */
#ifndef RETIRE
#define RETIRE base_retire
#endif
#ifndef BEQUEATH
#define BEQUEATH base_bequeath
#endif
#ifndef ADOPT
#define ADOPT base_adopt
#endif
static void RETIRE(struct mk_reclaim *smr, struct mk_thread *me, void *node, const struct mk_retire *how);
static void BEQUEATH(struct mk_reclaim *smr, struct record *my);
static void ADOPT(struct mk_reclaim *smr, struct record *my);

/* Frees all nodes of a list. */
static void free_list(struct mk_reclaim *smr, struct mk_thread *me, struct stay *list) {
    for (struct stay *next; list; list = next) {
        next = list->next;
        mk_retire_now(list->how, me, list);
        atomic_fetch_add_explicit(&smr->freed, 1, memory_order_relaxed);
    }
}

/* Puts a list before another. Returns the whole. */
static struct stay *join(struct stay *list, struct stay *rest) {
    struct stay **end = &list;
    while (*end) end = &(*end)->next;
    *end = rest;
    return list;
}

/* Takes over what others left, unless somebody is at it. */
__attribute__((unused)) static void base_adopt(struct mk_reclaim *smr, struct record *my) {
    if (pthread_mutex_trylock(&smr->lock)) return;
    my->waiting = join(smr->orphans, my->waiting);
    smr->orphans = NULL;
    pthread_mutex_unlock(&smr->lock);
}

/* Looks at all words, and frees what none of them can hold. */
static void look(struct mk_reclaim *smr, struct mk_thread *me, struct record *my) {
    uint64_t word[THREADS_MAX * WORDS];
    unsigned n = 0;
    ADOPT(smr, my);
    for (uint32_t id = 0; id < smr->threads_max; id++) {
        for (unsigned i = 0; i < WORDS; i++) {
            word[n] = atomic_fetch_or_explicit(&smr->record[id].word[i], 0, memory_order_acq_rel);
            n += word[n] != 0;
        }
    }
    struct stay *old = NULL;
    for (struct stay **link = &my->waiting, *stay; (stay = *link);) {
        bool held = false;
        for (unsigned i = 0; i < n && !held; i++) held = HOLDS(word[i], stay);
        if (held) {
            link = &stay->next;
            continue;
        }
        *link = stay->next;
        stay->next = old;
        old = stay;
    }
    free_list(smr, me, old);
}

/* The node joins those that wait. */
static void wait_on(struct mk_reclaim *smr, struct record *my, void *node, const struct mk_retire *how) {
    struct stay *stay = node;
    stay->how = how;
    /* a read-modify-write: whoever sees a later epoch sees that the node is unlinked */
    stay->retired = (uint32_t)atomic_fetch_add_explicit(&smr->epoch, 0, memory_order_acq_rel);
    stay->next = my->waiting;
    my->waiting = stay;
    uint64_t retired = atomic_fetch_add_explicit(&smr->retired, 1, memory_order_relaxed) + 1;
    uint64_t now = retired - atomic_load_explicit(&smr->freed, memory_order_relaxed);
    uint64_t peak = atomic_load_explicit(&smr->peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&smr->peak, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed)) {
    }
}

__attribute__((unused)) static void base_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node,
                                                const struct mk_retire *how) {
    struct record *my = &smr->record[me->id];
    wait_on(smr, my, node, how);
    if (++my->since < PERIOD) return;
    my->since = 0;
    atomic_fetch_add_explicit(&smr->epoch, 1, memory_order_acq_rel);
    look(smr, me, my);
}

/* Leaves what waits to the orphans. */
__attribute__((unused)) static void base_bequeath(struct mk_reclaim *smr, struct record *my) {
    pthread_mutex_lock(&smr->lock);
    smr->orphans = join(my->waiting, smr->orphans);
    pthread_mutex_unlock(&smr->lock);
    my->waiting = NULL;
}

static int core_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    return 0;
}

static void core_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    struct record *my = &smr->record[me->id];
    if (my->waiting) BEQUEATH(smr, my);
}

/* At quiescence. */
static void core_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    for (uint32_t id = 0; id < smr->threads_max; id++) {
        free_list(smr, me, smr->record[id].waiting);
        smr->record[id].waiting = NULL;
    }
    free_list(smr, me, smr->orphans);
    smr->orphans = NULL;
}

static void core_destroy(struct mk_reclaim *smr) {
    struct mk_mem *mem = smr->mem;
    core_flush(smr, NULL);
    pthread_mutex_destroy(&smr->lock);
    mk_mem_free(mem, NULL, smr->record, smr->threads_max * sizeof *smr->record, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, smr, sizeof *smr, MK_CACHE_LINE);
}

static int core_create(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg,
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
    atomic_init(&smr->epoch, 1);
    pthread_mutex_init(&smr->lock, NULL);
    *out = smr;
    return 0;
}

static size_t core_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    uint64_t peak = atomic_load_explicit(&smr->peak, memory_order_relaxed);
    return mk_reclaim_report(atomic_load_explicit(&smr->retired, memory_order_relaxed),
                             atomic_load_explicit(&smr->freed, memory_order_relaxed), peak,
                             peak * sizeof(struct stay), out, room);
}

/* Everything but what differs between the two. */
#define CORE                                                                                                     \
    .summary = "planted", .create = core_create, .destroy = core_destroy, .retire = RETIRE,                      \
    .thread_enter = core_thread_enter, .thread_exit = core_thread_exit, .flush = core_flush, .stats = core_stats

#endif
