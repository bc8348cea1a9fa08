/* strategy_surw.c - the selectively uniform random walk (Zhao, Wolff, Mathur, Roychoudhury, ASPLOS 2025).
 *
 * One place in memory is picked for each schedule. All orders in which threads can access it are to be as likely:
 * who accesses it next is drawn beforehand, each thread weighing as many accesses as it has left by the estimate;
 * whoever else comes to that place waits. What happens elsewhere is a random walk.
 */
#include "strategy_parts.h"

#define NOBODY MK_RT_THREADS

struct surw {
    struct mk_drawn drawn;
    uintptr_t place; /* 0: none is known */
    uint32_t next;   /* who accesses it next; NOBODY: not drawn */
    uint32_t left[MK_RT_THREADS];
};
MK_CHOOSER_FITS(surw);

/* Draws who of `among` is next by weight; NOBODY where none has anything left. */
static uint32_t draw_next(struct surw *surw, uint32_t among) {
    uint64_t all = 0;
    for (uint32_t rest = among; rest; rest &= rest - 1) all += surw->left[__builtin_ctz(rest)];
    if (!all) return NOBODY;
    uint64_t skip = mk_rng_below(&surw->drawn.rng, all);
    for (uint32_t rest = among; rest; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(rest);
        if (skip < surw->left[i]) return i;
        skip -= surw->left[i];
    }
    return NOBODY;
}

/* Returns a bit for each thread that has not ended. */
static uint32_t alive(void) {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < mk_rt.n; i++) {
        enum mk_thread_state state = mk_rt.thread[i].state;
        bits |= (uint32_t)(state == MK_THREAD_READY || state == MK_THREAD_BLOCKED) << i;
    }
    return bits;
}

/* Returns those of `ready` that are about to access the place. */
MK_RT_INLINE uint32_t at_place(const struct surw *surw, uint32_t ready) {
    uint32_t bits = 0;
    for (uint32_t rest = ready; rest; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(rest);
        bits |= (uint32_t)(mk_rt.thread[i].address == surw->place) << i;
    }
    return bits;
}

static uint32_t surw_thread(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    struct surw *surw = (struct surw *)chooser;
    uint32_t random = (uint32_t)mk_rng_next(&surw->drawn.rng);
    (void)at;
    (void)usual;
    if (!surw->place) return mk_pick(ready, random);
    if (surw->next == NOBODY) surw->next = draw_next(surw, alive());
    uint32_t there = at_place(surw, ready);
    uint32_t may = ready & ~there;
    if (surw->next != NOBODY) may |= there & 1u << surw->next;
    if (!may) {
        /* Whoever was to be next waits for one of these. */
        uint32_t other = draw_next(surw, there);
        may = other == NOBODY ? there : 1u << other;
    }
    uint32_t goes = mk_pick(may, random);
    if (there >> goes & 1) {
        surw->left[goes] -= surw->left[goes] > 0;
        surw->next = NOBODY;
    }
    return goes;
}

void mk_surw_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate) {
    struct surw *surw = (struct surw *)chooser;
    mk_drawn_begin(&surw->drawn, seed, estimate, surw_thread);
    surw->place = 0;
    surw->next = NOBODY;
    if (!estimate->addresses) return;
    size_t i = (size_t)mk_rng_below(&surw->drawn.rng, estimate->addresses);
    surw->place = estimate->address[i];
    memcpy(surw->left, estimate->at[i], sizeof surw->left);
}
