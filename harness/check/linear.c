/* linear.c - see linear.h.
 *
 * The search keeps one position in the list of each thread and the state that the operations before it have led to.
 * The next operation of a thread may come next if no other one had returned before it was called; it is enough to
 * look at the next one of each thread, since the later ones return later. (Where a thread changed its PU they may
 * seem to return earlier, by less than the slack: then some order is tried that need not be. None is left out.) So
 * the order of each thread is kept by construction, and equal stamps in it do no harm.
 *
 * An operation that may come next, whose answer is right, and that leaves the state alone, is taken at once. Proof
 * that this loses nothing: let there be an order of what is left, and move the operation to its front. Nothing has
 * to come before it, so the stamps still agree. Those that were ahead of it meet the states that they met. It was
 * answered the same at its old place, so it left the state alone there too (model.h: whether an operation changes
 * something follows from its answer), and those behind it meet the states that they met. So reads do not branch.
 *
 * What does branch is tried with the earliest return first; what has failed is remembered by its positions and
 * state, as 128 bits of hash, and not tried again. That nothing was found is believed only if it is found again
 * with another hash.
 */
#include "linear.h"

#include <stdlib.h>

#include "../record.h"
#include "parts.h"

#define STEPS_MAX 10000000u
#define FAILED_MAX ((size_t)1 << 22) /* configurations remembered; beyond them the answer is unknown */

/* The events of one thread, and how far the search is. */
struct lane {
    const struct mk_event *at;
    size_t n, done;
};

/* A choice that has been made. The state before it follows it in memory. */
struct choice {
    uint32_t lane;
    bool forced; /* there was nothing to choose */
};

/* What can be chosen, and the state that follows. */
struct option {
    uint32_t lane; /* as many as there are: nothing */
    unsigned char after[MK_MODEL_STATE_MAX];
};

/* Configurations from which nothing leads to an order. */
struct failed {
    uint64_t (*at)[2];
    size_t n, mask;
};

struct search {
    const struct mk_linear_config *config;
    uint64_t slack, salt;
    struct lane *lanes;
    uint32_t lanes_n;
    size_t left; /* events that have no place yet */
    unsigned char state[MK_MODEL_STATE_MAX];
    unsigned char *stack;
    size_t depth, room, stride;
    struct failed failed;
    uint64_t steps;
};

/* ---- the model ------------------------------------------------------------------------------ */

static struct mk_op op_of(const struct mk_event *event) {
    return (struct mk_op){.code = event->code, .key = event->key, .value = event->value};
}

/* Works one event on the state. Returns whether its result is what the model answers. */
static bool apply(const struct mk_linear_config *config, const struct mk_event *event, void *state) {
    struct mk_op op = op_of(event);
    struct mk_result seen = {(enum mk_status)event->status, event->seen, event->previous};
    struct mk_answer answer;
    bool refused = config->refusals || mk_model_is_full(config->model, config->impl, event->code);
    if (event->status == MK_NO_MEMORY && refused) return true;
    memset(&answer, 0, sizeof answer);
    config->model->answer(config->impl, state, &op, &answer);
    return mk_answer_matches(&answer, &seen);
}

/* ---- what has failed ------------------------------------------------------------------------ */

static void hash_configuration(const struct search *s, uint64_t hash[2]) {
    hash[0] = s->salt;
    hash[1] = ~s->salt;
    for (uint32_t i = 0; i < s->lanes_n; i++) {
        hash[0] = mk_mix64(hash[0] ^ s->lanes[i].done);
        hash[1] = mk_mix64(hash[1] + s->lanes[i].done * 0x9e3779b97f4a7c15u);
    }
    for (size_t i = 0; i < s->config->model->state_bytes; i += 8) {
        uint64_t word = 0;
        memcpy(&word, s->state + i, s->config->model->state_bytes - i < 8 ? s->config->model->state_bytes - i : 8);
        hash[0] = mk_mix64(hash[0] ^ word);
        hash[1] = mk_mix64(hash[1] + word * 0x9e3779b97f4a7c15u);
    }
    hash[0] |= 1; /* 0 is an empty place */
}

static uint64_t *failed_find(const struct failed *failed, const uint64_t hash[2]) {
    for (uint64_t i = hash[1];; i++) {
        uint64_t *at = failed->at[i & failed->mask];
        if (!at[0] || (at[0] == hash[0] && at[1] == hash[1])) return at;
    }
}

