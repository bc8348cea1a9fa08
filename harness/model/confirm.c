/* confirm.c - what is done about a failure: it is made again twice by its decisions, which has to come to the same;
 * shrunk; and looked for under the memory models of other machines.
 */
#include "explore_parts.h"
#include "../record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS_MAX ((size_t)1 << 18) /* that are kept of a run */
#define NEAR_SCHEDULES 2000u         /* under another memory model */
#define NEAR_HOOKS 40000000u         /* in these, at most: some 2 s */

/* ---- what happened in a run ------------------------------------------------------------------- */

struct recorder {
    struct mk_event_sink sink;
    struct mk_event_info *event;
    size_t n, room;
    bool failed;
    enum mk_failure_kind kind;
    uint64_t hash;
};

static void record(struct mk_event_sink *sink, const struct mk_event_info *info) {
    struct recorder *recorder = (struct recorder *)sink;
    if (recorder->n == EVENTS_MAX) return;
    if (recorder->n == recorder->room) {
        recorder->room = recorder->room ? 2 * recorder->room : 1024;
        recorder->event = mk_need_more(recorder->event, recorder->room, sizeof *recorder->event);
    }
    recorder->event[recorder->n++] = *info;
}

static void record_replay(struct recorder *recorder, const struct mk_exploration *exploration) {
    const struct mk_explored *out = exploration->out;
    *recorder = (struct recorder){.sink = {record, true}};
    recorder->failed = mk_replay(exploration->program, &out->setting, &out->decisions, &recorder->sink);
    recorder->kind = mk_rt.failure.kind;
    recorder->hash = mk_rt.hash;
    mk_failure_drop(&mk_rt.failure);
}

/* ---- where two runs part ---------------------------------------------------------------------- */

static const char *in_words(const struct mk_event_info *event) {
    static const char *const words[] = {
        [MK_ACT_NONE] = "goes on", [MK_ACT_LOAD] = "loads", [MK_ACT_STORE] = "stores", [MK_ACT_RMW] = "exchanges",
        [MK_ACT_FENCE] = "fences", [MK_ACT_LOCK] = "locks", [MK_ACT_UNLOCK] = "unlocks", [MK_ACT_PAUSE] = "yields",
        [MK_ACT_ALLOC] = "allocates", [MK_ACT_FREE] = "frees", [MK_ACT_SPAWN] = "starts a thread",
        [MK_ACT_JOIN] = "joins", [MK_ACT_BLOCK] = "waits", [MK_ACT_END] = "ends"};
    return event->act < sizeof words / sizeof *words ? words[event->act] : "goes on";
}

static bool same_event(const struct mk_event_info *a, const struct mk_event_info *b) {
    const char *one = a->text ? a->text : "", *other = b->text ? b->text : "";
    return a->thread == b->thread && a->act == b->act && a->pc == b->pc && a->address == b->address &&
           a->before == b->before && a->after == b->after && a->age == b->age && a->failed == b->failed &&
           a->bytes == b->bytes && !strcmp(one, other);
}

static void say_thread(char *out, size_t room, const struct mk_event_info *event) {
    snprintf(out, room, "%s at step %u", mk_rt_who(event->thread), event->step);
}

/* Says how two events differ that should be the same. */
static void say_difference(char *out, size_t room, const struct mk_event_info *a, const struct mk_event_info *b) {
    char one[64], other[64];
    say_thread(one, sizeof one, a);
    say_thread(other, sizeof other, b);
    if (a->thread != b->thread) {
        snprintf(out, room, "%s %s in one run, and %s %s in the other", one, in_words(a), other, in_words(b));
    } else if (a->act != b->act || a->pc != b->pc) {
        snprintf(out, room, "%s %s in one run, and %s elsewhere in the code in the other", one, in_words(a),
                 in_words(b));
    } else if (a->address != b->address || a->bytes != b->bytes) {
        snprintf(out, room, "%s %s %u bytes at 0x%" PRIxPTR " in one run, and %u at 0x%" PRIxPTR " in the other",
                 one, in_words(a), a->bytes, a->address, b->bytes, b->address);
    } else {
        bool reads = a->before != b->before;
        snprintf(out, room, "%s %s and %s 0x%" PRIx64 " in one run, and 0x%" PRIx64 " in the other", one,
                 in_words(a), reads ? "finds" : "leaves", reads ? a->before : a->after,
                 reads ? b->before : b->after);
    }
}

