/* map_adjacent_removes - two threads remove neighbours at once; later, when their memory has been used for other
 * keys, none of them is to be found.
 *
 * Aimed at unlinking a node whose predecessor is being unlinked: the CAS on the predecessor's link fails or hits a
 * node that is gone itself, and what was retired is still linked. In kovan's first chained map that was a use
 * after free, which random stress never met and two removes of neighbours met within seconds: see it with asan, or
 * as a key that is answered after its removal.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { KEYS = MK_TUNE(16, 4), CHURN = MK_TUNE(8, 2), KEPT = KEYS };

static uint64_t key_of(const struct mk_actor *actor, uint64_t i) {
    return actor->round & 1 ? actor->round_random + i : i;
}

/* Of keys that nobody else has. */
static void churn(struct mk_actor *actor) {
    uint64_t base = (uint64_t)(1 + actor->number) << 40;
    for (uint64_t i = 0; i < CHURN; i++) mk_act(actor, MK_MAP_PUT, base + i, 1);
    for (uint64_t i = 0; i < CHURN; i++) mk_act(actor, MK_MAP_REMOVE, base + i, 0);
}

static void before(struct mk_actor *alone) {
    for (uint64_t i = 0; i <= KEPT; i++) mk_act(alone, MK_MAP_PUT, key_of(alone, i), 1 + i);
}

static void body(struct mk_actor *actor) {
    for (uint64_t i = actor->number; i < KEYS; i += 2) {
        actor->saw[2] += mk_act(actor, MK_MAP_GET, key_of(actor, i), 0).status != MK_HIT;
        struct mk_result removed = mk_act(actor, MK_MAP_REMOVE, key_of(actor, i), 0);
        actor->saw[0] += removed.status != MK_HIT || removed.value != 1 + i;
        actor->saw[1] += mk_act(actor, MK_MAP_GET, key_of(actor, i), 0).status != MK_MISS;
    }
    churn(actor);
}

enum { GONE, NOT_TAKEN, ANSWERED, RETURNED, LOST };

static const struct mk_outcome outcomes[] = {
    {"gone", MK_ACCEPTABLE, "all that were removed are gone, and the one that was not is there"},
    {"not taken", MK_FORBIDDEN, "a remove did not answer the value of a key that was there"},
    {"answered", MK_FORBIDDEN, "a get by the thread that had removed the key found it"},
    {"returned", MK_FORBIDDEN, "a removed key is there, when all is over"},
    {"lost", MK_FORBIDDEN, "a key is gone that nobody removed"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    unsigned returned = 0;
    churn(alone);
    alone->impl->flush(alone->self, alone->me);
    for (uint64_t i = 0; i < KEYS; i++) {
        returned += mk_act(alone, MK_MAP_GET, key_of(alone, i), 0).status != MK_MISS;
    }
    bool lost = mk_act(alone, MK_MAP_REMOVE, key_of(alone, KEPT), 0).value != 1 + KEPT;
    lost = lost || actor[0].saw[2] || actor[1].saw[2];
    if (actor[0].saw[0] || actor[1].saw[0]) return NOT_TAKEN;
    if (actor[0].saw[1] || actor[1].saw[1]) return ANSWERED;
    return returned ? RETURNED : lost ? LOST : GONE;
}

MK_SCENARIO(map_adjacent_removes, map, .summary = "two threads remove neighbours, and their memory is used again",
            .threads = 2, .rounds = 200, .shows = {"not taken", "answered", "lost"}, .before = before, .body = body,
            .after = after, .outcomes = outcomes);
