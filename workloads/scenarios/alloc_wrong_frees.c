/* alloc_wrong_frees - a block freed twice, an address that was never allocated, the middle of a block: refused, and
 * nothing comes of it.
 *
 * Aimed at allocators that claim to check what they are given and go by the address alone, or by a header that a
 * freed block still has: the second free puts the block on the list twice, and two owners get it.
 */
#include "../../impl/alloc.h"
#include "../../impl/scenario.h"

enum { BLOCKS = MK_TUNE(8, 3), BYTES = 64, WRONG = BLOCKS, SLOTS };

/* Returns whether it was refused. */
static bool refused(struct mk_actor *actor, void *at) {
    struct mk_block *slot = &actor->me->blocks->slot[WRONG];
    slot->at = at;
    slot->bytes = BYTES;
    bool is = mk_try(actor, MK_ALLOC_FREE, WRONG, 0).status == MK_REFUSED;
    slot->at = NULL;
    return is;
}

static void body(struct mk_actor *actor) {
    struct mk_block *slot = actor->me->blocks->slot;
    uint32_t which = (uint32_t)(actor->random % BLOCKS);
    unsigned char elsewhere[2 * BYTES];
    for (uint32_t i = 0; i < BLOCKS; i++) mk_act(actor, MK_ALLOC_ALLOC, i, BYTES);
    if (!slot[which].at) return;
    actor->saw[0] += !refused(actor, elsewhere + BYTES);
    actor->saw[1] += !refused(actor, (unsigned char *)slot[which].at + 16);
    void *freed = slot[which].at;
    mk_act(actor, MK_ALLOC_FREE, which, 0);
    actor->saw[2] += !refused(actor, freed);
    mk_act(actor, MK_ALLOC_ALLOC, which, BYTES);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        for (uint32_t k = 0; k < i; k++) actor->saw[3] += slot[i].at && slot[i].at == slot[k].at;
    }
    for (uint32_t i = 0; i < BLOCKS; i++) mk_act(actor, MK_ALLOC_FREE, i, 0);
}

static const struct mk_outcome outcomes[] = {
    {"refused", MK_ACCEPTABLE, "all that is wrong, and nothing else"},
    {"foreign accepted", MK_FORBIDDEN, "an address that was never allocated is freed"},
    {"inside accepted", MK_FORBIDDEN, "an address inside a live block is freed"},
    {"twice accepted", MK_FORBIDDEN, "a block is freed that was free"},
    {"given out twice", MK_FORBIDDEN, "two live blocks are one"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    for (unsigned i = 0; i < 4; i++) {
        if (actor[0].saw[i]) return 1 + i;
    }
    return 0;
}

MK_SCENARIO(alloc_wrong_frees, alloc, .summary = "double and foreign frees are refused, and nothing comes of them",
            .threads = 1, .needs = MK_CHECKS_FREE, .slots = SLOTS, .object_bytes = BYTES, .object_align = 16,
            .instances = 40, .shows = {"foreign", "inside", "twice", "given out twice"}, .body = body,
            .after = after, .outcomes = outcomes);