/* Fills *failure with the first difference of two runs of the same decisions. */
static void say_where(struct mk_failure *failure, const struct recorder *one, const struct recorder *other) {
    char difference[256] = "";
    size_t n = one->n < other->n ? one->n : other->n, i = 0;
    while (i < n && same_event(&one->event[i], &other->event[i])) i++;
    if (i < n) {
        say_difference(difference, sizeof difference, &one->event[i], &other->event[i]);
        failure->thread = one->event[i].thread;
        failure->address = one->event[i].address;
    } else if (one->n != other->n) {
        const struct recorder *longer = one->n > other->n ? one : other;
        char who[64];
        say_thread(who, sizeof who, &longer->event[n]);
        snprintf(difference, sizeof difference, "one run has ended where %s %s in the other", who,
                 in_words(&longer->event[n]));
        failure->thread = longer->event[n].thread;
        failure->address = longer->event[n].address;
    } else {
        snprintf(difference, sizeof difference, "two runs by its decisions agree, but not with the schedule found");
    }
    snprintf(failure->what, sizeof failure->what, "the same choices do not make the same schedule: %s", difference);
}

static void become_nondeterminism(struct mk_exploration *exploration, const struct recorder *one,
                                  const struct recorder *other) {
    struct mk_failure *found = &exploration->out->failure;
    struct mk_failure failure = {.kind = MK_FAIL_NONDETERMINISM, .steps = found->steps};
    say_where(&failure, one, other);
    failure.detail = mk_need_format("likely: an address of the C library's heap, the time, a random number, or "
                                    "something that is kept from one schedule to the next\nit was found as: %s\n%s",
                                    found->what, found->detail ? found->detail : "");
    mk_failure_drop(found);
    *found = failure;
}

/* Returns whether the failure comes again, twice, by the same steps. Else it is made one of nondeterminism. */
static bool comes_again(struct mk_exploration *exploration) {
    struct recorder run[2];
    bool same = true;
    for (int i = 0; i < 2; i++) {
        record_replay(&run[i], exploration);
        same = same && run[i].failed && run[i].kind == exploration->out->failure.kind &&
               run[i].hash == exploration->first_hash;
    }
    if (!same) become_nondeterminism(exploration, &run[0], &run[1]);
    free(run[0].event);
    free(run[1].event);
    return same;
}

/* ---- on other machines ------------------------------------------------------------------------ */

/* Returns whether the schedule that was just made failed in the same way; where sites differ between memory models,
 * the kind is what counts. */
static bool failed_alike(const struct mk_explored *out, bool failed) {
    bool alike = failed && mk_rt.failure.kind == out->failure.kind;
    if (failed) mk_failure_drop(&mk_rt.failure);
    return alike;
}

/* First by the same decisions, as far as they mean something there; then by a limited number of others. */
static bool fails_under(const struct mk_exploration *exploration, enum mk_memory_model memory) {
    const struct mk_explored *out = exploration->out;
    struct mk_setting setting = out->setting;
    struct mk_portfolio portfolio;
    uint64_t hooks = mk_rt.hooks;
    setting.memory = memory;
    if (failed_alike(out, mk_replay(exploration->program, &setting, &out->decisions, NULL))) return true;
    mk_rt.aside = true;
    bool found = failed_alike(out, mk_portfolio_open(&portfolio, exploration->program, &setting, NULL));
    for (uint64_t i = 0; i < NEAR_SCHEDULES && !found && mk_rt.hooks - hooks < NEAR_HOOKS; i++) {
        found = failed_alike(out, mk_portfolio_run(&portfolio, &setting, exploration->config->seed, i));
    }
    mk_rt.aside = false;
    mk_portfolio_close(&portfolio);
    return found;
}

/* Whatever happens under a model can happen under a weaker one: they are numbered from the weakest on. */
static void find_models(struct mk_exploration *exploration, bool look) {
    struct mk_explored *out = exploration->out;
    bool fails = false;
    for (int memory = MK_MEMORY_SC; memory >= MK_MEMORY_C11; memory--) {
        bool weaker = memory <= (int)out->setting.memory;
        fails = fails || weaker || (look && fails_under(exploration, (enum mk_memory_model)memory));
        out->under[memory] = fails;
    }
}

/* ---- all of it -------------------------------------------------------------------------------- */

/* What is said of the failure is to be about the shrunk schedule. */
static void take_shrunk(struct mk_exploration *exploration) {
    struct mk_explored *out = exploration->out;
    if (!mk_replay(exploration->program, &out->setting, &out->decisions, NULL)) return;
    mk_failure_drop(&out->failure);
    out->failure = mk_rt.failure;
    mk_rt.failure.detail = mk_rt.failure.picture = NULL;
}

void mk_confirm(struct mk_exploration *exploration) {
    struct mk_explored *out = exploration->out;
    bool again = comes_again(exploration);
    if (again) {
        out->replays = mk_shrink(exploration->program, &out->setting, &out->decisions, &out->failure);
        take_shrunk(exploration);
    }
    find_models(exploration, again);
}
