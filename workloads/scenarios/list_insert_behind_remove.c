/* list_insert_behind_remove - one thread removes a key while another inserts the next: the new one is there.
 *
 * Aimed at an insertion into the link of a node that is being unlinked: Harris's mark is there to stop it, and in
 * lists with locks the look whether the node that was locked is still in the list.
 */
#include "../../impl/list.h"
#include "../../impl/scenario.h"

enum { PAIRS = MK_TUNE(12, 2) };

static uint64_t key_of(const struct mk_actor *actor, uint64_t i) {
    return actor->round & 1 ? actor->round_random + i : i;
}

/* Even keys are there, and removed; odd ones are inserted, each behind the even one before. */
static void before(struct mk_actor *alone) {
    for (uint64_t i = 0; i < PAIRS; i++) mk_act(alone, MK_LIST_INSERT, key_of(alone, 2 * i), 0);
}

static void body(struct mk_actor *actor) {
    for (uint64_t i = 0; i < PAIRS; i++) {
        unsigned code = actor->number == 0 ? MK_LIST_REMOVE : MK_LIST_INSERT;
        struct mk_result did = mk_act(actor, code, key_of(actor, 2 * i + actor->number), 0);
        actor->saw[0] += did.status != (actor->number == 0 ? MK_HIT : MK_MISS);
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
    {"walk differs", MK_FORBIDDEN, "a walk does not find the keys that lookups find, or the count is another"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t walked = 0, invisible = 0, stays = 0;
    alone->impl->walk(alone->self, visit, &walked);
    bool differs = walked != PAIRS || alone->impl->count(alone->self) != walked;
    for (uint64_t i = 0; i < PAIRS; i++) {
        stays += mk_act(alone, MK_LIST_REMOVE, key_of(alone, 2 * i), 0).status == MK_HIT;
        invisible += mk_act(alone, MK_LIST_REMOVE, key_of(alone, 2 * i + 1), 0).status != MK_HIT;
    }
    if (actor[0].saw[0] || actor[1].saw[0]) return ANSWER;
    return invisible ? INVISIBLE : stays ? STAYS : differs ? WALK : RIGHT;
}

MK_SCENARIO(list_insert_behind_remove, list, .summary = "insertions behind removes: none is lost", .threads = 2,
            .rounds = 200, .shows = {"wrong answers"}, .before = before, .body = body, .after = after,
            .outcomes = outcomes);
