/* alloc_replay.c - from the events of a trace to the words of a replay. Each recorded thread's stream is read by
 * itself: what one depends on of another has a number in the trace already. */
#include "alloc_replay.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../impl/alloc.h"
#include "streams.h"

#define LANES_MAX 1024 /* threads at one time */

/* ---- threads to lanes ---------------------------------------------------------------------- */

/* A thread begins, or ends: in the order of all events. */
struct turn {
    uint64_t order;
    uint32_t thread;
    bool ends;
};

static int by_order(const void *a, const void *b) {
    const struct turn *left = a, *right = b;
    return (left->order > right->order) - (left->order < right->order);
}

/* Returns beginnings and ends of all threads in their order, and in *n how many they are. */
static struct turn *make_turns(const struct mk_alloctrace *trace, size_t *n) {
    struct turn *turn = mk_need(2 * trace->threads + 1, sizeof *turn);
    *n = 0;
    for (uint32_t t = 0; t < trace->threads; t++) {
        const struct mk_alloctrace_thread *thread = &trace->thread[t];
        if (!thread->first) continue;
        turn[(*n)++] = (struct turn){trace->block[thread->first - 1].first_order, t, false};
        turn[(*n)++] = (struct turn){thread->last_order, t, true};
    }
    qsort(turn, *n, sizeof *turn, by_order);
    return turn;
}

/* Gives each thread a lane in which nobody else is meanwhile: the one that became free last. lane_of, unless it
 * is NULL, gets it by thread; order, unless it is NULL, gets the threads in the order in which they began.
 * Returns how many lanes that takes. */
static uint32_t deal_lanes(const struct mk_alloctrace *trace, uint32_t *lane_of, uint32_t *order) {
    size_t n, begun = 0;
    struct turn *turn = make_turns(trace, &n);
    uint32_t *spare = mk_need(trace->threads + 1, sizeof *spare), *of = mk_need(trace->threads + 1, sizeof *of);
    uint32_t spares = 0, lanes = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t t = turn[i].thread;
        if (turn[i].ends) {
            spare[spares++] = of[t];
            continue;
        }
        of[t] = spares ? spare[--spares] : lanes++;
        if (order) order[begun++] = t;
    }
    for (uint32_t t = 0; t < trace->threads && lane_of; t++) lane_of[t] = of[t];
    free(turn);
    free(spare);
    free(of);
    return lanes;
}

/* ---- one recorded thread to words ----------------------------------------------------------- */

#define NOWHERE UINT32_MAX

/* A lane while its words are made. Slots are dealt out anew: a realloc stays in its slot, and what a thread leaves
 * behind when it ends keeps its own. */
struct maker {
    const struct mk_alloctrace *trace;
    struct mk_alloc_replay_lane *lane;
    struct mk_words *words;
    size_t words_room;
    uint32_t *spare; /* slots that are free */
    size_t spares, spare_room;
    uint32_t *slot_of; /* by the recorded thread's slot: the lane's */
    size_t slots, slot_room;
    uint64_t digest;
    struct mk_err *err;
};

static int wrong(const struct maker *maker, const struct mk_alloctrace_event *event, const char *what) {
    return mk_fail(maker->err, "event %" PRIu64 " of all, of thread %u: %s; `memkit-bench trace verify` says more",
                   event->order, event->thread, what);
}

static bool is_carried_out(unsigned code) {
    return code >= MK_AT_MALLOC && code <= MK_AT_REALLOC_MOVED;
}

/* Makes room for one more element behind n. */
static void *make_room(void *list, size_t *room, size_t n, size_t bytes) {
    if (n < *room) return list;
    *room = *room ? 2 * *room : 64;
    return mk_need_more(list, *room, bytes);
}

