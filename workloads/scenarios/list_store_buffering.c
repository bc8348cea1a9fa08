/* list_store_buffering - each of two threads inserts, or removes, a key of its own and then looks for the other's:
 * one must find that changed.
 *
 * Aimed at lists whose change is over before it can be seen: a plain or release store, or a CAS of no more, that
 * still is on its way while the lookup that follows has been answered.
 */
#include "../../impl/list.h"
#include "../../impl/scenario.h"

/* Between the two there are others, or none. */
static uint64_t key_of(const struct mk_actor *actor, uint64_t i) {
    return actor->round_random + 2 * i;
}

static bool removes(const struct mk_actor *actor) {
    return actor->round_random >> 32 & 1;
}

static void before(struct mk_actor *alone) {
    if (alone->round_random >> 33 & 1) mk_act(alone, MK_LIST_INSERT, key_of(alone, 0) + 1, 0);
    for (uint64_t i = 0; i < 2 && removes(alone); i++) mk_act(alone, MK_LIST_INSERT, key_of(alone, i), 0);
}

static void body(struct mk_actor *actor) {
    mk_act(actor, removes(actor) ? MK_LIST_REMOVE : MK_LIST_INSERT, key_of(actor, actor->number), 0);
    enum mk_status saw = mk_act(actor, MK_LIST_CONTAINS, key_of(actor, 1 - actor->number), 0).status;
    actor->saw[0] = saw == (removes(actor) ? MK_MISS : MK_HIT);
}

enum { NEITHER, SAW_0, SAW_1, BOTH };

static const struct mk_outcome outcomes[] = {
    {"neither", MK_FORBIDDEN, "one of the changes came first, and the other thread's lookup after both"},
    {"thread 0 saw", MK_ACCEPTABLE, "it came second"},
    {"thread 1 saw", MK_ACCEPTABLE, "it came second"},
    {"both saw", MK_INTERESTING, "both changes came before both lookups"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    for (uint64_t key = key_of(alone, 0); key != key_of(alone, 1) + 1; key++) mk_act(alone, MK_LIST_REMOVE, key, 0);
    return (actor[0].saw[0] ? SAW_0 : NEITHER) + (actor[1].saw[0] ? SAW_1 : NEITHER);
}

MK_SCENARIO(list_store_buffering, list, .summary = "change mine, then look for yours: one of two threads finds it",
            .threads = 2, .keys = 3, .shows = {"saw the change"}, .before = before, .body = body, .after = after,
            .outcomes = outcomes);
