/* map_reader_between_puts - a thread replaces a key, and puts another, which makes the table grow; then one more
 * comes to look up the first, while the first thread goes on.
 *
 * Aimed at readers that take an old epoch for the present one: the end of one epoch, and of the one after it, must
 * be known to whoever comes in when both are over, and not to those alone who were there.
 */
#include "../../impl/map.h"
#include "../../impl/order.h"
#include "../../impl/scenario.h"

enum { OLD = 1, NEW, MOST = MK_TUNE(48, 6), ROOM = 4, TIMES = MK_TUNE(40, 2) };

/* Rounds. Relaxed: they say when, and order nothing that the map should. */
struct signs {
    MK_ATOMIC(uint64_t) grown, here;
};

static uint64_t key_of(const struct mk_actor *actor, uint64_t i) {
    return actor->round_random + i;
}

static void give(MK_ATOMIC(uint64_t) *sign, const struct mk_actor *actor) {
    atomic_store_explicit(sign, actor->round + 1, memory_order_relaxed);
}

static void await(MK_ATOMIC(uint64_t) *sign, const struct mk_actor *actor) {
    unsigned spins = 0;
    while (atomic_load_explicit(sign, memory_order_relaxed) <= actor->round) mk_backoff(&spins);
}

static void before(struct mk_actor *alone) {
    for (uint64_t i = 0; i < MOST; i++) mk_act(alone, MK_MAP_PUT, key_of(alone, i), OLD);
}

static void body(struct mk_actor *actor) {
    struct signs *signs = (struct signs *)actor->shared;
    if (actor->number == 1) {
        await(&signs->grown, actor);
        give(&signs->here, actor);
        struct mk_result got = mk_act(actor, MK_MAP_GET, key_of(actor, 0), 0);
        actor->saw[0] = got.status != MK_HIT;
        actor->saw[1] = got.value;
        return;
    }
    mk_act(actor, MK_MAP_PUT, key_of(actor, 1), NEW); /* so that there is garbage, and time goes on */
    mk_act(actor, MK_MAP_PUT, key_of(actor, 0), NEW);
    mk_act(actor, MK_MAP_PUT, key_of(actor, MOST), NEW);
    give(&signs->grown, actor);
    await(&signs->here, actor);
    for (uint64_t i = 1; i <= TIMES; i++) mk_act(actor, MK_MAP_PUT, key_of(actor, i), NEW);
}

enum { FOUND_NEW, FOUND_OLD, MISSED, ANOTHER };

static const struct mk_outcome outcomes[] = {
    {"new", MK_ACCEPTABLE, "the reader found what was put last"},
    {"old", MK_INTERESTING, "nothing orders the reader and the put that replaced what it found"},
    {"missed", MK_FORBIDDEN, "a key that is always there was not found"},
    {"another value", MK_FORBIDDEN, "nobody has put that"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    for (uint64_t i = 0; i <= MOST; i++) mk_act(alone, MK_MAP_REMOVE, key_of(alone, i), 0);
    if (actor[1].saw[0]) return MISSED;
    return actor[1].saw[1] == NEW ? FOUND_NEW : actor[1].saw[1] == OLD ? FOUND_OLD : ANOTHER;
}

MK_SCENARIO(map_reader_between_puts, map,
            .summary = "a reader that comes when a table has begun to grow finds no freed node", .threads = 2,
            .capacity = ROOM, .shared_bytes = sizeof(struct signs), .rounds = 100, .instances = 40,
            .shows = {"missed", "value"}, .before = before, .body = body, .after = after, .outcomes = outcomes);
