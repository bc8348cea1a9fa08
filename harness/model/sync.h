/* sync.h - what implementations get when they ask for a lock, a thread, the time: the functions that their calls of
 * the C library are redirected to (symbols.txt lists which).
 *
 * Each has the arguments, results and errors of the function it is named after. While no schedule is carried out,
 * it is that function. Within one it is a point (runtime.h), hands over order as POSIX says, and never blocks the
 * OS thread: the logical thread waits, and the scheduler knows what for. What POSIX leaves undefined is a failure of
 * the schedule (MK_FAIL_MISUSE), and so is a thread that waits for itself (MK_FAIL_DEADLOCK).
 *
 * Objects are known by their address from the first use in a schedule on; those that were initialised before the
 * schedule are taken to be unlocked. Time is virtual, and goes on with the steps of the schedule.
 */
#ifndef MK_MODEL_SYNC_H
#define MK_MODEL_SYNC_H

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* ---- locks (sync_lock.c) --------------------------------------------------------------------- */

int mk_model_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr);
int mk_model_pthread_mutex_destroy(pthread_mutex_t *mutex);
int mk_model_pthread_mutex_lock(pthread_mutex_t *mutex);
int mk_model_pthread_mutex_trylock(pthread_mutex_t *mutex);
int mk_model_pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until);
int mk_model_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until);
int mk_model_pthread_mutex_unlock(pthread_mutex_t *mutex);
int mk_model_pthread_mutex_consistent(pthread_mutex_t *mutex);

int mk_model_pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr);
int mk_model_pthread_rwlock_destroy(pthread_rwlock_t *lock);
int mk_model_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int mk_model_pthread_rwlock_tryrdlock(pthread_rwlock_t *lock);
int mk_model_pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *until);
int mk_model_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int mk_model_pthread_rwlock_trywrlock(pthread_rwlock_t *lock);
int mk_model_pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *until);
int mk_model_pthread_rwlock_unlock(pthread_rwlock_t *lock);

int mk_model_pthread_spin_init(pthread_spinlock_t *lock, int shared);
int mk_model_pthread_spin_destroy(pthread_spinlock_t *lock);
int mk_model_pthread_spin_lock(pthread_spinlock_t *lock);
int mk_model_pthread_spin_trylock(pthread_spinlock_t *lock);
int mk_model_pthread_spin_unlock(pthread_spinlock_t *lock);

/* ---- waiting for one another (sync_wait.c) --------------------------------------------------- */

/* Waits may end for nothing, and a signal wakes any one of those that wait: both are choices. */
int mk_model_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr);
int mk_model_pthread_cond_destroy(pthread_cond_t *cond);
int mk_model_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int mk_model_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);
int mk_model_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                                    const struct timespec *until);
int mk_model_pthread_cond_signal(pthread_cond_t *cond);
int mk_model_pthread_cond_broadcast(pthread_cond_t *cond);

int mk_model_pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr, unsigned count);
int mk_model_pthread_barrier_destroy(pthread_barrier_t *barrier);
int mk_model_pthread_barrier_wait(pthread_barrier_t *barrier);

int mk_model_pthread_once(pthread_once_t *control, void (*routine)(void));

int mk_model_sem_init(sem_t *sem, int shared, unsigned value);
int mk_model_sem_destroy(sem_t *sem);
int mk_model_sem_wait(sem_t *sem);
int mk_model_sem_trywait(sem_t *sem);
int mk_model_sem_timedwait(sem_t *sem, const struct timespec *until);
int mk_model_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until);
int mk_model_sem_post(sem_t *sem);
int mk_model_sem_getvalue(sem_t *sem, int *value);

/* ---- threads and what belongs to them (sync_thread.c) ---------------------------------------- */

/* A thread more than MK_RT_THREADS: EAGAIN. pthread_exit ends threads that pthread_create began, no others. */
int mk_model_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *arg), void *arg);
int mk_model_pthread_join(pthread_t thread, void **result);
int mk_model_pthread_detach(pthread_t thread);
pthread_t mk_model_pthread_self(void);
int mk_model_pthread_equal(pthread_t one, pthread_t other);
void mk_model_pthread_exit(void *result) __attribute__((noreturn));

int mk_model_pthread_key_create(pthread_key_t *key, void (*destructor)(void *value));
int mk_model_pthread_key_delete(pthread_key_t key);
void *mk_model_pthread_getspecific(pthread_key_t key);
int mk_model_pthread_setspecific(pthread_key_t key, const void *value);

/* ---- the system (sync_system.c) -------------------------------------------------------------- */

/* What a spin-wait tells the CPU: that others are to go on first. */
void mk_model_pause(void);
int mk_model_sched_yield(void);
int mk_model_nanosleep(const struct timespec *span, struct timespec *left);
int mk_model_clock_nanosleep(clockid_t clock, int flags, const struct timespec *span, struct timespec *left);
int mk_model_usleep(useconds_t us);
unsigned mk_model_sleep(unsigned seconds);

int mk_model_clock_gettime(clockid_t clock, struct timespec *now);
int mk_model_timespec_get(struct timespec *now, int base);
int mk_model_gettimeofday(struct timeval *now, void *zone);
time_t mk_model_time(time_t *now);
clock_t mk_model_clock(void);

/* The same numbers in every schedule, in the order they are asked for. */
ssize_t mk_model_getrandom(void *out, size_t bytes, unsigned flags);
int mk_model_getentropy(void *out, size_t bytes);
int mk_model_rand(void);
void mk_model_srand(unsigned seed);
long mk_model_random(void);
void mk_model_srandom(unsigned seed);

/* A machine of four CPUs; logical threads are spread over them. */
int mk_model_sched_getcpu(void);
long mk_model_sysconf(int name);
pid_t mk_model_gettid(void);

/* membarrier, futex (wait and wake), gettid, sched_yield. Any other call is a failure that names its number. */
long mk_model_syscall(long number, ...);

#endif
