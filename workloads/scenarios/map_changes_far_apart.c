/* map_changes_far_apart - a thread puts, replaces or removes the smallest key, another the largest, and then each looks
 * at the other's: one must find the other's change.
 *
 * As map_crossing_changes, where two keys lie side by side: in an ordered map they share a node, or the link before
 * them, and whoever comes second has then seen what the first one did. Here others lie between.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum change { PUT, REMOVE, REPLACE, CHANGES };

enum { BETWEEN = MK_TUNE(200, 2), OLD = 1, NEW = 2 };

static enum change change_of(const struct mk_actor *actor, uint32_t number) {
    return (enum change)((actor->round_random >> (number ? 32 : 16)) % CHANGES);
}

static uint64_t key_of(uint32_t number) {
    return number ? BETWEEN + 1 : 0;
}

static void before(struct mk_actor *alone) {
    for (uint64_t key = 1; key <= BETWEEN && !alone->round; key++) mk_act(alone, MK_MAP_PUT, key, OLD);
    for (uint32_t i = 0; i < 2; i++) {
        if (change_of(alone, i) != PUT) mk_act(alone, MK_MAP_PUT, key_of(i), OLD);
    }
}

static void body(struct mk_actor *actor) {
    uint32_t number = actor->number, other = 1 - number;
    if (change_of(actor, number) == REMOVE) {
        mk_act(actor, MK_MAP_REMOVE, key_of(number), 0);
    } else {
        mk_act(actor, MK_MAP_PUT, key_of(number), NEW);
    }
    struct mk_result got = mk_act(actor, MK_MAP_GET, key_of(other), 0);
    bool removes = change_of(actor, other) == REMOVE;
    actor->saw[0] = removes ? got.status == MK_MISS : got.status == MK_HIT && got.value == NEW;
}

enum { NEITHER, SAW_0, SAW_1, BOTH };

static const struct mk_outcome outcomes[] = {
    {"neither", MK_FORBIDDEN, "one of the changes came first, and the other thread's look after both"},
    {"thread 0 saw", MK_ACCEPTABLE, "it came second"},
    {"thread 1 saw", MK_ACCEPTABLE, "it came second"},
    {"both saw", MK_INTERESTING, "both changes came before both looks"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    for (uint32_t i = 0; i < 2; i++) mk_act(alone, MK_MAP_REMOVE, key_of(i), 0);
    return (actor[0].saw[0] ? SAW_0 : NEITHER) + (actor[1].saw[0] ? SAW_1 : NEITHER);
}

MK_SCENARIO(map_changes_far_apart, map,
            .summary = "as map_crossing_changes, on keys with many others between them",
            .threads = 2, .keys = BETWEEN + 2, .shows = {"saw the change"}, .before = before, .body = body,
            .after = after, .outcomes = outcomes);
