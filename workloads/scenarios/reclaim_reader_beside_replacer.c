/* reclaim_reader_beside_replacer - a thread reads nodes that another replaces and retires: no node is freed under
 * it, and what it reads of a cell never goes back.
 *
 * Aimed at protection that is announced too late (a hazard that is not checked again after it was published, an
 * epoch entered after the link was read, a birth stamp taken after the node was linked): the reader holds a node
 * that has been freed, whose words are spoiled.
 */
#include "../../impl/reclaim.h"
#include "../../impl/scenario.h"

enum { CELLS = MK_TUNE(4, 1), TIMES = MK_TUNE(48, 4) };

static void body(struct mk_actor *actor) {
    uint64_t last[CELLS] = {0};
    for (uint64_t i = 0; i < TIMES; i++) {
        uint64_t cell = mk_mix64(actor->random + i) % CELLS;
        if (actor->number == 0) {
            mk_act(actor, MK_RECLAIM_REPLACE, cell, actor->round * TIMES + i + 1);
            continue;
        }
        struct mk_result read = mk_act(actor, MK_RECLAIM_READ, cell, 0);
        actor->saw[0] += last[cell] && read.status == MK_MISS;
        actor->saw[1] += read.status == MK_HIT && read.value < last[cell];
        actor->saw[2] += read.status == MK_HIT && last[cell] && read.value > last[cell];
        if (read.status == MK_HIT) last[cell] = read.value;
    }
}

static const struct mk_outcome outcomes[] = {
    {"calm", MK_ACCEPTABLE, "the reader saw no cell change"},
    {"saw changes", MK_INTERESTING, "reads and replacements met"},
    {"missed", MK_FORBIDDEN, "a cell that had a node has none"},
    {"backwards", MK_FORBIDDEN, "a node came back that had been replaced"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return actor[1].saw[0] ? 2 : actor[1].saw[1] ? 3 : actor[1].saw[2] ? 1 : 0;
}

MK_SCENARIO(reclaim_reader_beside_replacer, reclaim,
            .summary = "a reader of nodes that are replaced reads no freed one", .threads = 2, .capacity = CELLS,
            .rounds = 300, .shows = {"missed", "backwards", "changes seen"}, .body = body, .after = after,
            .outcomes = outcomes);
