/* explain.c - see explain.h. */
#include "explain.h"

#include <stdlib.h>

#include "../record.h"

#define FLYING_MAX 64                        /* operations between call and return at one time */
#define CONFIGURATIONS_MAX ((size_t)1 << 18) /* in all */
#define TABLE_SIZE 64                        /* of an empty one; a power of two */
#define TRIED_MAX 16                         /* other answers */
#define NONE UINT32_MAX

/* A configuration, and how it was come to. */
struct node {
    uint64_t done;   /* bit per slot: has taken effect */
    uint32_t parent; /* in which `event` had not taken effect; NONE for the first */
    uint32_t event;
    uint32_t length; /* of the order that leads here */
    unsigned char state[MK_MODEL_STATE_MAX] MK_ALIGNED(16);
};

/* A call or a return. */
struct moment {
    uint64_t at;
    uint32_t event;
    bool returns;
};

struct walk {
    const struct mk_violation *violation;
    const struct mk_linear_config *config;
    struct moment *moment;
    uint32_t *before;            /* by event: the one before it in its thread, or NONE */
    bool *returned;              /* by event */
    uint8_t *slot;               /* by event that flies */
    uint64_t busy;               /* bit per slot */
    uint32_t flying[FLYING_MAX]; /* by slot that is busy: the event */
    struct node *node;           /* all that were ever come to */
    size_t nodes, nodes_room;
    uint32_t *now; /* those that can be */
    size_t now_n, now_room;
    uint32_t *table;               /* those that can be, by contents: 1 + node, or 0 */
    size_t table_size, table_room; /* what is used of it, a power of two; what there is */
    size_t at;                     /* moments gone through */
    /* as it was behind the last return, before `until`, at which one configuration was possible */
    uint64_t until;
    size_t cut;
    uint64_t cut_done;
    uint32_t cut_flying[FLYING_MAX];
    unsigned char cut_state[MK_MODEL_STATE_MAX];
};

struct mk_op mk_event_op(const struct mk_event *event) {
    return (struct mk_op){.code = event->code, .key = event->key, .value = event->value};
}

static const struct mk_event *event_of(const struct walk *walk, uint32_t index) {
    return &walk->violation->event[index];
}

/* ---- configurations -------------------------------------------------------------------------- */

static uint64_t hash_node(const struct walk *walk, const struct node *node) {
    uint64_t hash = mk_mix64(node->done);
    for (size_t i = 0; i < walk->config->model->state_bytes; i++) hash = (hash ^ node->state[i]) * 0x100000001b3u;
    return mk_mix64(hash);
}

/* Returns the place in the table of an equal one, or the one it is to have. */
static uint32_t *place_of(struct walk *walk, const struct node *node) {
    size_t bytes = walk->config->model->state_bytes;
    for (uint64_t i = hash_node(walk, node);; i++) {
        uint32_t *at = &walk->table[i & (walk->table_size - 1)];
        if (!*at) return at;
        const struct node *other = &walk->node[*at - 1];
        if (other->done == node->done && memcmp(other->state, node->state, bytes) == 0) return at;
    }
}

/* Makes a table of what can be now. Memory is kept: this is done at every return. */
static void make_table(struct walk *walk, size_t size) {
    while (size < 2 * walk->now_n) size *= 2;
    if (size > walk->table_room) {
        walk->table = mk_need_more(walk->table, size, sizeof *walk->table);
        walk->table_room = size;
    }
    memset(walk->table, 0, size * sizeof *walk->table);
    walk->table_size = size;
    for (size_t i = 0; i < walk->now_n; i++) *place_of(walk, &walk->node[walk->now[i]]) = 1 + walk->now[i];
}

static void add_now(struct walk *walk, uint32_t index) {
    if (walk->now_n == walk->now_room) {
        walk->now_room = walk->now_room ? 2 * walk->now_room : TABLE_SIZE;
        walk->now = mk_need_more(walk->now, walk->now_room, sizeof *walk->now);
    }
    walk->now[walk->now_n++] = index;
}

static void add_node(struct walk *walk, const struct node *node) {
    if (walk->nodes == walk->nodes_room) {
        walk->nodes_room *= 2;
        walk->node = mk_need_more(walk->node, walk->nodes_room, sizeof *walk->node);
    }
    walk->node[walk->nodes++] = *node;
}

/* Appends a configuration to those that can be, unless it is one of them. */
static void reach(struct walk *walk, const struct node *node) {
    uint32_t *place = place_of(walk, node);
    if (*place) return;
    *place = 1 + (uint32_t)walk->nodes;
    add_now(walk, (uint32_t)walk->nodes);
    add_node(walk, node);
    if (2 * walk->now_n > walk->table_size) make_table(walk, 2 * walk->table_size);
}

/* Returns whether the operation may be the next to take effect: the one before it in its thread has. */
static bool is_ready(const struct walk *walk, const struct node *node, uint32_t event) {
    uint32_t before = walk->before[event];
    return before == NONE || walk->returned[before] || node->done >> walk->slot[before] & 1;
}

