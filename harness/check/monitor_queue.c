/* monitor_queue.c - is a history of a queue linearizable?
 *
 * It is, unless a value came out wrongly by itself (monitor_lives.h), or two values came out the other way round,
 * or an empty answer fell between values that were in. Why that is enough: let a go before b if in(a) precedes
 * in(b), or out(a) precedes out(b). A shortest way round, a before b before ... before a, alternates between the
 * two reasons; in an interval order two pairs that precede, in(a) in(b) and in(c) in(d), have in(a) before in(d)
 * or in(c) before in(b), either of which is a shorter way, until two values are left (Henzinger, Sezgin, Vafeiadis
 * 2013). At a moment when no value was in for certain, a history falls in two: what came out by then, and what
 * went in later; a value that may be on either side goes with those it has to follow.
 */
#include <inttypes.h>

#include "monitor_lives.h"

/* Finds a value b that came out before one did that had gone in before it: of the values that have gone in for
 * certain when b begins to, the one that is taken out last will do. */
static enum mk_linear judge_pairs(const struct mk_lives *lives, struct mk_monitor_report *report) {
    const struct mk_life *value = lives->value;
    uint32_t last = MK_LIVES_NONE;
    for (uint32_t k = 0; k < lives->edges; k++) {
        uint32_t of = lives->edge[k].of, side = lives->edge[k].side;
        if (side == MK_IN_RET && (last == MK_LIVES_NONE || value[of].out.call > value[last].out.call)) last = of;
        if (side != MK_IN_CALL || last == MK_LIVES_NONE || value[of].out.ret > value[last].out.call) continue;
        mk_lives_say(report, "0x%" PRIx64 " was put in after 0x%" PRIx64 ", but was taken out %s",
                     mk_lives_number(lives, of), mk_lives_number(lives, last),
                     value[last].out.event == MK_LIVES_NONE ? "and the other never was" : "before it");
        mk_lives_show(lives, last, report);
        mk_lives_show(lives, of, report);
        return MK_NOT_LINEARIZABLE;
    }
    return MK_LINEARIZABLE;
}

enum mk_linear mk_monitor_queue(const struct mk_event *events, size_t n, uint64_t slack,
                                struct mk_monitor_report *report) {
    struct mk_lives lives;
    enum mk_linear verdict = mk_lives_open(&lives, events, n, slack, report);
    if (verdict == MK_LINEARIZABLE) verdict = judge_pairs(&lives, report);
    if (verdict == MK_LINEARIZABLE) verdict = mk_lives_judge_empty(&lives, report);
    mk_lives_close(&lives);
    return verdict;
}
