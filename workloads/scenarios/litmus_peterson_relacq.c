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

static void body(struct mk_actor *actor) {
    litmus_peterson_body(actor, memory_order_release, memory_order_acquire);
}

static const struct mk_outcome outcomes[] =
    LITMUS_EXCLUSION(MK_INTERESTING, "each looked before the other's stores could be seen");

MK_SCENARIO(litmus_peterson_relacq, litmus, .summary = "Peterson's lock, release/acquire: both may be inside",
            .threads = 2, LITMUS_PLACES(4), .shows = {"others inside"}, .body = body, .after = litmus_exclusion,
            .outcomes = outcomes);
