/* slots_last_slot - all slots are live but one, and two threads take: one gets it.
 *
 * Aimed at slots that look whether one is free in one step and take it in another: two threads get the last one.
 */
#include "../../impl/scenario.h"
#include "../../impl/slots.h"

enum { ROOM = 1024 };

/* What is live. */
struct live {
    uint64_t n, handle[ROOM];
};

/* All that there are are taken, and one is given back. */
static void before(struct mk_actor *alone) {
    struct live *live = alone->shared;
    struct mk_result taken = {MK_HIT, 0, 0};
    while (taken.status == MK_HIT && live->n < ROOM) {
        taken = mk_act(alone, MK_SLOTS_TAKE, 0, live->n + 1);
        if (taken.status == MK_HIT) live->handle[live->n++] = taken.value;
    }
    if (live->n) mk_act(alone, MK_SLOTS_GIVE, live->handle[--live->n], 0);
}

static void body(struct mk_actor *actor) {
    struct mk_result taken = mk_act(actor, MK_SLOTS_TAKE, 0, actor->random);
    actor->saw[0] = taken.status;
    actor->saw[1] = taken.value;
}

enum { GOT_0, GOT_1, BOTH, NONE, LIVE };

static const struct mk_outcome outcomes[] = {
    {"thread 0 got it", MK_ACCEPTABLE, "thread 1 found all live"},
    {"thread 1 got it", MK_ACCEPTABLE, "thread 0 found all live"},
    {"both got it", MK_FORBIDDEN, "it was free once"},
    {"none got it", MK_FORBIDDEN, "it was free"},
    {"got a live one", MK_FORBIDDEN, "it belongs to somebody else"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    struct live *live = alone->shared;
    bool first = actor[0].saw[0] == MK_HIT, second = actor[1].saw[0] == MK_HIT;
    if (first == second) return first ? BOTH : NONE;
    uint64_t got = actor[first ? 0 : 1].saw[1];
    for (uint64_t i = 0; i < live->n; i++) {
        if (mk_handle_index(live->handle[i]) == mk_handle_index(got)) return LIVE;
    }
    live->handle[live->n++] = got;
    return first ? GOT_0 : GOT_1;
}

MK_SCENARIO(slots_last_slot, slots, .summary = "two threads take the last slot: exactly one gets it", .threads = 2,
            .unless = MK_FLOOR | MK_GROWS, .capacity = 2, .shared_bytes = sizeof(struct live), .instances = 30,
            .shows = {"status of take", "handle"}, .before = before, .body = body, .after = after,
            .outcomes = outcomes);
