/* map_put_beside_remove - one thread replaces a key that another removes: both orders are fine, nothing else is.
 *
 * Aimed at removals that give up when their CAS loses to a replacement and then answer that the key was not there,
 * and at replacements that write into a node that has just been removed.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { OLD = 1, NEW = 2 };

static void before(struct mk_actor *alone) {
    mk_act(alone, MK_MAP_PUT, alone->round_random, OLD);
}

static void body(struct mk_actor *actor) {
    struct mk_result did = mk_act(actor, actor->number == 0 ? MK_MAP_PUT : MK_MAP_REMOVE, actor->round_random, NEW);
    actor->saw[0] = did.status;
    actor->saw[1] = actor->number == 0 ? did.previous : did.value;
}

enum { PUT_FIRST, REMOVE_FIRST, LOST_REMOVE, LOST_PUT, WRONG_VALUE };

static const struct mk_outcome outcomes[] = {
    {"put first", MK_ACCEPTABLE, "the put replaced, the remove took the new value"},
    {"remove first", MK_ACCEPTABLE, "the remove took the old value, the put inserted"},
    {"remove found nothing", MK_FORBIDDEN, "the key was there all along, with one value or the other"},
    {"put was lost", MK_FORBIDDEN, "what was put is there, or was taken"},
    {"wrong value", MK_FORBIDDEN, "put, remove and what is left fit neither order"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    struct mk_result left = mk_act(alone, MK_MAP_REMOVE, alone->round_random, 0);
    const uint64_t *put = actor[0].saw, *removed = actor[1].saw;
    if (removed[0] != MK_HIT) return LOST_REMOVE;
    if (removed[1] == NEW) {
        return put[0] == MK_HIT && put[1] == OLD && left.status == MK_MISS ? PUT_FIRST : WRONG_VALUE;
    }
    if (removed[1] != OLD) return WRONG_VALUE;
    if (left.status != MK_HIT) return LOST_PUT;
    return put[0] == MK_MISS && left.value == NEW ? REMOVE_FIRST : WRONG_VALUE;
}

MK_SCENARIO(map_put_beside_remove, map, .summary = "a replacement beside a remove of the same key", .threads = 2,
            .keys = 1, .shows = {"status", "value it met"}, .before = before, .body = body, .after = after,
            .outcomes = outcomes);
