/* map_late_reader - a thread replaces a key, and goes on replacing others, until what it replaced has been freed;
 * another comes in at some time, and looks up the first key.
 *
 * Aimed at readers that come in late and have seen nothing of what has happened since: the epoch that they take for
 * the present one is long over, a link that they still see names a node that is no more. And at those who free, and
 * have not seen that one more has come in.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { OLD = 1, NEW, OF_OTHERS, OTHERS = MK_TUNE(16, 2), TIMES = MK_TUNE(400, 5), ROOM = 4 };

static uint64_t key_of(const struct mk_actor *actor, uint64_t i) {
    return actor->round_random + i;
}

static void before(struct mk_actor *alone) {
    for (uint64_t i = 0; i <= OTHERS; i++) mk_act(alone, MK_MAP_PUT, key_of(alone, i), i ? OF_OTHERS : OLD);
}

static void body(struct mk_actor *actor) {
    uint64_t key = key_of(actor, 0);
    if (actor->number == 1) {
        struct mk_result got = mk_act(actor, MK_MAP_GET, key, 0);
        actor->saw[0] = got.status != MK_HIT;
        actor->saw[1] = got.value;
        return;
    }
    mk_act(actor, MK_MAP_PUT, key, NEW);
    for (uint64_t i = 0; i < TIMES; i++) mk_act(actor, MK_MAP_PUT, key_of(actor, 1 + i % OTHERS), OF_OTHERS);
}

enum { FOUND_OLD, FOUND_NEW, MISSED, ANOTHER };

static const struct mk_outcome outcomes[] = {
    {"old", MK_ACCEPTABLE, "the reader found the value that was there first"},
    {"new", MK_ACCEPTABLE, "the reader found the one put in its place"},
    {"missed", MK_FORBIDDEN, "a key that is always there was not found"},
    {"another value", MK_FORBIDDEN, "nobody has put that under this key"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    for (uint64_t i = 0; i <= OTHERS; i++) mk_act(alone, MK_MAP_REMOVE, key_of(alone, i), 0);
    if (actor[1].saw[0]) return MISSED;
    return actor[1].saw[1] == OLD ? FOUND_OLD : actor[1].saw[1] == NEW ? FOUND_NEW : ANOTHER;
}

MK_SCENARIO(map_late_reader, map, .summary = "a reader that comes in late finds no node that has been freed",
            .threads = 2, .reborn = true, .capacity = ROOM, .rounds = 60, .instances = 40,
            .shows = {"missed", "value"}, .before = before, .body = body, .after = after, .outcomes = outcomes);
