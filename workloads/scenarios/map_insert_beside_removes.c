/* map_insert_beside_removes - one thread inserts keys among those that another removes: the new ones are all there,
 * to a get and to a walk.
 *
 * Aimed at maps where a removal clears something that an insertion beside it has just set: kovan's first hopscotch
 * map cleared the bit of a slot after it had given the slot away, so that a key inserted there was walked over but
 * not found. In chains: an insertion behind a node that is being unlinked.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { KEYS = MK_TUNE(24, 4) };

static uint64_t key_of(const struct mk_actor *actor, uint64_t i) {
    return actor->round & 1 ? actor->round_random + i : i;
}

static void before(struct mk_actor *alone) {
    for (uint64_t i = 1; i < KEYS; i += 2) mk_act(alone, MK_MAP_PUT, key_of(alone, i), 1 + i);
}

static void body(struct mk_actor *actor) {
    for (uint64_t i = actor->number; i < KEYS; i += 2) {
        unsigned code = actor->number == 0 ? MK_MAP_PUT : MK_MAP_REMOVE;
        struct mk_result did = mk_act(actor, code, key_of(actor, i), 1 + i);
        actor->saw[0] += did.status != (actor->number == 0 ? MK_MISS : MK_HIT);
    }
}

static void visit(void *arg, uint64_t key, uint64_t tag) {
    (void)key, (void)tag;
    ++*(uint64_t *)arg;
}

enum { RIGHT, ANSWER, INVISIBLE, STAYS, WALK };

static const struct mk_outcome outcomes[] = {
    {"right", MK_ACCEPTABLE, "what was inserted is there, what was removed is not"},
    {"wrong answer", MK_FORBIDDEN, "each key is inserted or removed once, by one thread"},
    {"invisible", MK_FORBIDDEN, "an inserted key is not found"},
    {"stays", MK_FORBIDDEN, "a removed key is found"},
    {"walk differs", MK_FORBIDDEN, "a walk does not find the keys that gets find, or the count is another"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t walked = 0, invisible = 0, stays = 0;
    alone->impl->walk(alone->self, visit, &walked);
    bool differs = walked != KEYS / 2 || alone->impl->count(alone->self) != walked;
    for (uint64_t i = 0; i < KEYS; i++) {
        struct mk_result got = mk_act(alone, MK_MAP_GET, key_of(alone, i), 0);
        invisible += i % 2 == 0 && (got.status != MK_HIT || got.value != 1 + i);
        stays += i % 2 == 1 && got.status == MK_HIT;
        mk_act(alone, MK_MAP_REMOVE, key_of(alone, i), 0);
    }
    if (actor[0].saw[0] || actor[1].saw[0]) return ANSWER;
    return invisible ? INVISIBLE : stays ? STAYS : differs ? WALK : RIGHT;
}

MK_SCENARIO(map_insert_beside_removes, map, .summary = "insertions among removes: nothing becomes invisible",
            .threads = 2, .rounds = 200, .shows = {"wrong answers"}, .before = before, .body = body, .after = after,
            .outcomes = outcomes);
