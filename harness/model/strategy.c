/* strategy.c - the strategies by name; what they share; the two simplest: a random walk, and turns.
 *
 * No strategy is best for all bugs, which is why there is a portfolio: priorities find what needs few well-placed
 * switches in long programs, walks find what needs many, partial orders do not waste schedules on switches that
 * change nothing.
 */
#include "strategy_parts.h"

/* ---- values ---------------------------------------------------------------------------------- */

/* Returns 1 .. n - 1 with that probability, else 0. */
static uint32_t rarely(struct mk_drawn *drawn, uint32_t probability, uint32_t n) {
    uint64_t random = mk_rng_next(&drawn->rng);
    if ((uint32_t)random >= probability) return 0;
    return 1 + (uint32_t)((random >> 32) * (n - 1) >> 32);
}

/* One thread of those at work, and one of the steps it is thought to make: who is stopped, and when. */
static void draw_freeze(struct mk_drawn *drawn) {
    uint32_t works = 0;
    for (uint32_t i = 1; i < MK_RT_THREADS; i++) works |= (uint32_t)(drawn->estimate->of_thread[i] > 0) << i;
    drawn->freeze_thread = works ? mk_pick(works, (uint32_t)mk_rng_next(&drawn->rng)) : 1;
    uint64_t steps = drawn->estimate->of_thread[drawn->freeze_thread];
    drawn->freeze_step = 1 + (uint32_t)mk_rng_below(&drawn->rng, steps + 1);
}

static uint32_t freeze(struct mk_drawn *drawn) {
    if (!drawn->freeze_thread) draw_freeze(drawn);
    return mk_rt.now->number == drawn->freeze_thread && mk_rt.now->step >= drawn->freeze_step;
}

static uint32_t choose_value(struct mk_chooser *chooser, enum mk_choice_kind kind, uint32_t n) {
    struct mk_drawn *drawn = (struct mk_drawn *)chooser;
    switch (kind) {
    case MK_CHOICE_AGE: return drawn->stale ? rarely(drawn, drawn->stale, n) : 0;
    case MK_CHOICE_SPURIOUS: return drawn->spurious ? rarely(drawn, drawn->spurious, n) : 0;
    case MK_CHOICE_BLOCK: return (uint32_t)mk_rng_below(&drawn->rng, n);
    case MK_CHOICE_REFUSE: return mk_rt.refuse_one_in && mk_rng_below(&drawn->rng, mk_rt.refuse_one_in) == 0;
    case MK_CHOICE_WAKE: return drawn->wake ? rarely(drawn, drawn->wake, n) : 0;
    case MK_CHOICE_FREEZE: return freeze(drawn);
    case MK_CHOICE_THREAD: break;
    }
    return 0;
}

void mk_drawn_begin(struct mk_drawn *drawn, uint64_t seed, const struct mk_estimate *estimate,
                    uint32_t (*thread)(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual)) {
    static const uint32_t stale[] = {MK_DRAWN_NEVER, MK_DRAWN_PERCENT(25), MK_DRAWN_PERCENT(60)};
    drawn->chooser.thread = thread;
    drawn->chooser.value = choose_value;
    mk_rng_seed(&drawn->rng, seed);
    uint64_t random = mk_rng_next(&drawn->rng);
    drawn->stale = stale[(random >> 32) * 3 >> 32];
    drawn->spurious = random & 1 ? MK_DRAWN_PERCENT(5) : MK_DRAWN_NEVER;
    drawn->wake = random & 2 ? MK_DRAWN_PERCENT(12) : MK_DRAWN_NEVER;
    drawn->freeze_thread = 0;
    drawn->estimate = estimate;
}

/* ---- random walk ----------------------------------------------------------------------------- */

#define RARELY_MAX 6u /* at the least, one point in 2^6 is one where the walk turns */

struct walk {
    struct mk_drawn drawn;
    uint64_t turn; /* probability of going anywhere rather than on, in parts of 2^32 */
};
MK_CHOOSER_FITS(walk);

static uint32_t walk_thread(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    struct walk *walk = (struct walk *)chooser;
    uint64_t random = mk_rng_next(&walk->drawn.rng);
    if ((uint32_t)random >= walk->turn && usual == at) return usual;
    return mk_pick(ready, (uint32_t)(random >> 32));
}

static void walk_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate) {
    struct walk *walk = (struct walk *)chooser;
    uint32_t most = 0;
    mk_drawn_begin(&walk->drawn, seed, estimate, walk_thread);
    /* Walks that turn less than once a program would all be the same. */
    while (most < RARELY_MAX && estimate->steps >> (most + 1)) most++;
    walk->turn = ((uint64_t)1 << 32) >> mk_rng_below(&walk->drawn.rng, most + 1);
}

/* ---- turns ----------------------------------------------------------------------------------- */

struct turns {
    struct mk_drawn drawn;
    uint64_t lengths; /* 4 bits for each thread: points in a row, less 1 */
    uint32_t left;    /* of the turn */
    bool begun;
};
MK_CHOOSER_FITS(turns);

static uint32_t turns_thread(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    struct turns *turns = (struct turns *)chooser;
    if (turns->left && usual == at) {
        turns->left--;
        return usual;
    }
    uint32_t next = turns->begun ? mk_rt_next(at, ready) : mk_pick(ready, (uint32_t)mk_rng_next(&turns->drawn.rng));
    turns->begun = true;
    turns->left = turns->lengths >> 4 * next & 15;
    return next;
}

static void turns_begin(struct mk_chooser *chooser, uint64_t seed, const struct mk_estimate *estimate) {
    struct turns *turns = (struct turns *)chooser;
    mk_drawn_begin(&turns->drawn, seed, estimate, turns_thread);
    uint64_t longest = ((uint64_t)1 << mk_rng_below(&turns->drawn.rng, 5)) - 1; /* 0 .. 15, in all threads */
    turns->lengths = mk_rng_next(&turns->drawn.rng) & longest * 0x1111111111111111u;
    turns->left = 0;
    turns->begun = false;
}

/* ---- by name --------------------------------------------------------------------------------- */

const struct mk_strategy mk_strategies[] = {
    {"random", "a random walk: at each point any thread, or with a drawn probability the same one", 20, walk_begin,
     MK_CHOOSER_BYTES},
    {"pct2", "random priorities, 1 change (probabilistic concurrency testing; Burckhardt et al., ASPLOS 2010)", 15,
     mk_pct2_begin, MK_CHOOSER_BYTES},
    {"pct3", "random priorities, 2 changes", 20, mk_pct3_begin, MK_CHOOSER_BYTES},
    {"pct4", "random priorities, 3 changes", 10, mk_pct4_begin, MK_CHOOSER_BYTES},
    {"pos", "random priorities of accesses, drawn anew on conflict (partial order sampling; Yuan et al., CAV 2018)",
     20, mk_pos_begin, MK_CHOOSER_BYTES},
    {"surw", "accesses to one place in any order as likely (selectively uniform walk; Zhao et al., ASPLOS 2025)",
     10, mk_surw_begin, MK_CHOOSER_BYTES},
    {"turns", "each thread for so many points in turn; how many is drawn", 5, turns_begin, MK_CHOOSER_BYTES},
    {0}};
