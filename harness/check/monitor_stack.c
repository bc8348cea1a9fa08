/* monitor_stack.c - is a history of a stack linearizable?
 *
 * An order of all operations is asked for, each at a moment of its own interval (monitor_lives.h). Values may be
 * left out of an order that is right: what is left is right. The other way, values can be put back in three cases:
 *
 * (1) in(v) and out(v) overlap: let them be next to each other, where they do. So v does not matter.
 * (2) At moment t no value is in for certain (from in.ret to out.call). Then each of the others was taken out
 *     before, out.call < t, or put in after, t < in.ret. Two orders, of those before and of those after, make one
 *     of all: no operation of the first needs to be later than t, since all began before; likewise the second. An
 *     empty answer can be at t.
 * (3) Value v can be at the bottom: no other in.ret precedes in(v), out(v) precedes no other out.call. Put it
 *     around the others' order.
 *
 * So: leave out values by (1), cut at all moments of (2), and leave out a value by (3) from each part. Each part
 * is smaller, and is cut again. Should a part have no such value, then there is no order: a part is in at every
 * moment from its first in.ret to its last out.call, so that in any order the one that is first in is last out. An
 * empty answer needs a moment of (2) of all values; as all those are cuts at once, that is enough.
 *
 * A value that can be at the bottom of its part still can when others have been left out: parts only get smaller.
 * So a value is looked at twice, when its part begins late enough and when it ends early enough; then it waits to
 * be left out. All that is found by trees: O(n log n). (Lee and Mathur 2024 have a like algorithm; this was made
 * from the three observations.)
 */
#include <inttypes.h>
#include <stdlib.h>

#include "../record.h"
#include "monitor_lives.h"

/* ---- trees ----------------------------------------------------------------------------------- */

/* Trees stand in arrays: below i are 2 * i and 2 * i + 1, of `size` places the leaves begin at [size]. A search
 * that descends knows the places below a node as from .. from + width - 1. */

/* Of smallest keys: those of a node are at least as great as its own. */
static void sum_up_key(uint32_t *key, uint32_t i) {
    key[i] = key[2 * i] < key[2 * i + 1] ? key[2 * i] : key[2 * i + 1];
}

static void set_key(uint32_t *key, uint32_t size, uint32_t place, uint32_t to) {
    key[size + place] = to;
    for (uint32_t i = (size + place) / 2; i > 0; i /= 2) sum_up_key(key, i);
}

/* Returns the first place in first .. last with a key of at most `most`, or none. */
static uint32_t find_key(const uint32_t *key, uint32_t i, uint32_t from, uint32_t width, uint32_t first,
                         uint32_t last, uint32_t most) {
    if (key[i] > most || from + width <= first || from > last) return MK_LIVES_NONE;
    if (width == 1) return from;
    width /= 2;
    uint32_t found = find_key(key, 2 * i, from, width, first, last, most);
    return found != MK_LIVES_NONE ? found : find_key(key, 2 * i + 1, from + width, width, first, last, most);
}

/* Of covers: how many values are in for certain behind a place is the sum of the way from the root to its leaf, and
 * one of every two siblings is 0. */
static void sum_up_cover(int32_t *cover, uint32_t i) {
    int32_t least = cover[2 * i] < cover[2 * i + 1] ? cover[2 * i] : cover[2 * i + 1];
    cover[2 * i] -= least;
    cover[2 * i + 1] -= least;
    cover[i] += least;
}

/* Takes one value away from places first .. last. */
static void uncover(int32_t *cover, uint32_t i, uint32_t from, uint32_t width, uint32_t first, uint32_t last) {
    if (from + width <= first || from > last) return;
    if (first <= from && from + width - 1 <= last) {
        cover[i]--;
        return;
    }
    width /= 2;
    uncover(cover, 2 * i, from, width, first, last);
    uncover(cover, 2 * i + 1, from + width, width, first, last);
    sum_up_cover(cover, i);
}

