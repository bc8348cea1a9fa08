/* slots_two_givers - two threads give one handle: one of them is refused.
 *
 * Aimed at slots that look whether a handle is live in one step and make it free in another: two threads find it
 * live, its slot is free twice, and two takers get it.
 */
#include "../../impl/scenario.h"
#include "../../impl/slots.h"

static void before(struct mk_actor *alone) {
    *(uint64_t *)alone->shared = mk_act(alone, MK_SLOTS_TAKE, 0, alone->round_random).value;
}

static void body(struct mk_actor *actor) {
    actor->saw[0] = mk_try(actor, MK_SLOTS_GIVE, *(uint64_t *)actor->shared, 0).status;
}

enum { GAVE_0, GAVE_1, BOTH, NONE, TWICE, MISCOUNT };

static const struct mk_outcome outcomes[] = {
    {"thread 0 gave it", MK_ACCEPTABLE, "thread 1 was refused"},
    {"thread 1 gave it", MK_ACCEPTABLE, "thread 0 was refused"},
    {"both gave it", MK_FORBIDDEN, "it was live once"},
    {"none gave it", MK_FORBIDDEN, "it was live"},
    {"given out twice", MK_FORBIDDEN, "two takes get one slot"},
    {"miscounted", MK_FORBIDDEN, "nothing is live, and slots are counted"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    bool first = actor[0].saw[0] == MK_HIT, second = actor[1].saw[0] == MK_HIT;
    if (first == second) return first ? BOTH : NONE;
    if (alone->impl->count(alone->self)) return MISCOUNT;
    uint64_t one = mk_act(alone, MK_SLOTS_TAKE, 0, 1).value, other = mk_act(alone, MK_SLOTS_TAKE, 0, 2).value;
    mk_act(alone, MK_SLOTS_GIVE, one, 0);
    mk_act(alone, MK_SLOTS_GIVE, other, 0);
    if (mk_handle_index(one) == mk_handle_index(other)) return TWICE;
    return first ? GAVE_0 : GAVE_1;
}

MK_SCENARIO(slots_two_givers, slots, .summary = "two threads give one handle: exactly one of them does",
            .threads = 2, .unless = MK_FLOOR, .capacity = 2, .shared_bytes = sizeof(uint64_t),
            .shows = {"status of give"}, .before = before, .body = body, .after = after, .outcomes = outcomes);
