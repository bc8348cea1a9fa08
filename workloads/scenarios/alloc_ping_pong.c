/* alloc_ping_pong - two threads allocate, hand blocks to each other, and free what they were handed, all at once.
 *
 * Aimed at blocks that go home from both sides at the same time, the usual fate of messages between threads: remote
 * free lists of two owners at once, and memory that moves to the thread that frees, round after round.
 */
#include "../../impl/alloc.h"
#include "../../impl/scenario.h"

enum { BLOCKS = MK_TUNE(16, 3), BYTES = 48 };

struct post {
    MK_ATOMIC(void *) box[2][BLOCKS]; /* by the thread that posts */
};

/* Frees a block that was handed over. Slot 1 is for such. */
static void free_foreign(struct mk_actor *actor, void *at, unsigned char fill) {
    const unsigned char *byte = (const unsigned char *)at;
    uint64_t wrong = 0;
    for (size_t i = 0; i < BYTES; i++) wrong += byte[i] != fill;
    actor->saw[0] += wrong != 0;
    actor->saw[1]++;
    actor->me->blocks->slot[1].at = at;
    actor->me->blocks->slot[1].bytes = BYTES;
    mk_act(actor, MK_ALLOC_FREE, 1, 0);
}

static void body(struct mk_actor *actor) {
    struct post *post = (struct post *)actor->shared;
    uint32_t other = 1 - actor->number;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        mk_act(actor, MK_ALLOC_ALLOC, 0, BYTES);
        void *at = actor->me->blocks->slot[0].at;
        if (at) memset(at, (int)(0x11 + actor->number), BYTES);
        /* publishes the bytes to who takes it out */
        atomic_store_explicit(&post->box[actor->number][i], at, memory_order_release);
        at = atomic_exchange_explicit(&post->box[other][i], NULL, memory_order_acquire);
        if (at) free_foreign(actor, at, (unsigned char)(0x11 + other));
    }
}

static const struct mk_outcome outcomes[] = {
    {"whole, none met", MK_ACCEPTABLE, "no block was there when the other thread looked"},
    {"whole", MK_ACCEPTABLE, "every block was as it had been posted"},
    {"changed", MK_FORBIDDEN, "somebody wrote into a live block"},
    {NULL, MK_ACCEPTABLE, NULL}};

/* What was posted too late is freed here. */
static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    struct post *post = (struct post *)alone->shared;
    uint64_t met = actor[0].saw[1] + actor[1].saw[1];
    for (uint32_t i = 0; i < 2 * BLOCKS; i++) {
        void *at = atomic_exchange_explicit(&post->box[i / BLOCKS][i % BLOCKS], NULL, memory_order_acquire);
        if (at) free_foreign(alone, at, (unsigned char)(0x11 + i / BLOCKS));
    }
    if (actor[0].saw[0] || actor[1].saw[0]) return 2;
    return met ? 1 : 0;
}

MK_SCENARIO(alloc_ping_pong, alloc, .summary = "two threads free each other's blocks while both allocate",
            .threads = 2, .needs = MK_CROSS_FREE, .slots = 2, .object_bytes = BYTES, .object_align = 16,
            .shared_bytes = sizeof(struct post), .rounds = 500, .shows = {"changed blocks", "blocks met"},
            .body = body, .after = after, .outcomes = outcomes);
