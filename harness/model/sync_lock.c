/* sync_lock.c - mutexes, reader-writer locks, spin locks. Who of several waiters gets a lock is for the scheduler
 * to say: all are woken, and the first one that goes on has it. */
#include "sync_parts.h"

#include <errno.h>

MK_RT_INLINE bool is_mine(const struct mk_sync_object *lock) {
    return lock->holder == mk_rt.now->number + 1;
}

/* ---- a lock that one thread has for itself ---------------------------------------------------- */

__attribute__((noreturn, cold)) static void fail_waits_for_itself(const struct mk_sync_object *lock,
                                                                  uintptr_t since) {
    mk_rt_fail(MK_FAIL_DEADLOCK, lock->address, "deadlock: %s waits for %s that it holds itself, since {pc 0x%zx}",
               mk_sync_me(), mk_sync_kind_words(lock->kind), (size_t)since);
}

__attribute__((noreturn, cold)) static void fail_not_mine(const struct mk_sync_object *lock) {
    const char *words = mk_sync_kind_words(lock->kind);
    if (!lock->holder) {
        mk_rt_fail(MK_FAIL_MISUSE, lock->address, "%s unlocks %s that nobody holds", mk_sync_me(), words);
    }
    mk_rt_fail(MK_FAIL_MISUSE, lock->address, "%s unlocks %s that %s holds since {pc 0x%zx}", mk_sync_me(), words,
               mk_rt_who(lock->holder - 1), (size_t)lock->held_at);
}

/* Returns 0, ETIMEDOUT, or what relocking by its holder returns. */
static int lock_or_wait(struct mk_sync_object *lock, struct mk_sync_until *until, uintptr_t pc) {
    while (MK_RT_UNLIKELY(lock->holder)) {
        if (is_mine(lock)) {
            if (lock->type == PTHREAD_MUTEX_ERRORCHECK) return EDEADLK;
            if (lock->type == PTHREAD_MUTEX_RECURSIVE) {
                lock->depth++;
                mk_sync_told(MK_ACT_LOCK, "lock again", lock->address, false, pc);
                return 0;
            }
            if (!until) fail_waits_for_itself(lock, lock->held_at);
        }
        if (!mk_sync_wait(lock, until, pc)) return ETIMEDOUT;
    }
    mk_sync_take(lock, pc);
    return 0;
}

static int try_lock(struct mk_sync_object *lock, uintptr_t pc) {
    if (!lock->holder) {
        mk_sync_take(lock, pc);
        return 0;
    }
    if (is_mine(lock) && lock->type == PTHREAD_MUTEX_RECURSIVE) {
        lock->depth++;
        mk_sync_told(MK_ACT_LOCK, "lock again", lock->address, false, pc);
        return 0;
    }
    mk_sync_told(MK_ACT_LOCK, "trylock", lock->address, true, pc);
    return EBUSY;
}

static int unlock(struct mk_sync_object *lock, uintptr_t pc) {
    if (MK_RT_UNLIKELY(!is_mine(lock))) {
        if (lock->type == PTHREAD_MUTEX_ERRORCHECK || lock->type == PTHREAD_MUTEX_RECURSIVE) return EPERM;
        fail_not_mine(lock);
    }
    mk_sync_told(MK_ACT_UNLOCK, "unlock", lock->address, false, pc);
    if (!--lock->depth) mk_sync_let_go(lock);
    return 0;
}

/* ---- mutexes --------------------------------------------------------------------------------- */

static int type_of(const pthread_mutexattr_t *attr) {
    int type = PTHREAD_MUTEX_DEFAULT, robust = PTHREAD_MUTEX_STALLED;
    if (!attr) return type;
    pthread_mutexattr_gettype(attr, &type);
    pthread_mutexattr_getrobust(attr, &robust);
    if (robust != PTHREAD_MUTEX_STALLED) {
        mk_rt_fail(MK_FAIL_LIMIT, 0, "a robust mutex is initialised, which the model does not know");
    }
    return type;
}

