/* search.c - every schedule of a program within bounds: depth first, by making one schedule after another
 * (stateless search; Godefroid, POPL 1997), with a bound on preemptions (Musuvathi and Qadeer, PLDI 2007).
 *
 * What is bounded: choices of another thread than the usual one that could have gone on, and stale reads together
 * with weak exchanges that fail for nothing. Where a thread cannot go on, all others are tried free of charge.
 * Where threads may be stopped for ever, each is, once at each of its points. Blocks of memory, refusals and
 * wakings take their default.
 *
 * Nothing is left out because it would come to the same (sleep sets, persistent sets): together with a bound on
 * preemptions that loses schedules, since the equal one that stands for others may be beyond the bound.
 */
#include "explore_parts.h"
#include "../record.h"

#include <stdlib.h>

/* A choice on the way to where the search is, of which there were several within the bounds. */
struct node {
    uint32_t rest;   /* threads that are still to be tried, a bit each; of values: how many there are */
    uint16_t chosen;
    uint8_t kind;
    uint8_t usual;   /* what costs nothing */
    bool free;       /* nothing of it costs anything */
    uint32_t preempted, stale; /* spent before this choice */
};

struct search {
    struct mk_chooser chooser;
    struct node *nodes;
    size_t n, room;
    size_t depth; /* choices made in the schedule at work */
    uint32_t preempted, stale;
    uint32_t preempted_max, stale_max;
    bool astray; /* the program did not come by the same way again */
};

/* ---- one schedule ----------------------------------------------------------------------------- */

static uint32_t take(struct search *search, const struct node *node) {
    bool costs = !node->free && node->chosen != node->usual;
    search->depth++;
    search->preempted = node->preempted + (costs && node->kind == MK_CHOICE_THREAD);
    search->stale = node->stale + (costs && node->kind != MK_CHOICE_THREAD);
    return node->chosen;
}

static uint32_t add(struct search *search, uint32_t kind, uint32_t usual, uint32_t rest, bool is_free) {
    if (search->n == search->room) {
        search->room = search->room ? 2 * search->room : 256;
        search->nodes = mk_need_more(search->nodes, search->room, sizeof *search->nodes);
    }
    struct node *node = &search->nodes[search->n++];
    *node = (struct node){.rest = rest, .chosen = (uint16_t)usual, .kind = (uint8_t)kind, .usual = (uint8_t)usual,
                          .free = is_free, .preempted = search->preempted, .stale = search->stale};
    return take(search, node);
}

static uint32_t search_thread(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    struct search *search = (struct search *)chooser;
    bool forced = !(ready >> at & 1);
    uint32_t others = ready & ~(1u << usual);
    if (!others || (!forced && search->preempted >= search->preempted_max)) return usual;
    if (search->depth == search->n) return add(search, MK_CHOICE_THREAD, usual, others, forced);
    const struct node *node = &search->nodes[search->depth];
    if (node->kind != MK_CHOICE_THREAD || !(ready >> node->chosen & 1)) {
        search->astray = true;
        return usual;
    }
    return take(search, node);
}

static uint32_t search_value(struct mk_chooser *chooser, enum mk_choice_kind kind, uint32_t n) {
    struct search *search = (struct search *)chooser;
    bool is_free = kind == MK_CHOICE_FREEZE;
    if (!is_free && kind != MK_CHOICE_AGE && kind != MK_CHOICE_SPURIOUS) return 0;
    if (!is_free && search->stale >= search->stale_max) return 0;
    if (search->depth == search->n) return add(search, kind, 0, n, is_free);
    const struct node *node = &search->nodes[search->depth];
    if (node->kind != kind || node->chosen >= n) {
        search->astray = true;
        return 0;
    }
    return take(search, node);
}

/* ---- from one to the next --------------------------------------------------------------------- */

/* Chooses the next alternative of a node. Returns false when there are none left. */
static bool advance(struct node *node) {
    if (node->kind != MK_CHOICE_THREAD) {
        if (node->chosen + 1u >= node->rest) return false;
        node->chosen++;
        return true;
    }
    if (!node->rest) return false;
    node->chosen = (uint16_t)__builtin_ctz(node->rest);
    node->rest &= node->rest - 1;
    return true;
}

/* Goes back to the last choice that has an alternative left. Returns false when there is none. */
static bool next_schedule(struct search *search) {
    while (search->n && !advance(&search->nodes[search->n - 1])) search->n--;
    search->depth = 0;
    search->preempted = search->stale = 0;
    return search->n > 0;
}

bool mk_search(struct mk_exploration *exploration) {
    const struct mk_explore_config *config = exploration->config;
    struct mk_explored *out = exploration->out;
    struct search search = {.chooser = {search_thread, search_value}, .preempted_max = config->preemptions,
                            .stale_max = config->stale};
    bool more = true, left = true, whole = true;
    out->strategy[0].name = "search";
    out->strategies_n = 1;
    while (more && left) {
        bool failed = mk_run_under(exploration->program, &exploration->setting, &search.chooser, NULL);
        /* Where turns may have been taken nobody was asked, so not all has been tried. */
        whole = whole && mk_rt.steps <= mk_rt.steps_max && !search.astray && search.depth == search.n;
        more = mk_exploration_note(exploration, 0, failed);
        left = next_schedule(&search);
    }
    free(search.nodes);
    return !left && whole && !out->limits;
}