static void failed_grow(struct failed *failed) {
    struct failed larger = {.mask = failed->at ? 2 * failed->mask + 1 : 255, .n = failed->n};
    larger.at = mk_need(larger.mask + 1, sizeof *larger.at);
    for (size_t i = 0; failed->at && i <= failed->mask; i++) {
        if (failed->at[i][0]) memcpy(failed_find(&larger, failed->at[i]), failed->at[i], sizeof failed->at[i]);
    }
    free(failed->at);
    *failed = larger;
}

static void failed_add(struct search *s) {
    uint64_t hash[2];
    if (!s->failed.at || 2 * s->failed.n > s->failed.mask) failed_grow(&s->failed);
    hash_configuration(s, hash);
    uint64_t *at = failed_find(&s->failed, hash);
    s->failed.n += !at[0];
    memcpy(at, hash, sizeof hash);
}

static bool has_failed(const struct search *s) {
    uint64_t hash[2];
    if (!s->failed.n) return false;
    hash_configuration(s, hash);
    return failed_find(&s->failed, hash)[0] != 0;
}

/* ---- choices -------------------------------------------------------------------------------- */

static struct choice *top(const struct search *s) {
    return (struct choice *)(s->stack + (s->depth - 1) * s->stride);
}

/* Takes the next event of a lane, whose outcome is `after`. */
static void push(struct search *s, uint32_t lane, bool forced, const void *after) {
    if (s->depth == s->room) {
        s->room = s->room ? 2 * s->room : 64;
        s->stack = mk_need_more(s->stack, s->room, s->stride);
    }
    s->depth++;
    *top(s) = (struct choice){lane, forced};
    memcpy(top(s) + 1, s->state, s->config->model->state_bytes);
    memcpy(s->state, after, s->config->model->state_bytes);
    s->lanes[lane].done++;
    s->left--;
    s->steps++;
}

static uint32_t pop(struct search *s) {
    uint32_t lane = top(s)->lane;
    memcpy(s->state, top(s) + 1, s->config->model->state_bytes);
    s->lanes[lane].done--;
    s->left++;
    s->depth--;
    return lane;
}

static const struct mk_event *next_of(const struct lane *lane) {
    return lane->done < lane->n ? &lane->at[lane->done] : NULL;
}

/* Returns the last moment at which an operation may have been called that comes next. */
static uint64_t horizon(const struct search *s) {
    uint64_t least = UINT64_MAX - s->slack;
    for (uint32_t i = 0; i < s->lanes_n; i++) {
        const struct mk_event *event = next_of(&s->lanes[i]);
        if (event && event->ret < least) least = event->ret;
    }
    return least + s->slack;
}

/* Returns whether the next event of a lane may come next and is right, and what follows from it in *after. */
static bool fits(const struct search *s, uint32_t lane, uint64_t until, void *after) {
    const struct mk_event *event = next_of(&s->lanes[lane]);
    if (!event || event->call > until) return false;
    memcpy(after, s->state, s->config->model->state_bytes);
    return apply(s->config, event, after);
}

/* Whether one event comes before another in the order in which they are tried. */
static bool is_before(const struct search *s, uint32_t a, uint32_t b) {
    uint64_t ret_a = next_of(&s->lanes[a])->ret, ret_b = next_of(&s->lanes[b])->ret;
    return ret_a < ret_b || (ret_a == ret_b && a < b);
}

/* Takes all events that are right and change nothing. Returns whether there were any; if not, *option is the first
 * to be tried of those that change something. */
static bool take_reads(struct search *s, struct option *option) {
    unsigned char after[MK_MODEL_STATE_MAX];
    size_t bytes = s->config->model->state_bytes, left = s->left;
    uint64_t until = horizon(s);
    option->lane = s->lanes_n;
    for (uint32_t i = 0; i < s->lanes_n; i++) {
        bool right;
        while ((right = fits(s, i, until, after)) && memcmp(after, s->state, bytes) == 0) push(s, i, true, after);
        if (!right || (option->lane < s->lanes_n && !is_before(s, i, option->lane))) continue;
        option->lane = i;
        memcpy(option->after, after, bytes);
    }
    return s->left < left;
}

/* Fills in what is to be tried after a lane has been. Where that was, nothing is right that changes nothing. */
static void find_option(const struct search *s, uint32_t tried, struct option *option) {
    unsigned char after[MK_MODEL_STATE_MAX];
    uint64_t until = horizon(s);
    option->lane = s->lanes_n;
    for (uint32_t i = 0; i < s->lanes_n; i++) {
        if (!next_of(&s->lanes[i]) || !is_before(s, tried, i)) continue;
        if (option->lane < s->lanes_n && !is_before(s, i, option->lane)) continue;
        if (!fits(s, i, until, after)) continue;
        option->lane = i;
        memcpy(option->after, after, s->config->model->state_bytes);
    }
}

