/* strategy_pos.c - partial order sampling (Yuan, Yang, Gu, CAV 2018).
 *
 * What each thread is about to do has a random priority; the highest happens. Then whatever is about to touch the
 * same place, one of both writing, is given a new priority, so that the order of accesses that do not conflict is
 * not drawn again and again.
 *
 * Added for loops that wait for others: where a thread yields, the others are all given new priorities. Else one of
 * them could stay behind another that spins for as long as that does.
 */
#include "strategy_parts.h"

struct pos {
    struct mk_drawn drawn;
    uintptr_t address; /* what happened last; 0: nothing that conflicts with anything */
    bool writes;
    uint32_t known; /* threads that have a priority, a bit each */
    uint32_t priority[MK_RT_THREADS];
};
MK_CHOOSER_FITS(pos);

MK_RT_INLINE bool writes(const struct mk_logical *thread) {
    return thread->act != MK_ACT_LOAD;
}

MK_RT_INLINE bool conflicts(const struct pos *pos, const struct mk_logical *thread) {
    return pos->address == thread->address && pos->address && (pos->writes || writes(thread));
}

static uint32_t pos_thread(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    struct pos *pos = (struct pos *)chooser;
    bool yields = mk_rt.thread[at].act == MK_ACT_PAUSE;
    uint32_t best = usual;
    uint64_t most = 0;
    pos->known &= ~(1u << at); /* it has something new to do */
    for (uint32_t rest = ready; rest; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(rest);
        if (!(pos->known >> i & 1) || yields || conflicts(pos, &mk_rt.thread[i])) {
            pos->priority[i] = (uint32_t)(mk_rng_next(&pos->drawn.rng) >> 32);
        }
        if (pos->priority[i] >= most) {
            most = pos->priority[i];
            best = i;
        }
    }
    pos->known |= ready;
    pos->address = mk_rt.thread[best].address;
    pos->writes = writes(&mk_rt.thread[best]);
    return best;
}

void mk_pos_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate) {
    struct pos *pos = (struct pos *)chooser;
    mk_drawn_begin(&pos->drawn, seed, estimate, pos_thread);
    pos->address = 0;
    pos->writes = false;
    pos->known = 0;
}
