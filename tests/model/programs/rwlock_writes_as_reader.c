/* rwlock_writes_as_reader - what a lock for readers and writers guards is written by who has it as a reader. */
#include "program.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static uint64_t counter;

static void body(struct mk_actor *actor) {
    (void)actor;
    pthread_rwlock_rdlock(&lock);
    counter++;
    pthread_rwlock_unlock(&lock);
}

static const struct mk_outcome outcomes[] = PROGRAM_OUTCOMES("lost", "an addition is missing");

static unsigned after(struct mk_actor *alone, const struct mk_actor *actor) {
    (void)alone, (void)actor;
    return counter != 2;
}

MK_SCENARIO(rwlock_writes_as_reader, program, .summary = "a counter is written by readers", .threads = 2,
            .body = body, .after = after, .outcomes = outcomes);
