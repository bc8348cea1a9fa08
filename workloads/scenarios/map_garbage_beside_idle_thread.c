/* map_garbage_beside_idle_thread - one thread replaces keys, another is registered and does nothing: no more
 * garbage waits after four times as many replacements.
 *
 * Aimed at reclamation that waits for every registered thread to do something (quiescent-state schemes whose idle
 * threads do not say so), and at a lone thread that never gets to drain what it has retired: in kovan 0.1.19 all
 * that one thread retired stayed, two million nodes for a map of thirteen thousand keys.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { KEYS = MK_TUNE(8, 2), TIMES = MK_TUNE(2000, 3), ROUNDS = 5 };

static const char *skips(const struct mk_impl *impl) {
    return impl->stats && impl->hold ? NULL : "retires nothing, or does not report it";
}

static void body(struct mk_actor *actor) {
    for (uint64_t i = 0; actor->number == 0 && i < TIMES * KEYS; i++) mk_act(actor, MK_MAP_PUT, i % KEYS, i);
    actor->saw[0] = actor->number == 0 ? mk_actor_stat(actor, "peak_unreclaimed") : 0;
}

static const struct mk_outcome outcomes[] = {
    {"bounded", MK_ACCEPTABLE, "no more nodes wait than in the first round, or hardly"},
    {"grows", MK_FORBIDDEN, "the more nodes are retired, the more of them wait, with nobody inside"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t *first = (uint64_t *)alone->shared;
    if (alone->round == 0) *first = actor[0].saw[0];
    return actor[0].saw[0] > 2 * *first + 64;
}

MK_SCENARIO(map_garbage_beside_idle_thread, map, .summary = "garbage is bounded beside a thread that does nothing",
            .threads = 2, .unless = MK_NEVER_FREES, .shared_bytes = sizeof(uint64_t), .rounds = ROUNDS,
            .instances = 10, .shows = {"peak of nodes waiting"}, .skips = skips, .body = body, .after = after,
            .outcomes = outcomes);
