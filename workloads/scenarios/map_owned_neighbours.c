/* map_owned_neighbours - keys lie side by side and each belongs to one thread, which knows the one right answer to
 * all it does with them.
 *
 * Aimed at what an operation on one key does to its neighbours in a chain, a probe sequence or a packed word: a
 * thread of kovan's first chained map got keys back that it had removed itself, answered from marked nodes.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { KEYS = MK_TUNE(16, 2), OPS = MK_TUNE(60, 4) };

enum { RIGHT, LOST, RETURNED, ANOTHER };

static const struct mk_outcome outcomes[] = {
    {"right", MK_ACCEPTABLE, "every answer was the only one there is"},
    {"lost", MK_FORBIDDEN, "a key of its own, which nobody removed, is not there"},
    {"returned", MK_FORBIDDEN, "a key of its own, which it had removed, is there"},
    {"another value", MK_FORBIDDEN, "a key of its own has a value that it did not put last"},
    {NULL, MK_ACCEPTABLE, NULL}};

/* Compares an answer with the tag that the key has (0: it is absent). */
static void judge(struct mk_actor *actor, uint64_t key, enum mk_status status, uint64_t seen, uint64_t tag) {
    unsigned verdict = status == MK_HIT ? tag == 0 ? RETURNED : seen == tag ? RIGHT : ANOTHER : tag ? LOST : RIGHT;
    if (verdict == RIGHT || actor->saw[0] != RIGHT) return;
    actor->saw[0] = verdict;
    actor->saw[1] = key;
    actor->saw[2] = seen;
    actor->saw[3] = tag;
}

static void body(struct mk_actor *actor) {
    uint64_t tags[KEYS] = {0}, base = actor->round & 1 ? actor->round_random : 0;
    for (uint64_t i = 0; i < OPS + KEYS; i++) {
        uint64_t dice = mk_mix64(actor->random + i);
        uint64_t own = i < OPS ? dice % KEYS : i - OPS, key = base + own * actor->threads + actor->number;
        unsigned code = i < OPS ? (unsigned)(dice >> 32) % 3 : MK_MAP_REMOVE; /* in the end all are removed */
        uint64_t tag = code == MK_MAP_PUT ? dice | 1 : 0;
        struct mk_result did = mk_act(actor, code, key, tag);
        judge(actor, key, did.status, code == MK_MAP_PUT ? did.previous : did.value, tags[own]);
        if (code != MK_MAP_GET) tags[own] = tag;
    }
}

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    for (uint32_t i = 0; i < alone->threads; i++) {
        if (actor[i].saw[0] != RIGHT) return (unsigned)actor[i].saw[0];
    }
    return RIGHT;
}

MK_SCENARIO(map_owned_neighbours, map, .summary = "every thread works on keys of its own beside the others'",
            .threads = 2, .rounds = 200, .shows = {"verdict", "key", "answered", "expected"}, .body = body,
            .after = after, .outcomes = outcomes);
MK_STATIC_ASSERT(MK_MAP_GET < 3 && MK_MAP_PUT < 3 && MK_MAP_REMOVE < 3, "the body draws these three");
