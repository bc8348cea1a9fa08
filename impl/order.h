/* order.h - what the C11 memory model leaves to the platform, in one place.
 *
 * Implementations put their orders on the operations (atomic_load_explicit and friends) and never
 * write a fence: ThreadSanitizer does not understand fences, and would report correct programs.
 * What cannot be said on an operation is said here, with a form that ThreadSanitizer does
 * understand. This is the only file of impl/ that may contain a fence or inline assembly.
 */
#ifndef MK_ORDER_H
#define MK_ORDER_H

#include "mk.h"

#ifdef __cplusplus
#include <atomic>
#define MK_ATOMIC(T) std::atomic<T>
using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;
#else
#include <stdatomic.h>
#define MK_ATOMIC(T) _Atomic(T)
#endif

#if defined(__SANITIZE_THREAD__)
#define MK_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MK_TSAN 1
#endif
#endif

#if __STDC_HOSTED__
#include <sched.h>
#endif

#ifdef MK_MODEL
/* Others go on first: every schedule counts, and a spin that nobody leaves is found out. harness/model/ has it. */
MK_EXTERN_C void mk_model_pause(void);
#endif

/* Tells the CPU that this is a spin-wait, and nobody else. Every spin goes through it. */
MK_INLINE void mk_pause(void) {
#if defined(MK_MODEL)
    mk_model_pause();
#elif defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield" ::: "memory");
#endif
}

/* Spins politely: pauses a while, then gives the PU away, so that a waiting thread cannot starve
 * the one it waits for when threads outnumber PUs. `*spins` starts at 0 and belongs to the caller. Freestanding, where
 * nobody schedules, it goes on pausing. */
MK_INLINE void mk_backoff(unsigned *spins) {
#if __STDC_HOSTED__
    if (++*spins >= MK_TUNE(64, UINT32_MAX)) {
        sched_yield();
        return;
    }
#endif
    (void)spins;
    mk_pause();
}

/* Points: in builds for hunting races (MK_POINTS) a thread can be held up before each atomic operation and each
 * lock, so that what rarely happens between two of them does; and after each atomic load, since what it found is
 * then followed to memory that is not atomic. The macros are named as the compiler's own operations, which they call:
 * what these do, and in which constant order, stays as it is. */
#if defined(MK_POINTS) && !defined(__cplusplus)
#include <pthread.h>

MK_INLINE void mk_point(unsigned line) {
    if (MK_UNLIKELY(mk_point_hook != NULL)) mk_point_hook(line);
}
#define MK_POINT_BEFORE(operation) (mk_point(__LINE__), operation)

#ifdef __clang__
#define __c11_atomic_load(...)                                  \
    __extension__({                                             \
        mk_point(__LINE__);                                     \
        __auto_type mk_loaded = __c11_atomic_load(__VA_ARGS__); \
        mk_point(__LINE__);                                     \
        mk_loaded;                                              \
    })
#define __c11_atomic_store(...) MK_POINT_BEFORE(__c11_atomic_store(__VA_ARGS__))
#define __c11_atomic_exchange(...) MK_POINT_BEFORE(__c11_atomic_exchange(__VA_ARGS__))
#define __c11_atomic_compare_exchange_strong(...) \
    MK_POINT_BEFORE(__c11_atomic_compare_exchange_strong(__VA_ARGS__))
