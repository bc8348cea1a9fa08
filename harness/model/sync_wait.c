/* sync_wait.c - condition variables, barriers, semaphores, pthread_once, futexes. */
#include "sync_parts.h"

#include <errno.h>
#include <limits.h>

/* ---- queues ---------------------------------------------------------------------------------- */

static void join_queue(struct mk_sync_queue *queue) {
    queue->at[queue->n++] = (uint8_t)mk_rt.now->number;
}

static bool is_queued(const struct mk_sync_queue *queue, uint32_t number) {
    for (uint32_t i = 0; i < queue->n; i++) {
        if (queue->at[i] == number) return true;
    }
    return false;
}

static uint32_t take_from(struct mk_sync_queue *queue, uint32_t place) {
    uint32_t number = queue->at[place];
    queue->n--;
    for (uint32_t i = place; i < queue->n; i++) queue->at[i] = queue->at[i + 1];
    return number;
}

static void leave_queue(struct mk_sync_queue *queue) {
    uint32_t place = 0;
    while (queue->at[place] != mk_rt.now->number) place++;
    take_from(queue, place);
}

/* Lets one go: who has waited longest, unless another one is chosen. */
static void let_one_go(struct mk_sync_object *object) {
    uint32_t number = take_from(&object->queue, mk_rt_choose(MK_CHOICE_WAKE, object->queue.n));
    mk_sync_wake_one(object, number);
}

/* How a wait that has to be will go. */
enum fate { WAITS, WAKES_FOR_NOTHING, TIMES_OUT };

static enum fate choose_fate(struct mk_sync_until *until) {
    enum fate fate = (enum fate)mk_rt_choose(MK_CHOICE_WAKE, until ? 3 : 2);
    if (until) until->early = fate == TIMES_OUT;
    return fate;
}

/* Waits in the queue until somebody lets it go. Returns whether somebody did; else the time was over. */
static bool wait_in_queue(struct mk_sync_object *object, struct mk_sync_until *until, uintptr_t pc) {
    join_queue(&object->queue);
    while (is_queued(&object->queue, mk_rt.now->number)) {
        if (mk_sync_wait(object, until, pc)) continue;
        leave_queue(&object->queue);
        return false;
    }
    return true;
}

/* ---- condition variables --------------------------------------------------------------------- */

static clockid_t clock_of(const pthread_condattr_t *attr) {
    clockid_t clock = CLOCK_REALTIME;
    if (attr) pthread_condattr_getclock(attr, &clock);
    return clock;
}

int mk_model_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr) {
    if (!mk_rt.on) return pthread_cond_init(cond, attr);
    mk_sync_init(cond, MK_SYNC_COND, MK_SYNC_PC)->type = clock_of(attr);
    return 0;
}

int mk_model_pthread_cond_destroy(pthread_cond_t *cond) {
    if (!mk_rt.on) return pthread_cond_destroy(cond);
    mk_sync_destroy(cond, MK_SYNC_COND, MK_SYNC_PC);
    return 0;
}

static void must_hold(const struct mk_sync_object *lock) {
    if (lock->holder == mk_rt.now->number + 1) return;
    mk_rt_fail(MK_FAIL_MISUSE, lock->address, "%s waits for a condition variable without holding the mutex%s%s",
               mk_sync_me(), lock->holder ? ", which is held by " : "",
               lock->holder ? mk_rt_who(lock->holder - 1) : "");
}

static void must_be_one_mutex(const struct mk_sync_object *object, uintptr_t mutex) {
    if (!object->queue.n || object->mutex == mutex) return;
    mk_rt_fail(MK_FAIL_MISUSE, object->address,
               "%s waits for a condition variable with another mutex than %s, who waits there too", mk_sync_me(),
               mk_rt_who(object->queue.at[0]));
}

static void get_back(pthread_mutex_t *mutex, uintptr_t pc) {
    struct mk_sync_object *lock = mk_sync_enter(mutex, MK_SYNC_MUTEX, MK_ACT_LOCK, pc);
    if (lock->holder == mk_rt.now->number + 1) {
        lock->depth++;
        return;
    }
    while (lock->holder) mk_sync_wait(lock, NULL, pc);
    mk_sync_take(lock, pc);
}

