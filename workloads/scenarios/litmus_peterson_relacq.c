/* litmus_peterson_relacq - Peterson's lock by release and acquire: broken.
 *
 *     thread i
 *     wants[i] = 1 rel
 *     turn = other rel
 *     while wants[other] acq and turn acq is other: pause
 *     ... inside ...
 *     wants[i] = 0 rel
 *
 * Peterson (1981), with orders that look careful. Each thread may look at wants[other] before its own stores can
 * be seen (store buffering): both go in. x86 shows it.
 */
#include "litmus.h"

enum { WANTS, TURN = WANTS + 2, INSIDE };

static void body(struct mk_actor *actor) {
    uint32_t me = actor->number, other = 1 - me;
    litmus_word *wants = litmus_at(actor, WANTS + me), *others = litmus_at(actor, WANTS + other);
    litmus_word *turn = litmus_at(actor, TURN);
    atomic_store_explicit(wants, 1, memory_order_release);
    atomic_store_explicit(turn, other, memory_order_release);
    while (atomic_load_explicit(others, memory_order_acquire) &&
           atomic_load_explicit(turn, memory_order_acquire) == other) {
        mk_pause();
    }
    litmus_inside(actor, litmus_at(actor, INSIDE));
    atomic_store_explicit(wants, 0, memory_order_release);
}

static const struct mk_outcome outcomes[] =
    LITMUS_EXCLUSION(MK_INTERESTING, "each looked before the other's stores could be seen");

MK_SCENARIO(litmus_peterson_relacq, litmus, .summary = "Peterson's lock, release/acquire: both may be inside",
            .threads = 2, LITMUS_PLACES(4), .shows = {"others inside"}, .body = body, .after = litmus_exclusion,
            .outcomes = outcomes);