#define __c11_atomic_compare_exchange_weak(...) MK_POINT_BEFORE(__c11_atomic_compare_exchange_weak(__VA_ARGS__))
#define __c11_atomic_fetch_add(...) MK_POINT_BEFORE(__c11_atomic_fetch_add(__VA_ARGS__))
#define __c11_atomic_fetch_sub(...) MK_POINT_BEFORE(__c11_atomic_fetch_sub(__VA_ARGS__))
#define __c11_atomic_fetch_and(...) MK_POINT_BEFORE(__c11_atomic_fetch_and(__VA_ARGS__))
#define __c11_atomic_fetch_or(...) MK_POINT_BEFORE(__c11_atomic_fetch_or(__VA_ARGS__))
#define __c11_atomic_fetch_xor(...) MK_POINT_BEFORE(__c11_atomic_fetch_xor(__VA_ARGS__))
#else
#define __atomic_load(...) (MK_POINT_BEFORE(__atomic_load(__VA_ARGS__)), mk_point(__LINE__))
#define __atomic_store(...) MK_POINT_BEFORE(__atomic_store(__VA_ARGS__))
#define __atomic_exchange(...) MK_POINT_BEFORE(__atomic_exchange(__VA_ARGS__))
#define __atomic_compare_exchange(...) MK_POINT_BEFORE(__atomic_compare_exchange(__VA_ARGS__))
#define __atomic_fetch_add(...) MK_POINT_BEFORE(__atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_sub(...) MK_POINT_BEFORE(__atomic_fetch_sub(__VA_ARGS__))
#define __atomic_fetch_and(...) MK_POINT_BEFORE(__atomic_fetch_and(__VA_ARGS__))
#define __atomic_fetch_or(...) MK_POINT_BEFORE(__atomic_fetch_or(__VA_ARGS__))
#define __atomic_fetch_xor(...) MK_POINT_BEFORE(__atomic_fetch_xor(__VA_ARGS__))
#endif
#define pthread_mutex_lock(lock) MK_POINT_BEFORE(pthread_mutex_lock(lock))
#define pthread_mutex_trylock(lock) MK_POINT_BEFORE(pthread_mutex_trylock(lock))
#define pthread_mutex_unlock(lock) MK_POINT_BEFORE(pthread_mutex_unlock(lock))
#define pthread_rwlock_rdlock(lock) MK_POINT_BEFORE(pthread_rwlock_rdlock(lock))
#define pthread_rwlock_tryrdlock(lock) MK_POINT_BEFORE(pthread_rwlock_tryrdlock(lock))
#define pthread_rwlock_wrlock(lock) MK_POINT_BEFORE(pthread_rwlock_wrlock(lock))
#define pthread_rwlock_trywrlock(lock) MK_POINT_BEFORE(pthread_rwlock_trywrlock(lock))
#define pthread_rwlock_unlock(lock) MK_POINT_BEFORE(pthread_rwlock_unlock(lock))
#define pthread_spin_lock(lock) MK_POINT_BEFORE(pthread_spin_lock(lock))
#define pthread_spin_trylock(lock) MK_POINT_BEFORE(pthread_spin_trylock(lock))
#define pthread_spin_unlock(lock) MK_POINT_BEFORE(pthread_spin_unlock(lock))
#define mk_pause() MK_POINT_BEFORE(mk_pause())
#define mk_backoff(spins) MK_POINT_BEFORE(mk_backoff(spins))
#endif

/* The asymmetric pair: everything before a light fence in one thread is seen after a heavy fence
 * in another, or the other way round (a store-load order of the Dekker kind). The light side is
 * free, the heavy one a system call (membarrier, private expedited) or, where that is missing, a
 * seq_cst fence on both sides. `mk_fence_setup` is called by whoever uses the pair, once per
 * instance; it returns true when the light side may be light. The model flavour, which has a membarrier of its own and
 * compiles with ThreadSanitizer's hooks, takes the same path as a release build. */
#if defined(__linux__) && __STDC_HOSTED__ && (!defined(MK_TSAN) || defined(MK_MODEL)) && !defined(__cplusplus)
#include <sys/syscall.h>
long syscall(long number, ...); /* unistd.h hides it under -std=c11 */
#define MK_MEMBARRIER_CMD_EXPEDITED 8
#define MK_MEMBARRIER_CMD_REGISTER_EXPEDITED 16
MK_INLINE bool mk_fence_setup(void) {
    return syscall(__NR_membarrier, MK_MEMBARRIER_CMD_REGISTER_EXPEDITED, 0, 0) == 0;
}
MK_INLINE void mk_fence_light(bool asymmetric) {
    if (MK_LIKELY(asymmetric)) {
        atomic_signal_fence(memory_order_seq_cst);
    } else {
        atomic_thread_fence(memory_order_seq_cst);
    }
}
MK_INLINE void mk_fence_heavy(bool asymmetric) {
    if (MK_LIKELY(asymmetric)) {
        syscall(__NR_membarrier, MK_MEMBARRIER_CMD_EXPEDITED, 0, 0);
    } else {
        atomic_thread_fence(memory_order_seq_cst);
    }
}
#elif !defined(__cplusplus)
/* ThreadSanitizer, and freestanding: a seq_cst read-modify-write on one word shared by the process orders the same
 * pairs, and is understood. */
extern _Atomic(uint64_t) mk_fence_word __attribute__((weak));
_Atomic(uint64_t) mk_fence_word __attribute__((weak));
MK_INLINE bool mk_fence_setup(void) {
    return false;
}
MK_INLINE void mk_fence_light(bool asymmetric) {
    (void)asymmetric;
    atomic_fetch_add_explicit(&mk_fence_word, 1, memory_order_seq_cst);
}
MK_INLINE void mk_fence_heavy(bool asymmetric) {
    mk_fence_light(asymmetric);
}
#endif

#endif
