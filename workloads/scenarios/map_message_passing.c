/* map_message_passing - one thread puts a key and then another; who sees the second must see the first.
 *
 * Aimed at maps that link a node without release, or follow a link without acquire, and at readers that answer
 * from a table or a copy that is already out of date (a cached count, a snapshot, an optimistic read that is not
 * checked).
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

static uint64_t data_of(const struct mk_actor *actor) {
    return actor->round_random;
}

static uint64_t flag_of(const struct mk_actor *actor) {
    return ~actor->round_random;
}

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        mk_act(actor, MK_MAP_PUT, data_of(actor), 1);
        mk_act(actor, MK_MAP_PUT, flag_of(actor), 2);
    } else {
        actor->saw[0] = mk_act(actor, MK_MAP_GET, flag_of(actor), 0).value;
        actor->saw[1] = mk_act(actor, MK_MAP_GET, data_of(actor), 0).value;
    }
}

enum { NEITHER, BOTH, DATA, FLAG, WRONG };

static const struct mk_outcome outcomes[] = {
    {"neither", MK_ACCEPTABLE, "the reader came first"},
    {"both", MK_ACCEPTABLE, "the writer came first"},
    {"data alone", MK_INTERESTING, "the reads fell between or around the writes"},
    {"flag without data", MK_FORBIDDEN, "the data were put before the flag, and read after it"},
    {"wrong value", MK_FORBIDDEN, "a key was answered with what was never put there"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t flag = actor[1].saw[0], data = actor[1].saw[1];
    mk_act(alone, MK_MAP_REMOVE, data_of(alone), 0);
    mk_act(alone, MK_MAP_REMOVE, flag_of(alone), 0);
    if ((flag && flag != 2) || (data && data != 1)) return WRONG;
    return flag ? data ? BOTH : FLAG : data ? DATA : NEITHER;
}

MK_SCENARIO(map_message_passing, map, .summary = "who sees the second of two puts sees the first", .threads = 2,
            .keys = 2, .shows = {"flag", "data"}, .body = body, .after = after, .outcomes = outcomes);
