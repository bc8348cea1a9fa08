/* rwlock_upgrade - two readers each want to become the writer, and keep what they have meanwhile. */
#include "program.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static uint64_t counter;

static void body(struct mk_actor *actor) {
    pthread_rwlock_rdlock(&lock);
    actor->saw[0] = counter;
    pthread_rwlock_wrlock(&lock);
    counter++;
    pthread_rwlock_unlock(&lock);
    pthread_rwlock_unlock(&lock);
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("lost", "an addition is missing");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone, (void)actor;
    return counter != 2;
}

MK_SCENARIO(rwlock_upgrade, program, .summary = "readers want to become the writer", .threads = 2, .body = body,
            .after = after, .outcomes = outcomes);
