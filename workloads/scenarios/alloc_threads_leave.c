/* alloc_threads_leave - threads allocate, post their blocks, leave and enter again, while others free what was posted.
 *
 * Aimed at pages whose owner has left: somebody has to take them over, with what others have freed meanwhile and with
 * what is on its way to a thread that is not there any more. In the end nothing is live, and the count says so; and
 * when all have left, nothing of it lies with one of them.
 */
#include "../../impl/alloc.h"
#include "../../impl/scenario.h"

enum { THREADS = 3, BLOCKS = MK_TUNE(12, 2), LIVES = MK_TUNE(4, 2), BYTES = 48 };

struct post {
    MK_ATOMIC(void *) box[THREADS][BLOCKS]; /* by the thread that posts */
};

static unsigned char fill_of(uint32_t thread) {
    return (unsigned char)(0x11 * (thread + 1));
}

/* Frees a block of that thread, if there is one. Slot 1 is for such. */
static void drop(struct mk_actor *actor, void *at, uint32_t thread) {
    const unsigned char *byte = (const unsigned char *)at;
    uint64_t wrong = 0;
    if (!at) return;
    for (size_t i = 0; i < BYTES; i++) wrong += byte[i] != fill_of(thread);
    actor->saw[0] += wrong != 0;
    actor->saw[1] += thread != actor->number;
    actor->me->blocks->slot[1].at = at;
    actor->me->blocks->slot[1].bytes = BYTES;
    mk_act(actor, MK_ALLOC_FREE, 1, 0);
}

static void leave_and_enter(const struct mk_actor *actor, struct mk_thread *me) {
    actor->impl->thread_exit(actor->self, me);
    while (actor->impl->thread_enter(actor->self, me)) mk_pause(); /* memory may be refused */
}

static void body(struct mk_actor *actor) {
    struct post *post = (struct post *)actor->shared;
    uint32_t other = (actor->number + 1) % THREADS;
    for (unsigned life = 0; life < LIVES; life++) {
        for (uint32_t i = 0; i < BLOCKS; i++) {
            mk_act(actor, MK_ALLOC_ALLOC, 0, BYTES);
            void *at = actor->me->blocks->slot[0].at;
            if (at) memset(at, fill_of(actor->number), BYTES);
            /* publishes the bytes to who takes it out */
            drop(actor, atomic_exchange_explicit(&post->box[actor->number][i], at, memory_order_acq_rel),
                 actor->number);
            if (i % 2) continue; /* some outlive the thread */
            drop(actor, atomic_exchange_explicit(&post->box[other][i], NULL, memory_order_acquire), other);
        }
        leave_and_enter(actor, actor->me);
    }
}

enum { ALL_BACK, CHANGED, MISCOUNTED, KEPT };

static const struct mk_outcome outcomes[] = {
    {"all back", MK_ACCEPTABLE, "every block was its owner's alone, and none is live in the end"},
    {"changed", MK_FORBIDDEN, "somebody wrote into a live block of another thread"},
    {"miscounted", MK_FORBIDDEN, "all blocks have been freed, and the count is not 0"},
    {"kept", MK_FORBIDDEN, "all blocks have been freed, all threads have left, and pages lack some of them"},
    {NULL, MK_ACCEPTABLE, NULL}};

/* What nobody took is freed here. */
static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    struct post *post = (struct post *)alone->shared;
    uint64_t changed = 0;
    for (uint32_t i = 0; i < THREADS * BLOCKS; i++) {
        uint32_t thread = i / BLOCKS;
        drop(alone, atomic_exchange_explicit(&post->box[thread][i % BLOCKS], NULL, memory_order_acquire), thread);
    }
    for (uint32_t i = 0; i < THREADS; i++) changed += actor[i].saw[0];
    if (changed) return CHANGED;
    if (alone->impl->count && alone->impl->count(alone->self)) return MISCOUNTED;
    for (uint32_t i = 0; i < THREADS; i++) leave_and_enter(alone, actor[i].me);
    return mk_actor_stat(alone, "blocks_out") ? KEPT : ALL_BACK; /* of those that say so */
}

MK_SCENARIO(alloc_threads_leave, alloc, .summary = "threads leave, and their blocks are freed by others",
            .threads = THREADS, .needs = MK_CROSS_FREE, .unless = MK_FLOOR | MK_BULK_FREE, .slots = 2,
            .object_bytes = BYTES, .object_align = 16, .shared_bytes = sizeof(struct post), .rounds = 200,
            .instances = 50, .shows = {"changed blocks", "blocks of others"}, .body = body, .after = after,
            .outcomes = outcomes);