/* The mutex is let go and the thread waits in one step: the point is before both. One that was locked several times
 * stays locked, as natively. */
static int cond_wait(struct mk_sync_object *object, pthread_mutex_t *mutex, struct mk_sync_until *until,
                     uintptr_t pc) {
    struct mk_sync_object *lock = mk_sync_at(mutex, MK_SYNC_MUTEX);
    must_hold(lock);
    must_be_one_mutex(object, (uintptr_t)mutex);
    object->mutex = (uintptr_t)mutex;
    mk_sync_told(MK_ACT_UNLOCK, "unlock and wait", object->address, false, pc);
    enum fate fate = choose_fate(until);
    if (!--lock->depth) mk_sync_let_go(lock);
    bool woken = true;
    if (fate == WAKES_FOR_NOTHING) {
        mk_sync_told(MK_ACT_LOCK, "wakes for nothing", object->address, false, pc);
    } else {
        woken = wait_in_queue(object, until, pc);
        if (!woken) mk_sync_told(MK_ACT_LOCK, "times out", object->address, true, pc);
    }
    get_back(mutex, pc);
    return woken ? 0 : ETIMEDOUT;
}

int mk_model_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex) {
    if (!mk_rt.on) return pthread_cond_wait(cond, mutex);
    uintptr_t pc = MK_SYNC_PC;
    return cond_wait(mk_sync_enter(cond, MK_SYNC_COND, MK_ACT_UNLOCK, pc), mutex, NULL, pc);
}

int mk_model_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *at) {
    if (!mk_rt.on) return pthread_cond_timedwait(cond, mutex, at);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_until until;
    struct mk_sync_object *object = mk_sync_enter(cond, MK_SYNC_COND, MK_ACT_UNLOCK, pc);
    if (!mk_sync_until(&until, object->type, at, pc)) return EINVAL;
    return cond_wait(object, mutex, &until, pc);
}

int mk_model_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                                    const struct timespec *at) {
    if (!mk_rt.on) return pthread_cond_clockwait(cond, mutex, clock, at);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_until until;
    struct mk_sync_object *object = mk_sync_enter(cond, MK_SYNC_COND, MK_ACT_UNLOCK, pc);
    if (!mk_sync_until(&until, clock, at, pc)) return EINVAL;
    return cond_wait(object, mutex, &until, pc);
}

int mk_model_pthread_cond_signal(pthread_cond_t *cond) {
    if (!mk_rt.on) return pthread_cond_signal(cond);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_object *object = mk_sync_enter(cond, MK_SYNC_COND, MK_ACT_UNLOCK, pc);
    mk_sync_told(MK_ACT_UNLOCK, "signal", object->address, !object->queue.n, pc);
    if (object->queue.n) let_one_go(object);
    return 0;
}

int mk_model_pthread_cond_broadcast(pthread_cond_t *cond) {
    if (!mk_rt.on) return pthread_cond_broadcast(cond);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_object *object = mk_sync_enter(cond, MK_SYNC_COND, MK_ACT_UNLOCK, pc);
    mk_sync_told(MK_ACT_UNLOCK, "broadcast", object->address, !object->queue.n, pc);
    object->queue.n = 0;
    mk_sync_wake(object);
    return 0;
}

/* ---- barriers -------------------------------------------------------------------------------- */

int mk_model_pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr, unsigned count) {
    if (!mk_rt.on) return pthread_barrier_init(barrier, attr, count);
    struct mk_sync_object *object = mk_sync_init(barrier, MK_SYNC_BARRIER, MK_SYNC_PC);
    if (!count) {
        mk_rt_fail(MK_FAIL_MISUSE, object->address, "%s initialises a barrier for 0 threads", mk_sync_me());
    }
    object->count = count;
    return 0;
}

int mk_model_pthread_barrier_destroy(pthread_barrier_t *barrier) {
    if (!mk_rt.on) return pthread_barrier_destroy(barrier);
    mk_sync_destroy(barrier, MK_SYNC_BARRIER, MK_SYNC_PC);
    return 0;
}

