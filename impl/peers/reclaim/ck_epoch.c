/* needs: ck | libck-dev */
/* reclaim/ck_epoch - epochs of Concurrency Kit, ck_epoch: a peer.
 *
 * Source:     Concurrency Kit (Samy Al Bahra), after Fraser 2004.
 * Picture:    record[id] -> pending[4] -> retired -> ...
 * Parts:      none.
 * Progress:   enter, leave and protect wait-free; retire waits for malloc.
 * Ordering:   the library's.
 * Memory:     40 B for each retired node, by malloc; 512 B a thread.
 * Limits:     garbage is unbounded while a reader stalls. A thread's record stays when it leaves: others look after what is
 *             pending there until the next thread of its id comes.
 */
#include <ck_epoch.h>
#include <pthread.h>

#include "../retired.h"

#define CKE_PERIOD 64 /* retirements of a thread between its attempts to free some */

struct cke_retired {
    ck_epoch_entry_t entry;
    struct cke_retired *next;
    struct cke_line *line;
    void *node;
    const struct mk_retire *how;
};

struct cke_line {
    ck_epoch_record_t record;
    struct mk_reclaim *smr;
    struct mk_thread *me;
    struct cke_retired *spare;
    uint32_t since;
    bool absent; /* behind the lock: no thread has this id, others look after what is pending */
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_reclaim {
    ck_epoch_t epoch;
    struct retired_counts counts MK_ALIGNED(2 * MK_CACHE_LINE);
    struct cke_line *line;
    struct mk_mem *mem;
    uint32_t threads_max, next; /* of the absent ones to be looked after */
    pthread_mutex_t lock;
};

static int cke_create(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_reclaim *smr = mk_mem_zalloc(mem, NULL, sizeof *smr, _Alignof(struct mk_reclaim));
    if (!smr) return mk_fail(err, "no memory for the reclaimer");
    smr->mem = mem;
    smr->threads_max = cfg->threads_max;
    smr->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *smr->line, _Alignof(struct cke_line));
    if (!smr->line) {
        mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
        return mk_fail(err, "no memory for %u threads", cfg->threads_max);
    }
    ck_epoch_init(&smr->epoch);
    pthread_mutex_init(&smr->lock, NULL);
    for (uint32_t i = 0; i < cfg->threads_max; i++) {
        smr->line[i].smr = smr;
        smr->line[i].absent = true;
        ck_epoch_register(&smr->epoch, &smr->line[i].record, NULL);
    }
    *out = smr;
    return 0;
}

static void cke_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    for (uint32_t i = 0; i < smr->threads_max; i++) {
        smr->line[i].me = me;
        ck_epoch_reclaim(&smr->line[i].record);
    }
}

static void cke_destroy(struct mk_reclaim *smr) {
    struct mk_mem *mem = smr->mem;
    cke_flush(smr, NULL);
    for (uint32_t i = 0; i < smr->threads_max; i++) {
        for (struct cke_retired *spare = smr->line[i].spare, *next; spare; spare = next) {
            next = spare->next;
            free(spare);
        }
    }
    pthread_mutex_destroy(&smr->lock);
    mk_mem_free(mem, NULL, smr->line, smr->threads_max * sizeof *smr->line, _Alignof(struct cke_line));
    mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
}

static void cke_set_absent(struct mk_reclaim *smr, struct mk_thread *me, bool absent) {
    pthread_mutex_lock(&smr->lock);
    smr->line[me->id].absent = absent;
    pthread_mutex_unlock(&smr->lock);
}

static int cke_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    cke_set_absent(smr, me, false);
    return 0;
}

/* Frees what has become free of one that has left; outside a section. */
static void cke_look_after_absent(struct mk_reclaim *smr, struct mk_thread *me) {
    if (pthread_mutex_trylock(&smr->lock)) return;
    for (uint32_t i = 0; i < smr->threads_max; i++) {
        struct cke_line *line = &smr->line[smr->next++ % smr->threads_max];
        if (!line->absent || !line->record.n_pending) continue;
        line->me = me;
        ck_epoch_poll(&line->record);
        break;
    }
    pthread_mutex_unlock(&smr->lock);
}

static void cke_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    smr->line[me->id].me = me;
    ck_epoch_poll(&smr->line[me->id].record);
    cke_set_absent(smr, me, true);
}

static inline void cke_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    ck_epoch_begin(&smr->line[me->id].record, NULL);
}

static inline void cke_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    struct cke_line *line = &smr->line[me->id];
    ck_epoch_end(&line->record, NULL);
    if (MK_UNLIKELY(line->since >= CKE_PERIOD)) {
        line->since = 0;
        line->me = me;
        ck_epoch_poll(&line->record);
        cke_look_after_absent(smr, me);
    }
}

static inline mk_link cke_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                  MK_ATOMIC(mk_link) *source) {
    (void)smr, (void)me, (void)slot;
    /* (1) seq_cst-load synchronizes-with the release of whoever linked the node (36 in map/chain.c): its words */
    return atomic_load_explicit(source, memory_order_seq_cst);
}

static inline bool cke_reserve(struct mk_reclaim *smr, struct mk_thread *me, unsigned n) {
    struct cke_retired **spare = &smr->line[me->id].spare;
    unsigned have = 0;
    for (const struct cke_retired *one = *spare; one && have < n; one = one->next) have++;
    for (; have < n; have++) {
        struct cke_retired *made = malloc(sizeof *made);
        if (!made) return false;
        made->next = *spare;
        *spare = made;
    }
    return true;
}

static void cke_free(ck_epoch_entry_t *entry) {
    struct cke_retired *retired = (struct cke_retired *)entry;
    struct cke_line *line = retired->line;
    retired_free(&line->smr->counts, line->me, retired->how, retired->node);
    free(retired);
}

static inline void cke_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node, const struct mk_retire *how) {
    struct cke_line *line = &smr->line[me->id];
    struct cke_retired *retired = line->spare;
    line->spare = retired->next;
    line->since++;
    retired->line = line;
    retired->node = node;
    retired->how = how;
    retired_add(&smr->counts, how);
    ck_epoch_call(&line->record, &retired->entry, cke_free);
}

static size_t cke_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    return retired_report(&smr->counts, out, room);
}

MK_RECLAIM(ck_epoch, .summary = "peer: ck_epoch of Concurrency Kit", .caps = MK_UNLINKED_OK,
           .progress = {.enter = MK_WAIT_FREE, .retire = MK_BLOCKING}, .create = cke_create, .destroy = cke_destroy,
           .thread_enter = cke_thread_enter, .thread_exit = cke_thread_exit, .enter = cke_enter, .leave = cke_leave,
           .protect = cke_protect, .reserve = cke_reserve, .retire = cke_retire, .flush = cke_flush,
           .stats = cke_stats);
