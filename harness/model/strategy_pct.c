/* strategy_pct.c - probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatti, ASPLOS 2010).
 *
 * Threads have random priorities, the highest one goes on; at d - 1 points, drawn from all those of the program,
 * the thread at work falls behind all others. A bug that needs d accesses in a certain order is met with a
 * probability of 1 / (n k^(d-1)) at least, for n threads and k points.
 *
 * Added for loops that wait for others: a thread falls behind on every fourth point where it yields. Else two
 * that spin on what a third one is to change could keep it from ever going on.
 */
#include "strategy_parts.h"

#define CHANGES_MAX 3u
#define YIELDS 4u

struct pct {
    struct mk_drawn drawn;
    uint64_t points; /* so far */
    uint64_t change[CHANGES_MAX]; /* at which points, sorted; after the last of them UINT64_MAX */
    int32_t rank[MK_RT_THREADS];  /* the highest goes on */
    int32_t falls_to[CHANGES_MAX];
    uint32_t changes, next;
    int32_t lowest; /* that yields made */
    uint8_t yields[MK_RT_THREADS];
};
MK_CHOOSER_FITS(pct);

/* Gives the thread its new priority where this is a point of change, or it has yielded often enough. */
__attribute__((noinline)) static void fall(struct pct *pct, uint32_t at) {
    while (pct->next < pct->changes && pct->change[pct->next] <= pct->points) {
        pct->rank[at] = pct->falls_to[pct->next++];
    }
    if (mk_rt.thread[at].act == MK_ACT_PAUSE && ++pct->yields[at] % YIELDS == 0) pct->rank[at] = pct->lowest--;
}

static uint32_t pct_thread(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    struct pct *pct = (struct pct *)chooser;
    (void)usual;
    pct->points++;
    bool changes = pct->next < pct->changes && pct->change[pct->next] <= pct->points;
    if (MK_RT_UNLIKELY(changes || mk_rt.thread[at].act == MK_ACT_PAUSE)) fall(pct, at);
    uint32_t best = (uint32_t)__builtin_ctz(ready);
    for (uint32_t rest = ready & (ready - 1); rest; rest &= rest - 1) {
        uint32_t other = (uint32_t)__builtin_ctz(rest);
        if (pct->rank[other] > pct->rank[best]) best = other;
    }
    return best;
}

/* A random order of threads, all above what changes give: 4, 5, ... */
static void draw_ranks(struct pct *pct) {
    uint64_t random = 0;
    for (uint32_t i = 0; i < MK_RT_THREADS; i++) {
        if (i % 4 == 0) random = mk_rng_next(&pct->drawn.rng);
        uint32_t j = (uint32_t)((random & 0xffff) * (i + 1) >> 16); /* shuffled as it grows */
        random >>= 16;
        pct->rank[i] = pct->rank[j];
        pct->rank[j] = (int32_t)(CHANGES_MAX + 1 + i);
    }
}

/* Points are drawn as if each change had its own priority from the start, then sorted. */
static void draw_changes(struct pct *pct, uint64_t steps) {
    for (uint32_t i = 0; i < pct->changes; i++) {
        uint64_t point = 1 + mk_rng_below(&pct->drawn.rng, steps ? steps : 1);
        uint32_t j = i;
        for (; j > 0 && pct->change[j - 1] > point; j--) {
            pct->change[j] = pct->change[j - 1];
            pct->falls_to[j] = pct->falls_to[j - 1];
        }
        pct->change[j] = point;
        pct->falls_to[j] = (int32_t)(i + 1);
    }
}

static void pct_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate,
                      uint32_t depth) {
    struct pct *pct = (struct pct *)chooser;
    mk_drawn_begin(&pct->drawn, seed, estimate, pct_thread);
    pct->points = 0;
    pct->changes = depth - 1;
    pct->next = 0;
    pct->lowest = 0;
    memset(pct->yields, 0, sizeof pct->yields);
    draw_ranks(pct);
    draw_changes(pct, estimate->steps);
}

void mk_pct2_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate) {
    pct_begin(chooser, seed, estimate, 2);
}

void mk_pct3_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate) {
    pct_begin(chooser, seed, estimate, 3);
}

void mk_pct4_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate) {
    pct_begin(chooser, seed, estimate, 4);
}
