/* alloc_two_free_one - two threads free the same block: one of them is refused.
 *
 * Aimed at checks that look whether a block is live in one step and mark it free in another: two threads find it
 * live, and it is on the list twice.
 */
#include "../../impl/alloc.h"
#include "../../impl/scenario.h"

enum { BYTES = 64 };

static void before(struct mk_actor *alone) {
    struct mk_block *slot = alone->me->blocks->slot;
    mk_act(alone, MK_ALLOC_ALLOC, 0, BYTES);
    *(void **)alone->shared = slot[0].at;
    slot[0].at = NULL;
}

static void body(struct mk_actor *actor) {
    struct mk_block *slot = actor->me->blocks->slot;
    slot[0].at = *(void **)actor->shared;
    slot[0].bytes = BYTES;
    if (slot[0].at) actor->saw[0] = mk_try(actor, MK_ALLOC_FREE, 0, 0).status;
    slot[0].at = NULL;
}

static const struct mk_outcome outcomes[] = {
    {"thread 0 freed it", MK_ACCEPTABLE, "thread 1 was refused"},
    {"thread 1 freed it", MK_ACCEPTABLE, "thread 0 was refused"},
    {"both freed it", MK_FORBIDDEN, "it was live once"},
    {"none freed it", MK_FORBIDDEN, "it was live"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone;
    bool first = actor[0].saw[0] == MK_HIT, second = actor[1].saw[0] == MK_HIT;
    return first && second ? 2 : first ? 0 : second ? 1 : 3;
}

MK_SCENARIO(alloc_two_free_one, alloc, .summary = "two threads free one block: one of them is refused",
            .threads = 2, .needs = MK_CHECKS_FREE | MK_CROSS_FREE, .slots = 1, .object_bytes = BYTES,
            .object_align = 16, .shared_bytes = sizeof(void *), .shows = {"status of free"}, .before = before,
            .body = body, .after = after, .outcomes = outcomes);
