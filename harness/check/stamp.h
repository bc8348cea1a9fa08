/* stamp.h - when something happened, on one clock for all threads.
 *
 * A stamp is taken behind a full fence, so that everything before it in the thread has taken effect everywhere,
 * stores included, and before anything after it begins: then an operation between two stamps took place between
 * them, and intervals are never too short. The clock is the CPU's time stamp counter where that runs at one rate
 * on all PUs and their offsets have been measured; else a counter that all threads share.
 *
 * The shared counter costs more than its price: each stamp orders a thread behind those that took theirs before,
 * and hides races that come of weak orders. To ThreadSanitizer, which would take that order for one that the
 * structure makes, it is relaxed; its runtime does every read-modify-write with a full fence all the same.
 */
#ifndef MK_STAMP_H
#define MK_STAMP_H

#include <stdatomic.h>

#include "../impl_api.h"

struct mk_stamps {
    bool logical;       /* the shared counter */
    uint64_t slack;     /* the clocks of two PUs differ by at most so much */
    const char *why;    /* why the counter of the CPU is not used; NULL = it is */
    _Atomic(uint64_t) counter MK_ALIGNED(MK_CACHE_LINE);
};

/* Looks at the machine, once a process (further calls copy what the first found), and says which clock it is to be.
 * `logical` asks for the shared counter in any case. The PUs compared are those that the calling thread may use: it
 * is not to be tied to fewer than the threads that will take stamps. Takes some milliseconds; up to half a second
 * where others keep the PUs busy. */
void mk_stamps_open(struct mk_stamps *stamps, bool logical);

#if defined(__SANITIZE_THREAD__)
#define MK_STAMP_ORDER memory_order_relaxed
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MK_STAMP_ORDER memory_order_relaxed
#endif
#endif
#ifndef MK_STAMP_ORDER
#define MK_STAMP_ORDER memory_order_seq_cst
#endif

/* Returns the time. Any thread. */
MK_INLINE uint64_t mk_stamp(struct mk_stamps *stamps) {
#if defined(__x86_64__)
    if (MK_LIKELY(!stamps->logical)) {
        /* A locked operation leaves nothing in the store buffer (Intel SDM vol. 3A, "Store Buffer"), at a quarter
         * of the price of mfence. Behind the first lfence everything before is done; before the second is through,
         * nothing after begins (vol. 2B, RDTSC). */
        __asm__ __volatile__("lock; orl $0, -4(%%rsp)" ::: "memory", "cc");
        __builtin_ia32_lfence();
        uint64_t now = __builtin_ia32_rdtsc();
        __builtin_ia32_lfence();
        return now;
    }
#elif defined(__aarch64__)
    if (MK_LIKELY(!stamps->logical)) {
        uint64_t now;
        __asm__ __volatile__("dsb ish\n\tisb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(now)::"memory");
        return now;
    }
#endif
    /* Read-modify-writes of one word are one chain: what came before a stamp happens before all greater ones. */
    return atomic_fetch_add_explicit(&stamps->counter, 1, MK_STAMP_ORDER);
}

#endif
