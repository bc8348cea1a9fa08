/* alloc_freed_by_others - one thread allocates while another frees what the first had allocated before.
 *
 * Aimed at the list through which blocks come home to the thread that owns their page: pushed by others while the
 * owner takes all of it, or takes one. A block that is lost there is never used again; one that is there twice is
 * given out twice.
 */
#include "../../impl/alloc.h"
#include "../../impl/scenario.h"

enum { BLOCKS = MK_TUNE(24, 3), BYTES = 48 };

/* Where the blocks lie for the other thread: written between rounds alone. */
struct parcels {
    struct mk_block block[BLOCKS];
};

static bool is_whole(const struct mk_block *block, unsigned char fill) {
    const unsigned char *at = (const unsigned char *)block->at;
    for (size_t i = 0; i < BYTES; i++) {
        if (at[i] != fill) return false;
    }
    return true;
}

static void take_all(struct mk_actor *actor, unsigned char fill) {
    struct mk_block *slot = actor->me->blocks->slot;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        mk_act(actor, MK_ALLOC_ALLOC, i, BYTES);
        if (slot[i].at) memset(slot[i].at, fill, BYTES);
    }
}

/* Returns how many were not as they had been left. */
static uint64_t drop_all(struct mk_actor *actor, unsigned char fill) {
    struct mk_block *slot = actor->me->blocks->slot;
    uint64_t changed = 0;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (!slot[i].at) continue;
        changed += !is_whole(&slot[i], fill);
        mk_act(actor, MK_ALLOC_FREE, i, 0);
    }
    return changed;
}

static void before(struct mk_actor *alone) {
    struct parcels *parcels = (struct parcels *)alone->shared;
    struct mk_block *slot = alone->me->blocks->slot;
    take_all(alone, 0x11);
    memcpy(parcels->block, slot, sizeof parcels->block);
    memset(slot, 0, sizeof parcels->block);
}

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        take_all(actor, 0x22);
    } else {
        memcpy(actor->me->blocks->slot, ((struct parcels *)actor->shared)->block, sizeof(struct parcels));
        actor->saw[0] = drop_all(actor, 0x11);
    }
}

static const struct mk_outcome outcomes[] = {
    {"whole", MK_ACCEPTABLE, "every block was its owner's alone"},
    {"changed", MK_FORBIDDEN, "somebody wrote into a live block of another thread"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t changed = drop_all(alone, 0x22);
    return actor[1].saw[0] || changed;
}

MK_SCENARIO(alloc_freed_by_others, alloc, .summary = "a thread allocates while another frees blocks of its own",
            .threads = 2, .needs = MK_CROSS_FREE, .slots = BLOCKS, .object_bytes = BYTES, .object_align = 16,
            .shared_bytes = sizeof(struct parcels), .rounds = 500, .shows = {"changed blocks"}, .before = before,
            .body = body, .after = after, .outcomes = outcomes);
