/* map_independent_writes - two threads put a key each, two others read both keys, in opposite orders: the readers
 * must not see the puts in opposite orders.
 *
 * Aimed at maps that are coherent key by key and not linearizable as a whole: per-thread caches, shards that are
 * read without their locks, copies that are published one after another. On CPUs that let stores be seen by some
 * threads before others, also at orders that are too weak.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

static void body(struct mk_actor *actor) {
    uint64_t x = actor->round_random, y = ~actor->round_random;
    switch (actor->number) {
    case 0: mk_act(actor, MK_MAP_PUT, x, 1); break;
    case 1: mk_act(actor, MK_MAP_PUT, y, 1); break;
    default:
        actor->saw[0] = mk_act(actor, MK_MAP_GET, actor->number == 2 ? x : y, 0).status;
        actor->saw[1] = mk_act(actor, MK_MAP_GET, actor->number == 2 ? y : x, 0).status;
    }
}

enum { NOTHING, AGREE, ONE_ORDER, OPPOSITE };

static const struct mk_outcome outcomes[] = {
    {"nothing seen", MK_ACCEPTABLE, "the readers came first"},
    {"no order seen", MK_ACCEPTABLE, "what the readers saw fits both orders"},
    {"one order seen", MK_INTERESTING, "a reader saw one put and not yet the other"},
    {"opposite orders", MK_FORBIDDEN, "each reader saw one put, and then not the other: no order explains that"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    bool x_first = actor[2].saw[0] && !actor[2].saw[1], y_first = actor[3].saw[0] && !actor[3].saw[1];
    uint64_t any = actor[2].saw[0] | actor[2].saw[1] | actor[3].saw[0] | actor[3].saw[1];
    mk_act(alone, MK_MAP_REMOVE, alone->round_random, 0);
    mk_act(alone, MK_MAP_REMOVE, ~alone->round_random, 0);
    if (x_first && y_first) return OPPOSITE;
    return x_first || y_first ? ONE_ORDER : any ? AGREE : NOTHING;
}

MK_SCENARIO(map_independent_writes, map, .summary = "two readers agree on the order of two puts of different keys",
            .threads = 4, .keys = 2, .shows = {"status of first get", "of second get"}, .instances = 40,
            .body = body, .after = after, .outcomes = outcomes);
