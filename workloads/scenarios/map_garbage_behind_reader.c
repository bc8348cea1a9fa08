/* map_garbage_behind_reader - one thread stands in a read-side section while another replaces keys; when it has
 * left, all that was replaced can be given back.
 *
 * Aimed at reclamation that loses track of what was retired while a reader stood: batches that found no place,
 * lists that are drained only when an epoch changes (kovan 0.1.19 kept all of two million nodes so, until it was
 * told to flush).
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { KEYS = MK_TUNE(8, 2), TIMES = MK_TUNE(400, 3), TURNS = MK_TUNE(1 << 17, 1) };

static const char *skips(const struct mk_impl *impl) {
    return impl->hold && impl->unhold && impl->stats ? NULL : "has no read-side sections, or reports no garbage";
}

/* Stands inside for about as long as the other thread is at work, at times for less. */
static void stand(struct mk_actor *actor) {
    uint64_t turns = actor->random % TURNS;
    actor->impl->hold(actor->self, actor->me);
    for (volatile uint64_t i = 0; i < turns; i++) {
    }
    actor->impl->unhold(actor->self, actor->me);
}

static void body(struct mk_actor *actor) {
    if (actor->number == 1) {
        stand(actor);
        return;
    }
    for (uint64_t i = 0; i < TIMES * KEYS; i++) mk_act(actor, MK_MAP_PUT, i % KEYS, i);
    actor->saw[0] = mk_actor_stat(actor, "peak_unreclaimed");
}

static const struct mk_outcome outcomes[] = {
    {"few waited", MK_ACCEPTABLE, "fewer than half of the nodes replaced ever waited at once"},
    {"many waited", MK_INTERESTING, "the reader held most of them up"},
    {"garbage stays", MK_FORBIDDEN, "nobody is inside, and after a flush retired nodes are still there"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    alone->impl->flush(alone->self, alone->me);
    if (mk_actor_stat(alone, "unreclaimed")) return 2;
    return actor[0].saw[0] < TIMES * KEYS / 2 ? 0 : 1;
}

MK_SCENARIO(map_garbage_behind_reader, map,
            .summary = "what piles up behind a reader can be given back when it leaves", .threads = 2,
            .unless = MK_NEVER_FREES, .rounds = 4, .instances = 60, .shows = {"peak of nodes waiting"},
            .skips = skips, .body = body, .after = after, .outcomes = outcomes);
