/* list_adjacent_removes - two threads remove neighbours at once, and a third looks up those that stay between them;
 * when all is over and the memory has been used for other keys, none of those removed is to be found.
 *
 * Aimed at unlinking a node whose predecessor is being unlinked: the link that is changed is in a node that is gone
 * itself, so that what was removed is still linked, and freed; and at lookups that go on from there.
 */
#include "../../impl/list.h"
#include "../../impl/scenario.h"

enum { KEYS = MK_TUNE(16, 4), CHURN = MK_TUNE(8, 2) };

/* Modulo 4: 0 is removed by one thread, 1 by the other, 2 by nobody, and 3 is never there. */
static uint64_t key_of(const struct mk_actor *actor, uint64_t i) {
    return actor->round & 1 ? actor->round_random + i : i;
}

static void churn(struct mk_actor *actor) {
    uint64_t base = (uint64_t)1 << 40;
    for (uint64_t i = 0; i < CHURN; i++) mk_act(actor, MK_LIST_INSERT, base + i, 0);
    for (uint64_t i = 0; i < CHURN; i++) mk_act(actor, MK_LIST_REMOVE, base + i, 0);
}

static void before(struct mk_actor *alone) {
    for (uint64_t i = 0; i < KEYS; i++) {
        if (i % 4 != 3) mk_act(alone, MK_LIST_INSERT, key_of(alone, i), 0);
    }
}

static void body(struct mk_actor *actor) {
    for (uint64_t i = actor->number; i < KEYS; i += 4) {
        if (actor->number == 2) {
            actor->saw[0] += mk_act(actor, MK_LIST_CONTAINS, key_of(actor, i), 0).status != MK_HIT;
            actor->saw[1] +=
                i + 1 < KEYS && mk_act(actor, MK_LIST_CONTAINS, key_of(actor, i + 1), 0).status != MK_MISS;
            continue;
        }
        actor->saw[0] += mk_act(actor, MK_LIST_REMOVE, key_of(actor, i), 0).status != MK_HIT;
        actor->saw[1] += mk_act(actor, MK_LIST_CONTAINS, key_of(actor, i), 0).status != MK_MISS;
    }
}

enum { GONE, MISSED, ANSWERED, RETURNED, LOST };

static const struct mk_outcome outcomes[] = {
    {"gone", MK_ACCEPTABLE, "all that were removed are gone, and those that were not are there"},
    {"missed", MK_FORBIDDEN, "a key that was there was not found, or not removed"},
    {"answered", MK_FORBIDDEN, "a key was found that had been removed by the same thread, or was never there"},
    {"returned", MK_FORBIDDEN, "a removed key is there, when all is over"},
    {"lost", MK_FORBIDDEN, "a key is gone that nobody removed"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    unsigned returned = 0, lost = 0, missed = 0, answered = 0;
    churn(alone);
    alone->impl->flush(alone->self, alone->me);
    for (uint64_t i = 0; i < KEYS; i++) {
        bool there = mk_act(alone, MK_LIST_REMOVE, key_of(alone, i), 0).status == MK_HIT;
        returned += there && i % 4 != 2;
        lost += !there && i % 4 == 2;
    }
    for (unsigned t = 0; t < 3; t++) {
        missed += actor[t].saw[0] != 0;
        answered += actor[t].saw[1] != 0;
    }
    return missed ? MISSED : answered ? ANSWERED : returned ? RETURNED : lost ? LOST : GONE;
}

MK_SCENARIO(list_adjacent_removes, list,
            .summary = "two threads remove neighbours, a third looks up what is between", .threads = 3,
            .rounds = 200, .shows = {"missed", "answered"}, .before = before, .body = body, .after = after,
            .outcomes = outcomes);
