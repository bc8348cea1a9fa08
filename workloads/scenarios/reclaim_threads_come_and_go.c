/* reclaim_threads_come_and_go - threads leave and enter again while others read and retire: what they leave behind
 * is adopted, and nobody who has left holds anything up.
 *
 * Aimed at what happens at the end of a thread: a partial batch that is dropped, a list that is adopted by two, a
 * slot that still says "inside", an announcement that the next owner of the slot inherits.
 */
#include "../../impl/reclaim.h"
#include "../../impl/scenario.h"

enum { CELLS = MK_TUNE(8, 2), TIMES = MK_TUNE(20, 4), SETTLE = MK_TUNE(50, 1) };

static void body(struct mk_actor *actor) {
    for (uint64_t i = 0; i < TIMES; i++) {
        uint64_t dice = mk_mix64(actor->random + i);
        if (dice >> 32 & 1) {
            struct mk_result replaced = mk_act(actor, MK_RECLAIM_REPLACE, dice % CELLS, 1 + i);
            actor->saw[0] += replaced.status == MK_HIT;
        } else {
            struct mk_result read = mk_act(actor, MK_RECLAIM_READ, dice % CELLS, 0);
            actor->saw[1] += read.status == MK_HIT && read.value - 1 >= TIMES;
        }
    }
}

static const struct mk_outcome outcomes[] = {
    {"right", MK_ACCEPTABLE, "every node replaced was retired, and is freed in the end"},
    {"wrong value", MK_FORBIDDEN, "a reader saw what nobody put there"},
    {"miscounted", MK_FORBIDDEN, "as many nodes are retired as were replaced"},
    {"garbage stays", MK_FORBIDDEN, "after a flush retired nodes are still there"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t *replaced = (uint64_t *)alone->shared;
    for (uint32_t i = 0; i < alone->threads; i++) {
        *replaced += actor[i].saw[0];
        if (actor[i].saw[1]) return 1;
    }
    if (!alone->impl->stats || alone->round % SETTLE != SETTLE - 1) return 0;
    if (mk_actor_stat(alone, "retired") != *replaced) return 2;
    alone->impl->flush(alone->self, alone->me);
    return mk_actor_stat(alone, "unreclaimed") && !(alone->impl->caps & MK_NEVER_FREES) ? 3 : 0;
}

MK_SCENARIO(reclaim_threads_come_and_go, reclaim, .summary = "garbage of threads that leave is adopted, and freed",
            .threads = 2, .reborn = true, .capacity = CELLS, .shared_bytes = sizeof(uint64_t),
            .rounds = 6 * SETTLE, .instances = 60, .shows = {"nodes replaced", "wrong values"}, .body = body,
            .after = after, .outcomes = outcomes);
