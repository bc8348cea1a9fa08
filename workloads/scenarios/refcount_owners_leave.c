/* refcount_owners_leave - threads replace each other's objects and drop references to each other's own ones, and
 * leave and enter again while others are at it: no object needs the thread that made it.
 *
 * Aimed at counts that a thread keeps for itself: the owner's last drop beside that of another thread, a drop that
 * the owner has to hear of and that it does not hear of, or twice; an owner that has left, and a new one under its
 * id.
 */
#define MK_REFCOUNT_HEADER uint64_t unused;
#include "../../impl/refcount.h"
#include "../../impl/scenario.h"

enum { CELLS = 2, TIMES = MK_TUNE(20, 3), SETTLE = MK_TUNE(40, 1) };

static void body(struct mk_actor *actor) {
    static const unsigned codes[] = {MK_REFCOUNT_REPLACE, MK_REFCOUNT_LOAD, MK_REFCOUNT_HANDOFF, MK_REFCOUNT_SHARE};
    for (uint64_t i = 0; i < TIMES; i++) {
        uint64_t dice = mk_mix64(actor->random + i);
        unsigned code = codes[(dice >> 32) % (sizeof codes / sizeof *codes)];
        struct mk_result result = mk_act(actor, code, dice % CELLS, 1 + i);
        actor->saw[0] += code == MK_REFCOUNT_LOAD && result.status == MK_HIT && result.value - 1 >= TIMES;
        actor->saw[1] += code == MK_REFCOUNT_REPLACE && result.status == MK_MISS;
    }
}

static const struct mk_outcome outcomes[] = {
    {"right", MK_ACCEPTABLE, "what nobody holds has ended, what is held has not"},
    {"wrong value", MK_FORBIDDEN, "a load saw what nobody put there"},
    {"never ends", MK_FORBIDDEN, "an object of which no reference is left is still there"},
    {"ends too early", MK_FORBIDDEN, "an object that is held has ended, or one has ended twice"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t *filled = (uint64_t *)alone->shared;
    for (uint32_t i = 0; i < alone->threads; i++) {
        *filled += actor[i].saw[1];
        if (actor[i].saw[0]) return 1;
    }
    if (!alone->impl->stats || alone->round % SETTLE != SETTLE - 1) return 0;
    alone->impl->flush(alone->self, alone->me);
    uint64_t there = mk_actor_stat(alone, "made") - mk_actor_stat(alone, "ended"), held = *filled + alone->threads;
    if (there > held + mk_actor_stat(alone, "pinned")) return 2;
    return there < held || mk_actor_stat(alone, "ended_again") ? 3 : 0;
}

MK_SCENARIO(refcount_owners_leave, refcount, .summary = "objects outlive the threads that made them, and end once",
            .threads = 3, .reborn = true, .capacity = CELLS, .shared_bytes = sizeof(uint64_t), .rounds = 6 * SETTLE,
            .instances = 60, .shows = {"wrong values", "cells filled"}, .body = body, .after = after,
            .outcomes = outcomes);
