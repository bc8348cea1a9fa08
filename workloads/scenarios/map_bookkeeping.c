/* map_bookkeeping - threads put and remove a few shared keys: what they were told adds up to what is there.
 *
 * Aimed at answers that are not of the operation's own linearization point. In the first chained map of kovan the
 * keys that puts said were new, less those that removes said they took, came to over a thousand for a map of forty,
 * and its count, which drove its resizes, drifted from what a walk found.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { KEYS = MK_TUNE(8, 2), OPS = MK_TUNE(60, 4) };

struct sum {
    uint64_t keys, tags;
};

static void body(struct mk_actor *actor) {
    uint64_t keys = 0, tags = 0;
    for (uint64_t i = 0; i < OPS; i++) {
        uint64_t dice = mk_mix64(actor->random + i), key = dice % KEYS;
        if (dice >> 8 & 1) {
            struct mk_result put = mk_act(actor, MK_MAP_PUT, key, dice);
            keys += put.status == MK_MISS;
            tags += dice - (put.status == MK_HIT ? put.previous : 0);
        } else {
            struct mk_result removed = mk_act(actor, MK_MAP_REMOVE, key, 0);
            keys -= removed.status == MK_HIT;
            tags -= removed.status == MK_HIT ? removed.value : 0;
        }
    }
    actor->saw[0] = keys;
    actor->saw[1] = tags;
}

static void visit(void *arg, uint64_t key, uint64_t tag) {
    struct sum *sum = (struct sum *)arg;
    (void)key;
    sum->keys++;
    sum->tags += tag;
}

enum { BALANCED, KEYS_OFF, TAGS_OFF, COUNT_OFF };

static const struct mk_outcome outcomes[] = {
    {"balanced", MK_ACCEPTABLE, "keys and values add up"},
    {"keys do not add up", MK_FORBIDDEN, "keys added less keys removed are the keys that are there"},
    {"values do not add up", MK_FORBIDDEN, "values put less values replaced or removed are those that are there"},
    {"count is off", MK_FORBIDDEN, "the count is what a walk finds"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    struct sum *told = (struct sum *)alone->shared, there = {0, 0};
    for (uint32_t i = 0; i < alone->threads; i++) {
        told->keys += actor[i].saw[0];
        told->tags += actor[i].saw[1];
    }
    alone->impl->walk(alone->self, visit, &there);
    if (told->keys != there.keys) return KEYS_OFF;
    if (told->tags != there.tags) return TAGS_OFF;
    return alone->impl->count(alone->self) == there.keys ? BALANCED : COUNT_OFF;
}

MK_SCENARIO(map_bookkeeping, map, .summary = "what puts and removes answered adds up to what is there",
            .threads = 2, .keys = KEYS, .shared_bytes = sizeof(struct sum), .rounds = 200,
            .shows = {"keys added", "values added"}, .body = body, .after = after, .outcomes = outcomes);
