/* rcu_flavour.h - kind reclaim on a flavour of userspace RCU. Who includes it has defined RCU(name), the flavour's name for
 * a function, RCU_ENTER() and RCU_LEAVE(). A retired node goes to call_rcu, whose thread files it as ready; threads that
 * retire free what is ready, for freeing is done by registered threads. */
#include "retired.h"

struct rcu_retired {
    struct rcu_head head;
    struct rcu_retired *next;
    struct mk_reclaim *smr;
    void *node;
    const struct mk_retire *how;
};

struct mk_reclaim {
    MK_ATOMIC(struct rcu_retired *) ready MK_ALIGNED(2 * MK_CACHE_LINE);
    struct retired_counts counts MK_ALIGNED(2 * MK_CACHE_LINE);
    struct rcu_retired **spare; /* by thread: one that was reserved */
    struct mk_mem *mem;
    uint32_t threads_max;
};

static int rcu_create(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_reclaim *smr = mk_mem_zalloc(mem, NULL, sizeof *smr, _Alignof(struct mk_reclaim));
    if (!smr) return mk_fail(err, "no memory for the reclaimer");
    smr->mem = mem;
    smr->threads_max = cfg->threads_max;
    smr->spare = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *smr->spare, sizeof(void *));
    if (!smr->spare) {
        mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
        return mk_fail(err, "no memory for %u threads", cfg->threads_max);
    }
    *out = smr;
    return 0;
}

static MK_NOINLINE void rcu_free_ready(struct mk_reclaim *smr, struct mk_thread *me) {
    struct rcu_retired *retired = atomic_exchange_explicit(&smr->ready, NULL, memory_order_acquire);
    for (struct rcu_retired *next; retired; retired = next) {
        next = retired->next;
        retired_free(&smr->counts, me, retired->how, retired->node);
        free(retired);
    }
}

static void rcu_destroy(struct mk_reclaim *smr) {
    struct mk_mem *mem = smr->mem;
    RCU(barrier)();
    rcu_free_ready(smr, NULL);
    for (uint32_t i = 0; i < smr->threads_max; i++) free(smr->spare[i]);
    mk_mem_free(mem, NULL, smr->spare, smr->threads_max * sizeof *smr->spare, sizeof(void *));
    mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
}

static inline void rcu_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    RCU_ENTER();
}

static inline void rcu_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    RCU_LEAVE();
}

static inline mk_link rcu_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                  MK_ATOMIC(mk_link) *source) {
    (void)smr, (void)me, (void)slot;
    return atomic_load_explicit(source, memory_order_seq_cst);
}

static inline bool rcu_reserve(struct mk_reclaim *smr, struct mk_thread *me, unsigned n) {
    struct rcu_retired **spare = &smr->spare[me->id];
    unsigned have = 0;
    for (const struct rcu_retired *one = *spare; one && have < n; one = one->next) have++;
    for (; have < n; have++) {
        struct rcu_retired *made = malloc(sizeof *made);
        if (!made) return false;
        made->next = *spare;
        *spare = made;
    }
    return true;
}

static void rcu_file(struct rcu_head *head) {
    struct rcu_retired *retired = caa_container_of(head, struct rcu_retired, head);
    MK_ATOMIC(struct rcu_retired *) *ready = &retired->smr->ready;
    retired->next = atomic_load_explicit(ready, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(ready, &retired->next, retired, memory_order_release,
                                                  memory_order_relaxed)) {
        continue;
    }
}

static inline void rcu_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node, const struct mk_retire *how) {
    struct rcu_retired *retired = smr->spare[me->id];
    smr->spare[me->id] = retired->next;
    retired->smr = smr;
    retired->node = node;
    retired->how = how;
    retired_add(&smr->counts, how);
    RCU(call_rcu)(&retired->head, rcu_file);
    if (atomic_load_explicit(&smr->ready, memory_order_relaxed)) rcu_free_ready(smr, me);
}

static void rcu_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    RCU(barrier)();
    rcu_free_ready(smr, me);
}

static size_t rcu_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    return retired_report(&smr->counts, out, room);
}