/* Lets the operation take effect. Returns whether its answer is right then. */
static bool apply(const struct walk *walk, uint32_t index, void *state, struct mk_answer *answer) {
    const struct mk_event *event = event_of(walk, index);
    struct mk_op op = mk_event_op(event);
    struct mk_result seen = {event->status, event->seen, event->previous};
    memset(answer, 0, sizeof *answer);
    bool refused = walk->config->refusals || mk_model_is_full(walk->config->model, walk->config->impl, event->code);
    if (seen.status == MK_NO_MEMORY && refused) return true;
    walk->config->model->answer(walk->config->impl, state, &op, answer);
    return mk_answer_matches(answer, &seen);
}

/* Adds what one configuration leads to when one more operation takes effect. */
static void follow(struct walk *walk, uint32_t index) {
    struct mk_answer answer;
    for (uint64_t left = walk->busy & ~walk->node[index].done; left; left &= left - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(left);
        struct node node = walk->node[index];
        if (!is_ready(walk, &node, walk->flying[slot])) continue;
        if (!apply(walk, walk->flying[slot], node.state, &answer)) continue;
        node.done |= (uint64_t)1 << slot;
        node.parent = index;
        node.event = walk->flying[slot];
        node.length++;
        reach(walk, &node);
    }
}

/* ---- calls and returns ----------------------------------------------------------------------- */

/* Returns whether it could be seen to: there are not too many at work. */
static bool call(struct walk *walk, uint32_t event) {
    if (!~walk->busy) return false;
    unsigned slot = (unsigned)__builtin_ctzll(~walk->busy);
    walk->busy |= (uint64_t)1 << slot;
    walk->flying[slot] = event;
    walk->slot[event] = (uint8_t)slot;
    return true;
}

/* Leaves those configurations in which the operation has taken effect. `now` holds all that are there before.
 * Returns whether there are any, and whether it could be told. */
