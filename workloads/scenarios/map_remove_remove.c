/* map_remove_remove - two threads remove one key: one of them gets it.
 *
 * Aimed at maps that mark a node and unlink it in two steps and take the second for the removal: both succeed, the
 * count goes down twice, and the node is retired twice.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

static void before(struct mk_actor *alone) {
    mk_act(alone, MK_MAP_PUT, alone->round_random, alone->round + 1);
}

static void body(struct mk_actor *actor) {
    struct mk_result removed = mk_act(actor, MK_MAP_REMOVE, actor->round_random, 0);
    actor->saw[0] = removed.status;
    actor->saw[1] = removed.value;
}

enum { TOOK_0, TOOK_1, BOTH, NONE, WRONG_VALUE, STAYS, MISCOUNT };

static const struct mk_outcome outcomes[] = {
    {"thread 0 took it", MK_ACCEPTABLE, "thread 1 found nothing"},
    {"thread 1 took it", MK_ACCEPTABLE, "thread 0 found nothing"},
    {"both took it", MK_FORBIDDEN, "it was there once"},
    {"none took it", MK_FORBIDDEN, "it was there"},
    {"wrong value", MK_FORBIDDEN, "who takes it is given the value it had"},
    {"stays", MK_FORBIDDEN, "a key that was removed is not there any more"},
    {"miscounted", MK_FORBIDDEN, "the map is empty and counts keys"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    unsigned taker = actor[0].saw[0] == MK_HIT ? 0 : 1;
    if (actor[0].saw[0] == actor[1].saw[0]) return taker == 0 ? BOTH : NONE;
    if (actor[taker].saw[1] != alone->round + 1) return WRONG_VALUE;
    if (mk_act(alone, MK_MAP_GET, alone->round_random, 0).status == MK_HIT) return STAYS;
    if (alone->impl->count(alone->self) != 0) return MISCOUNT;
    return taker == 0 ? TOOK_0 : TOOK_1;
}

MK_SCENARIO(map_remove_remove, map, .summary = "two removes of one key: exactly one takes it", .threads = 2,
            .keys = 1, .shows = {"status of remove", "value"}, .before = before, .body = body, .after = after,
            .outcomes = outcomes);
