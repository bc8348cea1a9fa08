/* shrink.c - the fewest decisions that still make the failure: delta debugging (Zeller and Hildebrandt, TSE 2002).
 *
 * Any part of a list of decisions is a list of decisions, so whatever is left out, a schedule comes of it. After
 * each that fails, decisions that made no difference in it go as well. Pieces are taken out in the order of time:
 * what leads from one thread to another and back stands side by side there, and without both ends of an excursion
 * the threads are still where they were to each other (as in the trace simplification of Jalbert and Sen, FSE
 * 2010). Few bugs take more than two or three decisions, so it is also tried whether one or two do it alone.
 *
 * A limit on work is one of schedules and hooks, not of time: the outcome is the same on every machine.
 */
#include "explore_parts.h"
#include "../record.h"

#include <stdlib.h>

#define REPLAYS_MAX 2000u
#define HOOKS_MAX 40000000u /* some 2 s */
#define ALONE_MAX 500u      /* of so many decisions, each is tried alone ... */
#define PAIRS_MAX 24u       /* ... and of so many, each two, and without each two */

struct shrinker {
    const struct mk_program *program;
    const struct mk_setting *setting;
    const struct mk_failure *like;
    struct mk_decisions now;  /* fails */
    uint32_t *when;           /* each of `now` was made in it: 1, 2 ... */
    struct mk_decisions next; /* tried; as much room as `now` had to begin with */
    uint32_t *applied;
    uint64_t replays, hooks;
};

static bool may_try(const struct shrinker *shrinker) {
    return shrinker->replays < REPLAYS_MAX && mk_rt.hooks - shrinker->hooks < HOOKS_MAX;
}

/* Carries out `next`. If it fails alike, what was applied of it is what `now` becomes. */
static bool try_next(struct shrinker *shrinker) {
    if (!may_try(shrinker)) return false;
    shrinker->replays++;
    bool failed = mk_replay_applied(shrinker->program, shrinker->setting, &shrinker->next, NULL, shrinker->applied);
    bool alike = failed && mk_failure_same(&mk_rt.failure, shrinker->like);
    if (failed) mk_failure_drop(&mk_rt.failure);
    if (!alike) return false;
    size_t n = 0;
    for (size_t i = 0; i < shrinker->next.n; i++) {
        if (!shrinker->applied[i]) continue;
        shrinker->when[n] = shrinker->applied[i];
        shrinker->now.at[n++] = shrinker->next.at[i];
    }
    shrinker->now.n = n;
    return true;
}

/* Tries those decisions alone of which stays(shrinker, index, a, b) says so. */
static bool try_those(struct shrinker *shrinker, bool (*stays)(const struct shrinker *, size_t, uint32_t, uint32_t),
                      uint32_t a, uint32_t b) {
    shrinker->next.n = 0;
    for (size_t i = 0; i < shrinker->now.n; i++) {
        if (stays(shrinker, i, a, b)) shrinker->next.at[shrinker->next.n++] = shrinker->now.at[i];
    }
    return try_next(shrinker);
}

static bool all(const struct shrinker *shrinker, size_t i, uint32_t a, uint32_t b) {
    (void)shrinker, (void)i, (void)a, (void)b;
    return true;
}

static bool not_between(const struct shrinker *shrinker, size_t i, uint32_t first, uint32_t last) {
    return shrinker->when[i] < first || shrinker->when[i] > last;
}

static bool one_of(const struct shrinker *shrinker, size_t i, uint32_t one, uint32_t other) {
    return shrinker->when[i] == one || shrinker->when[i] == other;
}

static bool none_of(const struct shrinker *shrinker, size_t i, uint32_t one, uint32_t other) {
    return !one_of(shrinker, i, one, other);
}

static bool not_kind(const struct shrinker *shrinker, size_t i, uint32_t kind, uint32_t other) {
    (void)other;
    return shrinker->now.at[i].kind != kind;
}

/* ---- passes ----------------------------------------------------------------------------------- */

/* All decisions of a kind at once: often stale reads, or blocks of memory, have nothing to do with it. */
static void drop_kinds(struct shrinker *shrinker) {
    static const uint8_t kinds[] = {MK_CHOICE_BLOCK, MK_CHOICE_AGE,  MK_CHOICE_SPURIOUS, MK_CHOICE_WAKE,
                                    MK_CHOICE_REFUSE, MK_CHOICE_FREEZE, MK_CHOICE_THREAD};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        bool any = false;
        for (size_t i = 0; i < shrinker->now.n; i++) any |= shrinker->now.at[i].kind == kinds[k];
        if (any) try_those(shrinker, not_kind, kinds[k], 0);
    }
}

