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

/* ---- families: the same threads, other orders --------------------------------------------------
 *
 * LITMUS_X(GRADE, HELP) are the outcomes of family X, of which one is in question; litmus_x says which it was;
 * litmus_x_body is what the threads do where only orders differ, which are constants. Tests with fences, or with
 * orders that differ within a thread, have a body of their own.
 */

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

MK_INLINE void litmus_mp_body(struct mk_actor *actor, memory_order store, memory_order load) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        atomic_store_explicit(y, 1, store);
    } else {
        actor->saw[0] = atomic_load_explicit(y, load);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
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

MK_INLINE void litmus_iriw_body(struct mk_actor *actor, memory_order store, memory_order load) {
    uint32_t number = actor->number;
    if (number < 2) {
        atomic_store_explicit(litmus_at(actor, number), 1, store);
    } else {
        actor->saw[0] = atomic_load_explicit(litmus_at(actor, number - 2), load);
        actor->saw[1] = atomic_load_explicit(litmus_at(actor, 3 - number), load);
    }
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

/* A chain of two flags. `link`: how thread 1 reads what it passes on. */
MK_INLINE void litmus_isa2_body(struct mk_actor *actor, memory_order link) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1), *z = litmus_at(actor, 2);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, memory_order_relaxed);
        atomic_store_explicit(y, 1, memory_order_release);
    } else if (actor->number == 1) {
        actor->saw[0] = atomic_load_explicit(y, link);
        atomic_store_explicit(z, 1, memory_order_release);
    } else {
        actor->saw[0] = atomic_load_explicit(z, memory_order_acquire);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}
/* Write to read causality: the first link is the data itself. */
MK_INLINE void litmus_wrc_body(struct mk_actor *actor, memory_order store, memory_order load) {
    litmus_word *x = litmus_at(actor, 0), *y = litmus_at(actor, 1);
    if (actor->number == 0) {
        atomic_store_explicit(x, 1, store);
    } else if (actor->number == 1) {
        actor->saw[0] = atomic_load_explicit(x, load);
        atomic_store_explicit(y, 1, store);
    } else {
        actor->saw[0] = atomic_load_explicit(y, load);
        actor->saw[1] = atomic_load_explicit(x, memory_order_relaxed);
    }
}

/* Read to write causality. Thread 1 has seen thread 0's store (saw 0), and not thread 2's (saw 1), and that one has
 * not seen thread 0's (saw 0). */
#define LITMUS_RWC(GRADE, HELP)                                                    \
    {{"in order", MK_ACCEPTABLE, "some order of the operations explains it"},      \
     {"no order", GRADE, HELP},                                                    \
     {NULL, MK_ACCEPTABLE, NULL}}
MK_NOINLINE static unsigned litmus_rwc(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[1].saw[0] && !actor[1].saw[1] && !actor[2].saw[0];
}

/* Two writes of word 1, of which thread 1's is left, and thread 1 has not seen what thread 0 did first (saw 0). */
#define LITMUS_R(GRADE, HELP)                                                      \
    {{"in order", MK_ACCEPTABLE, "some order of the operations explains it"},      \
     {"last, and unseeing", GRADE, HELP},                                          \
     {NULL, MK_ACCEPTABLE, NULL}}
