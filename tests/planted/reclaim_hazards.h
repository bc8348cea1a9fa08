/* reclaim_hazards.h - a sound reclaimer, of which reclaim_*.c beside it break one thing each: a thread publishes
 * the nodes it is about to touch, and sees that they are linked still (hazard pointers: Michael, TPDS 2004).
 */
#ifndef RECLAIM_HAZARDS_H
#define RECLAIM_HAZARDS_H

#define WORDS 4 /* addresses of nodes */
#define HOLDS hazards_hold
#include "reclaim_core.h"

/* What the files beside it break. */
#ifndef PROTECT
#define PROTECT base_protect
#endif

static bool hazards_hold(uint64_t word, const struct stay *stay) {
    return word == (uintptr_t)stay;
}

static void hazards_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
}

static void hazards_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    for (unsigned i = 0; i < WORDS; i++) {
        /* no plain store: that would end the release sequence of look, and a later exchange in protect would not
         * acquire what look has seen unlinked */
        atomic_exchange_explicit(&smr->record[me->id].word[i], 0, memory_order_acq_rel);
    }
}

__attribute__((unused)) static mk_link base_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                                    MK_ATOMIC(mk_link) * source) {
    mk_link link = atomic_load_explicit(source, memory_order_seq_cst);
    for (;;) {
        atomic_exchange_explicit(&smr->record[me->id].word[slot], link & ~MK_LINK_FLAGS, memory_order_acq_rel);
        mk_link now = atomic_load_explicit(source, memory_order_seq_cst);
        if (now == link) return link;
        link = now;
    }
}

#define HAZARDS CORE, .caps = MK_BOUNDED, .enter = hazards_enter, .leave = hazards_leave, .protect = PROTECT

#endif