int mk_model_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr) {
    if (!mk_rt.on) return pthread_mutex_init(mutex, attr);
    struct mk_sync_object *lock = mk_sync_init(mutex, MK_SYNC_MUTEX, MK_SYNC_PC);
    lock->type = type_of(attr);
    mutex->__data.__kind = lock->type;
    return 0;
}

int mk_model_pthread_mutex_destroy(pthread_mutex_t *mutex) {
    if (!mk_rt.on) return pthread_mutex_destroy(mutex);
    mk_sync_destroy(mutex, MK_SYNC_MUTEX, MK_SYNC_PC);
    return 0;
}

int mk_model_pthread_mutex_lock(pthread_mutex_t *mutex) {
    if (!mk_rt.on) return pthread_mutex_lock(mutex);
    uintptr_t pc = MK_SYNC_PC;
    return lock_or_wait(mk_sync_enter(mutex, MK_SYNC_MUTEX, MK_ACT_LOCK, pc), NULL, pc);
}

int mk_model_pthread_mutex_trylock(pthread_mutex_t *mutex) {
    if (!mk_rt.on) return pthread_mutex_trylock(mutex);
    uintptr_t pc = MK_SYNC_PC;
    return try_lock(mk_sync_enter(mutex, MK_SYNC_MUTEX, MK_ACT_LOCK, pc), pc);
}

/* Asks whether a wait that has to be is to time out as soon as it can. */
static int lock_until(struct mk_sync_object *lock, clockid_t clock, const struct timespec *at, uintptr_t pc) {
    struct mk_sync_until until;
    bool again = is_mine(lock) && lock->type == PTHREAD_MUTEX_RECURSIVE;
    if (!lock->holder || again) return lock_or_wait(lock, NULL, pc);
    if (!mk_sync_until(&until, clock, at, pc)) return EINVAL;
    until.early = mk_rt_choose(MK_CHOICE_WAKE, 2);
    int result = lock_or_wait(lock, &until, pc);
    if (result == ETIMEDOUT) mk_sync_told(MK_ACT_LOCK, "times out", lock->address, true, pc);
    return result;
}

int mk_model_pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until) {
    if (!mk_rt.on) return pthread_mutex_timedlock(mutex, until);
    uintptr_t pc = MK_SYNC_PC;
    return lock_until(mk_sync_enter(mutex, MK_SYNC_MUTEX, MK_ACT_LOCK, pc), CLOCK_REALTIME, until, pc);
}

int mk_model_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until) {
    if (!mk_rt.on) return pthread_mutex_clocklock(mutex, clock, until);
    uintptr_t pc = MK_SYNC_PC;
    return lock_until(mk_sync_enter(mutex, MK_SYNC_MUTEX, MK_ACT_LOCK, pc), clock, until, pc);
}

int mk_model_pthread_mutex_unlock(pthread_mutex_t *mutex) {
    if (!mk_rt.on) return pthread_mutex_unlock(mutex);
    uintptr_t pc = MK_SYNC_PC;
    return unlock(mk_sync_enter(mutex, MK_SYNC_MUTEX, MK_ACT_UNLOCK, pc), pc);
}

/* Only a robust mutex can become inconsistent, and there is none here. */
int mk_model_pthread_mutex_consistent(pthread_mutex_t *mutex) {
    return mk_rt.on ? EINVAL : pthread_mutex_consistent(mutex);
}

/* ---- spin locks ------------------------------------------------------------------------------ */

int mk_model_pthread_spin_init(pthread_spinlock_t *lock, int shared) {
    if (!mk_rt.on) return pthread_spin_init(lock, shared);
    mk_sync_init((void *)(uintptr_t)lock, MK_SYNC_SPIN, MK_SYNC_PC);
    return 0;
}