MK_NOINLINE static unsigned litmus_r(struct mk_actor *alone, const struct mk_actor *actor) {
    return atomic_load_explicit(litmus_at(alone, 1), memory_order_relaxed) == 2 && !actor[1].saw[0];
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

enum { LITMUS_WANTS, LITMUS_TURN = LITMUS_WANTS + 2, LITMUS_INSIDE };

/* Dekker's lock. */
MK_INLINE void litmus_dekker_body(struct mk_actor *actor, memory_order order) {
    uint32_t me = actor->number, other = 1 - me;
    litmus_word *wants = litmus_at(actor, LITMUS_WANTS + me), *others = litmus_at(actor, LITMUS_WANTS + other);
    litmus_word *turn = litmus_at(actor, LITMUS_TURN);
    atomic_store_explicit(wants, 1, order);
    while (atomic_load_explicit(others, order)) {
        if (atomic_load_explicit(turn, order) != me) {
            atomic_store_explicit(wants, 0, order);
            while (atomic_load_explicit(turn, order) != me) mk_pause();
            atomic_store_explicit(wants, 1, order);
        }
        mk_pause();
    }
    litmus_inside(actor, litmus_at(actor, LITMUS_INSIDE));
    atomic_store_explicit(turn, other, order);
    atomic_store_explicit(wants, 0, order);
}

/* Peterson's lock. */
MK_INLINE void litmus_peterson_body(struct mk_actor *actor, memory_order store, memory_order load) {
    uint32_t me = actor->number, other = 1 - me;
    litmus_word *wants = litmus_at(actor, LITMUS_WANTS + me), *others = litmus_at(actor, LITMUS_WANTS + other);
    litmus_word *turn = litmus_at(actor, LITMUS_TURN);
    atomic_store_explicit(wants, 1, store);
    atomic_store_explicit(turn, other, store);
    while (atomic_load_explicit(others, load) && atomic_load_explicit(turn, load) == other) mk_pause();
    litmus_inside(actor, litmus_at(actor, LITMUS_INSIDE));
    atomic_store_explicit(wants, 0, store);
}

/* A test-and-set lock (word 0) around a counter (word 1): two threads add to it twice. `unlock`: how the lock is
 * given back. */
#define LITMUS_ADDED(GRADE, HELP)                           \
    {{"all counted", MK_ACCEPTABLE, "as it should be"},     \
     {"lost", GRADE, HELP},                                 \
     {NULL, MK_ACCEPTABLE, NULL}}
MK_NOINLINE static unsigned litmus_added(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)actor;
    return atomic_load_explicit(litmus_at(alone, 1), memory_order_relaxed) != 4;
}
MK_INLINE void litmus_spin_lock_body(struct mk_actor *actor, memory_order unlock) {
    litmus_word *lock = litmus_at(actor, 0), *x = litmus_at(actor, 1);
    for (int i = 0; i < 2; i++) {
        while (atomic_exchange_explicit(lock, 1, memory_order_acquire)) mk_pause();
        atomic_store_explicit(x, atomic_load_explicit(x, memory_order_relaxed) + 1, memory_order_relaxed);
        atomic_store_explicit(lock, 0, unlock);
    }
}

/* A sequence lock of two words. Thread 1 read the stamp (saw 0), both words (saw 1, saw 2), and the stamp again
 * (saw 3). */
enum { LITMUS_STAMP, LITMUS_X, LITMUS_Y };
#define LITMUS_SEQLOCK(GRADE, HELP)                                                   \
    {{"old version", MK_ACCEPTABLE, "the reader came first"},                         \
     {"new version", MK_ACCEPTABLE, "the writer came first"},                         \
     {"again", MK_ACCEPTABLE, "the reader knows that it has to read again"},          \
     {"torn", GRADE, HELP},                                                           \
     {NULL, MK_ACCEPTABLE, NULL}}
MK_NOINLINE static unsigned litmus_seqlock(struct mk_actor *alone, const struct mk_actor *actor) {
    const uint64_t *saw = actor[1].saw;
    (void)alone;
    if (saw[0] & 1 || saw[0] != saw[3]) return 2;
    return saw[1] != saw[2] || saw[1] != saw[0] / 2 ? 3 : (unsigned)saw[1];
}
MK_INLINE void litmus_seqlock_write(const struct mk_actor *actor) {
    atomic_store_explicit(litmus_at(actor, LITMUS_STAMP), 1, memory_order_relaxed);
    litmus_fence(memory_order_release);
    atomic_store_explicit(litmus_at(actor, LITMUS_X), 1, memory_order_relaxed);
    atomic_store_explicit(litmus_at(actor, LITMUS_Y), 1, memory_order_relaxed);
    atomic_store_explicit(litmus_at(actor, LITMUS_STAMP), 2, memory_order_release);
}

#endif