/* Returns the first place from `first` on, behind which nothing is in for certain. `above`: the sum so far. */
static uint32_t free_from(const int32_t *cover, uint32_t i, uint32_t from, uint32_t width, uint32_t first,
                          int32_t above) {
    above += cover[i];
    if (above > 0 || from + width <= first) return MK_LIVES_NONE;
    if (width == 1) return from;
    width /= 2;
    uint32_t found = free_from(cover, 2 * i, from, width, first, above);
    return found != MK_LIVES_NONE ? found : free_from(cover, 2 * i + 1, from + width, width, first, above);
}

/* Returns the last such place before `end`. */
static uint32_t free_before(const int32_t *cover, uint32_t i, uint32_t from, uint32_t width, uint32_t end,
                            int32_t above) {
    above += cover[i];
    if (above > 0 || from >= end) return MK_LIVES_NONE;
    if (width == 1) return from;
    width /= 2;
    uint32_t found = free_before(cover, 2 * i + 1, from + width, width, end, above);
    return found != MK_LIVES_NONE ? found : free_before(cover, 2 * i, from, width, end, above);
}

/* ---- the verdict ----------------------------------------------------------------------------- */

/* A value that takes part. A place is the rank of some in.ret or out.call among those. */
struct item {
    uint32_t first, last; /* places of in.ret and out.call */
    uint32_t floor;       /* can be at the bottom of parts that begin there or later, */
    uint32_t roof;        /* and end there or earlier */
    uint32_t met;         /* how many of the two its part meets */
};

struct stack {
    const struct mk_lives *lives;
    bool *takes_part;   /* by value */
    struct item *item;  /* by value */
    uint32_t places, size;
    uint32_t *value_at; /* by place */
    uint32_t *next;     /* by place: at or before the next in.ret of a value not left out; a way there */
    int32_t *cover;
    uint32_t *floors; /* keys at the first place of values: floor; none once that is met */
    uint32_t *roofs;  /* likewise, UPSIDE_DOWN - roof */
    uint32_t *waiting;
    uint32_t waiting_n;
    uint64_t work; /* edges and values looked at so far */
};

#define UPSIDE_DOWN (MK_LIVES_NONE - 1)

static void stack_open(struct stack *s, const struct mk_lives *lives) {
    size_t values = lives->values, size = 2;
    while (size < 2 * values) size *= 2;
    *s = (struct stack){.lives = lives};
    s->takes_part = mk_need(values + 1, sizeof *s->takes_part);
    s->item = mk_need(values + 1, sizeof *s->item);
    s->value_at = mk_need(2 * values + 1, sizeof *s->value_at);
    s->next = mk_need(2 * values + 1, sizeof *s->next);
    s->waiting = mk_need(values + 1, sizeof *s->waiting);
    s->cover = mk_need(2 * size, sizeof *s->cover);
    s->floors = mk_need(2 * size, sizeof *s->floors);
    s->roofs = mk_need(2 * size, sizeof *s->roofs);
    for (uint32_t v = 0; v < values; v++) s->takes_part[v] = mk_life_certain(&lives->value[v]);
}

static void stack_close(struct stack *s) {
    free(s->takes_part);
    free(s->item);
    free(s->value_at);
    free(s->next);
    free(s->waiting);
    free(s->cover);
    free(s->floors);
    free(s->roofs);
}

/* Empties the trees, and makes them large enough for all that take part. */
static void clear(struct stack *s) {
    uint32_t n = 0;
    for (uint32_t v = 0; v < s->lives->values; v++) n += s->takes_part[v];
    s->places = 2 * n;
    for (s->size = 2; s->size < s->places;) s->size *= 2;
    memset(s->cover, 0, 2 * s->size * sizeof *s->cover);
    memset(s->floors, 0xff, 2 * s->size * sizeof *s->floors);
    memset(s->roofs, 0xff, 2 * s->size * sizeof *s->roofs);
    s->waiting_n = 0;
    s->work += s->lives->edges + 32 * (uint64_t)n;
}

