/* map_insert_once - two threads insert a key if it is absent: exactly one wins, and the other is given its value.
 *
 * Aimed at maps that answer the loser from a node found by a CAS that failed: nothing protects that node, and it
 * may be another by the time it is read. And at those where both win.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

static const char *skips(const struct mk_impl *impl) {
    return impl->offers >> MK_MAP_INSERT_IF_ABSENT & 1 ? NULL : "does not offer insert_if_absent";
}

static void body(struct mk_actor *actor) {
    struct mk_result insert = mk_act(actor, MK_MAP_INSERT_IF_ABSENT, actor->round_random, 1 + actor->number);
    actor->saw[0] = insert.status;
    actor->saw[1] = insert.previous;
    if (actor->random & 1) mk_act(actor, MK_MAP_GET, actor->round_random, 0);
}

enum { WON_0, WON_1, BOTH, NONE, WRONG_PRESENT, WRONG_LAST };

static const struct mk_outcome outcomes[] = {
    {"thread 0 won", MK_ACCEPTABLE, "thread 1 is given its value"},
    {"thread 1 won", MK_ACCEPTABLE, "thread 0 is given its value"},
    {"both won", MK_FORBIDDEN, "the second finds the key there"},
    {"none won", MK_FORBIDDEN, "the key was absent, so that the first inserts it"},
    {"wrong value", MK_FORBIDDEN, "the loser is given the value of the winner"},
    {"lost", MK_FORBIDDEN, "the value of the winner is the one that is there"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    struct mk_result last = mk_act(alone, MK_MAP_REMOVE, alone->round_random, 0);
    unsigned winner = actor[0].saw[0] == MK_MISS ? 0 : 1;
    if (actor[0].saw[0] == actor[1].saw[0]) return winner == 0 ? BOTH : NONE;
    if (actor[1 - winner].saw[1] != 1 + winner) return WRONG_PRESENT;
    if (last.status != MK_HIT || last.value != 1 + winner) return WRONG_LAST;
    return winner == 0 ? WON_0 : WON_1;
}

MK_SCENARIO(map_insert_once, map, .summary = "two threads insert one key if it is absent: exactly one wins",
            .threads = 2, .keys = 1, .shows = {"status of insert", "present"}, .skips = skips, .body = body,
            .after = after, .outcomes = outcomes);