/* Leaves out `count` at a time, from the last to the first. Returns whether anything could go. */
static bool drop_pieces(struct shrinker *shrinker, uint32_t count) {
    bool dropped = false;
    uint32_t last = (uint32_t)shrinker->now.n;
    while (last > 0 && may_try(shrinker)) {
        uint32_t first = last > count ? last - count + 1 : 1;
        dropped |= try_those(shrinker, not_between, first, last);
        last = first - 1 < shrinker->now.n ? first - 1 : (uint32_t)shrinker->now.n;
    }
    return dropped;
}

static void drop(struct shrinker *shrinker) {
    for (uint32_t count = (uint32_t)(shrinker->now.n + 1) / 2; count > 2; count = (count + 1) / 2) {
        drop_pieces(shrinker, count);
    }
    for (bool dropped = true; dropped;) {
        dropped = drop_pieces(shrinker, 2);
        dropped = drop_pieces(shrinker, 1) || dropped;
    }
}

static bool each_alone(struct shrinker *shrinker) {
    for (uint32_t i = 1; i <= shrinker->now.n && shrinker->now.n > 1 && shrinker->now.n <= ALONE_MAX; i++) {
        if (try_those(shrinker, one_of, i, i)) return true;
    }
    return false;
}

/* Returns whether the failure takes no more than two of the decisions, or can do without some two. */
static bool each_pair(struct shrinker *shrinker,
                      bool (*stays)(const struct shrinker *, size_t, uint32_t, uint32_t)) {
    if (shrinker->now.n > PAIRS_MAX || shrinker->now.n < 3) return false;
    for (uint32_t i = 1; i < shrinker->now.n; i++) {
        for (uint32_t j = i + 1; j <= shrinker->now.n; j++) {
            if (try_those(shrinker, stays, i, j)) return true;
        }
    }
    return false;
}

static bool try_value(struct shrinker *shrinker, size_t which, uint16_t value) {
    shrinker->next.n = shrinker->now.n;
    memcpy(shrinker->next.at, shrinker->now.at, shrinker->now.n * sizeof *shrinker->now.at);
    shrinker->next.at[which].value = value;
    return try_next(shrinker);
}

/* Of what is not a thread, a lower number is less remarkable: a less stale value, say. Returns whether any could be
 * lowered. */
static bool lower(struct shrinker *shrinker) {
    bool lowered = false;
    for (size_t i = 0; i < shrinker->now.n; i++) {
        if (shrinker->now.at[i].kind == MK_CHOICE_THREAD) continue;
        for (uint32_t value = 1; i < shrinker->now.n && value < shrinker->now.at[i].value; value *= 2) {
            size_t n = shrinker->now.n;
            if (!try_value(shrinker, i, (uint16_t)value)) continue;
            lowered = true;
            if (shrinker->now.n < n) break; /* others went with it: another one is here now */
        }
    }
    return lowered;
}

uint64_t mk_shrink(const struct mk_program *program, const struct mk_setting *setting,
                   struct mk_decisions *decisions, const struct mk_failure *like) {
    struct shrinker shrinker = {.program = program, .setting = setting, .like = like, .now = *decisions,
                                .hooks = mk_rt.hooks};
    shrinker.next.at = mk_need(decisions->n + 1, sizeof *shrinker.next.at);
    shrinker.applied = mk_need(decisions->n + 1, sizeof *shrinker.applied);
    shrinker.when = mk_need(decisions->n + 1, sizeof *shrinker.when);
    if (try_those(&shrinker, all, 0, 0)) { /* what makes no difference goes; and it has to fail at all */
        drop_kinds(&shrinker);
        drop(&shrinker);
        if (!each_alone(&shrinker) && !each_pair(&shrinker, one_of)) {
            while (each_pair(&shrinker, none_of)) drop_pieces(&shrinker, 1);
        }
        if (lower(&shrinker)) drop_pieces(&shrinker, 1);
        drop_pieces(&shrinker, 1);
    }
    decisions->n = shrinker.now.n;
    free(shrinker.next.at);
    free(shrinker.applied);
    free(shrinker.when);
    return shrinker.replays;
}
