/* map_readers_across_resizes - a reader looks up keys that stay, while another thread makes the map grow and
 * shrink.
 *
 * Aimed at moves that a reader can miss: an entry taken out of its old place before it is in the new one (kovan's
 * first hopscotch map, which displaced entries so and gave its readers nothing to notice it by), a new table that
 * is published before it is full, a key that is put into the old table after it was copied.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { STABLE = MK_TUNE(64, 2), STORM = MK_TUNE(3000, 4), READS = MK_TUNE(4000, 4), OWN = 1 << 20 };

static void before(struct mk_actor *alone) {
    for (uint64_t key = 0; alone->round == 0 && key < STABLE; key++) mk_act(alone, MK_MAP_PUT, key, 1 + key);
}

/* Adds and removes keys in bulk, and now and then replaces one of those that stay. */
static void storm(struct mk_actor *actor) {
    for (uint64_t i = 0; i < STORM; i++) {
        actor->saw[2] += mk_act(actor, MK_MAP_PUT, OWN + i, 1).status != MK_MISS;
        if (i % 16 == 0) {
            uint64_t key = mk_mix64(actor->random + i) % STABLE;
            actor->saw[0] += mk_act(actor, MK_MAP_PUT, key, 1 + key).status != MK_HIT;
        }
    }
    for (uint64_t i = 0; i < STORM; i++) {
        actor->saw[2] += mk_act(actor, MK_MAP_REMOVE, OWN + i, 0).status != MK_HIT;
    }
}

static void look(struct mk_actor *actor) {
    for (uint64_t i = 0; i < READS; i++) {
        uint64_t key = mk_mix64(actor->random + i) % STABLE;
        struct mk_result got = mk_act(actor, MK_MAP_GET, key, 0);
        actor->saw[0] += got.status != MK_HIT;
        actor->saw[1] += got.status == MK_HIT && got.value != 1 + key;
    }
}

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        storm(actor);
    } else {
        look(actor);
    }
}

enum { FOUND, MISSED, ANOTHER, STORMED };

static const struct mk_outcome outcomes[] = {
    {"found", MK_ACCEPTABLE, "every key that stays was found every time"},
    {"missed", MK_FORBIDDEN, "a key that stays was not found"},
    {"another value", MK_FORBIDDEN, "a key that stays had another value"},
    {"lost in the storm", MK_FORBIDDEN, "a key that one thread alone adds and removes was not as it left it"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    if (actor[0].saw[0] || actor[1].saw[0]) return MISSED;
    return actor[1].saw[1] ? ANOTHER : actor[0].saw[2] ? STORMED : FOUND;
}

MK_SCENARIO(map_readers_across_resizes, map, .summary = "keys that stay are found while the map grows and shrinks",
            .threads = 2, .rounds = 3, .instances = 100, .shows = {"missed", "another value", "wrong answers"},
            .before = before, .body = body, .after = after, .outcomes = outcomes);