/* A place for what an event gives: its number, or a slot of the lane, `kept` if that is one. */
static int place_given(struct maker *maker, const struct mk_alloctrace_event *event, uint32_t kept, uint32_t *out) {
    if (event->given_crosses) {
        if (event->given >= maker->trace->info.crossing) return wrong(maker, event, "an object's number cannot be");
        *out = (uint32_t)event->given | MK_REPLAY_WIDE_CROSSES;
        return 0;
    }
    if (event->given > maker->slots) return wrong(maker, event, "a slot above the next one of its thread");
    if (event->given == maker->slots) {
        maker->slot_of = make_room(maker->slot_of, &maker->slot_room, maker->slots, sizeof *maker->slot_of);
        maker->slot_of[maker->slots++] = NOWHERE;
    }
    uint32_t *slot = &maker->slot_of[event->given];
    if (*slot != NOWHERE) return wrong(maker, event, "a slot that is not empty");
    if (kept != NOWHERE) *slot = kept;
    else if (maker->spares) *slot = maker->spare[--maker->spares];
    else *slot = (uint32_t)maker->lane->slots++;
    *out = *slot;
    return 0;
}

/* The place of what an event takes. A slot of the lane is to be kept, or spared. */
static int place_taken(struct maker *maker, const struct mk_alloctrace_event *event, uint32_t *out) {
    if (event->taken_crosses) {
        if (event->taken >= maker->trace->info.crossing) return wrong(maker, event, "an object's number cannot be");
        *out = (uint32_t)event->taken | MK_REPLAY_WIDE_CROSSES;
        return 0;
    }
    if (event->taken >= maker->slots || maker->slot_of[event->taken] == NOWHERE)
        return wrong(maker, event, "it takes from a slot that is empty");
    *out = maker->slot_of[event->taken];
    maker->slot_of[event->taken] = NOWHERE;
    return 0;
}

static void add_spare(struct maker *maker, uint32_t slot) {
    maker->spare = make_room(maker->spare, &maker->spare_room, maker->spares, sizeof *maker->spare);
    maker->spare[maker->spares++] = slot;
}

static void add_word(struct maker *maker, uint64_t word) {
    struct mk_words *words = maker->words;
    words->at = make_room(words->at, &maker->words_room, words->n, sizeof *words->at);
    words->at[words->n++] = word;
}

static unsigned code_of(unsigned code) {
    switch (code) {
    case MK_AT_CALLOC: return MK_ALLOC_ZALLOC;
    case MK_AT_FREE: return MK_ALLOC_FREE;
    case MK_AT_REALLOC:
    case MK_AT_REALLOC_MOVED: return MK_ALLOC_RESIZE;
    default: return MK_ALLOC_ALLOC;
    }
}

static uint64_t form_of(const struct mk_alloctrace_event *event) {
    unsigned align = MK_REPLAY_ALIGN_LOG2;
    if (event->code == MK_AT_ALIGNED && event->align_log2 > align) align = event->align_log2;
    if (align > MK_REPLAY_ALIGN_LOG2_MAX) align = MK_REPLAY_ALIGN_LOG2_MAX;
    return MK_REPLAY_FORM(event->size ? event->size : 1, align);
}

/* Packs an event, into a table where it has to be. */
static uint64_t pack(struct maker *maker, unsigned code, uint32_t taken, uint32_t given, uint64_t form) {
    uint32_t place = code == MK_ALLOC_FREE ? taken : given;
    bool one_place = code != MK_ALLOC_RESIZE || taken == given;
    bool is_plain = MK_REPLAY_FORM_ALIGN(form) == (size_t)1 << MK_REPLAY_ALIGN_LOG2 &&
                    MK_REPLAY_FORM_BYTES(form) <= MK_REPLAY_BYTES_MAX;
    if (code == MK_ALLOC_FREE) form = 0;
    if (one_place && (is_plain || !form) && (place & ~MK_REPLAY_WIDE_CROSSES) <= MK_REPLAY_PLACE_MAX) {
        uint64_t mark = place & MK_REPLAY_WIDE_CROSSES ? MK_REPLAY_CROSSES : 0;
        return MK_REPLAY_PACK(code, place & ~MK_REPLAY_WIDE_CROSSES, MK_REPLAY_FORM_BYTES(form)) | mark;
    }
    struct mk_replay_wide *wide = mk_grow(&maker->lane->wide, &maker->lane->wide_n, sizeof *wide);
    *wide = (struct mk_replay_wide){taken, given, form};
    return MK_REPLAY_PACK(code, maker->lane->wide_n - 1, 0) | MK_REPLAY_WIDE;
}

