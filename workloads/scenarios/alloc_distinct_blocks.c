/* alloc_distinct_blocks - two threads allocate at once: no two live blocks share a byte.
 *
 * Aimed at free lists that two threads pop at once: an index or a pointer that was read before another thread
 * popped and pushed it again (a stack without a tag), a counter of a chunk that is bumped without a
 * read-modify-write.
 */
#include "../../impl/alloc.h"
#include "../../impl/scenario.h"

enum { BLOCKS = MK_TUNE(16, 3), BYTES = 64 };

static unsigned char fill_of(uint32_t number, uint32_t i) {
    return (unsigned char)(1 + number * BLOCKS + i);
}

static bool is_whole(const struct mk_block *block, unsigned char fill) {
    const unsigned char *at = (const unsigned char *)block->at;
    for (size_t i = 0; i < BYTES; i++) {
        if (at[i] != fill) return false;
    }
    return true;
}

/* Gives back what is held, looking at each block first. */
static void drop_all(struct mk_actor *actor) {
    struct mk_block *slot = actor->me->blocks->slot;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (!slot[i].at) continue;
        actor->saw[0] += !is_whole(&slot[i], fill_of(actor->number, i));
        mk_act(actor, MK_ALLOC_FREE, i, 0);
    }
}

/* Blocks stay until the next round, so that they can be looked at when both threads have theirs. */
static void body(struct mk_actor *actor) {
    struct mk_block *slot = actor->me->blocks->slot;
    drop_all(actor);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        mk_act(actor, MK_ALLOC_ALLOC, i, BYTES);
        if (slot[i].at) memset(slot[i].at, fill_of(actor->number, i), BYTES);
    }
}

static bool overlap(const struct mk_block *a, const struct mk_block *b) {
    uintptr_t from = (uintptr_t)a->at, other = (uintptr_t)b->at;
    return from && other && from < other + BYTES && other < from + BYTES;
}

static const struct mk_outcome outcomes[] = {
    {"distinct", MK_ACCEPTABLE, "every block is its owner's alone"},
    {"overlap", MK_FORBIDDEN, "two live blocks share bytes"},
    {"changed", MK_FORBIDDEN, "somebody wrote into a live block of another thread"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    for (uint32_t i = 0; i < 2 * BLOCKS; i++) {
        const struct mk_block *block = &actor[i / BLOCKS].me->blocks->slot[i % BLOCKS];
        for (uint32_t k = 0; k < i; k++) {
            if (overlap(block, &actor[k / BLOCKS].me->blocks->slot[k % BLOCKS])) return 1;
        }
        if (block->at && !is_whole(block, fill_of(i / BLOCKS, i % BLOCKS))) return 2;
    }
    return actor[0].saw[0] || actor[1].saw[0] ? 2 : 0;
}

MK_SCENARIO(alloc_distinct_blocks, alloc, .summary = "two threads allocate at once: no byte belongs to two blocks",
            .threads = 2, .slots = BLOCKS, .object_bytes = BYTES, .object_align = 16, .rounds = 500,
            .shows = {"changed blocks"}, .body = body, .after = after, .leave = drop_all,
            .outcomes = outcomes);