int mk_model_pthread_spin_destroy(pthread_spinlock_t *lock) {
    if (!mk_rt.on) return pthread_spin_destroy(lock);
    mk_sync_destroy((void *)(uintptr_t)lock, MK_SYNC_SPIN, MK_SYNC_PC);
    return 0;
}

int mk_model_pthread_spin_lock(pthread_spinlock_t *lock) {
    if (!mk_rt.on) return pthread_spin_lock(lock);
    uintptr_t pc = MK_SYNC_PC;
    return lock_or_wait(mk_sync_enter(lock, MK_SYNC_SPIN, MK_ACT_LOCK, pc), NULL, pc);
}

int mk_model_pthread_spin_trylock(pthread_spinlock_t *lock) {
    if (!mk_rt.on) return pthread_spin_trylock(lock);
    uintptr_t pc = MK_SYNC_PC;
    return try_lock(mk_sync_enter(lock, MK_SYNC_SPIN, MK_ACT_LOCK, pc), pc);
}

int mk_model_pthread_spin_unlock(pthread_spinlock_t *lock) {
    if (!mk_rt.on) return pthread_spin_unlock(lock);
    uintptr_t pc = MK_SYNC_PC;
    return unlock(mk_sync_enter(lock, MK_SYNC_SPIN, MK_ACT_UNLOCK, pc), pc);
}

/* ---- reader-writer locks --------------------------------------------------------------------- */

static void take_to_read(struct mk_sync_object *lock, uintptr_t pc) {
    uint32_t me = mk_rt.now->number;
    if (!lock->reads[me]++) lock->reads_at[me] = pc;
    lock->readers |= 1u << me;
    mk_rt_acquire(&lock->view);
    mk_sync_told(MK_ACT_LOCK, "read lock", lock->address, false, pc);
}

static void take_to_write(struct mk_sync_object *lock, uintptr_t pc) {
    lock->holder = mk_rt.now->number + 1;
    lock->held_at = pc;
    mk_rt_acquire(&lock->view);
    mk_rt_acquire(&lock->other);
    mk_sync_told(MK_ACT_LOCK, "write lock", lock->address, false, pc);
}

/* Readers go before writers that wait, as glibc has it by default. */
static int read_or_wait(struct mk_sync_object *lock, struct mk_sync_until *until, uintptr_t pc) {
    while (lock->holder) {
        if (is_mine(lock) && !until) fail_waits_for_itself(lock, lock->held_at);
        if (!mk_sync_wait(lock, until, pc)) return ETIMEDOUT;
    }
    take_to_read(lock, pc);
    return 0;
}

static int write_or_wait(struct mk_sync_object *lock, struct mk_sync_until *until, uintptr_t pc) {
    uint32_t me = mk_rt.now->number;
    while (lock->holder || lock->readers) {
        if (is_mine(lock) && !until) fail_waits_for_itself(lock, lock->held_at);
        if (lock->readers & 1u << me && !until) fail_waits_for_itself(lock, lock->reads_at[me]);
        if (!mk_sync_wait(lock, until, pc)) return ETIMEDOUT;
    }
    take_to_write(lock, pc);
    return 0;
}

int mk_model_pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr) {
    if (!mk_rt.on) return pthread_rwlock_init(lock, attr);
    mk_sync_init(lock, MK_SYNC_RWLOCK, MK_SYNC_PC);
    return 0;
}

int mk_model_pthread_rwlock_destroy(pthread_rwlock_t *lock) {
    if (!mk_rt.on) return pthread_rwlock_destroy(lock);
    mk_sync_destroy(lock, MK_SYNC_RWLOCK, MK_SYNC_PC);
    return 0;
}

int mk_model_pthread_rwlock_rdlock(pthread_rwlock_t *lock) {
    if (!mk_rt.on) return pthread_rwlock_rdlock(lock);
    uintptr_t pc = MK_SYNC_PC;
    return read_or_wait(mk_sync_enter(lock, MK_SYNC_RWLOCK, MK_ACT_LOCK, pc), NULL, pc);
}

