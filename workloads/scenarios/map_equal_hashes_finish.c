/* map_equal_hashes_finish - many keys that some hash or other cannot tell apart: insertions finish, and nothing is
 * lost.
 *
 * Aimed at tables that grow when a neighbourhood is full: kovan's first hopscotch map never returned from the 33rd
 * insertion of equal hashes, since no larger table could tell them apart either. An insertion that does not return
 * is a hang, which whoever runs the trial reports. Which keys collide is the hash's secret: tried are keys that
 * are equal modulo powers of two, that a multiplication by the golden ratio puts next to each other, and that the
 * mixer of splitmix64 makes equal modulo powers of two; with a hash part that answers the same for every key all
 * of them do.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { KEYS = MK_TUNE(300, 3), WAYS = 6 };

/* Returns the x of which mk_mix64 makes y. */
static uint64_t unmix(uint64_t y) {
    y ^= y >> 31 ^ y >> 62;
    y *= 0x319642b2d24d8ec3u;
    y ^= y >> 27 ^ y >> 54;
    y *= 0x96de1b173f119089u;
    y ^= y >> 30 ^ y >> 60;
    return y - 0x9e3779b97f4a7c15u;
}

static uint64_t key_of(uint64_t way, uint64_t i) {
    switch (way) {
    case 0: return i << 16;
    case 1: return i << 32;
    case 2: return i << 48;
    case 3: return i * 0xf1de83e19937733du; /* times the golden ratio, in 64 bits, it is i */
    case 4: return unmix(i << 32);
    default: return unmix(i); /* for tables that index by the upper bits */
    }
}

static void body(struct mk_actor *actor) {
    for (uint64_t i = actor->number; i < 2 * KEYS; i += 2) {
        actor->saw[0] += mk_act(actor, MK_MAP_PUT, key_of(actor->round % WAYS, i), 1 + i).status != MK_MISS;
    }
}

enum { FINISHED, THERE, LOST, MISCOUNT };

static const struct mk_outcome outcomes[] = {
    {"finished", MK_ACCEPTABLE, "every key is there, once"},
    {"there before", MK_FORBIDDEN, "a key was answered as present before it was put"},
    {"lost", MK_FORBIDDEN, "a key that was put is not there"},
    {"miscounted", MK_FORBIDDEN, "the count is not that of the keys put"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t lost = 0, count = alone->impl->count(alone->self);
    for (uint64_t i = 0; i < 2 * KEYS; i++) {
        lost += mk_act(alone, MK_MAP_REMOVE, key_of(alone->round % WAYS, i), 0).value != 1 + i;
    }
    if (actor[0].saw[0] || actor[1].saw[0]) return THERE;
    return lost ? LOST : count != 2 * KEYS ? MISCOUNT : FINISHED;
}

MK_SCENARIO(map_equal_hashes_finish, map,
            .summary = "insertions of keys with equal hashes finish, and none is lost", .threads = 2,
            .rounds = WAYS, .instances = 60, .shows = {"there before"}, .body = body, .after = after,
            .outcomes = outcomes);
