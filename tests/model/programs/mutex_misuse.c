/* mutex_misuse - a thread gives back a mutex that another may have. */
#include "program.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t counter;

static void body(struct mk_actor *actor) {
    if (actor->number == 0) pthread_mutex_lock(&lock);
    if (actor->number == 0) counter++;
    if (actor->number == 0 || pthread_mutex_trylock(&lock) != 0) pthread_mutex_unlock(&lock);
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("lost", "an addition is missing");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone, (void)actor;
    return counter != 1;
}

MK_SCENARIO(mutex_misuse, program, .summary = "a mutex given back by who does not have it", .threads = 2,
            .body = body, .after = after, .outcomes = outcomes);
