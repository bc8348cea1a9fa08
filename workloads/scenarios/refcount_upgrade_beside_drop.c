/* refcount_upgrade_beside_drop - a weak reference is upgraded by two threads while a third drops the last reference
 * to the object, and then the weak one that was kept: it is there, whole, or it is gone for good.
 *
 * Aimed at an upgrade that counts an object back from the dead, and at memory that goes before the last weak
 * reference.
 */
#define MK_REFCOUNT_HEADER uint64_t unused;
#include "../../impl/refcount.h"
#include "../../impl/scenario.h"

enum { TIMES = MK_TUNE(8, 2), WATCHED = 7, NEXT = 8, SETTLE = MK_TUNE(40, 1) };

static void before(struct mk_actor *alone) {
    mk_act(alone, MK_REFCOUNT_REPLACE, 0, WATCHED);
    mk_act(alone, MK_REFCOUNT_WATCH, 0, 0);
}

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        mk_act(actor, MK_REFCOUNT_REPLACE, 0, NEXT);
        mk_act(actor, MK_REFCOUNT_WATCH, 0, 0);
        return;
    }
    for (uint64_t i = 0; i < TIMES; i++) {
        struct mk_result upgraded = mk_act(actor, MK_REFCOUNT_UPGRADE, 0, 0);
        actor->saw[0] += upgraded.status == MK_HIT && upgraded.value != WATCHED && upgraded.value != NEXT;
        actor->saw[1] += upgraded.status == MK_HIT && upgraded.value == WATCHED;
        actor->saw[2] += actor->saw[3] && upgraded.status == MK_HIT && upgraded.value == WATCHED;
        actor->saw[3] += upgraded.status == MK_MISS || upgraded.value == NEXT;
    }
}

static const struct mk_outcome outcomes[] = {
    {"gone", MK_ACCEPTABLE, "no upgrade came before the last drop"},
    {"seen", MK_ACCEPTABLE, "an upgrade came before the last drop"},
    {"wrong value", MK_FORBIDDEN, "an upgrade saw what was never watched"},
    {"back from the dead", MK_FORBIDDEN, "an object was upgraded after it had been found gone"},
    {"miscounted", MK_FORBIDDEN, "an object has ended that is held, or twice, or has not although nobody holds it"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    bool seen = false;
    for (uint32_t i = 0; i < alone->threads; i++) {
        if (actor[i].saw[0]) return 2;
        if (actor[i].saw[2]) return 3;
        seen = seen || actor[i].saw[1];
    }
    struct mk_result last = mk_act(alone, MK_REFCOUNT_UPGRADE, 0, 0);
    if (last.status != MK_HIT || last.value != NEXT) return 4;
    if (alone->impl->stats && alone->round % SETTLE == SETTLE - 1) {
        uint64_t there = mk_actor_stat(alone, "made") - mk_actor_stat(alone, "ended");
        if (there != 1 + alone->threads || mk_actor_stat(alone, "ended_again")) return 4;
    }
    return seen;
}

static const char *skips(const struct mk_impl *impl) {
    return impl->offers >> MK_REFCOUNT_UPGRADE & 1 ? NULL : "has no weak references";
}

MK_SCENARIO(refcount_upgrade_beside_drop, refcount,
            .summary = "a weak reference is upgraded, or the object is gone", .threads = 3, .capacity = 1,
            .rounds = 300, .shows = {"wrong values", "upgraded", "upgraded again", "gone"}, .skips = skips,
            .before = before, .body = body, .after = after, .outcomes = outcomes);
