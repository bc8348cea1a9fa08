/* slots_threads_leave - threads take some slots, give them back and leave, again and again.
 *
 * Aimed at slots that threads keep for themselves: what a thread had free when it left has to be everybody's, and a
 * thread that takes has to find what others have given back. In the end one thread gets all slots.
 */
#include "../../impl/scenario.h"
#include "../../impl/slots.h"

enum { CAPACITY = 3, ROOM = 1024, BODY_SLOTS = 5, LIVES = 3 };

/* Takes all there are. Returns how many. */
static uint64_t take_all(struct mk_actor *actor, uint64_t *handle, uint64_t room) {
    uint64_t n = 0;
    struct mk_result taken = {MK_HIT, 0, 0};
    while (n < room && taken.status == MK_HIT) {
        taken = mk_act(actor, MK_SLOTS_TAKE, 0, n);
        if (taken.status == MK_HIT) handle[n++] = taken.value;
    }
    return n;
}

/* So many are live that threads share few; who is left takes over what thread 0 keeps when it leaves. */
static void before(struct mk_actor *alone) {
    uint64_t *handle = alone->shared;
    uint64_t n = handle[0] = take_all(alone, handle + 1, ROOM);
    for (uint64_t keep = 2 * BODY_SLOTS + alone->round_random % 3; handle[0] && n - handle[0] < keep; handle[0]--) {
        mk_act(alone, MK_SLOTS_GIVE, handle[handle[0]], 0);
    }
}

/* Leaves with what it keeps, and comes back without. */
static void body(struct mk_actor *actor) {
    uint64_t handle[BODY_SLOTS];
    for (unsigned time = 0; time < LIVES; time++) {
        uint64_t n = take_all(actor, handle, 1 + (actor->random >> 8 * time) % BODY_SLOTS);
        actor->saw[0] += n;
        while (n) mk_act(actor, MK_SLOTS_GIVE, handle[--n], 0);
        actor->impl->thread_exit(actor->self, actor->me);
        while (actor->impl->thread_enter(actor->self, actor->me)) mk_pause(); /* memory may be refused */
    }
}

enum { ALL_THERE, LOST, TWICE };

static const struct mk_outcome outcomes[] = {
    {"all there", MK_ACCEPTABLE, "one thread gets all slots"},
    {"lost", MK_FORBIDDEN, "fewer are there than were asked for"},
    {"given out twice", MK_FORBIDDEN, "two takes get one slot"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t *handle = alone->shared, live = handle[0];
    unsigned outcome = ALL_THERE;
    (void)actor;
    uint64_t n = live + take_all(alone, handle + 1 + live, ROOM - live);
    if (n < CAPACITY + alone->threads) outcome = LOST;
    for (uint64_t i = 1; i <= n; i++) {
        for (uint64_t k = live < i ? 1 : i; k < i; k++) {
            if (mk_handle_index(handle[i]) == mk_handle_index(handle[k])) outcome = TWICE;
        }
    }
    while (n) mk_act(alone, MK_SLOTS_GIVE, handle[n--], 0);
    return outcome;
}

MK_SCENARIO(slots_threads_leave, slots, .summary = "threads leave, and nothing they kept is lost", .threads = 3,
            .unless = MK_FLOOR | MK_GROWS, .reborn = true, .capacity = CAPACITY, .rounds = 100, .instances = 30,
            .shared_bytes = (1 + ROOM) * sizeof(uint64_t), .shows = {"taken"}, .before = before, .body = body,
            .after = after, .outcomes = outcomes);
