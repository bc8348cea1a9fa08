/* map_store_buffering - each of two threads puts a key of its own and then looks for the other's: one must find it.
 *
 * Aimed at maps whose put is over before it can be seen: a plain or release store that still sits in the store
 * buffer while the get that follows has been answered. A linearizable map needs a full fence or a locked
 * instruction there.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

static void body(struct mk_actor *actor) {
    uint64_t own = actor->round_random + actor->number, other = actor->round_random + 1 - actor->number;
    mk_act(actor, MK_MAP_PUT, own, 1);
    actor->saw[0] = mk_act(actor, MK_MAP_GET, other, 0).status;
}

enum { NEITHER, SAW_0, SAW_1, BOTH };

static const struct mk_outcome outcomes[] = {
    {"neither", MK_FORBIDDEN, "one of the puts came first, and the other thread's get after both"},
    {"thread 0 saw", MK_ACCEPTABLE, "it came second"},
    {"thread 1 saw", MK_ACCEPTABLE, "it came second"},
    {"both saw", MK_INTERESTING, "both puts came before both gets"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    mk_act(alone, MK_MAP_REMOVE, alone->round_random, 0);
    mk_act(alone, MK_MAP_REMOVE, alone->round_random + 1, 0);
    return (actor[0].saw[0] == MK_HIT ? SAW_0 : NEITHER) + (actor[1].saw[0] == MK_HIT ? SAW_1 : NEITHER);
}

MK_SCENARIO(map_store_buffering, map, .summary = "put mine, then get yours: one of two threads finds the other's",
            .threads = 2, .keys = 2, .shows = {"status of get"}, .body = body, .after = after,
            .outcomes = outcomes);
