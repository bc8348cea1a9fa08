/* sync_thread.c - threads that a program creates itself, and what is kept for each thread.
 *
 * A pthread_t of the model is a number of its own, since the control blocks of logical threads are borrowed.
 */
#include "sync_parts.h"

#include <errno.h>
#include <limits.h>

#define HANDLES ((pthread_t)0x6d6b0000) /* + number of the logical thread */
#define KEYS_OWN 256u                   /* made within a schedule: numbers KEYS_FIRST and on */
#define KEYS_FIRST ((pthread_key_t)PTHREAD_KEYS_MAX)

/* ---- threads --------------------------------------------------------------------------------- */

/* Returns the number behind a handle; one that is none is a failure. */
static uint32_t number_of(pthread_t thread, const char *does) {
    if (thread - HANDLES < mk_rt.n) return (uint32_t)(thread - HANDLES);
    mk_rt_fail(MK_FAIL_MISUSE, 0, "%s %s what is no thread", mk_sync_me(), does);
}

static void begin_thread(void *arg) {
    struct mk_sync_thread *self = arg;
    self->depth = mk_rt.now->depth;
    if (!_setjmp(self->exit)) self->result = self->start(self->arg);
}

static bool wants_detached(const pthread_attr_t *attr) {
    int state = PTHREAD_CREATE_JOINABLE;
    if (attr) pthread_attr_getdetachstate(attr, &state);
    return state == PTHREAD_CREATE_DETACHED;
}

/* It is the next one: its number is known before it can go on. */
static int create(pthread_t *handle, bool detached, void *(*start)(void *arg), void *arg, uintptr_t pc) {
    if (mk_rt.n == MK_RT_THREADS) {
        mk_rt.limits++;
        return EAGAIN;
    }
    struct mk_sync_thread *thread = mk_sync_thread(mk_rt.n);
    thread->created = true;
    thread->detached = detached;
    thread->start = start;
    thread->arg = arg;
    struct mk_logical *logical = mk_rt_spawn(begin_thread, thread);
    if (!logical) return EAGAIN;
    mk_sync_writes(handle, sizeof *handle, pc);
    *handle = HANDLES + logical->number;
    mk_sync_told(MK_ACT_SPAWN, "spawn", logical->number, false, pc);
    return 0;
}

int mk_model_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *arg), void *arg) {
    if (!mk_rt.on) return pthread_create(thread, attr, start, arg);
    uintptr_t pc = MK_SYNC_PC;
    mk_rt_point(MK_ACT_SPAWN, (uintptr_t)thread, pc);
    return create(thread, wants_detached(attr), start, arg, pc);
}

static void must_be_joinable(uint32_t number, const char *does) {
    const struct mk_sync_thread *thread = mk_sync_thread(number);
    if (!thread->detached && !thread->joined && !thread->joiner) return;
    mk_rt_fail(MK_FAIL_MISUSE, 0, "%s %s %s, which is %s", mk_sync_me(), does, mk_rt_who(number),
               thread->detached ? "detached" : "joined already");
}

static void wait_for_end(struct mk_sync_thread *thread, uint32_t number, uintptr_t pc) {
    struct mk_sync_thread *self = mk_sync_self();
    self->waits_at = pc;
    self->joins = number + 1;
    thread->joiner = mk_rt.now->number + 1;
    while (!thread->ended) mk_rt_block("the end of a thread", HANDLES + number);
    self->joins = 0;
    thread->joined = true;
}

int mk_model_pthread_join(pthread_t handle, void **result) {
    if (!mk_rt.on) return pthread_join(handle, result);
    uintptr_t pc = MK_SYNC_PC;
    uint32_t number = number_of(handle, "joins");
    struct mk_sync_thread *thread = mk_sync_thread(number);
    mk_rt_point(MK_ACT_JOIN, handle, pc);
    must_be_joinable(number, "joins");
    if (number == mk_rt.now->number) {
        mk_rt_fail(MK_FAIL_DEADLOCK, 0, "deadlock: %s waits for its own end", mk_sync_me());
    }
    wait_for_end(thread, number, pc);
    mk_rt_acquire(&thread->final);
    mk_sync_told(MK_ACT_JOIN, "join", number, false, pc);
    if (result) {
        mk_sync_writes(result, sizeof *result, pc);
        *result = thread->result;
    }
    return 0;
}

