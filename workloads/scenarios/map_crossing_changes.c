/* map_crossing_changes - a thread puts, replaces or removes its key, another replaces its own, and then each looks
 * at the other's: one must find the other's change.
 *
 * Aimed at changes that are answered before all others can see them, as in map_store_buffering, at each place of
 * the code where a change may be made. One of the two always replaces, for that is what has least to do with how
 * many keys there are, and with all that follows their number.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum change { PUT, REMOVE, REPLACE, CHANGES };
enum { OLD = 1, NEW = 2, ROOM = 4 };

static enum change change_of(const struct mk_actor *actor, uint32_t number) {
    return number ? REPLACE : (enum change)((actor->round_random >> 32) % CHANGES);
}

static uint64_t key_of(const struct mk_actor *actor, uint32_t number) {
    return actor->round_random + number;
}

static void before(struct mk_actor *alone) {
    for (uint32_t i = 0; i < 2; i++) {
        if (change_of(alone, i) != PUT) mk_act(alone, MK_MAP_PUT, key_of(alone, i), OLD);
    }
}

static void body(struct mk_actor *actor) {
    uint32_t number = actor->number, other = 1 - number;
    if (change_of(actor, number) == REMOVE) {
        mk_act(actor, MK_MAP_REMOVE, key_of(actor, number), 0);
    } else {
        mk_act(actor, MK_MAP_PUT, key_of(actor, number), NEW);
    }
    struct mk_result got = mk_act(actor, MK_MAP_GET, key_of(actor, other), 0);
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
    for (uint32_t i = 0; i < 2; i++) mk_act(alone, MK_MAP_REMOVE, key_of(alone, i), 0);
    return (actor[0].saw[0] ? SAW_0 : NEITHER) + (actor[1].saw[0] ? SAW_1 : NEITHER);
}

MK_SCENARIO(map_crossing_changes, map,
            .summary = "change mine, then look at yours: one of two threads finds the other's change",
            .threads = 2, .keys = 2, .capacity = ROOM, .shows = {"saw the change"}, .before = before, .body = body,
            .after = after, .outcomes = outcomes);
