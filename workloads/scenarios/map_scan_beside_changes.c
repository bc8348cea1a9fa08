/* map_scan_beside_changes - a thread scans an ordered map while others put and remove keys between those that stay,
 * and replace one of these.
 *
 * Aimed at scans that lose their way: the node one stands on is removed, split or replaced under it, and it goes on
 * from there all the same, ends too early, or begins anew and visits keys twice.
 */
#include "../../impl/map.h"
#include "../../impl/scenario.h"

enum { KEYS = MK_TUNE(64, 12), OPS = MK_TUNE(40, 4), SCANS = MK_TUNE(10, 2) };

enum { RIGHT, MISSED, FOREIGN, DISORDER, ANOTHER, MISCOUNTED };

static const struct mk_outcome outcomes[] = {
    {"right", MK_ACCEPTABLE, "all scans visited what stays, ascending, and nothing that was never put"},
    {"missed", MK_FORBIDDEN, "a scan passed by a key that was there all along"},
    {"foreign", MK_FORBIDDEN, "a scan visited a key that was never put"},
    {"out of order", MK_FORBIDDEN, "a scan visited a key twice, or a smaller one after a larger one"},
    {"another value", MK_FORBIDDEN, "a scan found a value that does not belong to its key"},
    {"miscounted", MK_FORBIDDEN, "a scan does not say how many keys it visited"},
    {NULL, MK_ACCEPTABLE, NULL}};

/* Of four neighbours one stays, one is never put, two come and go. */
static bool stays(uint64_t key) {
    return key % 4 == 1;
}

static bool comes(uint64_t key) {
    return key % 4 == 0 || key % 4 == 2;
}

static uint64_t tag_of(uint64_t key, uint64_t version) {
    return key << 32 | (version & UINT32_MAX);
}

static const char *skips(const struct mk_impl *impl) {
    return impl->offers >> MK_MAP_SCAN & 1 ? NULL : "it does not offer scan";
}

static void before(struct mk_actor *alone) {
    for (uint64_t key = 0; key < KEYS; key++) {
        bool there = stays(key) || (comes(key) && mk_mix64(alone->round_random + key) & 1);
        if (there) mk_act(alone, MK_MAP_PUT, key, tag_of(key, 0));
        if (!there) mk_act(alone, MK_MAP_REMOVE, key, 0);
    }
}

static unsigned judge(const struct mk_map_scan *scan, uint64_t from, uint64_t said) {
    uint64_t end = scan->visited < scan->n ? KEYS : 0;
    if (said != scan->visited || said > scan->n) return MISCOUNTED;
    if (said == scan->n) end = scan->seen[said - 1].key + 1;
    for (uint64_t i = 0; i < said; i++) {
        uint64_t key = scan->seen[i].key;
        if (key < from || (i && key <= scan->seen[i - 1].key)) return DISORDER;
        if (key >= KEYS || (!stays(key) && !comes(key))) return FOREIGN;
        if (scan->seen[i].tag >> 32 != key || scan->torn) return ANOTHER;
    }
    for (uint64_t key = from, i = 0; key < end; key++) {
        bool visited = i < said && scan->seen[i].key == key;
        if (stays(key) && !visited) return MISSED;
        i += visited;
    }
    return RIGHT;
}

static void scan_some(struct mk_actor *actor) {
    struct mk_map_seen seen[KEYS + 1];
    for (uint64_t i = 0; i < SCANS && actor->saw[0] == RIGHT; i++) {
        uint64_t dice = mk_mix64(actor->random + i), from = dice & 1 ? 0 : dice % KEYS;
        struct mk_map_scan scan = {.n = dice & 2 ? KEYS + 1 : 1 + (dice >> 32) % KEYS, .seen = seen};
        struct mk_result did = mk_act(actor, MK_MAP_SCAN, from, (uint64_t)(uintptr_t)&scan);
        actor->saw[0] = judge(&scan, from, did.previous);
        actor->saw[1] = from;
        actor->saw[2] = scan.n;
        actor->saw[3] = did.previous;
    }
}

static void body(struct mk_actor *actor) {
    if (actor->number == 0) scan_some(actor);
    for (uint64_t i = 0; i < OPS && actor->number; i++) {
        uint64_t dice = mk_mix64(actor->random + i), key = (dice >> 8) % KEYS;
        if (stays(key)) mk_act(actor, MK_MAP_PUT, key, tag_of(key, dice));
        if (comes(key)) mk_act(actor, dice & 1 ? MK_MAP_PUT : MK_MAP_REMOVE, key, tag_of(key, dice));
    }
}

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    return (unsigned)actor[0].saw[0];
}

MK_SCENARIO(map_scan_beside_changes, map, .summary = "a scan beside threads that put, replace and remove",
            .threads = 3, .keys = KEYS, .rounds = 200, .shows = {"verdict", "from", "up to", "visited"},
            .skips = skips, .before = before, .body = body, .after = after, .outcomes = outcomes);