/* What mk_rt_acquire does, of a thread that waits: the barrier may be gone when it goes on. */
static void hand_to(struct mk_logical *thread, const struct mk_view *view) {
    mk_clock_join(&thread->hb, &view->hb);
    mk_clock_join(&thread->seen, &view->hb);
    mk_clock_join(&thread->seen, &view->seen);
    thread->flushed = thread->stores;
}

/* Everybody has arrived: all goes on, and knows what all others have done. */
static void open_barrier(struct mk_sync_object *object) {
    mk_rt_acquire(&object->view);
    for (uint32_t i = 0; i < object->queue.n; i++) hand_to(&mk_rt.thread[object->queue.at[i]], &object->view);
    memset(&object->view, 0, sizeof object->view);
    object->queue.n = 0;
    object->arrived = 0;
    mk_sync_wake(object);
}

int mk_model_pthread_barrier_wait(pthread_barrier_t *barrier) {
    if (!mk_rt.on) return pthread_barrier_wait(barrier);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_object *object = mk_sync_enter(barrier, MK_SYNC_BARRIER, MK_ACT_UNLOCK, pc);
    mk_sync_told(MK_ACT_UNLOCK, "arrives", object->address, false, pc);
    mk_rt_release(&object->view);
    if (++object->arrived < object->count) {
        wait_in_queue(object, NULL, pc);
        return 0;
    }
    open_barrier(object);
    return PTHREAD_BARRIER_SERIAL_THREAD;
}

/* ---- pthread_once ---------------------------------------------------------------------------- */

static void carry_out(struct mk_sync_object *object, void (*routine)(void), uintptr_t pc) {
    object->holder = mk_rt.now->number + 1;
    object->held_at = pc;
    mk_sync_told(MK_ACT_LOCK, "once", object->address, false, pc);
    routine();
    object->holder = 0;
    object->value = 2;
    mk_rt_release(&object->view);
    mk_sync_wake(object);
}

int mk_model_pthread_once(pthread_once_t *control, void (*routine)(void)) {
    if (!mk_rt.on) return pthread_once(control, routine);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_object *object = mk_sync_enter(control, MK_SYNC_ONCE, MK_ACT_LOCK, pc);
    while (object->value != 2) {
        if (!object->holder) {
            carry_out(object, routine, pc);
        } else if (object->holder == mk_rt.now->number + 1) {
            mk_rt_fail(MK_FAIL_DEADLOCK, object->address,
                       "deadlock: %s calls pthread_once within what it carries out once", mk_sync_me());
        } else {
            mk_sync_wait(object, NULL, pc);
        }
    }
    mk_rt_acquire(&object->view);
    return 0;
}

/* ---- semaphores ------------------------------------------------------------------------------ */

static int error(int number) {
    errno = number;
    return -1;
}

int mk_model_sem_init(sem_t *sem, int shared, unsigned value) {
    if (!mk_rt.on) return sem_init(sem, shared, value);
    if (value > SEM_VALUE_MAX) return error(EINVAL);
    mk_sync_init(sem, MK_SYNC_SEM, MK_SYNC_PC)->value = value;
    return 0;
}

int mk_model_sem_destroy(sem_t *sem) {
    if (!mk_rt.on) return sem_destroy(sem);
    mk_sync_destroy(sem, MK_SYNC_SEM, MK_SYNC_PC);
    return 0;
}

static void take_one(struct mk_sync_object *object, uintptr_t pc) {
    object->value--;
    mk_rt_acquire(&object->view);
    mk_sync_told(MK_ACT_LOCK, "sem_wait", object->address, false, pc);
}

static int sem_take(struct mk_sync_object *object, struct mk_sync_until *until, uintptr_t pc) {
    while (!object->value) {
        if (mk_sync_wait(object, until, pc)) continue;
        mk_sync_told(MK_ACT_LOCK, "times out", object->address, true, pc);
        return error(ETIMEDOUT);
    }
    take_one(object, pc);
    return 0;
}

int mk_model_sem_wait(sem_t *sem) {
    if (!mk_rt.on) return sem_wait(sem);
    uintptr_t pc = MK_SYNC_PC;
    return sem_take(mk_sync_enter(sem, MK_SYNC_SEM, MK_ACT_LOCK, pc), NULL, pc);
}

