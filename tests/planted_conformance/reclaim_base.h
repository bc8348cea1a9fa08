/* reclaim_base.h - a sound reclaimer, of which each reclaim_*.c beside it breaks one thing. One clock behind one
 * mutex: a section has the time it was entered, a retired node the time it was retired, and a node goes when every
 * section is younger. */
#ifndef RECLAIM_BASE_H
#define RECLAIM_BASE_H

#include "../../impl/reclaim.h"

#include <pthread.h>

#define THREADS_MAX 64

struct waiting {
    struct waiting *next;
    void *node;
    const struct mk_retire *how;
    uint64_t time;
    uint32_t owner;
};

struct mk_reclaim {
    pthread_mutex_t lock;
    struct mk_mem *mem;
    uint64_t clock, inside[THREADS_MAX]; /* 0 = outside */
    struct waiting *spare[THREADS_MAX], *waiting, *lost;
    uint64_t retired, freed, peak;
};

__attribute__((unused)) static int base_create(struct mk_reclaim **out, struct mk_mem *mem,
                                               const struct mk_config *cfg, struct mk_err *err) {
    if (cfg->threads_max > THREADS_MAX) return mk_fail(err, "%d threads at most", THREADS_MAX);
    struct mk_reclaim *smr = mk_mem_zalloc(mem, NULL, sizeof *smr, 8);
    if (!smr) return mk_fail(err, "no memory for the reclaimer");
    smr->mem = mem;
    pthread_mutex_init(&smr->lock, NULL);
    *out = smr;
    return 0;
}

/* Frees a list of nodes. */
__attribute__((unused)) static void base_free(struct mk_reclaim *smr, struct mk_thread *me, struct waiting *list) {
    for (struct waiting *next; list; list = next) {
        next = list->next;
        if (list->node) mk_retire_now(list->how, me, list->node);
        mk_mem_free(smr->mem, me, list, sizeof *list, 8);
    }
}

/* Takes out all that were retired before `time`. The lock is held. */
__attribute__((unused)) static struct waiting *base_older(struct mk_reclaim *smr, uint64_t time) {
    struct waiting *older = NULL;
    for (struct waiting **link = &smr->waiting, *at; (at = *link);) {
        if (at->time >= time) {
            link = &at->next;
            continue;
        }
        *link = at->next;
        at->next = older;
        older = at;
        smr->freed++;
    }
    return older;
}

__attribute__((unused)) static void base_destroy(struct mk_reclaim *smr) {
    base_free(smr, NULL, smr->waiting);
    base_free(smr, NULL, smr->lost);
    for (int i = 0; i < THREADS_MAX; i++) base_free(smr, NULL, smr->spare[i]);
    pthread_mutex_destroy(&smr->lock);
    mk_mem_free(smr->mem, NULL, smr, sizeof *smr, 8);
}

__attribute__((unused)) static int base_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    return 0;
}

__attribute__((unused)) static void base_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
}

__attribute__((unused)) static void base_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    pthread_mutex_lock(&smr->lock);
    smr->inside[me->id] = ++smr->clock;
    pthread_mutex_unlock(&smr->lock);
}

__attribute__((unused)) static void base_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    uint64_t oldest = UINT64_MAX;
    pthread_mutex_lock(&smr->lock);
    smr->inside[me->id] = 0;
    for (int i = 0; i < THREADS_MAX; i++) {
        if (smr->inside[i] && smr->inside[i] < oldest) oldest = smr->inside[i];
    }
    struct waiting *older = base_older(smr, oldest);
    pthread_mutex_unlock(&smr->lock);
    base_free(smr, me, older);
}

__attribute__((unused)) static mk_link base_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                                    MK_ATOMIC(mk_link) * source) {
    (void)smr, (void)me, (void)slot;
    mk_link link = atomic_load_explicit(source, memory_order_acquire);
#ifdef SLOW_READERS
    sched_yield();
#endif
    return link;
}

__attribute__((unused)) static bool base_reserve(struct mk_reclaim *smr, struct mk_thread *me, unsigned n) {
    unsigned have = 0;
    for (struct waiting *at = smr->spare[me->id]; at; at = at->next) have++;
    for (; have < n; have++) {
        struct waiting *spare = mk_mem_zalloc(smr->mem, me, sizeof *spare, 8);
        if (!spare) return false;
        spare->next = smr->spare[me->id];
        smr->spare[me->id] = spare;
    }
    return true;
}

__attribute__((unused)) static void base_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node,
                                                const struct mk_retire *how) {
    struct waiting *waiting = smr->spare[me->id];
    smr->spare[me->id] = waiting->next;
    pthread_mutex_lock(&smr->lock);
    *waiting = (struct waiting){smr->waiting, node, how, ++smr->clock, me->id};
    smr->waiting = waiting;
    smr->retired++;
    if (smr->retired - smr->freed > smr->peak) smr->peak = smr->retired - smr->freed;
    pthread_mutex_unlock(&smr->lock);
}

__attribute__((unused)) static void base_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    base_free(smr, me, base_older(smr, UINT64_MAX));
}

__attribute__((unused)) static size_t base_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    return mk_reclaim_report(smr->retired, smr->freed, smr->peak, smr->peak * sizeof(struct mk_reclaim_node), out,
                             room);
}

/* Everything but what the files beside it break. */
#define BASE                                                                                      \
    .summary = "planted", .caps = MK_UNLINKED_OK, .create = base_create, .destroy = base_destroy, \
    .thread_enter = base_thread_enter, .enter = base_enter, .protect = base_protect

#endif