static bool take(struct search *s, const struct option *option) {
    if (option->lane < s->lanes_n) push(s, option->lane, false, option->after);
    return option->lane < s->lanes_n;
}

/* From here nothing leads to an order: goes back to the last choice, and takes the next one there. Returns whether
 * there was one. */
static bool turn_back(struct search *s) {
    struct option option;
    while (s->depth) {
        failed_add(s);
        while (s->depth && top(s)->forced) pop(s);
        if (!s->depth) break;
        find_option(s, pop(s), &option);
        if (take(s, &option)) return true;
    }
    return false;
}

static enum mk_linear look(struct search *s) {
    uint64_t steps_max = s->config->steps_max ? s->config->steps_max : STEPS_MAX;
    struct option option;
    while (s->left) {
        if (s->steps > steps_max || s->failed.n > FAILED_MAX) return MK_LINEAR_UNKNOWN;
        if (take_reads(s, &option)) continue;
        if ((has_failed(s) || !take(s, &option)) && !turn_back(s)) return MK_NOT_LINEARIZABLE;
    }
    return MK_LINEARIZABLE;
}

/* ---- one part ------------------------------------------------------------------------------- */

static void open_lanes(struct search *s, const struct mk_event *events, size_t n) {
    for (size_t i = 0; i < n; i++) s->lanes_n += !i || events[i].thread != events[i - 1].thread;
    s->lanes = mk_need(s->lanes_n + 1, sizeof *s->lanes);
    struct lane *lane = s->lanes - 1;
    for (size_t i = 0; i < n; i++) {
        if (!i || events[i].thread != events[i - 1].thread) *++lane = (struct lane){.at = &events[i]};
        lane->n++;
    }
}

static enum mk_linear search_once(const struct mk_event *events, size_t n, uint64_t slack,
                                  const struct mk_linear_config *config, const void *before, void *after,
                                  uint64_t salt) {
    size_t bytes = config->model->state_bytes;
    struct search s = {.config = config, .slack = slack, .salt = salt, .left = n};
    s.stride = (sizeof(struct choice) + bytes + 7) / 8 * 8;
    memcpy(s.state, before, bytes);
    open_lanes(&s, events, n);
    enum mk_linear verdict = look(&s);
    if (verdict == MK_LINEARIZABLE && after) memcpy(after, s.state, bytes);
    free(s.lanes);
    free(s.stack);
    free(s.failed.at);
    return verdict;
}

enum mk_linear mk_linear_part(const struct mk_event *events, size_t n, uint64_t slack,
                              const struct mk_linear_config *config, const void *before, void *after) {
    enum mk_linear verdict = search_once(events, n, slack, config, before, after, 0x243f6a8885a308d3u);
    if (verdict != MK_NOT_LINEARIZABLE) return verdict;
    return search_once(events, n, slack, config, before, after, 0x13198a2e03707344u);
}

/* ---- a whole history ------------------------------------------------------------------------ */

/* The events of a history, those of one part together, by thread, in the order of the thread. */
struct sorted {
    struct mk_event *event;
    size_t *begin; /* by part; one more than there are */
};

static uint64_t part_of(const struct mk_linear_config *config, const struct mk_event *event) {
    struct mk_op op = op_of(event);
    return config->model->part(config->impl, &op);
}

static void sort_events(struct sorted *sorted, const struct mk_history *history,
                        const struct mk_linear_config *config, struct mk_parts *parts) {
    size_t n = 0, i = 0;
    for (uint32_t t = 0; t < history->threads; t++) n += history->thread[t].n;
    size_t *index = mk_need(n + 1, sizeof *index);
    for (uint32_t t = 0; t < history->threads; t++) {
        for (size_t e = 0; e < history->thread[t].n; e++) {
            index[i++] = mk_parts_index(parts, part_of(config, &history->thread[t].at[e]));
        }
    }
    size_t parts_n = mk_parts_count(parts);
    sorted->begin = mk_need(parts_n + 2, sizeof *sorted->begin);
    sorted->event = mk_need(n + 1, sizeof *sorted->event);
    for (i = 0; i < n; i++) sorted->begin[index[i] + 2]++;
    for (size_t p = 1; p <= parts_n; p++) sorted->begin[p + 1] += sorted->begin[p];
    i = 0;
    for (uint32_t t = 0; t < history->threads; t++) {
        for (size_t e = 0; e < history->thread[t].n; e++) {
            sorted->event[sorted->begin[index[i++] + 1]++] = history->thread[t].at[e];
        }
    }
    free(index);
}