static int add_event(struct maker *maker, const struct mk_alloctrace_event *event) {
    unsigned code = code_of(event->code);
    uint32_t taken = NOWHERE, given = NOWHERE, kept = NOWHERE;
    uint64_t form = form_of(event);
    if (event->size > UINT64_MAX >> 4) return wrong(maker, event, "an allocation of a size that cannot be");
    if (mk_alloctrace_takes(event->code)) {
        if (place_taken(maker, event, &taken)) return -1;
        if (!event->taken_crosses && mk_alloctrace_gives(event->code) && !event->given_crosses) kept = taken;
        else if (!event->taken_crosses) add_spare(maker, taken);
    }
    if (mk_alloctrace_gives(event->code)) {
        if (place_given(maker, event, kept, &given)) return -1;
        maker->lane->bytes += MK_REPLAY_FORM_BYTES(form);
        maker->digest = mk_alloc_replay_fold(maker->digest, event->size ? event->size : 1);
    }
    if (maker->lane->wide_n > MK_REPLAY_PLACE_MAX)
        return wrong(maker, event, "there are too many allocations of a rare form before it");
    add_word(maker, pack(maker, code, taken, given, form));
    return 0;
}

/* Adds what a recorded thread does before the event with this place in the order of all. */
static int add_thread(struct maker *maker, uint32_t thread, uint64_t end) {
    struct mk_alloctrace_stream stream;
    struct mk_alloctrace_event event;
    size_t before = maker->words->n;
    int came;
    mk_alloctrace_stream(&stream, maker->trace, thread);
    maker->slots = 0;
    maker->digest = MK_ALLOC_REPLAY_DIGEST;
    while ((came = mk_alloctrace_next(&stream, &event, maker->err)) > 0 && event.order < end) {
        if (is_carried_out(event.code) && (came = add_event(maker, &event))) break;
    }
    mk_alloctrace_stream_end(&stream);
    if (came < 0) return -1;
    if (maker->words->n == before) return 0;
    *(size_t *)mk_grow(&maker->lane->life, &maker->lane->lives, sizeof before) = maker->words->n - before;
    *(uint32_t *)mk_grow(&maker->lane->thread, &maker->lane->threads, sizeof thread) = thread;
    return 0;
}

/* ---- where a replay ends -------------------------------------------------------------------- */

/* Finds the first event of all that would be one too many for its lane: what comes before it depends on nothing
 * behind it. Returns 0, or -1 with err set. */
static int find_end(struct mk_alloctrace *trace, const uint32_t *lane_of, const uint32_t *order, uint32_t lanes,
                    uint64_t most, uint64_t *end, struct mk_err *err) {
    uint64_t *n = mk_need(lanes + 1, sizeof *n);
    int came = 0;
    *end = UINT64_MAX;
    for (uint32_t i = 0; i < trace->threads && most && came >= 0; i++) {
        struct mk_alloctrace_stream stream;
        struct mk_alloctrace_event event;
        uint64_t *done = &n[lane_of[order[i]]];
        mk_alloctrace_stream(&stream, trace, order[i]);
        while ((came = mk_alloctrace_next(&stream, &event, err)) > 0 && event.order < *end) {
            if (is_carried_out(event.code) && ++*done > most) *end = event.order;
        }
        mk_alloctrace_stream_end(&stream);
    }
    free(n);
    return came < 0 ? -1 : 0;
}

/* ---- making --------------------------------------------------------------------------------- */

