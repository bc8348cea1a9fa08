/* queue_own_value_is_in - two threads put a value in and take one out: neither finds the queue empty, nor full.
 *
 * Aimed at answers of empty and full that are found out by a place rather than by the queue: another thread may
 * have taken the place before, and not be through with it, while values that went in later are in.
 */
#include "../../impl/queue.h"
#include "../../impl/scenario.h"

enum { TIMES = MK_TUNE(32, 3), CAPACITY = 4 };

static void body(struct mk_actor *actor) {
    for (unsigned i = 0; i < TIMES; i++) {
        if (mk_try(actor, MK_QUEUE_ENQUEUE, 0, actor->random + i).status != MK_MISS) {
            actor->saw[0]++;
            continue;
        }
        actor->saw[1] += mk_act(actor, MK_QUEUE_DEQUEUE, 0, 0).status != MK_HIT;
    }
}

enum { RIGHT, FULL, EMPTY, BOOKS };

static const struct mk_outcome outcomes[] = {
    {"right", MK_ACCEPTABLE, "whoever put one in took one out"},
    {"full", MK_FORBIDDEN, "there was no room for one of two values, of four"},
    {"empty", MK_FORBIDDEN, "there was nothing to take out for a thread that had put one in, and taken none since"},
    {"books", MK_FORBIDDEN, "something is left, when all is over"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t full = actor[0].saw[0] + actor[1].saw[0], empty = actor[0].saw[1] + actor[1].saw[1];
    bool left = alone->impl->count(alone->self) != 0;
    while (mk_act(alone, MK_QUEUE_DEQUEUE, 0, 0).status == MK_HIT) continue;
    return empty ? EMPTY : full ? FULL : left ? BOOKS : RIGHT; /* what was not taken out takes up room */
}

MK_SCENARIO(queue_own_value_is_in, queue, .summary = "two threads put in and take out: never empty, never full",
            .threads = 2, .capacity = CAPACITY, .rounds = 500, .shows = {"full", "empty"}, .body = body,
            .after = after, .outcomes = outcomes);
