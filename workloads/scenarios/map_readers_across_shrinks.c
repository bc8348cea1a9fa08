/* map_readers_across_shrinks - a map that was filled is emptied down to a few keys that stay, while others read these
 * and keys that are gone.
 *
 * Aimed at tables that are replaced by smaller ones: two buckets become one, what was far apart comes close, and what
 * was removed from the old table must not come back by the new one, nor what stays be missed between the two. A map
 * that never shrinks is only emptied.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { STABLE = MK_TUNE(16, 1), MANY = MK_TUNE(2000, 5), READS = MK_TUNE(3000, 4), FIRST = 1 << 20 };

/* How far the removals have come: shared. A key below was removed before this was said. */
static MK_ATOMIC(uint64_t) *gone_in(const struct mk_actor *actor) {
    return actor->shared;
}

/* Fills the map; nobody else is there. */
static void before(struct mk_actor *alone) {
    for (uint64_t key = 0; key < STABLE; key++) mk_act(alone, MK_MAP_PUT, key, 1 + key);
    for (uint64_t i = 0; i < MANY; i++) mk_act(alone, MK_MAP_PUT, FIRST + i, 1);
    atomic_store_explicit(gone_in(alone), 0, memory_order_relaxed);
}

static void empty(struct mk_actor *actor) {
    for (uint64_t i = 0; i < MANY; i++) {
        actor->saw[2] += mk_act(actor, MK_MAP_REMOVE, FIRST + i, 0).status != MK_HIT;
        /* release: who reads it comes after the removal */
        atomic_store_explicit(gone_in(actor), i + 1, memory_order_release);
    }
}

static void look(struct mk_actor *actor) {
    for (uint64_t i = 0; i < READS; i++) {
        uint64_t random = mk_mix64(actor->random + i), key = random % STABLE;
        uint64_t gone = atomic_load_explicit(gone_in(actor), memory_order_acquire);
        struct mk_result got = mk_act(actor, MK_MAP_GET, key, 0);
        actor->saw[0] += got.status != MK_HIT || got.value != 1 + key;
        if (gone) actor->saw[1] += mk_act(actor, MK_MAP_GET, FIRST + (random >> 32) % gone, 0).status != MK_MISS;
    }
}

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        empty(actor);
    } else {
        look(actor);
    }
}

enum { FOUND, MISSED, BACK, NOT_THERE, MISCOUNT };

static const struct mk_outcome outcomes[] = {
    {"found", MK_ACCEPTABLE, "what stays was found every time, what is gone never"},
    {"missed", MK_FORBIDDEN, "a key that stays was not found, or with another value"},
    {"came back", MK_FORBIDDEN, "a key was found after it had been removed"},
    {"not there to remove", MK_FORBIDDEN, "a key that had been put was gone before it was removed"},
    {"miscounted", MK_FORBIDDEN, "the count is not that of the keys that stay"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t missed = 0, back = 0;
    for (uint32_t i = 1; i < alone->threads; i++) {
        missed += actor[i].saw[0];
        back += actor[i].saw[1];
    }
    if (missed) return MISSED;
    if (back) return BACK;
    if (actor[0].saw[2]) return NOT_THERE;
    return alone->impl->count(alone->self) == STABLE ? FOUND : MISCOUNT;
}

MK_SCENARIO(map_readers_across_shrinks, map, .summary = "keys that stay are found while a full map is emptied",
            .threads = 3, .rounds = 3, .instances = 60, .shared_bytes = sizeof(uint64_t),
            .shows = {"missed", "came back", "wrong answers"}, .before = before, .body = body, .after = after,
            .outcomes = outcomes);
