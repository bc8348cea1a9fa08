/* queue_in_order - one thread puts values in, another takes them out: all of them, in order, none twice, with what
 * was written before they went in.
 *
 * Aimed at an index, or a slot's number, that is published before the value or without an order, and at a place
 * that is given away before its value has been read: the queue is small, so that places are used again at once.
 */
#include "../../impl/order.h"
#include "../../impl/queue.h"
#include "../../impl/scenario.h"

enum { VALUES = MK_TUNE(64, 4), CAPACITY = 2, TRIES = MK_TUNE(10000, 40) };

struct parcels {
    uint64_t content[VALUES]; /* plain: it is the queue that hands them over */
};

/* Other values in every round, of all bits. */
static uint64_t value_of(const struct mk_actor *actor, uint64_t i) {
    return (actor->round_random & ~(uint64_t)0xff) + i;
}

static void put_in(struct mk_actor *actor, struct parcels *parcels) {
    for (uint64_t i = 0; i < VALUES; i++) {
        unsigned spins = 0, tries = TRIES;
        parcels->content[i] = value_of(actor, i) ^ actor->round;
        while (tries && mk_try(actor, MK_QUEUE_ENQUEUE, 0, value_of(actor, i)).status != MK_MISS) {
            mk_backoff(&spins);
            tries--;
        }
        if (!tries) break;
        actor->saw[0]++;
    }
}

static void take_out(struct mk_actor *actor, const struct parcels *parcels) {
    unsigned spins = 0;
    for (unsigned tries = TRIES; actor->saw[0] < VALUES && tries; tries--) {
        struct mk_result got = mk_act(actor, MK_QUEUE_DEQUEUE, 0, 0);
        if (got.status != MK_HIT) {
            mk_backoff(&spins);
            continue;
        }
        uint64_t i = got.value - value_of(actor, 0);
        actor->saw[1] += i != actor->saw[0];
        actor->saw[2] += i < VALUES && parcels->content[i] != (got.value ^ actor->round);
        actor->saw[0]++;
        tries = TRIES;
        spins = 0;
    }
}

static void body(struct mk_actor *actor) {
    if (actor->number == 0) {
        put_in(actor, actor->shared);
    } else {
        take_out(actor, actor->shared);
    }
}

enum { ALL, SOME, ORDER, CONTENT, BOOKS };

static const struct mk_outcome outcomes[] = {
    {"all", MK_ACCEPTABLE, "all values came out, in order"},
    {"some", MK_ACCEPTABLE, "one of the threads gave up waiting for the other; what was left came out afterwards"},
    {"another order", MK_FORBIDDEN, "a value came out that was not the next"},
    {"not written", MK_FORBIDDEN, "what was written before a value went in was not there when it came out"},
    {"books", MK_FORBIDDEN, "not as many came out as went in"},
    {NULL, MK_ACCEPTABLE, NULL}};

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    uint64_t taken = actor[1].saw[0], wrong = actor[1].saw[1];
    for (struct mk_result got; taken <= VALUES; taken++) {
        got = mk_act(alone, MK_QUEUE_DEQUEUE, 0, 0);
        if (got.status != MK_HIT) break;
        wrong += got.value != value_of(alone, taken);
    }
    if (wrong) return ORDER;
    if (actor[1].saw[2]) return CONTENT;
    if (taken != actor[0].saw[0] || alone->impl->count(alone->self)) return BOOKS;
    return actor[1].saw[0] == VALUES ? ALL : SOME;
}

MK_SCENARIO(queue_in_order, queue, .summary = "from one thread to another through a small queue: all, in order",
            .threads = 2, .needs = MK_ONE_EACH, .capacity = CAPACITY, .rounds = 200,
            .shared_bytes = sizeof(struct parcels), .shows = {"values", "not the next", "not written"},
            .body = body, .after = after, .outcomes = outcomes);
