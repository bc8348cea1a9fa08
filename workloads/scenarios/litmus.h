/* litmus.h - what litmus tests share: places in memory, fences, outcomes of whole families.
 *
 * A litmus test is a scenario without a structure (actor->impl, self and me are NULL): a few threads, a few C11
 * atomics, and the question which of the values written they read. Grades mean the same in all of them:
 *
 *     acceptable    some order of the threads' operations, one at a time, explains it
 *     interesting   none does, but C11 allows it: real machines or compilers show it, or may
 *     forbidden     C11 rules it out
 *
 * Names are those of Alglave, Maranget and Tautschnig, "Herding cats" (2014), where they have one; grades follow
 * Batty, Owens, Sarkar, Sewell and Weber, "Mathematizing C++ concurrency" (2011), and for what is seq_cst the
 * repair by Lahav, Vafeiadis, Kang, Hur and Dreyer (2017) that C++20 took over, where it is the stronger one.
 */
#ifndef LITMUS_H
#define LITMUS_H

#include "../../impl/order.h"
#include "../../impl/scenario.h"

typedef MK_ATOMIC(uint64_t) litmus_word;

/* A word and the room beside it: no two are in one cache line, or in neighbours. */
struct litmus_place {
    litmus_word word;
    unsigned char apart[2 * MK_CACHE_LINE - sizeof(litmus_word)];
};

/* Returns a word that all threads share; zero when a round begins. */
MK_INLINE litmus_word *litmus_at(const struct mk_actor *actor, unsigned place) {
    return &((struct litmus_place *)actor->shared)[place].word;
}

MK_INLINE void litmus_clear(struct mk_actor *alone, unsigned places) {
    for (unsigned i = 0; i < places; i++) atomic_store_explicit(litmus_at(alone, i), 0, memory_order_relaxed);
}

#define LITMUS_CLEARS(N)                                               \
    MK_NOINLINE static void litmus_clear_##N(struct mk_actor *alone) { \
        litmus_clear(alone, N);                                        \
    }
LITMUS_CLEARS(1)
LITMUS_CLEARS(2)
LITMUS_CLEARS(3)
LITMUS_CLEARS(4)

/* Fields of MK_SCENARIO: so many words, zero when a round begins. */
#define LITMUS_PLACES(N) .shared_bytes = (N) * sizeof(struct litmus_place), .before = litmus_clear_##N

/* A fence; `order` is a constant. ThreadSanitizer orders nothing by it, and gcc says so each time; where all that
 * is shared is atomic there is nothing it could report. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
MK_INLINE void litmus_fence(memory_order order) {
    atomic_thread_fence(order);
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* ---- families: the same threads, other orders -------------------------------------------------- */

/* Message passing. Thread 1 read the flag (saw 0), then the data (saw 1). */
#define LITMUS_MP(GRADE, HELP)                                           \
    {{"neither", MK_ACCEPTABLE, "the reader came first"},                \
     {"data alone", MK_ACCEPTABLE, "the reads fell around the writes"},  \
     {"flag without data", GRADE, HELP},                                 \
     {"both", MK_ACCEPTABLE, "the writer came first"},                   \
     {NULL, MK_ACCEPTABLE, NULL}}
MK_NOINLINE static unsigned litmus_mp(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return (unsigned)(actor[1].saw[0] << 1 | actor[1].saw[1]);
}

/* Store buffering. Each of two threads wrote a word of its own and read the other's (saw 0). */
#define LITMUS_SB(GRADE, HELP)                                           \
    {{"neither saw", GRADE, HELP},                                       \
     {"thread 1 saw", MK_ACCEPTABLE, "it came second"},                  \
     {"thread 0 saw", MK_ACCEPTABLE, "it came second"},                  \
     {"both saw", MK_ACCEPTABLE, "both writes came before both reads"},  \
     {NULL, MK_ACCEPTABLE, NULL}}
MK_NOINLINE static unsigned litmus_sb(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return (unsigned)(actor[0].saw[0] << 1 | actor[1].saw[0]);
}

/* Independent reads of independent writes. Threads 2 and 3 read both words, in opposite orders (saw 0, saw 1). */
#define LITMUS_IRIW(GRADE, HELP)                                                        \
    {{"one order", MK_ACCEPTABLE, "some order of the writes explains what both saw"},   \
     {"two orders", GRADE, HELP},                                                       \
     {NULL, MK_ACCEPTABLE, NULL}}
MK_NOINLINE static unsigned litmus_iriw(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[2].saw[0] && !actor[2].saw[1] && actor[3].saw[0] && !actor[3].saw[1];
}

/* A chain: thread 2 has seen the last link (saw 0) and reads what the chain began with (saw 1); thread 1, between
 * them, has seen what it passes on (saw 0). */
#define LITMUS_CHAIN(GRADE, HELP)                                                  \
    {{"in order", MK_ACCEPTABLE, "the chain was not whole yet, or all was seen"},  \
     {"missing link", GRADE, HELP},                                                \
     {NULL, MK_ACCEPTABLE, NULL}}
MK_NOINLINE static unsigned litmus_chain(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[1].saw[0] && actor[2].saw[0] && !actor[2].saw[1];
}

/* Mutual exclusion of two threads. Each said when it came in and left, and saw who was there (saw 0). */
#define LITMUS_EXCLUSION(GRADE, HELP)                           \
    {{"one at a time", MK_ACCEPTABLE, "as it should be"},       \
     {"both inside", GRADE, HELP},                              \
     {NULL, MK_ACCEPTABLE, NULL}}
MK_NOINLINE static unsigned litmus_exclusion(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[0].saw[0] || actor[1].saw[0];
}
/* What is done inside. Orders nothing by itself. */
MK_INLINE void litmus_inside(struct mk_actor *actor, litmus_word *inside) {
    actor->saw[0] = atomic_fetch_add_explicit(inside, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(inside, 1, memory_order_relaxed);
}

#endif