/* Gives places to the values that take part, and fills the trees. */
static void lay_out(struct stack *s) {
    clear(s);
    uint32_t place = 0;
    int32_t in = 0;
    for (uint32_t k = 0; k < s->lives->edges; k++) {
        const struct mk_edge *edge = &s->lives->edge[k];
        if (edge->side >= MK_EMPTY_CALL || !s->takes_part[edge->of]) continue;
        struct item *item = &s->item[edge->of];
        switch (edge->side) {
        case MK_IN_CALL: *item = (struct item){.floor = place}; break;
        case MK_OUT_RET:
            item->roof = place - 1;
            s->roofs[s->size + item->first] = UPSIDE_DOWN - item->roof;
            break;
        case MK_IN_RET:
            item->first = place;
            s->floors[s->size + place] = item->floor;
            s->value_at[place] = edge->of;
            s->next[place] = place;
            s->cover[s->size + place++] = ++in;
            break;
        default:
            item->last = place;
            s->value_at[place] = edge->of;
            s->next[place] = place + 1;
            s->cover[s->size + place++] = --in;
        }
    }
    s->next[place] = place;
    for (uint32_t i = s->size - 1; i > 0; i--) {
        sum_up_key(s->floors, i);
        sum_up_key(s->roofs, i);
        sum_up_cover(s->cover, i);
    }
}

/* Returns the first place from `place` on where a value that is not left out is in for certain; s->places if
 * none. */
static uint32_t next_in(struct stack *s, uint32_t place) {
    while (s->next[place] != place) place = s->next[place] = s->next[s->next[place]];
    return place;
}

/* Looks for values in a part, first .. last, for which it begins late enough and ends early enough now. */
static void meet(struct stack *s, uint32_t first, uint32_t last, uint32_t *keys, uint32_t most) {
    uint32_t place;
    while ((place = find_key(keys, 1, 0, s->size, first, last, most)) != MK_LIVES_NONE) {
        set_key(keys, s->size, place, MK_LIVES_NONE);
        uint32_t v = s->value_at[place];
        if (++s->item[v].met == 2) s->waiting[s->waiting_n++] = v;
    }
}

/* Cuts first .. last wherever it can be. */
static void cut(struct stack *s, uint32_t first, uint32_t last) {
    while ((first = next_in(s, first)) <= last && first < s->places) {
        uint32_t end = free_from(s->cover, 1, 0, s->size, first, 0);
        meet(s, first, end, s->floors, first);
        meet(s, first, end, s->roofs, UPSIDE_DOWN - end);
        first = end + 1;
    }
}

static void leave_out(struct stack *s, const struct item *item) {
    uint32_t before = free_before(s->cover, 1, 0, s->size, item->first, 0);
    uint32_t first = before == MK_LIVES_NONE ? 0 : before + 1;
    uint32_t last = free_from(s->cover, 1, 0, s->size, item->last, 0);
    uncover(s->cover, 1, 0, s->size, item->first, item->last - 1);
    s->next[item->first]++;
    cut(s, first, last);
}

/* Returns whether there is an order of what takes part. If not, at least one part is left, see keep_stuck. */
static bool has_order(struct stack *s) {
    uint32_t left_out = 0;
    lay_out(s);
    cut(s, 0, s->places);
    for (; s->waiting_n > 0; left_out++) leave_out(s, &s->item[s->waiting[--s->waiting_n]]);
    return 2 * left_out == s->places;
}

/* ---- what is reported ------------------------------------------------------------------------ */

/* After has_order returned false: lets take part nothing but the first part that is left. Nothing of it can be at
 * the bottom. */
static void keep_stuck(struct stack *s) {
    uint32_t first = next_in(s, 0), last = free_from(s->cover, 1, 0, s->size, first, 0);
    for (uint32_t v = 0; v < s->lives->values; v++) {
        const struct item *item = &s->item[v];
        s->takes_part[v] = s->takes_part[v] && item->met < 2 && item->first >= first && item->last <= last;
    }
}

/* Puts what takes part into list[], by in.ret, as far as there is room. Returns how many there are. */
static uint32_t list_parts(const struct stack *s, uint32_t *list, uint32_t room) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < s->lives->edges; k++) {
        const struct mk_edge *edge = &s->lives->edge[k];
        if (edge->side != MK_IN_RET || !s->takes_part[edge->of]) continue;
        if (n < room) list[n] = edge->of;
        n++;
    }
    return n;
}

/* What a search for few values at fault has come to: needed[] and list[0 .. n - 1] together have no order. Without
 * any one of needed[] there is one. list[] is by in.ret. */