int mk_model_pthread_detach(pthread_t handle) {
    if (!mk_rt.on) return pthread_detach(handle);
    uint32_t number = number_of(handle, "detaches");
    must_be_joinable(number, "detaches");
    mk_sync_thread(number)->detached = true;
    return 0;
}

pthread_t mk_model_pthread_self(void) {
    return mk_rt.on ? HANDLES + mk_rt.now->number : pthread_self();
}

int mk_model_pthread_equal(pthread_t one, pthread_t other) {
    return one == other;
}

void mk_model_pthread_exit(void *result) {
    if (!mk_rt.on) pthread_exit(result);
    struct mk_sync_thread *self = mk_sync_self();
    if (!self->created) {
        mk_rt_fail(MK_FAIL_LIMIT, 0, "%s calls pthread_exit: in the model only threads made by pthread_create can",
                   mk_sync_me());
    }
    self->result = result;
    mk_rt.now->depth = self->depth;
    _longjmp(self->exit, 1);
}

/* ---- what is kept for each thread -------------------------------------------------------------- */

/* Keys that were made before the schedule keep their numbers, and have no destructor here. */
struct key {
    uint64_t generation; /* the rest is of that schedule */
    bool deleted;
    void (*destructor)(void *value);
    void *value[MK_RT_THREADS];
};
static struct key keys[PTHREAD_KEYS_MAX + KEYS_OWN];
static uint32_t keys_n;     /* made within this schedule */
static uint64_t generation; /* of it */

void mk_sync_keys_begin(void) {
    generation++;
    keys_n = 0;
}

static struct key *renew(struct key *key) {
    memset(key, 0, sizeof *key);
    key->generation = generation;
    return key;
}

static struct key *key_at(pthread_key_t number, const char *does) {
    struct key *key = number < KEYS_FIRST + keys_n ? &keys[number] : NULL;
    if (key && key->generation != generation) renew(key);
    if (key && !key->deleted) return key;
    mk_rt_fail(MK_FAIL_MISUSE, 0, "%s %s a key for thread-specific data that %s", mk_sync_me(), does,
               key ? "was deleted" : "was never made");
}

int mk_model_pthread_key_create(pthread_key_t *number, void (*destructor)(void *value)) {
    if (!mk_rt.on) return pthread_key_create(number, destructor);
    uintptr_t pc = MK_SYNC_PC;
    if (keys_n == KEYS_OWN) {
        mk_rt.limits++;
        return EAGAIN;
    }
    mk_sync_writes(number, sizeof *number, pc);
    *number = KEYS_FIRST + keys_n;
    renew(&keys[KEYS_FIRST + keys_n++])->destructor = destructor;
    return 0;
}

int mk_model_pthread_key_delete(pthread_key_t number) {
    if (!mk_rt.on) return pthread_key_delete(number);
    key_at(number, "deletes")->deleted = true;
    return 0;
}

void *mk_model_pthread_getspecific(pthread_key_t number) {
    if (!mk_rt.on) return pthread_getspecific(number);
    return key_at(number, "reads")->value[mk_rt.now->number];
}

int mk_model_pthread_setspecific(pthread_key_t number, const void *value) {
    if (!mk_rt.on) return pthread_setspecific(number, value);
    key_at(number, "sets")->value[mk_rt.now->number] = (void *)(uintptr_t)value;
    return 0;
}

/* Calls the destructor of each key with a value of this thread. Returns whether there was one. */
static bool destroy_values(uint32_t me) {
    bool any = false;
    for (uint32_t i = 0; i < keys_n; i++) {
        struct key *key = &keys[KEYS_FIRST + i];
        void *value = key->value[me];
        if (key->deleted || !key->destructor || !value) continue;
        key->value[me] = NULL;
        key->destructor(value);
        any = true;
    }
    return any;
}

/* ---- the end of a thread ----------------------------------------------------------------------- */

void mk_sync_thread_ends(void) {
    struct mk_sync_thread *self = mk_sync_self();
    for (unsigned i = 0; i < PTHREAD_DESTRUCTOR_ITERATIONS && destroy_values(mk_rt.now->number); i++) {
    }
    self->ended = true;
    memset(&self->final, 0, sizeof self->final);
    mk_rt_release(&self->final);
    if (self->joiner) mk_rt_wake(&mk_rt.thread[self->joiner - 1]);
}
