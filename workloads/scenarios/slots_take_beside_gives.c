/* slots_take_beside_gives - while one thread takes, another takes two and gives the first one back.
 *
 * Aimed at lists of free slots without a tag (ABA): the taker finds the slot on top that was there before, and goes
 * on with the one that was behind it then and is live by now. Whoever takes next gets a slot that has an owner.
 */
#include "../../impl/scenario.h"
#include "../../impl/slots.h"

enum { SLOTS = 4 };

/* Slots that were live once lie ready, in the order of 0, 1, 2 .. */
static void before(struct mk_actor *alone) {
    uint64_t handle[SLOTS];
    for (uint64_t i = 0; i < SLOTS; i++) handle[i] = mk_act(alone, MK_SLOTS_TAKE, 0, i).value;
    for (uint64_t i = SLOTS; i; i--) mk_act(alone, MK_SLOTS_GIVE, handle[i - 1], 0);
}

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        actor->saw[0] = mk_act(actor, MK_SLOTS_TAKE, 0, 100).value;
        return;
    }
    uint64_t first = mk_act(actor, MK_SLOTS_TAKE, 0, 200).value;
    actor->saw[0] = mk_act(actor, MK_SLOTS_TAKE, 0, 300).value;
    mk_act(actor, MK_SLOTS_GIVE, first, 0);
}

enum { DISTINCT, TWICE, OVERWRITTEN, MISCOUNT };

static const struct mk_outcome outcomes[] = {
    {"distinct", MK_ACCEPTABLE, "every slot has one owner"},
    {"given out twice", MK_FORBIDDEN, "two takes get one slot"},
    {"overwritten", MK_FORBIDDEN, "a record is not what its owner wrote"},
    {"miscounted", MK_FORBIDDEN, "the slots that are live are not as many as are counted"},
    {NULL, MK_ACCEPTABLE, NULL}};

/* Takes as many more as may be wrong, and compares all. */
static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t handle[2 + SLOTS] = {actor[0].saw[0], actor[1].saw[0]};
    unsigned outcome = alone->impl->count(alone->self) == 2 ? DISTINCT : MISCOUNT;
    if (mk_try(alone, MK_SLOTS_LOOK, handle[0], 0).value != 100) outcome = OVERWRITTEN;
    if (mk_try(alone, MK_SLOTS_LOOK, handle[1], 0).value != 300) outcome = OVERWRITTEN;
    for (unsigned i = 2; i < 2 + SLOTS; i++) {
        handle[i] = mk_act(alone, MK_SLOTS_TAKE, 0, 400 + i).value;
        for (unsigned k = 0; k < i; k++) {
            if (mk_handle_index(handle[i]) == mk_handle_index(handle[k])) outcome = TWICE;
        }
    }
    for (unsigned i = 0; i < 2 + SLOTS; i++) mk_try(alone, MK_SLOTS_GIVE, handle[i], 0);
    return outcome;
}

MK_SCENARIO(slots_take_beside_gives, slots, .summary = "a take beside takes and a give: no slot has two owners",
            .threads = 2, .unless = MK_FLOOR, .capacity = 2 + SLOTS, .shows = {"handle"}, .before = before,
            .body = body, .after = after, .outcomes = outcomes);
