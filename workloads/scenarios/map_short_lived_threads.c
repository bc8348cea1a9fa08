/* map_short_lived_threads - threads leave and come back all the time: they leave no garbage, no places taken, and
 * nothing that the next owner of their number would take for his own.
 *
 * Aimed at per-thread state that outlives its thread: registration slots that run out, counters that start anew,
 * retired nodes that nobody adopts, hazards of the dead that hold nodes up for ever.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { KEYS = MK_TUNE(8, 2), SETTLE = MK_TUNE(50, 1) };

static uint64_t key_of(uint32_t number, uint64_t i) {
    return number * KEYS + i;
}

static void body(struct mk_actor *actor) {
    for (uint64_t i = 0; i < KEYS; i++) {
        uint64_t key = key_of(actor->number, i);
        struct mk_result put = mk_act(actor, MK_MAP_PUT, key, 1 + actor->round);
        actor->saw[0] += put.status != (actor->round ? MK_HIT : MK_MISS);
        actor->saw[0] += put.status == MK_HIT && put.previous != actor->round;
        if (i % 2 == 0) {
            actor->saw[0] += mk_act(actor, MK_MAP_REMOVE, key, 0).value != 1 + actor->round;
            actor->saw[0] += mk_act(actor, MK_MAP_PUT, key, 1 + actor->round).status != MK_MISS;
        }
    }
}

enum { RIGHT, ANSWER, MISCOUNT, GARBAGE };

static const struct mk_outcome outcomes[] = {
    {"right", MK_ACCEPTABLE, "answers and count are right, and nothing waits after a flush"},
    {"wrong answer", MK_FORBIDDEN, "each key is put and removed by one thread alone"},
    {"miscounted", MK_FORBIDDEN, "the count is not that of the keys that are there"},
    {"garbage stays", MK_FORBIDDEN, "what threads retired before they left is never freed"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    for (uint32_t i = 0; i < alone->threads; i++) {
        if (actor[i].saw[0]) return ANSWER;
    }
    if (alone->impl->count(alone->self) != alone->threads * KEYS) return MISCOUNT;
    if (alone->round % SETTLE != SETTLE - 1) return RIGHT;
    if (alone->impl->provides & MK_NEVER_FREES) return RIGHT;
    alone->impl->flush(alone->self, alone->me);
    return mk_actor_stat(alone, "unreclaimed") ? GARBAGE : RIGHT;
}

MK_SCENARIO(map_short_lived_threads, map, .summary = "threads that come and go leave nothing behind", .threads = 2,
            .reborn = true, .rounds = 6 * SETTLE, .instances = 60,
            .shows = {"wrong answers"}, .body = body, .after = after, .outcomes = outcomes);
