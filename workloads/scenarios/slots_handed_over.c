/* slots_handed_over - one thread takes, and hands what it has taken to another, which reads it and gives it back,
 * while the first one takes and writes again.
 *
 * Aimed at slots that only their taker may give, and at gives that do not happen before the take of the same slot:
 * the taker's write then races with what the giver read.
 */
#include "../../impl/scenario.h"
#include "../../impl/slots.h"

enum { TIMES = MK_TUNE(4, 2) };

struct post {
    MK_ATOMIC(uint64_t) handle[TIMES]; /* 0 = not there yet */
};

static void before(struct mk_actor *alone) {
    struct post *post = alone->shared;
    for (unsigned i = 0; i < TIMES; i++) atomic_store_explicit(&post->handle[i], 0, memory_order_relaxed);
}

/* Thread 1 does not wait: what it finds is there, or is left to `after`. */
static void body(struct mk_actor *actor) {
    struct post *post = actor->shared;
    for (uint64_t i = 0; i < TIMES; i++) {
        if (actor->number == 0) {
            uint64_t handle = mk_act(actor, MK_SLOTS_TAKE, 0, 100 + i).value;
            atomic_store_explicit(&post->handle[i], handle, memory_order_release);
            continue;
        }
        uint64_t handle = atomic_load_explicit(&post->handle[i], memory_order_acquire);
        if (!handle) continue;
        actor->saw[0]++;
        actor->saw[1] += mk_act(actor, MK_SLOTS_LOOK, handle, 0).value != 100 + i;
        actor->saw[2] += mk_try(actor, MK_SLOTS_GIVE, handle, 0).status != MK_HIT;
        atomic_store_explicit(&post->handle[i], 0, memory_order_relaxed);
    }
}

enum { SOME, NONE, WRONG, REFUSED, MISCOUNT };

static const struct mk_outcome outcomes[] = {
    {"given by the other", MK_ACCEPTABLE, "as it was handed over"},
    {"not there yet", MK_ACCEPTABLE, "the other came too early"},
    {"wrong record", MK_FORBIDDEN, "it is not what was written before it was handed over"},
    {"give was refused", MK_FORBIDDEN, "any thread may give what another has taken"},
    {"miscounted", MK_FORBIDDEN, "nothing is live, and slots are counted"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    struct post *post = alone->shared;
    unsigned outcome = actor[1].saw[0] ? SOME : NONE;
    for (unsigned i = 0; i < TIMES; i++) {
        uint64_t handle = atomic_load_explicit(&post->handle[i], memory_order_relaxed);
        if (handle) mk_act(alone, MK_SLOTS_GIVE, handle, 0);
    }
    if (alone->impl->count(alone->self)) outcome = MISCOUNT;
    if (actor[1].saw[2]) return REFUSED;
    return actor[1].saw[1] ? WRONG : outcome;
}

MK_SCENARIO(slots_handed_over, slots, .summary = "slots given by another thread than took them", .threads = 2,
            .unless = MK_FLOOR, .capacity = 1 + TIMES, .shared_bytes = sizeof(struct post),
            .shows = {"handed over", "wrong records", "refused"}, .before = before, .body = body, .after = after,
            .outcomes = outcomes);
