/* reclaim_quiet.h - a sound reclaimer, of which reclaim_quiet_*.c beside it break one thing each: a thread that
 * leaves a section says that it is outside, and takes note of the epoch; what was retired in an earlier one it can
 * no longer find (quiescent states: Hart and others, JPDC 2007).
 */
#ifndef RECLAIM_QUIET_H
#define RECLAIM_QUIET_H

#define WORDS 1 /* inside: the epoch at the last leave << 1 | 1 */
#define HOLDS quiet_holds
#include "reclaim_core.h"

/* What the files beside it break. */
#ifndef LEAVE
#define LEAVE base_leave
#endif
#ifndef PROTECT
#define PROTECT base_protect
#endif

static bool quiet_holds(uint64_t word, const struct stay *stay) {
    return stay->retired >= word >> 1;
}

/* Says that the thread is inside, and has last been quiet at this epoch. No plain store: that would end the release
 * sequence of look. */
static void say_inside(struct record *my, uint64_t quiet) {
    my->spare = quiet;
    atomic_exchange_explicit(&my->word[0], quiet << 1 | 1, memory_order_acq_rel);
}

static void quiet_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    say_inside(&smr->record[me->id], smr->record[me->id].spare);
}

__attribute__((unused)) static void base_leave(struct mk_reclaim *smr, struct mk_thread *me) {
    struct record *my = &smr->record[me->id];
    my->spare = atomic_load_explicit(&smr->epoch, memory_order_acquire);
    atomic_exchange_explicit(&my->word[0], 0, memory_order_acq_rel);
}

__attribute__((unused)) static mk_link base_protect(struct mk_reclaim *smr, struct mk_thread *me, unsigned slot,
                                                    MK_ATOMIC(mk_link) * source) {
    (void)smr, (void)me, (void)slot;
    return atomic_load_explicit(source, memory_order_seq_cst);
}

#define QUIET CORE, .caps = MK_UNLINKED_OK, .enter = quiet_enter, .leave = LEAVE, .protect = PROTECT

#endif
