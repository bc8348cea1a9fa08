/* map_updates_add_up - threads update one key, which adds one each time: none of it is lost.
 *
 * Aimed at updates that read, change and write back without a CAS on what was read, and at those that change a node
 * in place which a resize has already copied.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { TIMES = MK_TUNE(8, 3) };

static const char *skips(const struct mk_impl *impl) {
    if (!(impl->offers >> MK_MAP_UPDATE & 1)) return "does not offer update";
    return impl->value_bytes > 8 ? "an update changes the first word alone" : NULL;
}

static void before(struct mk_actor *alone) {
    mk_act(alone, MK_MAP_PUT, alone->round_random, 100);
}

static void body(struct mk_actor *actor) {
    for (int i = 0; i < TIMES; i++) actor->saw[0] += mk_act(actor, MK_MAP_UPDATE, actor->round_random, 0).status;
}

static const struct mk_outcome outcomes[] = {
    {"all there", MK_ACCEPTABLE, "every update took effect once"},
    {"lost", MK_FORBIDDEN, "an update took no effect, or two"},
    {"missed", MK_FORBIDDEN, "the key is there all along"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    struct mk_result last = mk_act(alone, MK_MAP_REMOVE, alone->round_random, 0);
    if (actor[0].saw[0] + actor[1].saw[0] != 2 * TIMES || last.status != MK_HIT) return 2;
    return last.value == 100 + 2 * TIMES ? 0 : 1;
}

MK_SCENARIO(map_updates_add_up, map, .summary = "updates of one key by two threads: none is lost", .threads = 2,
            .keys = 1, .shows = {"updates that found it"}, .skips = skips, .before = before, .body = body,
            .after = after, .outcomes = outcomes);
