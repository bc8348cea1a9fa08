/* clock.h - the clocks a measurement reads. All times are nanoseconds. */
#ifndef MK_CLOCK_H
#define MK_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t mk_clock_read(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Wall time: about 25 ns a read. */
static inline uint64_t mk_wall_ns(void) {
    return mk_clock_read(CLOCK_MONOTONIC);
}

/* CPU time of the calling thread: a system call, about 0.5 us, so once a slice and never an operation. */
static inline uint64_t mk_cpu_ns(void) {
    return mk_clock_read(CLOCK_THREAD_CPUTIME_ID);
}

static inline void mk_sleep_until(uint64_t wall_ns) {
    struct timespec at = {(time_t)(wall_ns / 1000000000u), (long)(wall_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0) {
    }
}

#endif
