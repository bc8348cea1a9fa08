/* monitor_lives.c - reads histories for the monitors: which events belong to one value, and what came before
 * what. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../record.h"
#include "monitor_lives.h"

/* ---- reports --------------------------------------------------------------------------------- */

void mk_lives_say(struct mk_monitor_report *report, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(report->what, sizeof report->what, format, args);
    va_end(args);
}

static void show_event(const struct mk_lives *lives, uint32_t event, struct mk_monitor_report *report) {
    if (event == MK_LIVES_NONE || report->n == MK_MONITOR_EVENTS_MAX) return;
    size_t at = report->n++;
    for (; at > 0 && report->event[at - 1].call > lives->event[event].call; at--)
        report->event[at] = report->event[at - 1];
    report->event[at] = lives->event[event];
}

void mk_lives_show(const struct mk_lives *lives, uint32_t value, struct mk_monitor_report *report) {
    show_event(lives, lives->value[value].in.event, report);
    show_event(lives, lives->value[value].out.event, report);
}

uint64_t mk_lives_number(const struct mk_lives *lives, uint32_t value) {
    return lives->event[lives->value[value].in.event].value;
}

void mk_lives_list(const struct mk_lives *lives, const uint32_t *value, size_t n,
                   struct mk_monitor_report *report) {
    size_t named = n < 3 ? n : 3;
    for (size_t i = 0; i < named; i++) {
        size_t used = strlen(report->what);
        const char *before = i == 0 ? "" : i + 1 < n ? ", " : " and ";
        snprintf(report->what + used, sizeof report->what - used, "%s0x%" PRIx64, before,
                 mk_lives_number(lives, value[i]));
    }
    size_t used = strlen(report->what);
    if (n > named) snprintf(report->what + used, sizeof report->what - used, " and %zu more", n - named);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* An event that says something. */
struct mention {
    uint64_t number;
    uint32_t event;
    bool out;
};

static int by_number(const void *left, const void *right) {
    const struct mention *a = left, *b = right;
    if (a->number != b->number) return a->number < b->number ? -1 : 1;
    if (a->out != b->out) return a->out ? 1 : -1;
    return a->event < b->event ? -1 : a->event > b->event;
}

/* Sorts events into empty answers and mentions of values. Returns how many mentions there are. */
static size_t collect(struct mk_lives *lives, size_t n, struct mention *mention) {
    size_t mentions = 0;
    for (size_t i = 0; i < n; i++) {
        const struct mk_event *event = &lives->event[i];
        bool out = event->code == MK_MONITOR_OUT;
        if (event->status == MK_HIT)
            mention[mentions++] = (struct mention){out ? event->seen : event->value, (uint32_t)i, out};
        else if (out && event->status == MK_MISS)
            lives->empty[lives->empties++].event = (uint32_t)i;
    }
    qsort(mention, mentions, sizeof *mention, by_number);
    return mentions;
}

/* Of values that came out wrongly, the one that did so first is reported: its mentions. */
struct wrong {
    const struct mention *at;
    size_t n;
};

static void note_wrong(const struct mk_lives *lives, struct wrong *wrong, const struct mention *at, size_t n) {
    if (!wrong->at || lives->event[at[n - 1].event].call < lives->event[wrong->at[wrong->n - 1].event].call)
        *wrong = (struct wrong){at, n};
}

static enum mk_linear report_wrong(const struct mk_lives *lives, const struct wrong *wrong,
                                   struct mk_monitor_report *report) {
    if (!wrong->at) return MK_LINEARIZABLE;
    for (size_t i = 0; i < wrong->n; i++) show_event(lives, wrong->at[i].event, report);
    mk_lives_say(report, "0x%" PRIx64 " was taken out%s", wrong->at->number,
                 wrong->at[0].out ? ", but never put in" : " more than once");
    return MK_NOT_LINEARIZABLE;
}

/* Makes lives of mentions, which are sorted. */
static enum mk_linear pair_up(struct mk_lives *lives, const struct mention *mention, size_t mentions,
                              struct mk_monitor_report *report) {
    struct wrong wrong = {0};
    for (size_t from = 0, to; from < mentions; from = to) {
        const struct mention *at = &mention[from];
        for (to = from; to < mentions && mention[to].number == at->number; to++) continue;
        size_t n = to - from;
        if (n > 1 && !at[1].out) {
            mk_lives_say(report, "0x%" PRIx64 " was put in twice: nothing can be said of such a history",
                         at->number);
            return MK_LINEAR_UNKNOWN;
        }
        if (at->out || n > 2) {
            note_wrong(lives, &wrong, at, n < 3 ? n : 3);
            continue;
        }
        struct mk_life *life = &lives->value[lives->values++];
        life->in.event = at[0].event;
        life->out.event = n == 2 ? at[1].event : MK_LIVES_NONE;
    }
    return report_wrong(lives, &wrong, report);
}

/* ---- ranks ----------------------------------------------------------------------------------- */

/* At one moment, calls come before returns (the two overlap) unless it is known that they do not. */
enum side { RET_BEFORE, CALL, RET_BEHIND };

struct stamp {
    uint64_t time;
    struct mk_span *span;
    uint32_t thread;
    uint32_t side;
};

static int by_time(const void *left, const void *right) {
    const struct stamp *a = left, *b = right;
    if (a->time != b->time) return a->time < b->time ? -1 : 1;
    if (a->side != b->side) return a->side < b->side ? -1 : 1;
    return a->span->event < b->span->event ? -1 : a->span->event > b->span->event;
}

/* Adds the call of a span, if it is one. */
static void add_call(const struct mk_lives *lives, struct mk_span *span, struct stamp *call, size_t *calls) {
    if (span->event == MK_LIVES_NONE) return;
    const struct mk_event *event = &lives->event[span->event];
    call[(*calls)++] = (struct stamp){event->call, span, event->thread, CALL};
}

/* Returns the index of the last call at or before a time, of the sorted ones. There is one. */
static size_t last_call(const struct stamp *call, size_t n, uint64_t time) {
    size_t from = 0, to = n;
    while (to - from > 1) {
        size_t middle = from + (to - from) / 2;
        *(call[middle].time <= time ? &from : &to) = middle;
    }
    return from;
}

/* Returns where the return of the operation of `call` stands. A return is ret + slack late at most. Until then
 * only calls of other threads matter: behind the last of them it can as well have been earlier, down to ret
 * itself, where it comes before the call of the same thread that has the same stamp. other[i]: the last call
 * before call[i] that is of another thread. */
static struct stamp place_ret(const struct mk_lives *lives, const struct stamp *call, const struct stamp *calls,
                              const uint32_t *other, size_t n, uint64_t slack) {
    const struct mk_event *event = &lives->event[call->span->event];
    uint64_t latest = event->ret > UINT64_MAX - slack ? UINT64_MAX : event->ret + slack;
    uint32_t last = (uint32_t)last_call(calls, n, latest);
    if (calls[last].thread == call->thread) last = other[last];
    struct stamp ret = *call;
    bool none = last == MK_LIVES_NONE || calls[last].time < event->ret;
    ret.time = none ? event->ret : calls[last].time;
    ret.side = none && event->call < event->ret ? RET_BEFORE : RET_BEHIND;
    return ret;
}

/* Gives calls and returns their ranks. */
static void rank(struct mk_lives *lives, size_t n, uint64_t slack) {
    struct stamp *call = mk_need(2 * n + 1, sizeof *call), *ret = call + n;
    uint32_t *other = mk_need(n + 1, sizeof *other);
    size_t calls = 0;
    for (uint32_t i = 0; i < lives->values; i++) {
        add_call(lives, &lives->value[i].in, call, &calls);
        add_call(lives, &lives->value[i].out, call, &calls);
    }
    for (uint32_t i = 0; i < lives->empties; i++) add_call(lives, &lives->empty[i], call, &calls);
    qsort(call, calls, sizeof *call, by_time);
    for (size_t i = 0; i < calls; i++)
        other[i] = i == 0 ? MK_LIVES_NONE : call[i - 1].thread != call[i].thread ? (uint32_t)i - 1 : other[i - 1];
    for (size_t i = 0; i < calls; i++) ret[i] = place_ret(lives, &call[i], call, other, calls, slack);
    qsort(ret, calls, sizeof *ret, by_time);

    uint32_t next = 0;
    for (size_t c = 0, r = 0; r < calls;) {
        if (c < calls && by_time(&call[c], &ret[r]) < 0)
            call[c++].span->call = next++;
        else
            ret[r++].span->ret = next++;
    }
    /* What stays in might be taken out at last, in any order. */
    for (uint32_t i = 0; i < lives->values; i++)
        if (lives->value[i].out.event == MK_LIVES_NONE) lives->value[i].out.call = next++;
    for (uint32_t i = 0; i < lives->values; i++)
        if (lives->value[i].out.event == MK_LIVES_NONE) lives->value[i].out.ret = next++;
    lives->edges = next;
    free(other);
    free(call);
}

/* Writes down what is at each rank. */
static void lay_out(struct mk_lives *lives) {
    lives->edge = mk_need(lives->edges + 1, sizeof *lives->edge);
    for (uint32_t i = 0; i < lives->values; i++) {
        const struct mk_life *life = &lives->value[i];
        lives->edge[life->in.call] = (struct mk_edge){i, MK_IN_CALL};
        lives->edge[life->in.ret] = (struct mk_edge){i, MK_IN_RET};
        lives->edge[life->out.call] = (struct mk_edge){i, MK_OUT_CALL};
        lives->edge[life->out.ret] = (struct mk_edge){i, MK_OUT_RET};
    }
    for (uint32_t i = 0; i < lives->empties; i++) {
        lives->edge[lives->empty[i].call] = (struct mk_edge){i, MK_EMPTY_CALL};
        lives->edge[lives->empty[i].ret] = (struct mk_edge){i, MK_EMPTY_RET};
    }
}

/* No value came out before it was put in. Of those that did, reports the first. */
static enum mk_linear judge_order(const struct mk_lives *lives, struct mk_monitor_report *report) {
    for (uint32_t k = 0; k < lives->edges; k++) {
        const struct mk_edge *edge = &lives->edge[k];
        if (edge->side != MK_OUT_RET || k > lives->value[edge->of].in.call) continue;
        mk_lives_say(report, "0x%" PRIx64 " was taken out before it was put in", mk_lives_number(lives, edge->of));
        mk_lives_show(lives, edge->of, report);
        return MK_NOT_LINEARIZABLE;
    }
    return MK_LINEARIZABLE;
}

enum mk_linear mk_lives_open(struct mk_lives *lives, const struct mk_event *events, size_t n, uint64_t slack,
                             struct mk_monitor_report *report) {
    memset(report, 0, sizeof *report);
    *lives = (struct mk_lives){.event = events};
    lives->value = mk_need(n + 1, sizeof *lives->value);
    lives->empty = mk_need(n + 1, sizeof *lives->empty);
    struct mention *mention = mk_need(n + 1, sizeof *mention);
    size_t mentions = collect(lives, n, mention);
    enum mk_linear verdict = pair_up(lives, mention, mentions, report);
    free(mention);
    if (verdict != MK_LINEARIZABLE) return verdict;
    rank(lives, n, slack);
    lay_out(lives);
    return judge_order(lives, report);
}

void mk_lives_close(struct mk_lives *lives) {
    free(lives->value);
    free(lives->empty);
    free(lives->edge);
}

/* ---- empty answers --------------------------------------------------------------------------- */

/* Reports values that were in for certain, one taking over from another, all through an empty answer. */
static void report_covered(const struct mk_lives *lives, const struct mk_span *empty,
                           struct mk_monitor_report *report) {
    uint32_t cover[MK_MONITOR_EVENTS_MAX] = {0}, longest = MK_LIVES_NONE;
    size_t n = 0;
    for (uint32_t k = 0, until = empty->call; until < empty->ret; k++) {
        const struct mk_edge *edge = &lives->edge[k];
        if (edge->side == MK_IN_RET &&
            (longest == MK_LIVES_NONE || lives->value[edge->of].out.call > lives->value[longest].out.call))
            longest = edge->of;
        if (k < until) continue;
        if (n < MK_MONITOR_EVENTS_MAX) cover[n] = longest;
        n++;
        until = lives->value[longest].out.call;
    }
    mk_lives_say(report, n == 1 ? "it was found empty, but something was in it all the while: "
                                : "it was found empty, but at every moment of that some of these were in it: ");
    mk_lives_list(lives, cover, n, report);
    show_event(lives, empty->event, report);
    for (size_t i = 0; i < n && i < MK_MONITOR_EVENTS_MAX; i++) mk_lives_show(lives, cover[i], report);
}

enum mk_linear mk_lives_judge_empty(const struct mk_lives *lives, struct mk_monitor_report *report) {
    uint32_t in = 0, free_until = 0;
    for (uint32_t k = 0; k < lives->edges; k++) {
        const struct mk_edge *edge = &lives->edge[k];
        if (edge->side == MK_IN_RET) in += mk_life_certain(&lives->value[edge->of]);
        if (edge->side == MK_OUT_CALL) in -= mk_life_certain(&lives->value[edge->of]);
        if (edge->side == MK_EMPTY_RET && free_until <= lives->empty[edge->of].call) {
            report_covered(lives, &lives->empty[edge->of], report);
            return MK_NOT_LINEARIZABLE;
        }
        if (in == 0) free_until = k + 1;
    }
    return MK_LINEARIZABLE;
}