static enum mk_linear give_back(struct walk *walk, uint32_t event) {
    uint64_t bit = (uint64_t)1 << walk->slot[event];
    size_t kept = 0;
    make_table(walk, TABLE_SIZE);
    for (size_t i = 0; i < walk->now_n; i++) {
        if (!(walk->node[walk->now[i]].done & bit)) follow(walk, walk->now[i]);
        if (walk->nodes > CONFIGURATIONS_MAX) return MK_LINEAR_UNKNOWN;
    }
    for (size_t i = 0; i < walk->now_n; i++) kept += (walk->node[walk->now[i]].done & bit) != 0;
    if (!kept) return MK_NOT_LINEARIZABLE;
    kept = 0;
    for (size_t i = 0; i < walk->now_n; i++) {
        uint32_t index = walk->now[i];
        if (!(walk->node[index].done & bit)) continue;
        walk->node[index].done &= ~bit;
        walk->now[kept++] = index;
    }
    walk->now_n = kept;
    walk->busy &= ~bit;
    walk->returned[event] = true;
    return MK_LINEARIZABLE;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int compare_moments(const void *left, const void *right) {
    const struct moment *a = left, *b = right;
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    if (a->returns != b->returns) return a->returns - b->returns; /* at once: they overlap */
    return (a->event > b->event) - (a->event < b->event);
}

static void open_walk(struct walk *walk, const struct mk_violation *violation,
                      const struct mk_linear_config *config) {
    size_t n = violation->n;
    memset(walk, 0, sizeof *walk);
    walk->violation = violation;
    walk->config = config;
    walk->moment = mk_need(2 * n + 1, sizeof *walk->moment);
    walk->before = mk_need(n + 1, sizeof *walk->before);
    walk->returned = mk_need(n + 1, sizeof *walk->returned);
    walk->slot = mk_need(n + 1, sizeof *walk->slot);
    for (uint32_t i = 0; i < n; i++) {
        const struct mk_event *event = event_of(walk, i);
        walk->before[i] = i && event[-1].thread == event->thread ? i - 1 : NONE;
        walk->moment[2 * i] = (struct moment){event->call, i, false};
        walk->moment[2 * i + 1] = (struct moment){event->ret + violation->slack, i, true};
    }
    qsort(walk->moment, 2 * n, sizeof *walk->moment, compare_moments);
    walk->nodes_room = 2 * n + TABLE_SIZE; /* mostly enough */
    walk->node = mk_need_more(NULL, walk->nodes_room, sizeof *walk->node);
    struct node first = {.parent = NONE};
    memcpy(first.state, violation->before, sizeof first.state);
    add_node(walk, &first);
    memcpy(walk->cut_state, violation->before, sizeof walk->cut_state);
    add_now(walk, 0);
}

static void close_walk(struct walk *walk) {
    free(walk->moment);
    free(walk->before);
    free(walk->returned);
    free(walk->slot);
    free(walk->node);
    free(walk->now);
    free(walk->table);
}

/* All orders have the same operations before this moment, and lead to the same state: keeps that. */
static void cut(struct walk *walk) {
    const struct node *node = &walk->node[walk->now[0]];
    walk->cut = walk->at + 1;
    walk->cut_done = node->done;
    memcpy(walk->cut_flying, walk->flying, sizeof walk->cut_flying);
    memcpy(walk->cut_state, node->state, sizeof walk->cut_state);
}

/* Goes from moment to moment until an operation has no place, or to the end. */
static enum mk_linear go(struct walk *walk) {
    enum mk_linear verdict = MK_LINEARIZABLE;
    for (; walk->at < 2 * walk->violation->n && verdict == MK_LINEARIZABLE; walk->at++) {
        const struct moment *moment = &walk->moment[walk->at];
        if (!moment->returns) {
            if (!call(walk, moment->event)) return MK_LINEAR_UNKNOWN;
            continue;
        }
        verdict = give_back(walk, moment->event);
        if (verdict == MK_LINEARIZABLE && walk->now_n == 1 && moment->at < walk->until) cut(walk);
    }
    return verdict;
}

static void take_longest_order(struct walk *walk, struct mk_explained *out) {
    uint32_t longest = walk->now[0];
    for (size_t i = 0; i < walk->now_n; i++) {
        if (walk->node[walk->now[i]].length > walk->node[longest].length) longest = walk->now[i];
    }
    out->order_n = walk->node[longest].length;
    out->order = mk_need(out->order_n + 1, sizeof *out->order);
    for (uint32_t at = longest; walk->node[at].parent != NONE; at = walk->node[at].parent) {
        out->order[walk->node[at].length - 1] = walk->node[at].event;
    }
}

static void take_cuts(struct walk *walk, struct mk_explained *out) {
    out->begun = mk_need(walk->violation->n, sizeof *out->begun);
    out->settled = mk_need(walk->violation->n, sizeof *out->settled);
    for (size_t i = 0; i < walk->at; i++) {
        const struct moment *moment = &walk->moment[i];
        if (!moment->returns) out->begun[moment->event] = true;
        if (moment->returns && i < walk->cut) out->settled[moment->event] = true;
    }
    for (uint64_t left = walk->cut_done; left; left &= left - 1) {
        out->settled[walk->cut_flying[__builtin_ctzll(left)]] = true;
    }
    memcpy(out->state, walk->cut_state, sizeof out->state);
}

void mk_explain(const struct mk_violation *violation, const struct mk_linear_config *config, uint64_t until,
                struct mk_explained *out) {
    struct walk walk;
    memset(out, 0, sizeof *out);
    open_walk(&walk, violation, config);
    walk.until = until;
    out->verdict = go(&walk);
    out->configurations = walk.nodes;
    if (out->verdict == MK_NOT_LINEARIZABLE) {
        out->misfit = walk.moment[walk.at - 1].event;
        take_longest_order(&walk, out);
        take_cuts(&walk, out);
    }
    close_walk(&walk);
}

/* ---- what would have had a place ------------------------------------------------------------- */

static bool is_same_answer(const struct mk_answer *a, const struct mk_answer *b) {
    return a->status == b->status && a->states_value == b->states_value &&
           a->states_previous == b->states_previous && (!a->states_value || a->value == b->value) &&
           (!a->states_previous || a->previous == b->previous);
}

static bool is_among(const struct mk_answer *list, size_t n, const struct mk_answer *answer) {
    for (size_t i = 0; i < n; i++) {
        if (is_same_answer(&list[i], answer)) return true;
    }
    return false;
}

/* Returns whether the misfit would have a place with that answer. */
static bool has_place(const struct walk *walk, size_t misfit, const struct mk_answer *answer) {
    struct mk_violation other = *walk->violation;
    struct walk again;
    other.event = mk_need(other.n, sizeof *other.event);
    memcpy(other.event, walk->violation->event, other.n * sizeof *other.event);
    other.event[misfit].status = (uint8_t)answer->status;
    other.event[misfit].seen = answer->value;
    other.event[misfit].previous = answer->previous;
    open_walk(&again, &other, walk->config);
    go(&again);
    bool has = again.returned[misfit];
    close_walk(&again);
    free(other.event);
    return has;
}

size_t mk_explain_instead(const struct mk_violation *violation, const struct mk_linear_config *config,
                          size_t misfit, struct mk_answer *answer, size_t room) {
    struct mk_answer tried[TRIED_MAX];
    size_t tried_n = 0, n = 0;
    struct walk walk;
    open_walk(&walk, violation, config);
    go(&walk);
    for (size_t i = walk.nodes; i-- > 0 && tried_n < TRIED_MAX && n < room;) {
        struct node node = walk.node[i];
        apply(&walk, (uint32_t)misfit, node.state, &tried[tried_n]);
        if (is_among(tried, tried_n, &tried[tried_n])) continue;
        if (has_place(&walk, misfit, &tried[tried_n])) answer[n++] = tried[tried_n];
        tried_n++;
    }
    close_walk(&walk);
    return n;
}

void mk_explained_free(struct mk_explained *explained) {
    free(explained->order);
    free(explained->begun);
    free(explained->settled);
    memset(explained, 0, sizeof *explained);
}
