/* map_replace_never_misses - a key that is replaced again and again, and never removed, is there at every read.
 *
 * Aimed at replacement in two steps. In kovan's first chained map one CAS marked the old node and another linked
 * the new one: in between the key was absent, for one read in two hundred.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { TIMES = MK_TUNE(12, 3), KEYS = MK_TUNE(4, 1) };

static void before(struct mk_actor *alone) {
    for (uint64_t key = 0; alone->round == 0 && key < KEYS; key++) mk_act(alone, MK_MAP_PUT, key, 1);
}

static void write(struct mk_actor *actor, uint64_t key) {
    uint64_t base = actor->round * TIMES + 1; /* what was put last, or less */
    for (uint64_t i = 1; i <= TIMES; i++) {
        struct mk_result put = mk_act(actor, MK_MAP_PUT, key, base + i);
        actor->saw[0] += put.status != MK_HIT;
        actor->saw[1] += put.previous >= base + i;
    }
}

static void read(struct mk_actor *actor, uint64_t key) {
    uint64_t last = 0;
    for (int i = 0; i < TIMES; i++) {
        struct mk_result got = mk_act(actor, MK_MAP_GET, key, 0);
        actor->saw[0] += got.status != MK_HIT;
        if (got.status != MK_HIT) continue;
        actor->saw[1] += got.value < last;
        actor->saw[2] += last && got.value > last;
        last = got.value;
    }
}

static void body(struct mk_actor *actor) {
    uint64_t key = actor->round_random % KEYS;
    if (actor->number == 0) {
        write(actor, key);
    } else {
        read(actor, key);
    }
}

enum { SEEN, CHANGED, MISSED, BACKWARDS };

static const struct mk_outcome outcomes[] = {
    {"one value", MK_ACCEPTABLE, "all reads fell before, or after, or between two replacements"},
    {"several values", MK_INTERESTING, "reads and replacements met"},
    {"missed", MK_FORBIDDEN, "the key is there all along"},
    {"backwards", MK_FORBIDDEN, "a value came back that had been replaced"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    if (actor[0].saw[0] || actor[1].saw[0]) return MISSED;
    if (actor[0].saw[1] || actor[1].saw[1]) return BACKWARDS;
    return actor[1].saw[2] ? CHANGED : SEEN;
}

MK_SCENARIO(map_replace_never_misses, map, .summary = "a key that is replaced over and over is never missed",
            .threads = 2, .keys = KEYS, .rounds = 500, .shows = {"missed", "backwards", "changes seen"},
            .before = before, .body = body, .after = after, .outcomes = outcomes);
