/* repeat.c - makes the choices that a list says, and the default ones elsewhere.
 *
 * A decision is named by its thread and the step of that thread. What names nothing is passed over: so a list can
 * be shortened, or carried over to another memory model, and what is left of it still means something.
 */
#include "explore_parts.h"
#include "../record.h"

#include <stdlib.h>

struct repeater {
    struct mk_chooser chooser;
    const struct mk_decision *at;
    uint32_t *applied;                              /* may be NULL */
    uint32_t made;                                  /* so far */
    size_t next[MK_RT_THREADS], end[MK_RT_THREADS]; /* of each thread, in `at` */
};

/* Returns the decision of that kind for the step that a thread is at, or SIZE_MAX. */
MK_RT_INLINE size_t decision_for(struct repeater *repeater, const struct mk_logical *thread, uint8_t kind) {
    size_t i = repeater->next[thread->number], end = repeater->end[thread->number];
    while (i < end && repeater->at[i].step < thread->step) i++;
    repeater->next[thread->number] = i;
    for (; i < end && repeater->at[i].step == thread->step; i++) {
        if (repeater->at[i].kind == kind) return i;
    }
    return SIZE_MAX;
}

static uint32_t repeat_thread(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    struct repeater *repeater = (struct repeater *)chooser;
    size_t i = decision_for(repeater, &mk_rt.thread[at], MK_CHOICE_THREAD);
    if (i == SIZE_MAX) return usual;
    uint32_t value = repeater->at[i].value;
    if (value >= MK_RT_THREADS || !(ready >> value & 1)) return usual;
    if (repeater->applied && value != usual) repeater->applied[i] = ++repeater->made;
    return value;
}

static uint32_t repeat_value(struct mk_chooser *chooser, enum mk_choice_kind kind, uint32_t n) {
    struct repeater *repeater = (struct repeater *)chooser;
    size_t i = decision_for(repeater, mk_rt.now, (uint8_t)kind);
    if (i == SIZE_MAX || repeater->at[i].value >= n) return 0;
    if (repeater->applied && repeater->at[i].value) repeater->applied[i] = ++repeater->made;
    return repeater->at[i].value;
}

/* Where the decisions of each thread are. */
static void split(struct repeater *repeater, const struct mk_decisions *decisions) {
    size_t i = 0;
    for (uint32_t thread = 0; thread < MK_RT_THREADS; thread++) {
        repeater->next[thread] = i;
        while (i < decisions->n && decisions->at[i].thread == thread) i++;
        repeater->end[thread] = i;
    }
}

bool mk_run_under(const struct mk_program *program, const struct mk_setting *setting, struct mk_chooser *chooser,
                  struct mk_event_sink *sink) {
    struct mk_schedule_config config = {.chooser = chooser, .memory = setting->memory, .heap = setting->heap,
                                        .races = setting->races, .freezes = setting->freezes,
                                        .refuse_one_in = setting->refuse_one_in, .sink = sink};
    return mk_rt_run(program, &config);
}

bool mk_replay_applied(const struct mk_program *program, const struct mk_setting *setting,
                       const struct mk_decisions *decisions, struct mk_event_sink *sink, uint32_t *applied) {
    struct repeater repeater = {.chooser = {repeat_thread, repeat_value}, .at = decisions->at, .applied = applied};
    split(&repeater, decisions);
    if (applied) memset(applied, 0, decisions->n * sizeof *applied);
    bool aside = mk_rt.aside;
    mk_rt.replays = mk_rt.aside = true;
    bool failed = mk_run_under(program, setting, &repeater.chooser, sink);
    mk_rt.replays = false;
    mk_rt.aside = aside;
    return failed;
}

bool mk_replay(const struct mk_program *program, const struct mk_setting *setting,
               const struct mk_decisions *decisions, struct mk_event_sink *sink) {
    return mk_replay_applied(program, setting, decisions, sink, NULL);
}

/* ---- lists of decisions ----------------------------------------------------------------------- */

static int compare(const void *one, const void *other) {
    const struct mk_decision *a = one, *b = other;
    if (a->thread != b->thread) return a->thread < b->thread ? -1 : 1;
    if (a->step != b->step) return a->step < b->step ? -1 : 1;
    return (a->kind > b->kind) - (a->kind < b->kind);
}

void mk_decisions_sort(struct mk_decisions *decisions) {
    if (decisions->n > 1) qsort(decisions->at, decisions->n, sizeof *decisions->at, compare);
}

struct mk_decisions mk_decisions_made(void) {
    struct mk_decisions made = {mk_need(mk_rt.made_n + 1, sizeof(struct mk_decision)), mk_rt.made_n};
    if (made.n) memcpy(made.at, mk_rt.made, made.n * sizeof *made.at);
    mk_decisions_sort(&made);
    return made;
}

void mk_failure_drop(struct mk_failure *failure) {
    free(failure->detail);
    free(failure->picture);
    failure->detail = failure->picture = NULL;
}

bool mk_failure_same(const struct mk_failure *got, const struct mk_failure *want) {
    if (got->kind != want->kind) return false;
    if (want->kind != MK_FAIL_RACE || !want->here.pc) return true;
    return (got->here.pc == want->here.pc && got->there.pc == want->there.pc) ||
           (got->here.pc == want->there.pc && got->there.pc == want->here.pc);
}
