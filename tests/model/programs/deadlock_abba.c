/* deadlock_abba - two threads take two mutexes in opposite orders. */
#include "program.h"

static pthread_mutex_t lock[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static uint64_t counter;

static void body(struct mk_actor *actor) {
    pthread_mutex_t *first = &lock[actor->number], *second = &lock[1 - actor->number];
    pthread_mutex_lock(first);
    pthread_mutex_lock(second);
    counter++;
    pthread_mutex_unlock(second);
    pthread_mutex_unlock(first);
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("lost", "an addition is missing");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone, (void)actor;
    return counter != 2;
}

MK_SCENARIO(deadlock_abba, program, .summary = "two mutexes in opposite orders", .threads = 2, .body = body,
            .after = after, .outcomes = outcomes);
