/* map_walk_after_resizes - two threads make the map grow and shrink; then a walk finds every key that stayed, once.
 *
 * Aimed at resizes that leave a key behind, or copy it twice, because a writer was at work in the bucket that
 * moved. Iterators that run while a table moves (kovan's first hopscotch map went on in the new table with the
 * index of the old one) are not covered: walks are for quiet moments.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { STABLE = MK_TUNE(256, 2), STORM = MK_TUNE(1500, 4) };

static void before(struct mk_actor *alone) {
    for (uint64_t key = 0; alone->round == 0 && key < STABLE; key++) mk_act(alone, MK_MAP_PUT, key, 1 + key);
}

static void body(struct mk_actor *actor) {
    uint64_t base = (uint64_t)(1 + actor->number) << 32;
    for (uint64_t i = 0; i < STORM; i++) mk_act(actor, MK_MAP_PUT, base + i, 1);
    for (uint64_t i = 0; i < STORM; i++) mk_act(actor, MK_MAP_REMOVE, base + i, 0);
}

struct seen {
    uint8_t times[STABLE];
    bool foreign, another;
};

static void visit(void *arg, uint64_t key, uint64_t tag) {
    struct seen *seen = (struct seen *)arg;
    if (key >= STABLE) {
        seen->foreign = true;
    } else {
        seen->times[key]++;
        seen->another = seen->another || tag != 1 + key;
    }
}

enum { ONCE, MISSED, TWICE, FOREIGN, ANOTHER };

static const struct mk_outcome outcomes[] = {
    {"once each", MK_ACCEPTABLE, "the walk found what is there"},
    {"missed", MK_FORBIDDEN, "a key that stayed was not walked over"},
    {"twice", MK_FORBIDDEN, "a key was walked over twice"},
    {"foreign", MK_FORBIDDEN, "a removed key was walked over"},
    {"another value", MK_FORBIDDEN, "a key that stayed had another value"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    struct seen seen;
    (void)actor;
    memset(&seen, 0, sizeof seen);
    alone->impl->walk(alone->self, visit, &seen);
    for (unsigned key = 0; key < STABLE; key++) {
        if (seen.times[key] != 1) return seen.times[key] ? TWICE : MISSED;
    }
    return seen.foreign ? FOREIGN : seen.another ? ANOTHER : ONCE;
}

MK_SCENARIO(map_walk_after_resizes, map, .summary = "after resizes a walk finds every key that stayed, once",
            .threads = 2, .rounds = 3, .instances = 100, .before = before, .body = body, .after = after,
            .outcomes = outcomes);
