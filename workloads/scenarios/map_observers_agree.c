/* map_observers_agree - two threads put one key, two others read it twice each: one order of the puts explains all
 * that was seen, the value that is left, and what the puts say they replaced.
 *
 * Aimed at replacements that swap a pointer and report a value read before the swap, and at tables that are moved
 * while they are written: a write that goes to the old table after its bucket has been copied is seen and then
 * gone.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { OLD = 4 };

static void before(struct mk_actor *alone) {
    mk_act(alone, MK_MAP_PUT, alone->round_random, OLD);
}

static void body(struct mk_actor *actor) {
    if (actor->number < 2) {
        actor->saw[0] = mk_act(actor, MK_MAP_PUT, actor->round_random, 1 + actor->number).previous;
    } else {
        actor->saw[0] = mk_act(actor, MK_MAP_GET, actor->round_random, 0).value;
        actor->saw[1] = mk_act(actor, MK_MAP_GET, actor->round_random, 0).value;
    }
}

enum { ORDER_0, ORDER_1, BETWEEN, MISSED, NO_ORDER, BACKWARDS };

static const struct mk_outcome outcomes[] = {
    {"thread 0 first", MK_ACCEPTABLE, "thread 1 replaced its value"},
    {"thread 1 first", MK_ACCEPTABLE, "thread 0 replaced its value"},
    {"seen between", MK_INTERESTING, "a reader saw the value that was replaced at once"},
    {"missed", MK_FORBIDDEN, "the key is there all along"},
    {"no order", MK_FORBIDDEN, "the values replaced and the value left fit no order of the two puts"},
    {"backwards", MK_FORBIDDEN, "a reader saw the values in another order than they were put"},
    {NULL, MK_ACCEPTABLE, NULL}};

/* Where in the order a value stands. */
static unsigned place(uint64_t value, unsigned first) {
    return value == OLD ? 0 : value == 1 + first ? 1 : 2;
}

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t left = mk_act(alone, MK_MAP_REMOVE, alone->round_random, 0).value;
    unsigned first = actor[0].saw[0] == OLD ? 0 : 1;
    bool between = false;
    if (actor[first].saw[0] != OLD || actor[1 - first].saw[0] != 1 + first || left != 2 - first) return NO_ORDER;
    for (unsigned i = 2; i < 4; i++) {
        if (!actor[i].saw[0] || !actor[i].saw[1]) return MISSED;
        if (place(actor[i].saw[1], first) < place(actor[i].saw[0], first)) return BACKWARDS;
        between = between || place(actor[i].saw[0], first) == 1 || place(actor[i].saw[1], first) == 1;
    }
    return between ? BETWEEN : first == 0 ? ORDER_0 : ORDER_1;
}

MK_SCENARIO(map_observers_agree, map, .summary = "two replacements of one key, watched by two readers",
            .threads = 4, .keys = 1, .instances = 40, .shows = {"previous, or first get", "second get"},
            .before = before, .body = body, .after = after, .outcomes = outcomes);
