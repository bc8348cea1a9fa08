/* needs: ck | libck-dev */
/* reclaim/ck_hp - hazard pointers of Concurrency Kit, ck_hp: a peer.
 *
 * Source:     Concurrency Kit (Samy Al Bahra), after Michael, IEEE TPDS 2004; a pointer is published by an exchange.
 * Picture:    record[id] -> pending -> retired -> ...    pointers[id][8]
 * Parts:      none.
 * Progress:   enter and leave wait-free, protect lock-free; retire waits for malloc.
 * Ordering:   the library's.
 * Memory:     56 B for each retired node, by malloc; 384 B a thread. Some 128 nodes a thread wait.
 * Limits:     a thread's record stays when it leaves, and goes on with the next one of its id.
 */
#include <ck_hp.h>

#include "../retired.h"

#define CKH_SLOTS 8
#define CKH_THRESHOLD 128 /* retirements of a thread between its scans */

struct ckh_retired {
    ck_hp_hazard_t hazard;
    struct ckh_retired *next;
    struct ckh_line *line;
    const struct mk_retire *how;
};

struct ckh_line {
    ck_hp_record_t record;
    void *pointer[CKH_SLOTS];
    struct mk_reclaim *smr;
    struct mk_thread *me;
    struct ckh_retired *spare;
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_reclaim {
    ck_hp_t hp;
    struct retired_counts counts MK_ALIGNED(2 * MK_CACHE_LINE);
    struct ckh_line *line;
    struct mk_mem *mem;
    uint32_t threads_max;
};

static void ckh_free(void *data) {
    struct ckh_retired *retired = data;
    struct ckh_line *line = retired->line;
    retired_free(&line->smr->counts, line->me, retired->how, retired->hazard.pointer);
    free(retired);
}

static int ckh_create(struct mk_reclaim **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_reclaim *smr = mk_mem_zalloc(mem, NULL, sizeof *smr, _Alignof(struct mk_reclaim));
    if (!smr) return mk_fail(err, "no memory for the reclaimer");
    smr->mem = mem;
    smr->threads_max = cfg->threads_max;
    smr->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *smr->line, _Alignof(struct ckh_line));
    if (!smr->line) {
        mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
        return mk_fail(err, "no memory for %u threads", cfg->threads_max);
    }
    ck_hp_init(&smr->hp, CKH_SLOTS, CKH_THRESHOLD, ckh_free);
    for (uint32_t i = 0; i < cfg->threads_max; i++) {
        smr->line[i].smr = smr;
        ck_hp_register(&smr->hp, &smr->line[i].record, smr->line[i].pointer);
    }
    *out = smr;
    return 0;
}

static void ckh_flush(struct mk_reclaim *smr, struct mk_thread *me) {
    for (uint32_t i = 0; i < smr->threads_max; i++) {
        smr->line[i].me = me;
        ck_hp_reclaim(&smr->line[i].record);
    }
}

static void ckh_destroy(struct mk_reclaim *smr) {
    struct mk_mem *mem = smr->mem;
    ckh_flush(smr, NULL);
    for (uint32_t i = 0; i < smr->threads_max; i++) {
        for (struct ckh_retired *spare = smr->line[i].spare, *next; spare; spare = next) {
            next = spare->next;
            free(spare);
        }
    }
    mk_mem_free(mem, NULL, smr->line, smr->threads_max * sizeof *smr->line, _Alignof(struct ckh_line));
    mk_mem_free(mem, NULL, smr, sizeof *smr, _Alignof(struct mk_reclaim));
}

static int ckh_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    return 0;
}

static void ckh_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    struct ckh_line *line = &smr->line[me->id];
    ck_hp_clear(&line->record);
    line->me = me;
    ck_hp_reclaim(&line->record);
}

static inline void ckh_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
}

static inline void ckh_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    ck_pr_fence_release();
    ck_hp_clear(&smr->line[me->id].record);
}

static inline mk_link ckh_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                  MK_ATOMIC(mk_link) *source) {
    ck_hp_record_t *record = &smr->line[me->id].record;
    /* (1) seq_cst-load synchronizes-with the release of whoever linked the node (36 in map/chain.c): its words */
    mk_link link = atomic_load_explicit(source, memory_order_seq_cst);
    for (;;) {
        ck_hp_set_fence(record, slot, (void *)(link & ~MK_LINK_FLAGS));
        /* (2) seq_cst-load synchronizes-with the release of whoever linked the node (36 in map/chain.c): as (1), and tells
         * whether the node was still linked when it had been announced */
        mk_link again = atomic_load_explicit(source, memory_order_seq_cst);
        if (MK_LIKELY(again == link)) return link;
        link = again;
    }
}

static inline bool ckh_reserve(struct mk_reclaim *smr, struct mk_thread *me, unsigned n) {
    struct ckh_retired **spare = &smr->line[me->id].spare;
    unsigned have = 0;
    for (const struct ckh_retired *one = *spare; one && have < n; one = one->next) have++;
    for (; have < n; have++) {
        struct ckh_retired *made = malloc(sizeof *made);
        if (!made) return false;
        made->next = *spare;
        *spare = made;
    }
    return true;
}

static inline void ckh_retire(struct mk_reclaim *smr, struct mk_thread *me, void *node, const struct mk_retire *how) {
    struct ckh_line *line = &smr->line[me->id];
    struct ckh_retired *retired = line->spare;
    line->spare = retired->next;
    line->me = me;
    retired->line = line;
    retired->how = how;
    retired_add(&smr->counts, how);
    ck_hp_free(&line->record, &retired->hazard, retired, node);
}

static size_t ckh_stats(struct mk_reclaim *smr, struct mk_stat *out, size_t room) {
    return retired_report(&smr->counts, out, room);
}

MK_RECLAIM(ck_hp, .summary = "peer: ck_hp of Concurrency Kit", .caps = MK_BOUNDED,
           .progress = {.enter = MK_WAIT_FREE, .retire = MK_BLOCKING}, .create = ckh_create, .destroy = ckh_destroy,
           .thread_enter = ckh_thread_enter, .thread_exit = ckh_thread_exit, .enter = ckh_enter, .leave = ckh_leave,
           .protect = ckh_protect, .reserve = ckh_reserve, .retire = ckh_retire, .flush = ckh_flush,
           .stats = ckh_stats);
