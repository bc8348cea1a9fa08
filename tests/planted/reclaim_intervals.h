/* reclaim_intervals.h - a sound reclaimer, of which reclaim_*.c beside it break one thing each: a node has the
 * epochs of its birth and of its retirement, a section those of its beginning and of its newest link, and a node
 * that is retired stays while any section's interval meets its own (2GE-IBR: Wen and others, PPoPP 2018).
 */
#ifndef RECLAIM_INTERVALS_H
#define RECLAIM_INTERVALS_H

#define WORDS 1 /* the epoch at the beginning << 32 | that of the newest link */
#ifndef HOLDS
#define HOLDS base_holds
#endif
#include "reclaim_core.h"

/* What the files beside it break. */
#ifndef ENTER
#define ENTER base_enter
#endif
#ifndef PROTECT
#define PROTECT base_protect
#endif
#ifndef BIRTH
#define BIRTH base_birth
#endif

__attribute__((unused)) static bool base_holds(uint64_t word, const struct stay *stay) {
    return stay->birth <= (uint32_t)word && stay->retired >= word >> 32;
}

static void announce(struct record *my, uint64_t begun, uint64_t newest) {
    atomic_exchange_explicit(&my->word[0], begun << 32 | newest, memory_order_acq_rel);
}

__attribute__((unused)) static void base_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    uint64_t epoch = atomic_load_explicit(&smr->epoch, memory_order_acquire);
    announce(&smr->record[me->id], epoch, epoch);
}

static void intervals_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    /* no plain store: that would end the release sequence of look, which announce is to acquire from */
    atomic_exchange_explicit(&smr->record[me->id].word[0], 0, memory_order_acq_rel);
}

/* The link first, the epoch behind it: no node is younger than the epoch that is read after it was found. */
__attribute__((unused)) static mk_link base_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                                    MK_ATOMIC(mk_link) * source) {
    struct record *my = &smr->record[me->id];
    uint64_t word = atomic_load_explicit(&my->word[0], memory_order_relaxed);
    (void)slot;
    for (;;) {
        mk_link link = atomic_load_explicit(source, memory_order_seq_cst);
        uint64_t epoch = atomic_load_explicit(&smr->epoch, memory_order_acquire);
        if (epoch == (uint32_t)word) return link;
        word = word >> 32 << 32 | epoch;
        announce(my, word >> 32, epoch);
    }
}

__attribute__((unused)) static void base_birth(struct mk_reclaim *smr, struct mk_thread *me, void *node) {
    (void)me;
    ((struct stay *)node)->birth = (uint32_t)atomic_load_explicit(&smr->epoch, memory_order_acquire);
}

#define INTERVALS CORE, .enter = ENTER, .leave = intervals_leave, .protect = PROTECT, .birth = BIRTH

#endif