void mk_alloc_replay_free(struct mk_alloc_replay *replay) {
    for (uint32_t l = 0; l < replay->lanes; l++) {
        free(replay->lane[l].life);
        free(replay->lane[l].thread);
        free(replay->lane[l].wide);
    }
    free(replay->lane);
    free(replay->digest);
    memset(replay, 0, sizeof *replay);
}

static int make_lanes(struct mk_alloc_replay *out, struct mk_words *words, struct mk_alloctrace *trace,
                      const uint32_t *lane_of, const uint32_t *order, uint64_t end, struct mk_err *err) {
    struct maker *makers = mk_need(out->lanes, sizeof *makers);
    int failed = 0;
    for (uint32_t l = 0; l < out->lanes; l++) {
        makers[l] = (struct maker){.trace = trace, .lane = &out->lane[l], .words = &words[l], .err = err};
        words[l] = (struct mk_words){NULL, 0};
    }
    for (uint32_t i = 0; i < trace->threads && !failed; i++) {
        struct maker *maker = &makers[lane_of[order[i]]];
        failed = add_thread(maker, order[i], end);
        out->digest[order[i]] = maker->digest;
    }
    for (uint32_t l = 0; l < out->lanes; l++) {
        words[l].at = mk_need_more(words[l].at, words[l].n + 1, sizeof *words[l].at); /* no more than it needs */
        free(makers[l].spare);
        free(makers[l].slot_of);
    }
    free(makers);
    return failed;
}

int mk_alloc_replay_make(struct mk_alloc_replay *out, struct mk_words *words, struct mk_alloctrace *trace,
                         uint64_t most, struct mk_err *err) {
    uint32_t *lane_of = mk_need(trace->threads + 1, sizeof *lane_of);
    uint32_t *order = mk_need(trace->threads + 1, sizeof *order);
    uint64_t end;
    memset(out, 0, sizeof *out);
    out->lanes = deal_lanes(trace, lane_of, order);
    out->lane = mk_need(out->lanes + 1, sizeof *out->lane);
    out->threads = (uint32_t)trace->threads;
    out->digest = mk_need(trace->threads + 1, sizeof *out->digest);
    out->crossing = trace->info.crossing;
    int failed = find_end(trace, lane_of, order, out->lanes, most, &end, err) ||
                 make_lanes(out, words, trace, lane_of, order, end, err);
    free(lane_of);
    free(order);
    return failed ? -1 : 0;
}

/* ---- planning ------------------------------------------------------------------------------- */

/* As much of a path as fits into a sentence: its end. */
static const char *short_path(const char *path) {
    size_t n = strlen(path);
    return n > 80 ? path + n - 80 : path;
}

static char *text_or_null(const char *text) {
    return text ? mk_need_text(text) : NULL;
}

static uint64_t longest_lane(const struct mk_alloctrace *trace, const struct mk_alloctrace_stats *stats,
                             uint32_t *lanes) {
    uint32_t *lane_of = mk_need(trace->threads + 1, sizeof *lane_of);
    uint64_t most = 0;
    *lanes = deal_lanes(trace, lane_of, NULL);
    uint64_t *n = mk_need(*lanes + 1, sizeof *n);
    for (uint32_t t = 0; t < trace->threads; t++) {
        n[lane_of[t]] += stats->of_thread[t];
        if (n[lane_of[t]] > most) most = n[lane_of[t]];
    }
    free(n);
    free(lane_of);
    return most;
}