int mk_model_pthread_rwlock_wrlock(pthread_rwlock_t *lock) {
    if (!mk_rt.on) return pthread_rwlock_wrlock(lock);
    uintptr_t pc = MK_SYNC_PC;
    return write_or_wait(mk_sync_enter(lock, MK_SYNC_RWLOCK, MK_ACT_LOCK, pc), NULL, pc);
}

int mk_model_pthread_rwlock_tryrdlock(pthread_rwlock_t *lock) {
    if (!mk_rt.on) return pthread_rwlock_tryrdlock(lock);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_object *object = mk_sync_enter(lock, MK_SYNC_RWLOCK, MK_ACT_LOCK, pc);
    if (!object->holder) return read_or_wait(object, NULL, pc);
    mk_sync_told(MK_ACT_LOCK, "try read lock", object->address, true, pc);
    return EBUSY;
}

int mk_model_pthread_rwlock_trywrlock(pthread_rwlock_t *lock) {
    if (!mk_rt.on) return pthread_rwlock_trywrlock(lock);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_object *object = mk_sync_enter(lock, MK_SYNC_RWLOCK, MK_ACT_LOCK, pc);
    if (!object->holder && !object->readers) return write_or_wait(object, NULL, pc);
    mk_sync_told(MK_ACT_LOCK, "try write lock", object->address, true, pc);
    return EBUSY;
}

int mk_model_pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *at) {
    if (!mk_rt.on) return pthread_rwlock_timedrdlock(lock, at);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_until until;
    struct mk_sync_object *object = mk_sync_enter(lock, MK_SYNC_RWLOCK, MK_ACT_LOCK, pc);
    if (!object->holder) return read_or_wait(object, NULL, pc);
    if (!mk_sync_until(&until, CLOCK_REALTIME, at, pc)) return EINVAL;
    until.early = mk_rt_choose(MK_CHOICE_WAKE, 2);
    return read_or_wait(object, &until, pc);
}

int mk_model_pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *at) {
    if (!mk_rt.on) return pthread_rwlock_timedwrlock(lock, at);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_until until;
    struct mk_sync_object *object = mk_sync_enter(lock, MK_SYNC_RWLOCK, MK_ACT_LOCK, pc);
    if (!object->holder && !object->readers) return write_or_wait(object, NULL, pc);
    if (!mk_sync_until(&until, CLOCK_REALTIME, at, pc)) return EINVAL;
    until.early = mk_rt_choose(MK_CHOICE_WAKE, 2);
    return write_or_wait(object, &until, pc);
}

static void unlock_read(struct mk_sync_object *lock) {
    uint32_t me = mk_rt.now->number;
    if (--lock->reads[me]) return;
    lock->readers &= ~(1u << me);
    mk_rt_release(&lock->other);
    if (!lock->readers) mk_sync_wake(lock);
}

int mk_model_pthread_rwlock_unlock(pthread_rwlock_t *lock) {
    if (!mk_rt.on) return pthread_rwlock_unlock(lock);
    uintptr_t pc = MK_SYNC_PC;
    struct mk_sync_object *object = mk_sync_enter(lock, MK_SYNC_RWLOCK, MK_ACT_UNLOCK, pc);
    mk_sync_told(MK_ACT_UNLOCK, "unlock", object->address, false, pc);
    if (is_mine(object)) {
        object->holder = 0;
        mk_rt_release(&object->view);
        mk_sync_wake(object);
    } else if (object->readers & 1u << mk_rt.now->number) {
        unlock_read(object);
    } else if (object->readers) {
        uint32_t who = (uint32_t)__builtin_ctz(object->readers);
        mk_rt_fail(MK_FAIL_MISUSE, object->address,
                   "%s unlocks a reader-writer lock that %s holds for reading since {pc 0x%zx}", mk_sync_me(),
                   mk_rt_who(who), (size_t)object->reads_at[who]);
    } else {
        fail_not_mine(object);
    }
    return 0;
}
