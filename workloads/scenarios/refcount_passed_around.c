/* refcount_passed_around - others drop references that the owner has made, make some themselves, and the owner
 * drops
 * these: in the end it has dropped as many as it made, and leaves.
 *
 * Aimed at counts that are kept in two places: the owner finds its own used up while the object waits for it,
 * because the others' count was negative once, and is not any more. Which of the two then ends the object?
 */
#define MK_REFCOUNT_HEADER uint64_t unused;
#include "../../impl/refcount.h"
#include "../../impl/scenario.h"

enum { OWNER, SHARER, TAKER, BOXES = 4, STEPS = MK_TUNE(3, 1) };

/* A step a round, so that threads that start one after another come to all of them; all in one where schedules are
 * made. */
static bool is_at(const struct mk_actor *actor, unsigned step) {
    return STEPS == 1 || actor->round % STEPS == step;
}

/* Boxes 0 and 1 get references to the owner's object. The one in 0 is dropped for one to the taker's, the one in 1
 * is shared to 2; then the owner overwrites 1 and 2 with what is in 0. */
static void body(struct mk_actor *actor) {
    if (actor->number == OWNER && is_at(actor, 0)) {
        mk_act(actor, MK_REFCOUNT_HANDOFF, 0, 0);
        mk_act(actor, MK_REFCOUNT_HANDOFF, 1, 0);
    }
    if (actor->number == SHARER && is_at(actor, 1)) mk_act(actor, MK_REFCOUNT_SHARE, 1, 0);
    if (actor->number == TAKER && is_at(actor, 1)) mk_act(actor, MK_REFCOUNT_HANDOFF, 0, 0);
    if (actor->number == OWNER && is_at(actor, 2)) {
        mk_act(actor, MK_REFCOUNT_SHARE, 0, 0);
        mk_act(actor, MK_REFCOUNT_SHARE, 1, 0);
    }
}

static const struct mk_outcome outcomes[] = {
    {"right", MK_ACCEPTABLE, "what nobody holds has ended, what is held has not"},
    {"never ends", MK_FORBIDDEN, "an object of which no reference is left is still there"},
    {"ends too early", MK_FORBIDDEN, "an object that is held has ended, or one has ended twice"},
    {NULL, MK_ACCEPTABLE, NULL}};

/* The owner leaves, and comes back with another object: what waited for it has been looked at. */
static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)actor;
    if (!alone->impl->stats || alone->round % STEPS != STEPS - 1) return 0;
    alone->impl->thread_exit(alone->self, alone->me);
    alone->impl->thread_enter(alone->self, alone->me);
    alone->impl->flush(alone->self, alone->me);
    uint64_t there = mk_actor_stat(alone, "made") - mk_actor_stat(alone, "ended"), held = alone->threads;
    if (there > held + mk_actor_stat(alone, "pinned")) return 1;
    return there < held || mk_actor_stat(alone, "ended_again") ? 2 : 0;
}

MK_SCENARIO(refcount_passed_around, refcount,
            .summary = "an owner drops what others made of its object, and they its", .threads = 3,
            .capacity = BOXES, .rounds = 300, .body = body, .after = after, .outcomes = outcomes);