/* Returns the last read of all that there is to see of a part, or NULL. */
static const struct mk_event *last_read(const struct mk_event *events, size_t n, const struct mk_model *model) {
    const struct mk_event *read = NULL;
    for (size_t i = 0; i < n; i++) {
        if (events[i].code == model->observe && (!read || events[i].call >= read->call)) read = &events[i];
    }
    return read;
}

/* Whether the read is answered so in this state. */
static bool agrees(const struct mk_linear_config *config, const struct mk_event *read, const void *state) {
    struct mk_linear_config strict = {.model = config->model, .impl = config->impl};
    unsigned char copy[MK_MODEL_STATE_MAX];
    memcpy(copy, state, config->model->state_bytes);
    return apply(&strict, read, copy);
}

/* Works an operation with that value on *state, whatever it answers. Returns whether the read agrees then. */
static bool leads_to(const struct mk_linear_config *config, unsigned code, uint64_t value,
                     const struct mk_event *read, void *state) {
    struct mk_event event = {.code = (uint8_t)code, .key = read->key, .value = value};
    if (!config->model->names[code] || config->model->several >> code & 1) return false;
    apply(config, &event, state);
    return agrees(config, read, state);
}

/* Nothing is known of how a part came to its state. That it was read in the end is, and states that are read alike
 * are alike. So any will do: the empty one, or what one operation makes of it that writes the value which was read,
 * or two, the second of which counts up by one. Returns whether one was found. */
static bool take_as_read(const struct mk_linear_config *config, const struct mk_event *read, void *state) {
    size_t bytes = config->model->state_bytes;
    memset(state, 0, bytes);
    if (!read) return false;
    if (agrees(config, read, state)) return true;
    for (unsigned less = 0; less < 2; less++) {
        for (unsigned pair = 0; pair < MK_OPS_MAX * MK_OPS_MAX; pair++) {
            memset(state, 0, bytes);
            if (leads_to(config, pair / MK_OPS_MAX, read->seen - less, read, state)) return true;
            if (leads_to(config, pair % MK_OPS_MAX, read->seen - less, read, state)) return true;
        }
    }
    return false;
}

static void keep_violation(struct mk_linear_report *report, const struct mk_history *history, uint64_t part,
                           const void *before, size_t bytes, const struct mk_event *events, size_t n) {
    struct mk_violation *violation = &report->violation;
    if (report->violated) return;
    report->violated = true;
    violation->part = part;
    violation->slack = history->slack;
    memcpy(violation->before, before, bytes);
    violation->event = mk_need(n, sizeof *violation->event);
    memcpy(violation->event, events, n * sizeof *events);
    violation->n = n;
}

enum mk_linear mk_linear_judge(const struct mk_history *history, const struct mk_linear_config *config,
                               struct mk_parts *parts, struct mk_linear_report *report) {
    unsigned char after[MK_MODEL_STATE_MAX];
    struct sorted sorted;
    size_t bytes = config->model->state_bytes;
    memset(report, 0, sizeof *report);
    sort_events(&sorted, history, config, parts);
    for (size_t p = 0; p < mk_parts_count(parts); p++) {
        const struct mk_event *events = sorted.event + sorted.begin[p];
        size_t n = sorted.begin[p + 1] - sorted.begin[p];
        void *state = mk_parts_at(parts, p);
        if (!n) continue;
        report->parts++;
        enum mk_linear verdict = MK_LINEAR_UNKNOWN;
        if (!*mk_parts_lost(parts, p)) verdict = mk_linear_part(events, n, history->slack, config, state, after);
        if (verdict == MK_LINEARIZABLE) {
            memcpy(state, after, bytes);
            continue;
        }
        report->unknown += verdict == MK_LINEAR_UNKNOWN;
        if (verdict == MK_NOT_LINEARIZABLE) {
            keep_violation(report, history, mk_parts_part(parts, p), state, bytes, events, n);
        }
        *mk_parts_lost(parts, p) = !take_as_read(config, last_read(events, n, config->model), state);
    }
    free(sorted.begin);
    free(sorted.event);
    return report->violated ? MK_NOT_LINEARIZABLE : report->unknown ? MK_LINEAR_UNKNOWN : MK_LINEARIZABLE;
}

void mk_violation_free(struct mk_violation *violation) {
    free(violation->event);
    free(violation->value);
    memset(violation, 0, sizeof *violation);
}
