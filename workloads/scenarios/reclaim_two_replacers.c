/* reclaim_two_replacers - two threads replace nodes, each its own, and a third reads those of the first: each of the
 * two moves time on for the other, and neither frees a node under the reader, or before it knows that it has left.
 *
 * Aimed at who frees on another's word: that all have left was seen by one thread, and the node is freed by another,
 * to whom it must be handed over.
 */
#include "../../impl/reclaim.h"
#include "../../impl/scenario.h"

enum { TIMES = MK_TUNE(48, 6), READS = MK_TUNE(48, 3) };

static void body(struct mk_actor *actor) {
    uint64_t last = 0;
    for (uint64_t i = 0; i < (actor->number < 2 ? TIMES : READS); i++) {
        if (actor->number < 2) {
            mk_act(actor, MK_RECLAIM_REPLACE, actor->number, actor->round * TIMES + i + 1);
            continue;
        }
        struct mk_result read = mk_act(actor, MK_RECLAIM_READ, 0, 0);
        actor->saw[0] += last && read.status == MK_MISS;
        actor->saw[1] += read.status == MK_HIT && read.value < last;
        if (read.status == MK_HIT) last = read.value;
    }
}

static const struct mk_outcome outcomes[] = {
    {"right", MK_ACCEPTABLE, "whatever the reader found was there"},
    {"missed", MK_FORBIDDEN, "a cell that had a node has none"},
    {"backwards", MK_FORBIDDEN, "a node came back that had been replaced"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[2].saw[0] ? 1 : actor[2].saw[1] ? 2 : 0;
}

MK_SCENARIO(reclaim_two_replacers, reclaim,
            .summary = "what one thread has seen the readers leave, another frees", .threads = 3, .capacity = 2,
            .rounds = 300, .shows = {"missed", "backwards"}, .body = body, .after = after, .outcomes = outcomes);
