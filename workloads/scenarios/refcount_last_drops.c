/* refcount_last_drops - one thread replaces the object of a cell while two others load it: whoever drops its
 * reference last, that one thread ends the object, and after what the others did with it.
 *
 * Aimed at a drop that does not see that it is the last, or that two take for the last; at a load beside the last
 * drop of another reference; and at drops that do not order the reading of others before the end.
 */
#define MK_REFCOUNT_HEADER uint64_t unused;
#include "../../impl/refcount.h"
#include "../../impl/scenario.h"

enum { TIMES = MK_TUNE(24, 2), SETTLE = MK_TUNE(40, 1) };

static void body(struct mk_actor *actor) {
    for (uint64_t i = 0; i < TIMES; i++) {
        if (actor->number == 0) {
            mk_act(actor, MK_REFCOUNT_REPLACE, 0, 1 + i);
            continue;
        }
        struct mk_result loaded = mk_act(actor, MK_REFCOUNT_LOAD, 0, 0);
        actor->saw[0] += loaded.status == MK_HIT && loaded.value - 1 >= TIMES;
        actor->saw[1] += loaded.status == MK_MISS;
    }
}

static const struct mk_outcome outcomes[] = {
    {"right", MK_ACCEPTABLE, "what was replaced has ended, what is held has not"},
    {"wrong value", MK_FORBIDDEN, "a load saw what nobody put there"},
    {"missed", MK_FORBIDDEN, "a cell that had an object has none"},
    {"never ends", MK_FORBIDDEN, "an object of which no reference is left is still there"},
    {"ends too early", MK_FORBIDDEN, "an object that is held has ended, or one has ended twice"},
    {NULL, MK_ACCEPTABLE, NULL}};

static void before(struct mk_actor *alone) {
    mk_act(alone, MK_REFCOUNT_REPLACE, 0, 1);
}

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    for (uint32_t i = 0; i < alone->threads; i++) {
        if (actor[i].saw[0]) return 1;
        if (actor[i].saw[1]) return 2;
    }
    if (!alone->impl->stats || alone->round % SETTLE != SETTLE - 1) return 0;
    alone->impl->flush(alone->self, alone->me);
    /* the one in the cell, and each thread's own */
    uint64_t there = mk_actor_stat(alone, "made") - mk_actor_stat(alone, "ended"), held = 1 + alone->threads;
    if (there > held + mk_actor_stat(alone, "pinned")) return 3;
    return there < held || mk_actor_stat(alone, "ended_again") ? 4 : 0;
}

MK_SCENARIO(refcount_last_drops, refcount,
            .summary = "whoever drops last ends the object, once and after the others", .threads = 3, .capacity = 1,
            .rounds = 6 * SETTLE, .shows = {"wrong values", "missed"}, .before = before, .body = body,
            .after = after, .outcomes = outcomes);
