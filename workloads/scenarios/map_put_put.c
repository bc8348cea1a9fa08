/* map_put_put - two threads put an absent key: one of them comes first, and the other must be told so.
 *
 * Aimed at maps whose insertion looks for the key and links the new node in two steps: both look, both link, and
 * the key is there twice; and at replacements that lose the value they replace, so that return values do not add
 * up.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

static void body(struct mk_actor *actor) {
    struct mk_result put = mk_act(actor, MK_MAP_PUT, actor->round_random, 1 + actor->number);
    actor->saw[0] = put.status;
    actor->saw[1] = put.previous;
}

enum { FIRST_0, FIRST_1, BOTH_NEW, BOTH_OLD, WRONG_PREVIOUS, WRONG_LAST, TWICE };

static const struct mk_outcome outcomes[] = {
    {"thread 0 first", MK_ACCEPTABLE, "thread 1 replaced its value"},
    {"thread 1 first", MK_ACCEPTABLE, "thread 0 replaced its value"},
    {"both inserted", MK_FORBIDDEN, "one of them comes second, and replaces"},
    {"both replaced", MK_FORBIDDEN, "the key was absent, so that one of them inserts"},
    {"wrong previous", MK_FORBIDDEN, "who comes second replaces the value of the first"},
    {"lost", MK_FORBIDDEN, "the value that was put last is the one that is there"},
    {"there twice", MK_FORBIDDEN, "a key that was removed is not there any more"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    struct mk_result last = mk_act(alone, MK_MAP_REMOVE, alone->round_random, 0);
    bool twice = mk_act(alone, MK_MAP_GET, alone->round_random, 0).status != MK_MISS;
    unsigned first = actor[0].saw[0] == MK_MISS ? 0 : 1;
    if (actor[0].saw[0] == actor[1].saw[0]) return first == 0 ? BOTH_NEW : BOTH_OLD;
    if (actor[1 - first].saw[1] != 1 + first) return WRONG_PREVIOUS;
    if (last.status != MK_HIT || last.value != 2 - first) return WRONG_LAST;
    return twice ? TWICE : first == 0 ? FIRST_0 : FIRST_1;
}

MK_SCENARIO(map_put_put, map, .summary = "two puts of one absent key: one inserts, the other replaces it",
            .threads = 2, .keys = 1, .shows = {"status of put", "previous"}, .body = body, .after = after,
            .outcomes = outcomes);
