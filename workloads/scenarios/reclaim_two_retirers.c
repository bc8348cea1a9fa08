/* reclaim_two_retirers - two threads replace the node of one cell: each node is retired once, by the thread that
 * took it out.
 *
 * Aimed at retirements that are lost or done twice when two threads retire at once: a list of retired nodes that is
 * pushed to without a CAS, a batch that two threads close. Told by what replaces answered and by the figures.
 */
#include "../../impl/reclaim.h"
#include "../../impl/scenario.h"

enum { TIMES = MK_TUNE(32, 3) };

struct told {
    uint64_t tags, retired;
};

static void body(struct mk_actor *actor) {
    for (uint64_t i = 0; i < TIMES; i++) {
        uint64_t tag = mk_mix64(actor->random + i);
        struct mk_result replaced = mk_act(actor, MK_RECLAIM_REPLACE, 0, tag);
        actor->saw[0] += tag - (replaced.status == MK_HIT ? replaced.previous : 0);
        actor->saw[1] += replaced.status == MK_HIT;
    }
}

static const struct mk_outcome outcomes[] = {
    {"each once", MK_ACCEPTABLE, "nodes put in less nodes taken out leave the one that is there"},
    {"a node is lost", MK_FORBIDDEN, "a node was taken out twice, or by nobody"},
    {"miscounted", MK_FORBIDDEN, "as many nodes are retired as were replaced"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    struct told *told = (struct told *)alone->shared;
    for (uint32_t i = 0; i < alone->threads; i++) {
        told->tags += actor[i].saw[0];
        told->retired += actor[i].saw[1];
    }
    if (mk_act(alone, MK_RECLAIM_READ, 0, 0).value != told->tags) return 1;
    return alone->impl->stats && mk_actor_stat(alone, "retired") != told->retired ? 2 : 0;
}

MK_SCENARIO(reclaim_two_retirers, reclaim, .summary = "two threads replace one node: each is retired once",
            .threads = 2, .capacity = 1, .shared_bytes = sizeof(struct told), .rounds = 300,
            .shows = {"tags put in less tags taken out", "nodes replaced"}, .body = body, .after = after,
            .outcomes = outcomes);