#define NEEDED_MAX 32
struct few {
    uint32_t needed[NEEDED_MAX];
    uint32_t *list;
    uint32_t needed_n, n;
};

/* Lets needed[] and the first n of list[] take part, and returns whether they have an order. */
static bool few_have_order(struct stack *s, const struct few *few, uint32_t n) {
    memset(s->takes_part, 0, s->lives->values * sizeof *s->takes_part);
    for (uint32_t i = 0; i < few->needed_n; i++) s->takes_part[few->needed[i]] = true;
    for (uint32_t i = 0; i < n; i++) s->takes_part[few->list[i]] = true;
    return has_order(s);
}

/* Finds the shortest beginning of list[] that has no order together with needed[]: its last is needed. Returns
 * whether that came to an end within so much work. */
static bool find_needed(struct stack *s, struct few *few, uint64_t work_max) {
    for (uint32_t orderly = 0; few->n - orderly > 1;) {
        if (s->work > work_max) return false;
        uint32_t middle = orderly + (few->n - orderly) / 2;
        if (few_have_order(s, few, middle)) {
            orderly = middle;
            continue;
        }
        keep_stuck(s); /* all of needed[] is among it */
        uint32_t kept = 0, kept_orderly = 0;
        for (uint32_t i = 0; i < middle; i++) {
            if (!s->takes_part[few->list[i]]) continue;
            kept_orderly += i < orderly;
            few->list[kept++] = few->list[i];
        }
        few->n = kept;
        orderly = kept_orderly;
    }
    few->needed[few->needed_n++] = few->list[--few->n];
    return true;
}

/* Lets few values take part that have no order, none of which can be at the bottom: without any one of them there
 * would be an order, unless that takes ten times as long to find out as the verdict did. */
static void keep_few(struct stack *s) {
    uint64_t work_max = 10 * s->work + (1u << 22);
    struct few few = {.list = mk_need(s->lives->values + 1, sizeof *few.list)};
    keep_stuck(s);
    few.n = list_parts(s, few.list, s->lives->values);
    while (few.n > 0 && few.needed_n < NEEDED_MAX && find_needed(s, &few, work_max))
        if (!few_have_order(s, &few, 0)) few.n = 0;
    few_have_order(s, &few, few.n);
    keep_stuck(s);
    free(few.list);
}

static void report_stuck(struct stack *s, struct mk_monitor_report *report) {
    uint32_t few[MK_MONITOR_EVENTS_MAX] = {0};
    keep_few(s);
    uint32_t n = list_parts(s, few, MK_MONITOR_EVENTS_MAX);
    if (n == 2) {
        /* The second was not in first, so the first must have been, and was not out last. */
        mk_lives_say(report, "0x%" PRIx64 " was taken out, although 0x%" PRIx64 " was on top of it",
                     mk_lives_number(s->lives, few[0]), mk_lives_number(s->lives, few[1]));
    } else {
        mk_lives_say(report,
                     "it was never empty while these came and went, but none can have been at the bottom: ");
        mk_lives_list(s->lives, few, n, report);
    }
    for (uint32_t i = 0; i < n && i < MK_MONITOR_EVENTS_MAX; i++) mk_lives_show(s->lives, few[i], report);
}

static enum mk_linear judge_order(const struct mk_lives *lives, struct mk_monitor_report *report) {
    struct stack s;
    stack_open(&s, lives);
    bool order = has_order(&s);
    if (!order) report_stuck(&s, report);
    stack_close(&s);
    return order ? MK_LINEARIZABLE : MK_NOT_LINEARIZABLE;
}

enum mk_linear mk_monitor_stack(const struct mk_event *events, size_t n, uint64_t slack,
                                struct mk_monitor_report *report) {
    struct mk_lives lives;
    enum mk_linear verdict = mk_lives_open(&lives, events, n, slack, report);
    if (verdict == MK_LINEARIZABLE) verdict = judge_order(&lives, report);
    if (verdict == MK_LINEARIZABLE) verdict = mk_lives_judge_empty(&lives, report);
    mk_lives_close(&lives);
    return verdict;
}
