/* slots_stale_handle - a handle is given back and its slot is taken again, while another thread asks for it.
 *
 * Aimed at slots whose handles name nothing but the slot, or whose generations come back: whoever still has the old
 * handle finds the new owner's record, or gives it back under their hands.
 */
#include "../../impl/scenario.h"
#include "../../impl/slots.h"

static void before(struct mk_actor *alone) {
    *(uint64_t *)alone->shared = mk_act(alone, MK_SLOTS_TAKE, 0, 1).value;
}

/* Thread 0 gives and takes; thread 1 looks twice, and gives only what it has found to be over. */
static void body(struct mk_actor *actor) {
    uint64_t old = *(uint64_t *)actor->shared;
    if (actor->number == 0) {
        mk_act(actor, MK_SLOTS_GIVE, old, 0);
        actor->saw[0] = mk_act(actor, MK_SLOTS_TAKE, 0, 2).value;
        return;
    }
    actor->saw[1] = mk_act(actor, MK_SLOTS_AT, old, 0).status;
    actor->saw[2] = mk_act(actor, MK_SLOTS_AT, old, 0).status;
    actor->saw[3] = actor->saw[2] == MK_MISS ? mk_try(actor, MK_SLOTS_GIVE, old, 0).status : MK_REFUSED;
}

enum { OVER, CAME_BACK, GIVEN, FOUND, SAME, MISCOUNT };

static const struct mk_outcome outcomes[] = {
    {"over", MK_ACCEPTABLE, "the old handle is refused for good"},
    {"came back", MK_FORBIDDEN, "a handle that was over is live again"},
    {"given under their hands", MK_FORBIDDEN, "an old handle is taken back"},
    {"found", MK_FORBIDDEN, "an old handle finds the new owner's record"},
    {"same", MK_FORBIDDEN, "a handle is answered that was used before"},
    {"miscounted", MK_FORBIDDEN, "one slot is live, and another number is counted"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t old = *(uint64_t *)alone->shared, fresh = actor[0].saw[0];
    unsigned outcome = OVER;
    if (actor[1].saw[1] == MK_MISS && actor[1].saw[2] == MK_HIT) outcome = CAME_BACK;
    if (actor[1].saw[3] == MK_HIT) outcome = GIVEN;
    if (alone->impl->count(alone->self) != 1) outcome = MISCOUNT;
    if (mk_act(alone, MK_SLOTS_AT, old, 0).status == MK_HIT) outcome = FOUND;
    if (old == fresh) outcome = SAME;
    mk_try(alone, MK_SLOTS_GIVE, fresh, 0);
    return outcome;
}

MK_SCENARIO(slots_stale_handle, slots,
            .summary = "a handle that was given back finds nothing, whoever has its slot now", .threads = 2,
            .unless = MK_FLOOR, .capacity = 1, .shared_bytes = sizeof(uint64_t),
            .shows = {"new handle", "first at", "second at", "give"}, .before = before, .body = body,
            .after = after, .outcomes = outcomes);
