/* map_no_going_back - a reader that has seen the new value of a key never sees the old one again, and never
 * nothing.
 *
 * Aimed at replacements in two steps (mark the old node, then link the new one), during which the key is absent,
 * and at tables that are copied while they are read: an old table answers after the new one has.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { OLD = 1, NEW = 2 };

static void before(struct mk_actor *alone) {
    mk_act(alone, MK_MAP_PUT, alone->round_random, OLD);
}

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        mk_act(actor, MK_MAP_PUT, actor->round_random, NEW);
    } else {
        actor->saw[0] = mk_act(actor, MK_MAP_GET, actor->round_random, 0).value;
        actor->saw[1] = mk_act(actor, MK_MAP_GET, actor->round_random, 0).value;
    }
}

enum { OLD_OLD, OLD_NEW, NEW_NEW, NEW_OLD, MISSED, WRONG };

static const struct mk_outcome outcomes[] = {
    {"old, old", MK_ACCEPTABLE, "the reader came first"},
    {"old, new", MK_INTERESTING, "the replacement fell between the reads"},
    {"new, new", MK_ACCEPTABLE, "the writer came first"},
    {"new, old", MK_FORBIDDEN, "the second read goes back behind the first"},
    {"missed", MK_FORBIDDEN, "the key is there all along"},
    {"wrong value", MK_FORBIDDEN, "the key was answered with what was never put there"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t first = actor[1].saw[0], second = actor[1].saw[1];
    mk_act(alone, MK_MAP_REMOVE, alone->round_random, 0);
    if (!first || !second) return MISSED;
    if (first > NEW || second > NEW) return WRONG;
    return first == second ? (first == OLD ? OLD_OLD : NEW_NEW) : first == OLD ? OLD_NEW : NEW_OLD;
}

MK_SCENARIO(map_no_going_back, map, .summary = "two gets beside a replacement: old or new, in this order",
            .threads = 2, .keys = 1, .shows = {"first get", "second get"}, .before = before, .body = body,
            .after = after, .outcomes = outcomes);