static void describe(struct mk_plan_trace *out, const struct mk_alloctrace *trace,
                     const struct mk_alloctrace_stats *stats, const char *path) {
    const struct mk_alloctrace_info *info = &trace->info;
    out->path = mk_need_text(path);
    out->program = text_or_null(info->origin.program);
    out->command = text_or_null(info->origin.command);
    out->date = text_or_null(info->origin.date);
    out->machine = text_or_null(info->origin.machine);
    out->checksum = info->checksum;
    out->dropped = info->tally.dropped;
    out->duration_ns = stats->last_ns;
    out->threads = info->threads;
    out->crossing = info->crossing;
    out->peak_bytes = stats->peak_bytes;
    out->peak_blocks = stats->peak_blocks;
    for (unsigned code = 0; code < MK_AT_CODES; code++) {
        if (is_carried_out(code)) out->operations += stats->of_code[code];
        if (code >= MK_AT_MALLOC_FAILED) out->left_out += stats->of_code[code];
    }
}

static void add_share(struct mk_workload_group *group, const char *name, uint64_t n, uint64_t of) {
    if (!n) return;
    struct mk_share *share = mk_grow(&group->ops, &group->ops_n, sizeof *share);
    share->name = mk_need_text(name);
    share->value = (double)n / (double)of;
}

/* What comes nearest to the trace of what the kind has, for those who draw: stress. */
static void add_mix(struct mk_workload_group *group, const struct mk_alloctrace_stats *stats, uint64_t operations) {
    const uint64_t *n = stats->of_code;
    uint64_t zeroed = n[MK_AT_CALLOC], resized = n[MK_AT_REALLOC] + n[MK_AT_REALLOC_MOVED];
    add_share(group, "pair", operations - zeroed - resized, operations);
    add_share(group, "zeroed_pair", zeroed, operations);
    add_share(group, "resize", resized, operations);
}

static int check_whole(const struct mk_alloctrace *trace, const char *path, struct mk_err *err) {
    struct mk_text missing = {0};
    if (!mk_alloctrace_lacks(&trace->info.tally)) return 0;
    mk_alloctrace_tell(&trace->info.tally, &missing);
    char *end = missing.at ? strchr(missing.at, '\n') : NULL;
    if (end) *end = '\0';
    mk_fail(err, "trace %s is not whole: %.80s; record it again, or `trace verify --repair -o FILE` accepts what "
                 "is missing",
            short_path(path), missing.at ? missing.at : "events are missing");
    mk_text_free(&missing);
    return -1;
}

static int check_counted(const struct mk_plan_trace *planned, const char *path, struct mk_err *err) {
    if (!planned->operations) return mk_fail(err, "trace %s holds no allocations", short_path(path));
    if (planned->crossing > MK_REPLAY_PLACE_MAX)
        return mk_fail(err, "trace %s has %" PRIu64 " objects that cross threads, and a replay takes %u at most",
                       short_path(path), planned->crossing, MK_REPLAY_PLACE_MAX);
    if (planned->lanes > LANES_MAX)
        return mk_fail(err, "trace %s has %u threads at one time, and a replay takes %u at most", short_path(path),
                       planned->lanes, LANES_MAX);
    return 0;
}

int mk_alloc_replay_plan(struct mk_plan_point *point, struct mk_alloctrace *trace, const char *path,
                         struct mk_err *err) {
    struct mk_workload *w = &point->workload;
    struct mk_workload_phase *phase = &point->phases[0];
    struct mk_alloctrace_stats *stats = mk_need(1, sizeof *stats);
    struct mk_plan_trace *planned = mk_grow(&point->traces, &point->traces_n, sizeof *point->traces);
    struct mk_err why;
    int failed = check_whole(trace, path, err);
    if (!failed && mk_alloctrace_count(trace, stats, &why)) {
        failed = mk_fail(err, "trace %s: %.170s", short_path(path), why.text);
    }
    if (!failed) {
        uint64_t longest = longest_lane(trace, stats, &planned->lanes);
        describe(planned, trace, stats, path);
        failed = check_counted(planned, path, err);
        phase->duration_ms = 0;
        phase->ops_count = w->ops_count && w->ops_count < longest ? w->ops_count : longest;
        w->prefill.age_ops = 0;
        if (!failed) add_mix(&phase->groups[0], stats, planned->operations);
    }
    mk_alloctrace_stats_free(stats);
    free(stats);
    return failed;
}