int mk_model_sem_trywait(sem_t *sem) {
    if (!mk_rt.on) return sem_trywait(sem);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_object *object = mk_sync_enter(sem, MK_SYNC_SEM, MK_ACT_LOCK, pc);
    if (object->value) return sem_take(object, NULL, pc);
    mk_sync_told(MK_ACT_LOCK, "sem_trywait", object->address, true, pc);
    return error(EAGAIN);
}

static int sem_until(struct mk_sync_object *object, clockid_t clock, const struct timespec *at, uintptr_t pc) {
    struct mk_sync_until until;
    if (object->value) return sem_take(object, NULL, pc);
    if (!mk_sync_until(&until, clock, at, pc)) return error(EINVAL);
    until.early = mk_rt_choose(MK_CHOICE_WAKE, 2);
    return sem_take(object, &until, pc);
}

int mk_model_sem_timedwait(sem_t *sem, const struct timespec *at) {
    if (!mk_rt.on) return sem_timedwait(sem, at);
    uintptr_t pc = MK_SYNC_PC;
    return sem_until(mk_sync_enter(sem, MK_SYNC_SEM, MK_ACT_LOCK, pc), CLOCK_REALTIME, at, pc);
}

int mk_model_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *at) {
    if (!mk_rt.on) return sem_clockwait(sem, clock, at);
    uintptr_t pc = MK_SYNC_PC;
    return sem_until(mk_sync_enter(sem, MK_SYNC_SEM, MK_ACT_LOCK, pc), clock, at, pc);
}

int mk_model_sem_post(sem_t *sem) {
    if (!mk_rt.on) return sem_post(sem);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_object *object = mk_sync_enter(sem, MK_SYNC_SEM, MK_ACT_UNLOCK, pc);
    mk_sync_told(MK_ACT_UNLOCK, "sem_post", object->address, object->value == SEM_VALUE_MAX, pc);
    if (object->value == SEM_VALUE_MAX) return error(EOVERFLOW);
    object->value++;
    mk_rt_release(&object->view);
    mk_sync_wake(object);
    return 0;
}

int mk_model_sem_getvalue(sem_t *sem, int *value) {
    if (!mk_rt.on) return sem_getvalue(sem, value);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_object *object = mk_sync_enter(sem, MK_SYNC_SEM, MK_ACT_LOAD, pc);
    mk_sync_writes(value, sizeof *value, pc);
    *value = (int)object->value;
    return 0;
}

/* ---- futexes --------------------------------------------------------------------------------- */

/* The word is read and the thread waits in one step. It is read as an exchange that changes nothing, which finds
 * the newest value: whoever stored it and woke those that waited before comes first. Waiting and waking order
 * nothing else: users do that by the word. */
long mk_sync_futex_wait(uint32_t *word, uint32_t value, struct mk_sync_until *until, uintptr_t pc) {
    struct mk_word expected = {value, 0};
    if (!mk_memory_cas((uintptr_t)word, sizeof *word, &expected, expected, false, 0, 0, pc)) return error(EAGAIN);
    struct mk_sync_object *object = mk_sync_at(word, MK_SYNC_FUTEX);
    if (choose_fate(until) == WAKES_FOR_NOTHING) {
        mk_sync_told(MK_ACT_LOCK, "wakes for nothing", object->address, false, pc);
        return 0;
    }
    if (wait_in_queue(object, until, pc)) return 0;
    mk_sync_told(MK_ACT_LOCK, "times out", object->address, true, pc);
    return error(ETIMEDOUT);
}

/* The address alone counts: the word may be gone already. */
long mk_sync_futex_wake(uint32_t *word, uint32_t most, uintptr_t pc) {
    uint32_t n = 0;
    mk_rt_point(MK_ACT_UNLOCK, (uintptr_t)word, pc);
    mk_site_at(pc, MK_ACT_UNLOCK, 0, 0)->hits++;
    struct mk_sync_object *object = mk_sync_at(word, MK_SYNC_FUTEX);
    mk_sync_told(MK_ACT_UNLOCK, "futex wake", object->address, !object->queue.n, pc);
    for (; n < most && object->queue.n; n++) let_one_go(object);
    return n;
}
