/* reclaim_held_while_replaced - a thread stands in a read-side section while another replaces every node: none that
 * was linked when it entered is freed before it leaves, and all of them are, in time, after.
 *
 * Aimed at grace periods that are too short (an epoch advanced past a thread inside, two epochs taken for three, a
 * drain that is skipped or done because an epoch looks the same) and at sections that are never noticed to be over.
 * Here the threads wait for each other, so that the section surely spans the replacements.
 */
#include "../../impl/order.h"
#include "../../impl/reclaim.h"
#include "../../impl/scenario.h"

enum { CELLS = MK_TUNE(64, 2), TIMES = MK_TUNE(4, 2) };

struct signs {
    MK_ATOMIC(uint64_t) inside, replaced; /* rounds */
};

static const char *skips(const struct mk_impl *impl) {
    return impl->stats ? NULL : "does not report what it has freed";
}

static void wait_for(MK_ATOMIC(uint64_t) *sign, uint64_t round) {
    unsigned spins = 0;
    while (atomic_load_explicit(sign, memory_order_acquire) <= round) mk_backoff(&spins);
}

static void replace_all(struct mk_actor *actor, uint64_t times) {
    for (uint64_t i = 0; i < times * CELLS; i++) mk_act(actor, MK_RECLAIM_REPLACE, i % CELLS, i);
}

static void body(struct mk_actor *actor) {
    struct signs *signs = (struct signs *)actor->shared;
    if (actor->number == 1) {
        actor->impl->hold(actor->self, actor->me);
        atomic_store_explicit(&signs->inside, actor->round + 1, memory_order_release);
        wait_for(&signs->replaced, actor->round);
        actor->impl->unhold(actor->self, actor->me);
        return;
    }
    replace_all(actor, 1 + actor->random % TIMES);
    wait_for(&signs->inside, actor->round);
    uint64_t waiting = mk_actor_stat(actor, "unreclaimed"), freed = mk_actor_stat(actor, "freed");
    replace_all(actor, 1);
    actor->saw[0] = waiting;
    actor->saw[1] = mk_actor_stat(actor, "freed") - freed;
    atomic_store_explicit(&signs->replaced, actor->round + 1, memory_order_release);
}

static const struct mk_outcome outcomes[] = {
    {"held", MK_ACCEPTABLE, "no node was freed that the reader could reach, and all of them afterwards"},
    {"freed too early", MK_FORBIDDEN, "more nodes were freed than waited when the reader entered"},
    {"garbage stays", MK_FORBIDDEN, "nobody is inside, and after a flush retired nodes are still there"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    if (actor[0].saw[1] > actor[0].saw[0]) return 1;
    alone->impl->flush(alone->self, alone->me);
    return mk_actor_stat(alone, "unreclaimed") && !(alone->impl->caps & MK_NEVER_FREES) ? 2 : 0;
}

/* A section alone protects nodes where a reader may stand on unlinked ones; elsewhere only what it has named. */
MK_SCENARIO(reclaim_held_while_replaced, reclaim,
            .summary = "what a reader inside could hold is freed after it leaves", .threads = 2,
            .needs = MK_UNLINKED_OK, .capacity = CELLS, .shared_bytes = sizeof(struct signs), .rounds = 20,
            .instances = 60, .shows = {"waited when the reader entered", "freed before it left"}, .skips = skips,
            .body = body, .after = after, .outcomes = outcomes);
